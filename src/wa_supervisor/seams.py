"""What a supervisor needs of the outside, as types: a link, a clock and a store.

Each has one implementation that is used unless another is handed in: `SessionLink`, `RealClock` and
`DiskStore`. `wa_supervisor.testing` has the others: a client that does what a test says, a clock
that stands until it is moved, and a store in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .clock import Clock
from .journal.records import DialReserve, Records

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from pathlib import Path

    from pydantic import SecretStr

    from .control import Orders, Talks
    from .crashes import CrashReport
    from .lifecycle.facts import Fact
    from .messages.elsewhere import Copies
    from .messages.send_rows import Sends
    from .notify.memory import NoticeMemory
    from .session.parent.calls import Answer
    from .session.parent.door import BotDoor, Dealt
    from .session.shared.endpoint import Endpoint
    from .session.shared.protocol import Question, Work
    from .session.shared.spec import ChildSpec, Place
    from .status import Status

__all__ = ["Clock", "DialReserve", "Keys", "Link", "MakeLink", "Records", "Store"]


class Link(Protocol):
    """The session process, at most one at a time, and the network it needs.

    Each `start` is answered by exactly one ChildExited, after the process was reaped, or by one
    StartRefused, if no process began.
    """

    @property
    def pid(self) -> int | None:
        """The session process's id, None if there is none."""

    def printed(self, generation: int) -> str:
        """Return the end of what the process of this generation printed, if it was the last."""

    async def start(self, spec: ChildSpec) -> None:
        """Begin to start a session process; what becomes of it is posted."""

    async def stop(
        self, *, log_out: bool = False, pairing: bool = False, drain: float = 0.0
    ) -> None:
        """End it, and return when it was reaped and that was posted; see `effects.StopChild`.

        `drain` seconds may go by before, for what it has received and not handled.
        """

    async def ask(self, what: Question, *, within: float, about: SecretStr | None = None) -> Answer:
        """Ask it, and return what it answered or why it did not; see `protocol.Question`."""

    async def probe(self, generation: int, *, within: float) -> None:
        """Have it make a round trip to WhatsApp within so many seconds; how it went is posted."""

    async def request(self, what: Work, arguments: SecretStr, *, within: float) -> Answer:
        """Have the process do something with its client; the answer's problem if it cannot."""

    def steer(self, door: BotDoor) -> None:
        """Have this process, and those that follow, treat what they receive so from now on."""

    async def deliver(self, place: Place) -> Dealt:
        """Have the bot's handlers deal with a message, and wait for them as long as they take."""

    async def reachable(self, endpoint: Endpoint) -> bool:
        """Tell whether the way to WhatsApp is open, without a login."""

    async def aclose(self) -> None:
        """End everything. Bounded."""


class MakeLink(Protocol):
    """Makes the link of one run."""

    def __call__(
        self,
        post: Callable[[Fact], None],
        *,
        lock_descriptor: int | None,
        on_received: Callable[[], None],
    ) -> Link:
        """Make it; `post` takes every fact, on the loop, and `on_received` hears of new messages.

        Each session process holds a share of the session's lock, an open file, until it dies.
        """


class Keys(Protocol):
    """What is done with a session's keys, see `store.CredentialKeeper`.

    The methods block for a short time, are called in worker threads, and may raise StoreError.
    """

    def before_dial(self, generation: int) -> bool:
        """Make the files ready for a session process, and say whether the session is paired.

        Raises KeysGone if it was, its keys are gone, and there is a copy of them.
        """

    def while_connected(self, *, first: bool) -> None:
        """Copy the living session; with `first`, only if there is no copy yet."""

    def purge(self, reason: str) -> None:
        """Set the dead session aside."""

    def restore(self) -> bool:
        """Put the last good copy back; say whether there was one."""


class Store(Protocol):
    """Where one session is kept, owned by one supervisor at a time.

    What is not a property or a context blocks for a short time, and is called in worker threads.
    """

    @property
    def keys(self) -> Keys:
        """What is done with the keys, once the session is ours."""

    @property
    def database(self) -> Path:
        """The SQLite file of the client; not used where the keys are in Postgres."""

    @property
    def outbox(self) -> Path | None:
        """The file of the outbox; None where keys need not outlive the supervisor."""

    @property
    def sends(self) -> Sends | None:
        """Where the outbox is if it is not in that file."""

    @property
    def notices(self) -> NoticeMemory | None:
        """Where it is kept what was notified; None where that need not outlive the supervisor."""

    @property
    def inbox(self) -> Path | None:
        """The directory of what is received; None where nothing can be kept."""

    @property
    def copies(self) -> Copies | None:
        """Where messages of other machines are, see `elsewhere`; None where there are none."""

    @property
    def lock_descriptor(self) -> int | None:
        """The open file whose lock says that the session is ours, if there is one."""

    def acquire(self) -> None:
        """Make the place ready and take its lock. Raises LockHeld, StoreError."""

    def claim(self) -> None:
        """Take the keys, or see that they are still ours. Raises LockHeld, StoreError."""

    def release(self) -> None:
        """Let others have the session; without the lock this does nothing."""

    def shared(self) -> AbstractContextManager[None]:
        """Keep the session ours while this lasts, though it be released meanwhile."""

    def open_journal(self) -> tuple[Records, DialReserve]:
        """Open the journal. Raises JournalError, UnsafePermissions."""

    def report(self, crash: CrashReport) -> None:
        """Keep a report of a session process that died. Raises StoreError."""

    def control(
        self, orders: Orders, status: Callable[[], Status], talks: Talks
    ) -> AbstractAsyncContextManager[None]:
        """Take orders from other programs, and talk with them, while this lasts."""
