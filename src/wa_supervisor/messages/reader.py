"""One reader of the inbox: an async iterator whose cursor survives every restart."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol, Self, TypeVar

from ..gate import Identity
from .errors import InboxError, LogError, MalformedEvent, ReaderBusy
from .index import Index
from .message import Kind, Message
from .parse import parse
from .record import Record
from .segments import Position

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from types import TracebackType

KINDS: Final = frozenset(Kind) - {Kind.UNAVAILABLE}
"""What a reader gets unless it says otherwise."""
_FETCHED: Final = 64  # items read ahead
_FETCHED_BYTES: Final = 1 << 20
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Item:
    """A message as it is handed out."""

    number: int
    """Its place in the inbox; what is acknowledged."""
    message: Message
    redelivered: bool
    """It was handed out before, and not acknowledged: it may have been dealt with."""
    place: Position
    """Where it stands in the log."""


class Source:
    """Reads ahead for one reader. For the inbox's thread."""

    def __init__(
        self,
        index: Index,
        name: str,
        kinds: Collection[Kind],
        own: Callable[[], Identity | None],
    ) -> None:
        self._index = index
        self._name = name
        self._kinds = kinds
        self._own = own
        self._handed = index.register(name).handed
        self._ready: list[Item] = []

    def acknowledge(self, numbers: Collection[int]) -> None:
        """Acknowledge what was handed out, to this reader or to one of its name before it."""
        acknowledge(self._index, self._name, numbers)
        self._ready = [item for item in self._ready if item.number not in numbers]

    def take(self, acknowledged: Iterable[int], after: int) -> Item | None:
        """Acknowledge, and return the first item after a number; None if there is none yet."""
        numbers = list(acknowledged)
        self._ready = [item for item in self._ready if item.number > after]
        passed = after
        while not self._ready:
            fetched = self._index.fetch(self._name, passed, _FETCHED)
            if not fetched:
                break
            passed, skipped = self._read(fetched)
            numbers += skipped
        item = self._ready[0] if self._ready else None
        self._index.advance(self._name, numbers, item.number if item else 0)
        return item

    def _read(self, fetched: list[tuple[int, Position, Record | None]]) -> tuple[int, list[int]]:
        """Make messages of records; return how far it came, and what is for nobody."""
        skipped: list[int] = []
        lost = size = 0
        number = 0
        for number, place, record in fetched:
            if record is None:
                lost += 1
                skipped.append(number)
                continue
            try:
                message = parse(record, self._own())
            except MalformedEvent as error:
                self._index.set_unreadable(record, error)
                message = None
            if message is None or message.kind not in self._kinds:
                skipped.append(number)
                continue
            # Another machine may have handed it out, too.
            redelivered = number <= self._handed or place.segment < 0
            self._ready.append(Item(number, message, redelivered=redelivered, place=place))
            size += len(record.data)
            if size > _FETCHED_BYTES:
                break
        if lost:
            self._index.lose(lost)
        return number, skipped


def acknowledge(index: Index, name: str, numbers: Collection[int]) -> None:
    """Acknowledge what a reader of this name was handed. For the inbox's thread."""
    handed = index.register(name).handed
    index.advance(name, [each for each in numbers if each <= handed], 0)


class Home(Protocol):
    """What a reader needs of the inbox that it reads, see `Inbox`."""

    index: Index
    is_closed: bool

    @property
    def has_failed(self) -> bool:
        """Whether nothing comes any more because of a defect."""

    def call(self, activity: str, call: Callable[[], _T]) -> Awaitable[_T]:
        """Make a call on the inbox's thread."""

    async def wait_for(self, event: asyncio.Event) -> None:
        """Wait for an event, but no longer than for a poll."""

    def leave(self, reader: Reader) -> None:
        """Let go of a reader's name."""


class Reader:
    """Hands out messages in the order they arrived, each at least once.

    With `ack="auto"` an item is acknowledged when the next is asked for, so a program that dies
    over one gets it again; with `ack="manual"` by `acknowledge`, in any order. What is acknowledged
    never comes again. It ends when the inbox is closed, and never before.
    """

    def __init__(
        self,
        inbox: Home,
        name: str,
        *,
        source: Source,
        ack: Literal["auto", "manual"],
    ) -> None:
        self.name = name
        self._inbox = inbox
        self._source = source
        self.is_manual = ack == "manual"
        """Whether items are acknowledged by `acknowledge` alone."""
        self._after = 0
        self._out: Item | None = None
        self._asked = False
        self.news = asyncio.Event()
        """Set when there may be more, or nothing ever will be."""

    @property
    def is_over(self) -> bool:
        """Whether the inbox is closed, so that nothing can be acknowledged any more."""
        return self._inbox.is_closed

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        """Wait for the next item; a full or hanging disk is waited for, and told by `state`.

        Raises ReaderBusy if another task waits already, InboxError if the inbox has failed.
        """
        with self._asking():
            while not self._inbox.is_closed:
                self.news.clear()
                item = await self._take()
                if item is not None:
                    return item
                await self._inbox.wait_for(self.news)
        raise StopAsyncIteration

    async def ready(self) -> Item | None:
        """Return the next item if it is there now, or can be had; errors as `__anext__`."""
        with self._asking():
            return None if self._inbox.is_closed else await self._take()

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        if self._asked:
            raise ReaderBusy(f"two tasks wait for the next message of reader {self.name!r}")
        self._asked = True
        try:
            yield
        finally:
            self._asked = False

    async def _take(self) -> Item | None:
        """Acknowledge what is out, and take the next; None if there is none, or cannot be now."""
        acknowledged = [] if self.is_manual or self._out is None else [self._out.number]
        try:
            item = await self._inbox.call(
                self.name, lambda: self._source.take(acknowledged, self._after)
            )
        except (InboxError, LogError):
            if self._inbox.has_failed:
                raise
            return None
        self._out = item
        if item is not None:
            self._after = item.number
        return item

    async def acknowledge(self, item: Item) -> None:
        """Never hand this item out again. Raises InboxError if that could not be kept."""
        await self.acknowledge_numbers({item.number})

    async def acknowledge_numbers(self, numbers: Collection[int]) -> None:
        """As `acknowledge`, by `Item.number`; numbers that were not handed out are passed over."""
        await self._inbox.call(self.name, lambda: self._source.acknowledge(numbers))

    async def fail(self, item: Item) -> int:
        """Count that an item could not be dealt with; return how often. Raises InboxError."""
        return await self._inbox.call(
            self.name, lambda: self._inbox.index.fail(self.name, item.number)
        )

    async def set_aside(self, item: Item) -> None:
        """Keep an item, which is still to be acknowledged, apart. Raises InboxError."""
        await self._inbox.call(
            self.name, lambda: self._inbox.index.set_aside(self.name, item.number, item.message.raw)
        )

    def close(self) -> None:
        """Let another use the name. What was handed out last in `auto` is not acknowledged."""
        self._inbox.leave(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
