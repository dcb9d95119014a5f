"""The supervisor's side of the log: what came in is handed to readers, each message once.

The session process appends to the log and says so on its line; `notify` is called then. The log is
looked at without that only once in some seconds, in case the word was lost. Everything that touches
the disk runs on a thread of its own, so a disk that hangs holds nobody up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, Self, TypeVar

from ..gate import Identity
from .cursors import phone_seen_at
from .defaults import DURABILITY, MAX_MESSAGES, MAX_MIB, Durability
from .elsewhere import Copies
from .errors import InboxError, InboxFull, LogError, NoSuchReader, ReaderBusy
from .index import Index
from .message import Kind
from .other_account import set_aside
from .reader import KINDS, Reader, Source, acknowledge
from .shared_index import open_index
from .worker import Worker

log = logging.getLogger("wa_supervisor")

_BATCH: Final = 256
"""Records taken into the index at once: some milliseconds."""
_CLOSING: Final = 1.0  # seconds that the end waits for the disk
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class InboxOptions:
    """How the inbox is kept."""

    durability: Durability = DURABILITY
    """What an acknowledgement survives, as with the log."""
    max_messages: int = MAX_MESSAGES
    """The inbox is full when a reader has so many before it."""
    max_bytes: int = MAX_MIB << 20
    """The inbox is full when the log takes so much."""
    remember: int = 100_000
    """A duplicate is known for one as long as no more messages than these came after the first."""
    online: frozenset[str] = frozenset()
    """Readers that read only while the client runs: it is not stopped for what they have before
    them, or they would have it for ever."""
    poll: float = 120.0
    """Seconds between two looks at the log when nobody said that there is more."""
    copies: Copies | None = None
    """Where messages of other machines are, see `SharedIndex`."""
    again: float = 2.0
    """The same while the disk is in trouble: it may be over at any moment."""


DEFAULTS: Final = InboxOptions()


@dataclass(frozen=True, slots=True)
class InboxState:
    """What `status` says of the inbox."""

    received: int
    """Messages since it was begun, each once."""
    depth: int
    """Messages that the slowest reader has not acknowledged."""
    depths: Mapping[str, int]
    """The same for each reader."""
    oldest: datetime | None
    """When the oldest of them arrived."""
    bytes: int
    """What the log takes on the disk."""
    full: bool
    """Too much waits: the client should be stopped, so that the rest waits at WhatsApp.

    It stays so until half of that was read.
    """
    held: bool
    """As much waits for a reader of `InboxOptions.online`: take no more, but let the client run."""
    duplicates: int
    unreadable: int
    """Events that are no messages though they should be; they are kept aside in the index."""
    torn: int
    """Records that were being written when their process died: WhatsApp still has those."""
    damaged: int
    """Places where the disk has spoiled the log."""
    lost: int
    """Messages that a power cut has taken from the log."""
    set_aside: int
    """Messages on which the bot's handlers have failed too often."""
    phone_seen_at: datetime | None
    """When the account's own phone last sent something, as far as that came here."""
    trouble: str | None
    """Why nothing can be read or acknowledged now; None if all is well."""

    def error(self) -> InboxFull | None:
        """Return what to raise while it is full."""
        if not self.full:
            return None
        return InboxFull(
            f"{self.depth} messages are not acknowledged, the log takes {self.bytes >> 20} MiB",
            hint="see which reader has stopped, or remove one that is not used any more",
        )


