"""Sinks that are files: for an image viewer, a web server, or another program.

A file is private (0600), appears whole (written beside its place, then renamed) and is gone as
soon as its code is dead. One that a crash left behind goes when the sink is made again. A file
that is not ours is never overwritten.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from .. import private_files
from ..errors import ConfigError, StoreError
from ..hints import Action, Hint
from .matrix import MARK, make_png, make_svg

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import SecretStr

_WHAT_WE_WRITE = 1 << 16  # bytes to look at; our images are marked at the start
_ELSEWHERE = "move it away, or choose another name"
_MARKED_WITHIN = 300  # bytes

log = logging.getLogger("wa_supervisor")


class FileSink(ABC):
    """A file that holds the live QR, or nothing.

    Raises ConfigError if the file's directory is missing or its place is taken by something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._draft = self.path.with_name(f".{self.path.name}.{MARK}")
        self._written: tuple[int, int] | None = None  # device and inode
        if not self.path.parent.is_dir():
            raise ConfigError(
                f"cannot show a QR in {path.name}: there is no directory {path.parent}",
                hint=Hint(Action.MAKE_DIRECTORY, str(path.parent)),
            )
        self._remove_leftovers()
        self._try_to_write()

    @abstractmethod
    def render(self, payload: SecretStr) -> bytes:
        """Make the file's content out of a QR's payload."""

    @abstractmethod
    def is_ours(self, content: bytes) -> bool:
        """Say whether a file with this beginning was written by us."""

    def show_qr(self, payload: SecretStr, lifetime: float) -> None:
        """Put this QR into the file."""
        del lifetime
        self._write(self.render(payload))

    def show_code(self, code: SecretStr, lifetime: float) -> None:
        """Take the file away: an image of a pair code would help nobody."""
        del code, lifetime
        self.hide()

    def hide(self) -> None:
        """Remove the file, unless somebody put another one in its place."""
        if self._written is None:
            return
        try:
            found = self.path.lstat()
            if (found.st_dev, found.st_ino) == self._written:
                self.path.unlink()
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StoreError(
                f"cannot remove {self.path.name}: {error.strerror}",
                hint=Hint(Action.REMOVE, str(self.path)),
            ) from error
        self._written = None

    def close(self) -> None:
        """Remove the file."""
        self.hide()

    def _write(self, content: bytes) -> None:
        if self._is_taken():
            raise StoreError(str(self._taken()), hint=_ELSEWHERE)
        try:
            # Not durable: no code outlives a power cut.
            made = private_files.replace(self.path, content, draft=self._draft, durable=False)
        except OSError as error:
            raise StoreError(
                f"cannot write {self.path.name}: {error.strerror}",
                hint=Hint(
                    Action.LOOK_AT,
                    str(self.path.parent),
                    note="or choose another place (`pairing.qr`)",
                ),
            ) from error
        if self._written is None:
            log.info("a code to link the device is in %s, until it is dead or used", self.path)
        self._written = (made.st_dev, made.st_ino)

    def _is_taken(self) -> bool:
        """Whether there is a file that we did not write."""
        try:
            found = self.path.lstat()
        except OSError:
            return False
        return (found.st_dev, found.st_ino) != self._written

    def _try_to_write(self) -> None:
        """Find out now what would be found out when the first code comes."""
        try:
            os.close(os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            self._draft.unlink()
        except OSError as error:
            raise self._unwritable(error) from error

    def _remove_leftovers(self) -> None:
        try:
            self._draft.unlink(missing_ok=True)
            try:
                content = private_files.read(self.path, _WHAT_WE_WRITE)
            except FileNotFoundError:
                return
            if content and not self.is_ours(content):
                raise self._taken()
            self.path.unlink(missing_ok=True)
        except OSError as error:
            if not os.path.lexists(self.path):  # nothing is there, or nobody lets us look
                raise self._unwritable(error) from error
            raise self._taken(f" ({error.strerror})") from error

    def _unwritable(self, error: OSError) -> ConfigError:
        return ConfigError(
            f"cannot show a QR in {self.path.name}: {self.path.parent} cannot be written to "
            f"({error.strerror})",
            hint=Hint(Action.SET, "pairing.qr"),
        )

    def _taken(self, why: str = "") -> ConfigError:
        return ConfigError(
            f"cannot show a QR in {self.path.name}: what is there was not written by {MARK}{why}",
            hint=_ELSEWHERE,
        )


class PngFile(FileSink):
    """A PNG image of the live QR."""

    def render(self, payload: SecretStr) -> bytes:
        """Make the image."""
        return make_png(payload)

    def is_ours(self, content: bytes) -> bool:
        """Look for our mark in the PNG's first chunks."""
        return content.startswith(b"\x89PNG") and MARK.encode() in content[:_MARKED_WITHIN]


class SvgFile(FileSink):
    """An SVG image of the live QR."""

    def render(self, payload: SecretStr) -> bytes:
        """Make the image."""
        return make_svg(payload)

    def is_ours(self, content: bytes) -> bool:
        """Look for our mark at the start of the SVG."""
        return content.startswith(b"<svg") and MARK.encode() in content[:_MARKED_WITHIN]


class PayloadFile(FileSink):
    """The bare text of the live QR or pair code, for another program; no newline is added.

    The text cannot carry a mark, and one private word may be anybody's. So a hidden file beside it
    holds the digests of what was written, for the start after a crash.
    """

    def __init__(self, path: Path) -> None:
        self._digests = path.absolute().with_name(f".{path.name}.{MARK}-digests")
        super().__init__(path)
        self._digests.unlink(missing_ok=True)

    def render(self, payload: SecretStr) -> bytes:
        """Reveal the text: that is what the file is for."""
        return payload.get_secret_value().encode()

    def show_code(self, code: SecretStr, lifetime: float) -> None:
        """Put this pair code into the file."""
        self.show_qr(code, lifetime)

    def hide(self) -> None:
        """Remove the file, unless somebody put another one in its place."""
        super().hide()
        self._digests.unlink(missing_ok=True)

    def is_ours(self, content: bytes) -> bool:
        """Look for its digest among those of what was written."""
        return _digest(content) in self._written_before()

    def _write(self, content: bytes) -> None:
        if not self._is_taken():
            self._note(content)
        super()._write(content)

    def _note(self, content: bytes) -> None:
        """Keep the digest, and the one before: the file is the old one until it is replaced."""
        digests = b"\n".join([*self._written_before()[-1:], _digest(content)])
        with contextlib.suppress(OSError):  # the file itself says what is wrong
            private_files.replace(self._digests, digests, draft=self._draft, durable=False)

    def _written_before(self) -> list[bytes]:
        try:
            return private_files.read(self._digests, _WHAT_WE_WRITE).split(b"\n")
        except OSError:
            return []


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
