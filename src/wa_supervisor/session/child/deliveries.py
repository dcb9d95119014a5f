"""Messages of the inbox on their way to the bot's handlers, one at a time.

The supervisor says where a message stands in the log, and hears when the handlers have returned.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from ... import bot as bot_page
from ...messages.errors import LogError
from ...messages.segments import INDEX, Segment
from ..shared import protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...messages.record import Record
    from .bot import BotThread

_UUID: Final = 0  # neonize's handlers do not look at it


class Deliveries:
    """Runs the bot's handlers for messages of one inbox; `reply` answers a frame, and may be late.

    Its second argument is what went wrong, a code of `protocol.Undelivered`; empty if nothing did.
    """

    def __init__(
        self, directory: Path, bot: BotThread, reply: Callable[[protocol.Deliver, str], None]
    ) -> None:
        self._directory = directory
        self._bot = bot
        self._reply = reply
        self._is_closed = False

    def take(self, frame: protocol.Deliver) -> None:
        """Have the handlers run for a message, when they are done with all before it."""
        if self._is_closed:
            self._reply(frame, protocol.Undelivered.NOT_BEGUN)
            return
        begun = False

        def handle() -> None:
            nonlocal begun
            if self._is_closed:
                return
            try:
                record = self._read(frame)
            except LogError:
                # The handlers have not failed: a directory that was moved away comes back.
                begun = (self._directory / INDEX).exists()
                if begun:
                    raise
                return
            begun = True
            delivery = bot_page.Delivery(frame.number, frame.late, frame.redelivered)
            token = bot_page.current.set(delivery)
            try:
                self._bot.handle(_UUID, record.data, record.header.event)
            finally:
                bot_page.current.reset(token)

        def done(error: BaseException | None) -> None:
            if not begun:
                self._reply(frame, protocol.Undelivered.NOT_BEGUN)
            else:
                self._reply(frame, protocol.Undelivered.RAISED if error is not None else "")

        self._bot.run(handle, done)

    def close(self) -> None:
        """Begin with no other message. The one that the handlers have is not touched."""
        self._is_closed = True

    def _read(self, frame: protocol.Deliver) -> Record:
        segment = Segment.open(self._directory, frame.segment)
        if segment is None:
            raise LogError("a message is not in the log any more")
        try:
            record = segment.read(frame.offset).record
        finally:
            segment.close()
        if record is None:
            raise LogError("a message in the log is damaged")
        return record
