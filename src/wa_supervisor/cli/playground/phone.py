"""What the owner of the phone, the account's friends, WhatsApp and the network do at a word.

Each is an act on the loopback server; what comes of it is the session's own doing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wa_loopback import Failure, LoopbackError

from ...control import ask_code
from ...errors import ControlError, SupervisorError

if TYPE_CHECKING:
    from wa_loopback import Connection, Contact, LoopbackServer

    from ...control import ShownCode
    from ...store import SessionFiles

_CODE_SECONDS: Final = 20.0
_LOGIN_SECONDS: Final = 15.0
_WAIT_SECONDS: Final = 60.0
_LOOK_EVERY: Final = 0.2


class CannotAct(SupervisorError):
    """Raised when what was asked for cannot be done now; the message says what comes first."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that can be done: how it is typed, what it is, and how it is done."""

    typed: str
    meaning: str
    do: Callable[[Neighbourhood, str], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """All that is around a session, within reach of one hand."""

    server: LoopbackServer
    files: SessionFiles
    friend: Contact
    number: str

    async def scan(self, _: str) -> str:
        """Scan the QR that shows, or type the pair code."""
        phone = self.server.phone(self.number)
        if phone.devices:
            raise CannotAct("the phone has linked this session already; `unlink` comes first")
        code = await self._code()
        link = phone.scan if code.kind == "qr" else phone.enter_code
        await link(code.text)
        await self.server.wait_connected(phone, timeout=_LOGIN_SECONDS)
        return "The phone has linked the session."

    async def unlink(self, _: str) -> str:
        """Unlink the device, as in the phone's settings."""
        phone = self.server.phone(self.number)
        if not phone.devices:
            raise CannotAct("the phone has linked nothing; `scan` comes first")
        for device in phone.devices:
            await phone.remove(device)
        return "The phone's owner has unlinked the device: its keys are dead."

    async def message(self, text: str) -> str:
        """Have a friend write."""
        phone = self.server.phone(self.number)
        if not phone.devices:
            raise CannotAct("nobody is linked who could hear it; `scan` comes first")
        self.friend.say(phone, text or "ping")
        return f"{self.friend.name} writes: {text or 'ping'}"

    async def cut(self, _: str) -> str:
        """Cut the connection, as a bad network does."""
        await (await self._connection()).drop()
        return "The connection was cut. whatsmeow may dial again by itself."

    async def offline(self, _: str) -> str:
        """Take the network away."""
        self.server.refuse()
        for device in self.server.phone(self.number).devices:
            for connection in self.server.connections_of(device):
                await connection.drop()
        return "There is no network now; `online` brings it back."

    async def online(self, _: str) -> str:
        """Bring the network back."""
        self.server.accept()
        return "The network is back."

    async def panic(self, _: str) -> str:
        """Kill the client by a panic of its Go code."""
        await (await self._connection()).panic()
        return "The client's Go code panics, and its process dies. The pairing does not."

    async def replace(self, _: str) -> str:
        """Have another program connect with the same keys."""
        await (await self._connection()).stream_error(conflict="replaced")
        return "Another program has connected with the same keys."

    async def mute(self, _: str) -> str:
        """Let the connection stand open, and answer nothing."""
        (await self._connection()).mute()
        return "WhatsApp answers nothing more; the connection stays open. To notice takes a minute."

    async def ban(self, text: str) -> str:
        """Ban the account, for good or for so many seconds."""
        seconds = int(text) if text.isdecimal() else 0
        failure = Failure(402, code=101, expire=seconds) if seconds else Failure(406)
        return await self._refuse(failure, f"bans the account{f' for {seconds} s' * bool(seconds)}")

    async def lock(self, _: str) -> str:
        """Lock the account."""
        return await self._refuse(Failure(403), "locks the account")

    async def reject(self, _: str) -> str:
        """Reject the keys at the next login."""
        return await self._refuse(Failure(401), "rejects the keys, once")

    async def wait(self, text: str) -> str:
        """Wait for a state, or for so many seconds; for those who pipe their words in."""
        if text.replace(".", "", 1).isdecimal():
            await asyncio.sleep(min(float(text), _WAIT_SECONDS))
            return f"{text} s are over."
        loop = asyncio.get_running_loop()
        end = loop.time() + _WAIT_SECONDS
        while loop.time() < end:
            with contextlib.suppress(ControlError):
                status, _ = await asyncio.to_thread(ask_code, self.files)
                if status.state.value.lower() == text.lower():
                    return f"It is {status.state.value}."
            await asyncio.sleep(_LOOK_EVERY)
        raise CannotAct(f"it was not {text} within {_WAIT_SECONDS:g} s; `status` says why")

    async def _refuse(self, failure: Failure, what: str) -> str:
        connection = await self._connection()
        self.server.on_login(failure)
        await connection.drop()
        return f"WhatsApp {what}: the connection is cut, and the next login is refused."

    async def _connection(self) -> Connection:
        phone = self.server.phone(self.number)
        try:
            return await self.server.wait_connected(phone, timeout=2.0)
        except LoopbackError:
            raise CannotAct("the session is not connected; `status` says why") from None

    async def _code(self) -> ShownCode:
        """Wait for the code that shows, as a person would who stands before the screen."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _CODE_SECONDS
        while loop.time() < end:
            try:
                _, code = await asyncio.to_thread(ask_code, self.files)
            except ControlError:
                code = None
            if code is not None:
                return code
            await asyncio.sleep(_LOOK_EVERY)
        raise CannotAct("no code shows; `status` says what the session waits for")


ACTS: Final[Mapping[str, Act]] = {
    act.typed.split()[0]: act
    for act in (
        Act("scan", "the phone scans the QR, or types the pair code", Neighbourhood.scan),
        Act("message TEXT", "a friend writes", Neighbourhood.message),
        Act("unlink", "the phone's owner unlinks the device", Neighbourhood.unlink),
        Act("cut", "the connection breaks", Neighbourhood.cut),
        Act("offline", "the network goes away", Neighbourhood.offline),
        Act("online", "the network comes back", Neighbourhood.online),
        Act("panic", "the client's Go code panics", Neighbourhood.panic),
        Act("mute", "WhatsApp answers nothing more", Neighbourhood.mute),
        Act("replace", "another program uses the same keys", Neighbourhood.replace),
        Act("reject", "WhatsApp rejects the keys once (401)", Neighbourhood.reject),
        Act("lock", "WhatsApp locks the account (403)", Neighbourhood.lock),
        Act("ban [SECONDS]", "WhatsApp bans the account (406), or for a time", Neighbourhood.ban),
        Act("wait STATE", "wait for a state, or for SECONDS: for a script", Neighbourhood.wait),
    )
}
"""By their first word, in the order of the list."""
