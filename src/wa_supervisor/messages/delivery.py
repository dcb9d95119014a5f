"""Messages as a program gets them: admitted by the gate, and acknowledged by whoever reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Self

from .message import Message

if TYPE_CHECKING:
    from types import TracebackType

    from .admission import Admission
    from .reader import Item, Reader


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Delivery(Message):
    """A message in a reader's hands."""

    number: int
    """Its place in the inbox; what `listen --ack manual` reads back."""
    redelivered: bool
    """It was handed out before and not acknowledged: it may have been dealt with."""
    acknowledge: Callable[[], Awaitable[None]] = field(compare=False)

    @classmethod
    def of(cls, item: Item, reader: Reader) -> Self:
        """Put an item of a reader into its hands."""
        message = {each.name: getattr(item.message, each.name) for each in fields(Message)}
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

    def __init__(self, reader: Reader, admission: Admission) -> None:
        self._reader = reader
        self._admission = admission

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delivery:
        """Wait for the next message that is admitted; errors as `Reader.__anext__`."""
        while True:
            item = await anext(self._reader)
            verdict = await self._admission.judge(item.message)
            if verdict.admitted:
                return Delivery.of(item, self._reader)
            await self._reader.acknowledge(item)

    def close(self) -> None:
        """Let another use the reader's name."""
        self._reader.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
