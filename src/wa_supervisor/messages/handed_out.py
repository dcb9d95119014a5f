"""The messages that were handed out of late, for those who answer one of them.

A program in another language has the id of a message, not its bytes, and an answer that quotes it
needs these. Only the newest are kept, in memory: what was not acknowledged comes again in any case.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from ..errors import Misused
from ..gate import Identity

if TYPE_CHECKING:
    from ..gate import Entry
    from .delivery import Delivery

MOST: Final = 256
MOST_BYTES: Final = 8 << 20


class HandedOut:
    """The newest messages, by their number in the inbox."""

    def __init__(self) -> None:
        self._messages: OrderedDict[int, Delivery] = OrderedDict()
        self._bytes = 0

    def add(self, message: Delivery) -> None:
        """Keep a message, and let the oldest go."""
        replaced = self._messages.pop(message.number, None)
        self._bytes += len(message.raw) - (len(replaced.raw) if replaced else 0)
        self._messages[message.number] = message
        while len(self._messages) > MOST or (self._bytes > MOST_BYTES and len(self._messages) > 1):
            _, oldest = self._messages.popitem(last=False)
            self._bytes -= len(oldest.raw)

    def find(self, name: str, to: Entry) -> Delivery:
        """Return the message of this number or id that was written in this chat.

        An id is given by its sender: the chat must be the same, and two of one id are none. Raises
        Misused if there is no such message.
        """
        if name.isdecimal():
            found = [self._messages[int(name)]] if int(name) in self._messages else []
        else:
            here = (each for each in self._messages.values() if each.id == name)
            found = [each for each in here if _is_in(each, to)]
        if len(found) != 1:
            raise Misused(
                "there is no such message to answer in this chat, or more than one",
                hint=f"give its number; the newest {MOST} that `listen` has printed are known",
            )
        return found[0]


def _is_in(message: Delivery, chat: Entry) -> bool:
    """Whether a message was written in this chat."""
    where = message.chat
    return chat in where.addresses if isinstance(where, Identity) else chat == where
