"""A supervisor to test your own program with: real, but for the process, the clock and the disk.

    async with FakeSession() as session:
        await session.wait_for(State.CONNECTED, timeout=10)
        session.drop()
        await session.advance(300)

What your program is given in production it is given here: the same class, the same loop, the same
lifecycle. Only time stands still until it is moved, and what WhatsApp does is said by the test.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec

from ..lifecycle import Logout, facts
from ..messages.errors import Restricted
from ..settings import Settings
from ..supervisor import Supervisor
from .memory_store import MemoryStore
from .played_link import PlayedLink
from .virtual_clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..lifecycle.facts import ChildFact, Fact
    from ..pairing.sink import AsyncSink, Sink
    from ..shell import OnGiveUp

P = ParamSpec("P")

_TURNS: Final = 20
"""Turns of the loop without anything to do, after which all is taken for settled: what a step wakes
may await a few things more."""

_POLL: Final = 0.001  # seconds; some work is done on threads
_SETTLING_TIMEOUT: Final = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class FakeSent:
    """A text that the program has sent."""

    to: str
    """The JID it was sent to."""
    text: str


class FakeSession(Supervisor):
    """A supervisor of a session that the test plays.

    It is paired and connects whenever it is started; with `connects=False` the test says each word
    of the session process (`hear`).
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
            settings or Settings(),
            sinks=sinks,
            on_give_up=on_give_up,
            link=self.played.make,
            clock=self.clock,
            store=self.store,
            jitter=jitter,
        )

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

    def drop(self) -> None:
        """Let the connection break: the client redials by itself."""
        self.played.say(facts.Disconnected)

    def reconnect(self) -> None:
        """Let the client be connected, or connected again."""
        self.played.say(facts.Connected)

    def log_out(self, how: Logout = Logout.REMOVED) -> None:
        """Let WhatsApp end the session: by default it was unlinked on the phone."""
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
            FakeSent(arguments["to"], arguments["text"])
            for what, arguments in self.played.requests
            if what == "send_text"
        ]