class Inbox:
    """One session's inbox, for one supervisor that holds the session's lock. For one loop."""

    def __init__(
        self,
        directory: Path,
        worker: Worker,
        index: Index,
        options: InboxOptions,
        on_change: Callable[[InboxState], None] | None,
    ) -> None:
        self.index = index
        """For the inbox's own thread."""
        self.is_closed = False
        self._worker = worker
        self._directory = directory
        self._passed_over = 0
        self._options = options
        self._on_change = on_change
        self._readers: dict[str, Reader] = {}
        self._news = asyncio.Event()
        self._full = False
        self._held = False
        self._blocked = False
        self._troubles: dict[str, str] = {}
        self._announced: tuple[str | None, bool, bool] = None, False, False
        self._failure: BaseException | None = None
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        directory: Path,
        *,
        readers: Collection[str] = ("default",),
        options: InboxOptions = DEFAULTS,
        on_change: Callable[[InboxState], None] | None = None,
    ) -> Self:
        """Open the inbox and begin to look at the log.

        Messages are kept for those `readers` from now on, and for all that ever read; where nobody
        reads nothing is kept. `on_change` is told on the loop when `full`, `held` or `trouble`
        changes. Raises InboxError or LogError.
        """
        worker = Worker("inbox", InboxError)

        def begin() -> Index:
            durable = options.durability == "power"
            index = open_index(
                directory, options.copies, remember=options.remember, durable=durable
            )
            for name in readers:
                index.register(name)
            return index

        try:
            index = await worker.run(begin)
        except BaseException:
            worker.close()
            raise
        if index.was_lost:
            log.warning("the inbox's index was unreadable: messages that are kept come again")
        inbox = cls(directory, worker, index, options, on_change)
        inbox._announce()
        inbox._task = asyncio.create_task(inbox._ingest(), name="inbox")
        return inbox

    @property
    def floor(self) -> int:
        """What to hand to `LogWriter.open` as `after`."""
        return self.index.figures.floor

    @property
    def has_failed(self) -> bool:
        """Whether it has ended because of a defect; nothing comes any more."""
        return self._failure is not None

    @property
    def state(self) -> InboxState:
        """How things stand. Reads nothing from the disk."""
        figures, counts = self.index.figures, self.index.figures.counts
        oldest = figures.oldest
        return InboxState(
            received=figures.received,
            depth=max(figures.depths.values(), default=0),
            depths=figures.depths,
            oldest=None if oldest is None else datetime.fromtimestamp(oldest / 1e9, UTC),
            bytes=figures.bytes,
            full=self._is_full(),
            held=self._is_held(),
            duplicates=counts.get("duplicates", 0),
            unreadable=counts.get("unreadable", 0),
            torn=counts.get("torn", 0),
            damaged=counts.get("damaged", 0),
            lost=counts.get("lost", 0),
            set_aside=counts.get("set_aside", 0),
            phone_seen_at=phone_seen_at(counts),
            trouble=self._trouble(),
        )

    @property
    def is_idle(self) -> bool:
        """Whether nothing is at work on its thread. For tests."""
        return self._worker.is_idle

    def notify(self) -> None:
        """Say that the log has grown."""
        self._news.set()

    async def read(
        self,
        name: str = "default",
        *,
        kinds: Collection[Kind] = KINDS,
        ack: Literal["auto", "manual"] = "auto",
        own: Callable[[], Identity | None] = lambda: None,
    ) -> Reader:
        """Begin to read where the reader of this name has left off; a new one with the oldest.

        `own` says who we are, for `Message.mentions_me`; None while nobody knows. Raises ReaderBusy
        if the name is in use, InboxError if the inbox is closed or the disk does not let us.
        """
        if self.is_closed:
            raise InboxError("the inbox is closed")
        if name in self._readers:
            raise ReaderBusy(
                f"somebody reads as {name!r} already", hint="read under another name, or close it"
            )
        source = await self.call(name, lambda: Source(self.index, name, kinds, own))
        if name in self._readers:
            raise ReaderBusy(f"somebody reads as {name!r} already")
        reader = self._readers[name] = Reader(self, name, source=source, ack=ack)
        return reader

    def leave(self, reader: Reader) -> None:
        """Let go of a reader's name."""
        if self._readers.get(reader.name) is reader:
            del self._readers[reader.name]
        reader.news.set()

    async def acknowledge(self, name: str, numbers: Collection[int]) -> None:
        """Acknowledge what the reader of this name was handed, by it or before it.

        Numbers that were not handed out are passed over. Raises NoSuchReader, InboxError.
        """
        if (reader := self._readers.get(name)) is not None:
            await reader.acknowledge_numbers(numbers)
            return
        if name not in self.index.figures.depths:
            raise NoSuchReader(f"nobody reads as {name!r}")
        await self.call(name, lambda: acknowledge(self.index, name, numbers))

    async def forget(self, name: str) -> None:
        """Remove a reader that is not used any more: nothing is kept for it from now on.

        Raises ReaderBusy if it reads now.
        """
        if name in self._readers:
            raise ReaderBusy(f"{name!r} reads now", hint="close it first")
        await self.call(name, lambda: self.index.forget(name))

    async def set_aside_before(self, generation: int, target: Path) -> None:
        """Put what earlier generations received for another account into `target`.

        An item that is on its way to a reader is known by `is_passed_over`. Raises InboxError,
        LogError.
        """
        self._passed_over = await self.call(
            "account", lambda: set_aside(self.index, self._directory, generation, target)
        )

    def is_passed_over(self, number: int) -> bool:
        """Whether this item belongs to another account."""
        return number <= self._passed_over

    async def aclose(self) -> None:
        """End all readers and close the files, if the disk answers within a second."""
        if self.is_closed:
            return
        self.is_closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._wake()
        try:
            await self._worker.run(self.index.close, _CLOSING)
        except InboxError as error:
            log.warning("the inbox was not closed well: %s", error)
        self._worker.close()

    async def call(self, activity: str, call: Callable[[], _T]) -> _T:
        """Run a call on the inbox's thread; `state.trouble` says of an activity that it fails.

        Raises InboxError or LogError, also if the inbox is closed or has failed.
        """
        if self._failure is not None:
            raise InboxError("the inbox has failed; its log says why") from self._failure
        try:
            result = await self._worker.run(call)
        except (InboxError, LogError) as error:
            self._troubles[activity] = str(error)
            raise
        else:
            self._troubles.pop(activity, None)
            return result
        finally:
            self._announce()

    async def wait_for(self, event: asyncio.Event) -> None:
        """Wait for an event, but no longer than for a poll."""
        options = self._options
        longest = min(options.again, options.poll) if self._troubles else options.poll
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest):
                await event.wait()

    async def _ingest(self) -> None:
        """Take what the log has into the index, for as long as the inbox is open."""
        try:
            while True:
                self._news.clear()
                if not await self._look():
                    await self.wait_for(self._news)
        except Exception as error:
            log.exception("the inbox has failed")
            self._failure = error
            self._wake()

    async def _look(self) -> bool:
        """Look at the log once; return whether there is more than was looked at."""
        try:
            found = await self.call("log", lambda: self.index.ingest(_BATCH))
        except (InboxError, LogError):
            return False
        if found.blocked:
            self._troubles["segment"] = (
                "the newest segment of the log is damaged; the next session process begins another"
            )
        else:
            self._troubles.pop("segment", None)
        self._announce()
        if found.added:
            self._wake()
        return found.more

    def _wake(self) -> None:
        for reader in self._readers.values():
            reader.news.set()

    def _trouble(self) -> str | None:
        return next(iter(self._troubles.values()), None)

    def _is_full(self) -> bool:
        """See whether it is full, or has been and is not half empty yet."""
        depths, online = self.index.figures.depths, self._options.online
        depth = max((each for name, each in depths.items() if name not in online), default=0)
        # Where readers of `online` alone are behind, it is they who hold what is on the disk.
        holds_all = depth == max(depths.values(), default=0)
        self._full = self._share(depth, with_bytes=holds_all) >= (0.5 if self._full else 1.0)
        return self._full

    def _is_held(self) -> bool:
        """The same for the readers of `online`."""
        depths = self.index.figures.depths
        depth = max((depths.get(name, 0) for name in self._options.online), default=0)
        self._held = self._share(depth, with_bytes=depth > 0) >= (0.5 if self._held else 1.0)
        return self._held

    def _share(self, depth: int, *, with_bytes: bool) -> float:
        options = self._options
        size = self.index.figures.bytes if with_bytes else 0
        return max(depth / options.max_messages, size / options.max_bytes)

    def _announce(self) -> None:
        """Tell of what has changed since it was told last."""
        before, now = self._announced, (self._trouble(), self._is_full(), self._is_held())
        if before == now:
            return
        self._announced = now
        if now[0] is not None and before[0] is None:
            log.error("messages cannot be read or acknowledged: %s", now[0])
        if now[0] is None and before[0] is not None:
            log.info("messages can be read and acknowledged again")
        if self._on_change is not None:
            try:
                self._on_change(self.state)
            except Exception:
                log.exception("what was to be told of the inbox's state failed")
