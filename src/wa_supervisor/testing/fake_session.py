"""A supervisor to test your own program with: real, but for the process, the clock and the disk.

    async with FakeSession() as session:
        bot = asyncio.create_task(answer(session))  # your program
        await session.receive("ping")
        assert session.sent[-1].text == "pong"
        session.drop()
        await session.advance(300)

What your program is given in production it is given here: the same class, the same loop, the same
lifecycle, inbox, gate and outbox. Only time stands still until it is moved, and what WhatsApp does
is said by the test.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec

from ..errors import Misused
from ..gate import GatePolicy
from ..lifecycle import Logout, facts
from ..messages.errors import Restricted
from ..settings import Settings
from ..supervisor import Supervisor
from .events import OWN, SENDER, id_of, message_event, text_content
from .memory_store import MemoryStore
from .played_link import PlayedLink
from .virtual_clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..gate import Group, Identity
    from ..lifecycle import Step
    from ..lifecycle.facts import ChildFact, Fact
    from ..pairing.sink import AsyncSink, Sink
    from ..shell import OnGiveUp

P = ParamSpec("P")

_TURNS: Final = 20
"""Turns of the loop without anything to do, after which all is taken for settled: what a step wakes
may await a few things more."""

_POLL: Final = 0.001  # seconds; some work is done on threads
_SETTLING_TIMEOUT: Final = 10.0  # seconds

EVERYONE: Final = GatePolicy(
    allow=frozenset({"*@g.us"}),
    direct="open",
    groups="allowlist",
    group_senders="open",
)
"""The gate of a fake session without settings: everybody may write, directly and in groups."""


@dataclass(frozen=True, slots=True)
class FakeSent:
    """A text that the program has sent."""

    to: str
    """The JID it was sent to."""
    text: str
    reply_to: str | None = None
    """The id of the message that it quotes."""


class FakeSession(Supervisor):
    """A supervisor of a session that the test plays.

    It is paired and connects whenever it is started; with `connects=False` the test says each word
    of the session process (`hear`). Without settings everybody may write to it (`EVERYONE`).
    """

    def __init__(  # noqa: PLR0913 - none of them is needed
        self,
        settings: Settings | None = None,
        *,
        link: PlayedLink | None = None,
        clock: VirtualClock | None = None,
        store: MemoryStore | None = None,
        sinks: Iterable[Sink | AsyncSink] = (),
        on_give_up: OnGiveUp = "wait",
        connects: bool = True,
        jitter: Callable[[], float] = lambda: 0.5,
    ) -> None:
        self.played: Final = link or PlayedLink()
        """The session process, as far as there is one."""
        self.played.connects = connects
        self.clock: Final = clock or VirtualClock()
        self.store: Final = store or MemoryStore(paired=connects)
        super().__init__(
            settings or Settings(gate=EVERYONE),
            sinks=sinks,
            on_give_up=on_give_up,
            link=self.played.make,
            clock=self.clock,
            store=self.store,
            jitter=jitter,
        )
        self._at_whatsapp: list[bytes] = []
        self.on_step(self._hand_over)

    async def happen(self, fact: Fact) -> None:
        """Let a fact happen, and wait until everything that follows of it now is done."""
        self.played.post(fact)
        await self.settle()

    async def hear(
        self,
        fact: Callable[Concatenate[int, P], ChildFact],
        *particulars: P.args,
        **named: P.kwargs,
    ) -> None:
        """Let the newest process say a fact: its class and its fields after `generation`."""
        await self.settle()
        await self.happen(fact(self.played.generation, *particulars, **named))

    async def advance(self, seconds: float) -> None:
        """Let time pass: what is due on the way happens in order, each at its own moment."""
        end = self.clock.time() + seconds
        await self.settle()
        while (due := self.clock.next_due) is not None and due <= end:
            self.clock.move_to(due)
            await self.settle()
        self.clock.move_to(end)
        await self.settle()

    async def settle(self) -> None:
        """Wait until nothing is to be done before a fact happens or time passes."""
        idle = 0
        async with asyncio.timeout(_SETTLING_TIMEOUT):
            while idle < _TURNS:
                await asyncio.sleep(0 if self.is_idle else _POLL)
                idle = idle + 1 if self.is_idle else 0

    async def receive(  # noqa: PLR0913 - what may be said of a message
        self,
        text: str,
        *,
        sender: Identity | str = SENDER,
        group: Group | str | None = None,
        mentions_me: bool = False,
        reply_to: str | None = None,
        from_me: bool = False,
        id: str | None = None,  # noqa: A002 - as `Message` calls it
    ) -> None:
        """Let somebody write a text, and wait until the program has done what it does about it.

        `sender` is an identity, `+49...` or a JID, `group` a JID of `@g.us`; with `reply_to` it
        quotes our message of that id; with `from_me` we have written it ourselves, on the phone. A
        message with an `id` that was used already is a duplicate, as WhatsApp sends some.

        While the session is not online the message waits at WhatsApp, and is late. Raises Misused
        if nobody has begun to read: nothing is kept then.
        """
        self.store.received += 1
        mentions = (OWN,) if mentions_me else ()
        event = message_event(
            text_content(text, mentions=mentions, reply_to=reply_to),
            at=self.clock.wall(),
            id=id or f"FAKE-IN-{self.store.received}",
            sender=sender,
            group=group,
            from_me=from_me,
        )
        await self.receive_event(event)

    async def receive_event(self, event: bytes) -> None:
        """Let any message be received, as `receive`; `events.message_event` writes one."""
        await self.settle()
        if self._incoming is None or not self._incoming.has_readers:
            raise Misused(
                "nobody has begun to read, so the message would not be kept",
                hint="let the program iterate over messages() before something is received",
            )
        if self._is_online:
            self._write(event, late=False)
        else:
            self._at_whatsapp.append(event)
        await self.settle()

    @property
    def _is_online(self) -> bool:
        return self.status.substate == "online"

    def _hand_over(self, step: Step) -> None:
        """Once the session is online, let it have what waits at WhatsApp."""
        del step
        while self._is_online and self._at_whatsapp:
            self._write(self._at_whatsapp.pop(0), late=True)

    def _write(self, event: bytes, *, late: bool) -> None:
        arrived = round(self.clock.wall().timestamp() * 1e9)
        self.played.receive(event, arrived=arrived, late=late)

    def drop(self) -> None:
        """Let the connection break: the client redials by itself."""
        self.played.say(facts.Disconnected)

    def reconnect(self) -> None:
        """Let the client be connected, or connected again."""
        self.played.say(facts.Connected)

    def log_out(self, how: Logout = Logout.REMOVED) -> None:
        """Let WhatsApp end the session: by default it was unlinked on the phone.

        What waits for it at WhatsApp is gone.
        """
        self._at_whatsapp.clear()
        self.played.say(facts.LoggedOut, how)

    def scan(self) -> None:
        """Scan the QR with a phone: the session is paired and logs in."""
        self.store.keys.paired = True
        self.played.say(facts.PairSucceeded)
        self.played.say(facts.Connected)

    def restrict(self, *, on: bool = True) -> None:
        """Let WhatsApp refuse every message, as it does to new contacts (463); or no longer."""
        error = Restricted("WhatsApp lets this account write to no new contacts for now")
        self.played.refusal = error if on else None

    @property
    def sent(self) -> list[FakeSent]:
        """The texts that were sent, the oldest first."""
        return [
            FakeSent(arguments["to"], arguments["text"], _quoted(arguments))
            for what, arguments in self.played.requests
            if what == "send_text"
        ]


def _quoted(arguments: dict[str, Any]) -> str | None:
    event = arguments.get("reply_to")
    return id_of(base64.b64decode(event)) if event else None
