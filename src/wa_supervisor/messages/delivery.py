"""Messages as a program gets them: admitted by the gate, and acknowledged by whoever reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from .errors import ReaderBusy
from .message import Message
from .reader import Reader

if TYPE_CHECKING:
    from types import TracebackType

    from .admission import Admission
    from .reader import Item


Download: TypeAlias = Callable[..., Awaitable[Any]]
"""Downloads the file of a message, see `Supervisor.download`."""
IsOurs: TypeAlias = Callable[["Item"], Awaitable[bool]]
"""Says, once that is known, whether an item belongs to the account that is linked."""


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Delivery(Message):
    """A message in a reader's hands."""

    number: int
    """Its place in the inbox; what `listen --ack manual` reads back."""
    redelivered: bool
    """It was handed out before and not acknowledged: it may have been dealt with."""
    acknowledge: Callable[[], Awaitable[None]] = field(compare=False)

    @classmethod
    def of(cls, item: Item, reader: Reader, download: Download) -> Self:
        """Put an item of a reader into its hands."""
        message = {each.name: getattr(item.message, each.name) for each in fields(Message)}
        if item.message.media is not None:
            fetch = partial(download, item.message)
            message["media"] = replace(item.message.media, fetch=fetch)
        return cls(
            **message,
            number=item.number,
            redelivered=item.redelivered,
            acknowledge=lambda: reader.acknowledge(item),
        )

    async def ack(self) -> None:
        """Acknowledge it: this reader never gets it again. Raises InboxError if the disk refuses.

        Only for `ack="manual"`; with "auto" it is acknowledged when the next one is asked for.
        """
        await self.acknowledge()


class Deliveries:
    """An async iterator over the messages that are admitted, each at least once, in order.

    It goes on across reconnects, new session processes and restarts of the program, and ends when
    the supervisor does. What is refused is acknowledged unseen.
    """

    def __init__(
        self,
        begin: Callable[[], Awaitable[Reader]],
        admission: Admission,
        download: Download,
        is_ours: IsOurs,
    ) -> None:
        self._begin = begin
        self._reader: Reader | None = None
        self._admission = admission
        self._download = download
        self._asked = False
        self._taken: Item | None = None
        """What the gate has not judged yet. If that was cancelled, it is judged again: to ask for
        the next would acknowledge what nobody has seen."""
        self._is_ours = is_ours

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delivery:
        """Wait for the next message that is admitted; errors as `Reader.__anext__`.

        Cancelled, as by a timeout, it loses nothing.
        """
        try:
            found = await self._next(anext)
        finally:
            del self  # as in `_next`
        assert found is not None
        return found

    async def ready(self) -> Delivery | None:
        """Return the next message that is admitted if it is there now; errors as `__anext__`."""
        try:
            return await self._next(Reader.ready)
        finally:
            del self  # as in `_next`

    async def _next(self, take: Callable[[Reader], Awaitable[Item | None]]) -> Delivery | None:
        if self._asked:
            raise ReaderBusy("two tasks wait for the next message of one reader")
        self._asked = True
        try:
            reader = await self.begin()
            while True:
                item = self._taken if self._taken is not None else await take(reader)
                if item is None:
                    return None
                self._taken = item
                admitted = (
                    await self._is_ours(item)
                    and (await self._admission.judge(item.message)).admitted
                )
                if not admitted and reader.is_manual and not reader.is_over:
                    await reader.acknowledge(item)  # else as the next is asked for
                self._taken = None
                if admitted:
                    return Delivery.of(item, reader, self._download)
        finally:
            self._asked = False
            # Or the traceback of a reader that was cancelled would keep the name, see `__del__`.
            del self

    async def begin(self) -> Reader:
        """Take the reader's name, if that was not done: from now on messages are kept for it.

        Raises ReaderBusy if it is in use, Misused outside the session's context, InboxError.
        """
        if self._reader is None:
            self._reader = await self._begin()
        return self._reader

    def close(self) -> None:
        """Let another use the reader's name."""
        if self._reader is not None:
            self._reader.close()

    def __del__(self) -> None:
        """Let go of the name as soon as nobody can ask for more, so that a `break` needs no close.

        Nobody waits then, as whoever does has hold of this; so it may be on any thread.
        """
        self.close()

    async def __aenter__(self) -> Self:
        await self.begin()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
