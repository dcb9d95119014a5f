"""The demo's story: what happens to the session, and what must be reached because of it.

The world of the story is real but for WhatsApp: the real neonize in a real process, which talks
to the loopback server on this machine.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...errors import SupervisorError
from ...lifecycle import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

    from wa_loopback import Contact, Device, LoopbackServer, Phone

    from ...status import StepRecord
    from ...supervisor import Supervisor

EXPECTED = (
    "Init",
    "Pairing",
    "Connected",
    "LoggedOut",
    "Purging",
    "Backoff",
    "Init",
    "Pairing",
    "Connected",
    "Backoff",
    "Init",
    "Connected",
    "Stopped",
)
"""The states of the story, in order; nothing may come between."""

STATE_TIMEOUT = 15.0
"""Seconds to wait for any one state."""


class StoryBroke(SupervisorError):
    """Raised when the session did not go where the story leads."""


@dataclass
class Trail:
    """The states a session went through, and a way to wait for the next one."""

    states: list[str] = field(default_factory=list)
    _read: int = 0
    _given_up: str = ""
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def step(self, record: StepRecord) -> None:
        """Note a step; a step within a state is no news."""
        if not self.states or self.states[-1] != record.after:
            self.states.append(record.after)
            self._news.set()
        if record.after == "GaveUp" and record.reason is not None:
            self._given_up = f"{Reason(record.reason).explanation.sentence} {record.detail}".strip()

    async def reach(self, state: str) -> None:
        """Wait until `state` is entered, counting from the last one waited for."""
        try:
            async with asyncio.timeout(STATE_TIMEOUT):
                while state not in self.states[self._read :]:
                    if self._given_up:
                        raise StoryBroke(f"the session gave up: {self._given_up}")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise StoryBroke(
                f"{state} was not reached within {STATE_TIMEOUT:.0f} s; the session went "
                + " -> ".join(self.states)
            ) from None
        self._read = self.states.index(state, self._read) + 1


@dataclass
class CodeBox:
    """A sink that hands the latest QR to the story's phone."""

    _latest: asyncio.Queue[SecretStr] = field(default_factory=lambda: asyncio.Queue(maxsize=1))

    async def show_qr(self, payload: SecretStr, lifetime: float) -> None:
        """Replace the QR before."""
        del lifetime
        await self.hide()
        self._latest.put_nowait(payload)

    async def show_code(self, code: SecretStr, lifetime: float) -> None:
        """Ignore pair codes: the story pairs by QR."""

    async def hide(self) -> None:
        """Forget the QR: it is dead."""
        while not self._latest.empty():
            self._latest.get_nowait()

    async def close(self) -> None:
        """Forget the QR."""
        await self.hide()

    async def take(self) -> SecretStr:
        """Wait for a QR that nobody took yet."""
        async with asyncio.timeout(STATE_TIMEOUT):
            return await self._latest.get()


@dataclass(frozen=True)
class Story:
    """Plays it: `tell` receives each sentence, `pace` is the pause after it, in seconds."""

    server: LoopbackServer
    supervisor: Supervisor
    trail: Trail
    codes: CodeBox
    tell: Callable[[str], None]
    pace: float

    async def play(self) -> None:
        """Play the whole story and stop the supervisor. Raises StoryBroke if it goes wrong."""
        phone, ann = self.server.phone(), self.server.contact("Ann")
        await self._say("A new session: no keys yet, so WhatsApp offers a QR.")
        first = await self._pair(phone)
        await self._say("Connected. Now the phone's owner unlinks the device ...", pauses=2)
        await phone.remove(first)
        await self.trail.reach("LoggedOut")
        await self._say("... the dead keys are purged, and a fresh QR comes by itself.", pauses=0)
        second = await self._pair(phone)
        await self._say("Connected again. Somebody writes to the bot ...")
        await self.server.wait_connected(second)
        ann.say(phone, "Are you there?")
        await self._answered(ann)
        await self._say("Now a Go panic kills the client's process ...", pauses=2)
        await self._panic(second)
        await self.trail.reach("Backoff")
        ann.say(phone, "And now?")
        await self._say("... which costs a short wait, but never the pairing.", pauses=0)
        await self.trail.reach("Connected")
        await self.server.wait_connected(second)
        await self._say("Connected with the same keys. What was written meanwhile ...")
        await self._answered(ann)
        await self._say("That is all: stopping.")
        self.supervisor.stop()
        await self.trail.reach("Stopped")

    async def _pair(self, phone: Phone) -> Device:
        await self.trail.reach("Pairing")
        payload = await self.codes.take()
        await self._say("The loopback phone will scan the QR ...", pauses=2)
        device = await phone.scan(payload)
        await self.trail.reach("Connected")
        return device

    async def _answered(self, contact: Contact) -> None:
        """Wait for the bot's answer; it is real: encrypted by the client, decrypted here."""
        heard = await contact.next_message(timeout=STATE_TIMEOUT)
        await self._say(f"... and the bot answers: {heard.text}")

    async def _panic(self, device: Device) -> None:
        connection = await self.server.wait_connected(device)
        await connection.panic()

    async def _say(self, sentence: str, *, pauses: int = 1) -> None:
        self.tell(sentence)
        await asyncio.sleep(self.pace * pauses)
