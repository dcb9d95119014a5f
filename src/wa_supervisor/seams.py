"""What a supervisor needs of the outside, as types: a link, a clock and a store.

Each has one implementation that is used unless another is handed in: `session.parent.link`,
`clock.LoopClock` and `disk.DiskStore`. `wa_supervisor.testing` has the others: a client that does
what a test says, a clock that stands until it is moved, and a store in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from datetime import datetime

    from .control import Order
    from .crashes import CrashReport
    from .journal import Memory
    from .lifecycle.facts import Fact
    from .session.shared.endpoint import Endpoint
    from .session.shared.spec import ChildSpec
    from .status import Status, StepRecord


class Clock(Protocol):
    """Time, and waiting for it."""

    def time(self) -> float:
        """Seconds on a clock that never goes back."""

    def now(self) -> datetime:
        """The time of day, in UTC."""

    def timeout_at(self, when: float | None) -> AbstractAsyncContextManager[object]:
        """Raise TimeoutError in the body once `time()` is `when`; never if that is None."""


class Link(Protocol):
    """The session process, at most one at a time, and the network it needs.

    Each `start` is answered by exactly one ChildExited, after the process was reaped.
    """

    @property
    def pid(self) -> int | None:
        """The session process's id, None if there is none."""

    async def start(self, spec: ChildSpec) -> None:
        """Begin to start a session process; what becomes of it is posted."""

    async def stop(self, *, log_out: bool = False, pairing: bool = False) -> None:
        """End it, and return when it was reaped and that was posted; see `effects.StopChild`."""

    async def probe(self, generation: int, *, within: float) -> None:
        """Have it make a round trip to WhatsApp within so many seconds; how it went is posted."""

    async def reachable(self, endpoint: Endpoint) -> bool:
        """Tell whether the way to WhatsApp is open, without a login."""

    async def aclose(self) -> None:
        """End everything. Bounded."""


class MakeLink(Protocol):
    """Makes the link of one run."""

    def __call__(self, post: Callable[[Fact], None], *, lock_descriptor: int | None) -> Link:
        """Make it; `post` takes every fact, on the loop.

        Each session process holds a share of the session's lock, an open file, until it dies.
        """


class Keys(Protocol):
    """What is done with a session's keys; see `store.CredentialKeeper`. Each may raise StoreError.

    The methods block for a short time, and are called in worker threads.
    """

    def before_dial(self, generation: int) -> bool:
        """Make the files ready for a session process, and say whether the session is paired."""

    def while_connected(self, *, first: bool) -> None:
        """Copy the living session; with `first`, only if there is no copy yet."""

    def purge(self, reason: str) -> None:
        """Set the dead session aside."""

    def restore(self) -> bool:
        """Put the last good copy back; say whether there was one."""


class Records(Protocol):
    """The journal of steps and the memory, see `journal.Journal`. Each may raise JournalError."""

    @property
    def was_lost(self) -> bool:
        """Whether an earlier one of this session could not be read."""

    def memory(self) -> Memory | None:
        """What the last step left to remember; None before the first."""

    def append(self, record: StepRecord, memory: Memory) -> None:
        """Record a step and what to remember after it; both last when this returns."""

    def skip(self) -> None:
        """Count a step that was not recorded."""

    def ignore(self, record: StepRecord) -> None:
        """Count a fact that meant nothing where it came."""

    def close(self) -> None:
        """Write the last counts and close."""


class DialReserve(Protocol):
    """Where dials are counted that the journal cannot take, see `journal.Reserve`."""

    def prepare(self) -> None:
        """Take the room. Raises JournalError."""

    def read(self) -> tuple[datetime, ...]:
        """The times that were written last. Raises JournalError."""

    def write(self, dials: tuple[datetime, ...]) -> None:
        """Keep these times in place of those before. Raises JournalError."""


class Store(Protocol):
    """Where one session is kept, owned by one supervisor at a time.

    All but `control` block for a short time, and are called in worker threads.
    """

    keys: Keys

    def acquire(self) -> None:
        """Make the place ready and take its lock. Raises LockHeld, StoreError."""

    @property
    def lock_descriptor(self) -> int | None:
        """The open file whose lock says that the session is ours, if there is one."""

    def claim(self) -> None:
        """Take the keys, or see that they are still ours. Raises LockHeld, Unreachable."""

    def shared(self) -> AbstractContextManager[None]:
        """Keep the session ours while this lasts, though it be released meanwhile."""

    def open_journal(self) -> tuple[Records, DialReserve]:
        """Open the journal. Raises JournalError, UnsafePermissions."""

    def report(self, crash: CrashReport) -> None:
        """Keep a report of a session process that died. Raises StoreError."""

    def control(
        self, orders: Mapping[Order, Callable[[], None]], status: Callable[[], Status]
    ) -> AbstractAsyncContextManager[None]:
        """Take orders from other programs while this lasts."""

    def release(self) -> None:
        """Let others have the session; without the lock this does nothing."""
