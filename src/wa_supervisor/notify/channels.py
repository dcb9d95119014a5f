"""Where notices go. Each channel says one thing at a time, within its deadline, or says why not.

Addresses hold tokens: no error quotes one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shlex
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

from ..errors import ConfigError, SupervisorError
from ..hints import Action, Hint

if TYPE_CHECKING:
    from pydantic import SecretStr

    from ..setting_groups import NotifySettings
    from .notice import Notice

SECONDS: Final = 30.0
"""A channel's deadline: the first use of Apprise alone takes two seconds."""

_OK: Final = range(200, 300)


class NotSaid(SupervisorError):
    """Raised when a channel could not say a notice; the message says why, and no address."""


class Channel(Protocol):
    """One way to reach a person, or a program of theirs."""

    name: str
    """What `status` calls it; no secret."""

    async def say(self, notice: Notice) -> None:
        """Say it. Raises NotSaid. The caller sets the deadline."""


class AppriseChannel:
    """One Apprise URL: mail, ntfy, Telegram, Slack and a hundred more (appriseit.com)."""

    def __init__(self, number: int, url: SecretStr) -> None:
        _needs("apprise")
        self.name = f"apprise {number}"
        self._url = url
        self._saying: Future[bool] | None = None

    async def say(self, notice: Notice) -> None:
        """Say it, on a thread: Apprise blocks, and takes 40 MB and two seconds to load.

        One that never comes back holds up no end of the program, and nobody else who needs a
        thread: it is this channel's own, and no other is begun beside it.
        """
        if self._saying is not None and not self._saying.done():
            raise NotSaid("the service has not answered an earlier notice yet")
        saying = self._saying = Future()

        def run() -> None:
            try:
                saying.set_result(self._say(notice.title, notice.body))
            except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
                saying.set_exception(error)

        threading.Thread(target=run, daemon=True, name=self.name).start()
        if not await asyncio.shield(asyncio.wrap_future(saying)):
            raise NotSaid("the service did not take it, or its address is wrong")

    def _say(self, title: str, body: str) -> bool:
        import apprise  # noqa: PLC0415 - see above

        speaker = apprise.Apprise()
        if not speaker.add(self._url.get_secret_value()):
            raise NotSaid("Apprise knows no service for this address")
        return bool(speaker.notify(title=title, body=body))


class WebhookChannel:
    """A POST of the notice as JSON, signed after standardwebhooks.com if there is a secret."""

    name = "webhook"

    def __init__(self, url: SecretStr, secret: SecretStr | None) -> None:
        _needs("httpx")
        if secret is not None:
            _needs("standardwebhooks")
        self._url, self._secret = url, secret

    async def say(self, notice: Notice) -> None:
        """Say it; what receives it may take it twice for once by its `webhook-id`."""
        body = notice.model_dump_json()
        headers = {"content-type": "application/json", "webhook-id": notice.id}
        if self._secret is not None:
            from standardwebhooks import Webhook  # noqa: PLC0415 - the extra may be missing

            now = datetime.now(UTC)
            headers["webhook-timestamp"] = str(int(now.timestamp()))
            signer = Webhook(self._secret.get_secret_value())
            headers["webhook-signature"] = signer.sign(notice.id, now, body)
        await _request("POST", self._url, headers=headers, content=body)


class CommandChannel:
    """A command of one's own, which reads the notice as JSON from standard input."""

    name = "command"

    def __init__(self, command: str) -> None:
        self._arguments = shlex.split(command)

    async def say(self, notice: Notice) -> None:
        """Run it and wait for it; it is killed if it takes too long."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise NotSaid(f"it cannot be started: {error.strerror}") from None
        try:
            await process.communicate(notice.model_dump_json().encode())
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            raise NotSaid(f"it ended with exit code {process.returncode}")


class Heartbeat:
    """A GET while messages are heard: whoever misses it calls, though this machine be gone."""

    name = "heartbeat"

    def __init__(self, url: SecretStr) -> None:
        _needs("httpx")
        self._url = url

    async def beat(self) -> None:
        """Say that all is well. Raises NotSaid."""
        try:
            async with asyncio.timeout(SECONDS):
                await _request("GET", self._url)
        except TimeoutError:
            raise NotSaid(f"no answer within {SECONDS:g} s") from None


def channels(settings: NotifySettings) -> Iterator[Channel]:
    """Make the channels that are set. Raises ConfigError if one needs what is not installed."""
    for number, url in enumerate(settings.urls, 1):
        yield AppriseChannel(number, url)
    if settings.webhook is not None:
        yield WebhookChannel(settings.webhook, settings.webhook_secret)
    if settings.command is not None:
        yield CommandChannel(settings.command)


_OURS: ContextVar[bool] = ContextVar("a notice is on its way", default=False)


def _not_ours(_record: logging.LogRecord) -> bool:
    """Keep httpx from logging our requests: it says their whole URL, with its token, at INFO."""
    return not _OURS.get()


async def _request(
    method: str, url: SecretStr, *, headers: dict[str, str] | None = None, content: str = ""
) -> None:
    import httpx  # noqa: PLC0415 - the extra may be missing

    logging.getLogger("httpx").addFilter(_not_ours)  # again and again it is there once
    ours = _OURS.set(True)
    try:
        async with httpx.AsyncClient(timeout=SECONDS / 2, follow_redirects=False) as client:
            answer = await client.request(
                method, url.get_secret_value(), headers=headers, content=content
            )
    except httpx.HTTPError as error:
        raise NotSaid(f"no answer: {type(error).__name__}") from None
    except httpx.InvalidURL:
        raise NotSaid("its address is no URL") from None
    finally:
        _OURS.reset(ours)
    if answer.status_code not in _OK:
        raise NotSaid(f"it answered {answer.status_code}")


def _needs(module: str) -> None:
    import importlib.util  # noqa: PLC0415 - only where notices are wanted

    if importlib.util.find_spec(module) is None:
        raise ConfigError(
            f"notices need {module}, which is not installed",
            hint=Hint(Action.INSTALL, "wa-supervisor[notify]"),
        )
