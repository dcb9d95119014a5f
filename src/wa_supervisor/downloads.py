"""The files of messages: the session process fetches and decrypts them, into a file made here."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from .errors import Misused
from .messages.errors import MEDIA_ERRORS, MediaTooLarge, MediaUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .messages.message import Message
    from .seams import Link

AT_A_TIME: Final = 4
"""Downloads under way in the session process, which holds each file in memory, some times over."""
_DRAFT: Final = ".download-"


class Downloads:
    """The downloads of one run. For the supervisor's loop.

    What is to be had as bytes goes through a file in `directory`, which only its owner may enter.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._is_clean = False
        self._link: Link | None = None
        self._slots = asyncio.Semaphore(AT_A_TIME)
        self._under_way = 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing is downloaded. For tests."""
        return self._under_way == 0

    def use(self, link: Link) -> None:
        """Download by this link's session process from now on."""
        self._link = link

    async def download(
        self,
        message: Message,
        to: Path | None,
        *,
        max_bytes: int,
        timeout: float,
    ) -> bytes:
        """Return the file, or put it at `to` and return nothing; see `Sending.download`."""
        media, link = message.media, self._link
        if media is None or not message.raw:
            raise Misused("this message has no file")
        if link is None:
            raise Misused("files are downloaded within the session's context")
        if media.size > max_bytes:
            raise MediaTooLarge(f"the file has {media.size} bytes, more than {max_bytes}")
        self._under_way += 1
        try:
            async with asyncio.timeout(timeout), self._slots, self._draft(to) as draft:
                await self._fetch(link, message, draft, max_bytes, timeout)
                return await asyncio.to_thread(_take, draft, to)
        except TimeoutError:
            raise MediaUnavailable(f"the file was not here within {timeout:g} s") from None
        except OSError as error:
            raise MediaUnavailable(
                f"the file cannot be written: {error.strerror}", hint="check the disk"
            ) from error
        finally:
            self._under_way -= 1

    @contextlib.asynccontextmanager
    async def _draft(self, to: Path | None) -> AsyncIterator[Path]:
        """Make an empty file that nobody else can open, and remove it unless it was moved."""
        making = asyncio.ensure_future(asyncio.to_thread(self._make, to))
        try:
            draft = await asyncio.shield(making)
        except asyncio.CancelledError:
            making.add_done_callback(_remove)  # a thread goes on, and makes it all the same
            raise
        try:
            yield draft
        finally:
            await asyncio.shield(asyncio.to_thread(draft.unlink, missing_ok=True))

    def _make(self, to: Path | None) -> Path:
        directory = self._directory if to is None else to.parent
        if directory is not None and directory == self._directory and not self._is_clean:
            for left in directory.glob(f"{_DRAFT}*"):  # by a supervisor that was killed
                left.unlink(missing_ok=True)
            self._is_clean = True
        descriptor, name = tempfile.mkstemp(prefix=_DRAFT, dir=directory)
        os.close(descriptor)
        return Path(name).absolute()

    @staticmethod
    async def _fetch(
        link: Link, message: Message, draft: Path, max_bytes: int, within: float
    ) -> None:
        arguments = {
            "message": base64.b64encode(message.raw).decode(),
            "path": str(draft),
            "max_bytes": max_bytes,
        }
        answer = await link.request("download", SecretStr(json.dumps(arguments)), within=within)
        if answer.problem:
            raise MEDIA_ERRORS.get(answer.code, MediaUnavailable)(answer.problem)


def _remove(making: asyncio.Future[Path]) -> None:
    if not making.cancelled() and making.exception() is None:
        making.result().unlink(missing_ok=True)


def _take(draft: Path, to: Path | None) -> bytes:
    if to is None:
        return draft.read_bytes()
    draft.replace(to)
    return b""
