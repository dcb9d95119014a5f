"""Groups."""

from __future__ import annotations

import time
from collections.abc import Sequence

from .chat import Chat
from .copies import USUAL, Manner
from .device import Account
from .nodes import Attrs, Jid, Node
from .writer import Message, Said, Writer


class Group(Chat):
    """A group of contacts and accounts."""

    def __init__(self, jid: Jid, name: str, members: Sequence[Account]) -> None:
        super().__init__(jid, members)
        self.name = name
        """Its subject."""
        self._created = int(time.time())

    def say(
        self,
        author: Writer,
        words: str,
        *,
        reply_to: Message | None = None,
        mentions: Sequence[Account] = (),
        manner: Manner = USUAL,
    ) -> Said:
        """Have a member write text to the group. Raises as `Writer.say` does."""
        return author.say(self, words, reply_to=reply_to, mentions=mentions, manner=manner)

    def node(self) -> Node:
        """Return its description: the answer to iq `w:g2`, `get`."""
        members = tuple(
            Node("participant", {"jid": each.lid, "phone_number": each.jid})
            for each in self.members
        )
        attrs: Attrs = {
            "id": self.jid.user,
            "subject": self.name,
            "creation": str(self._created),
            "addressing_mode": "lid",
            "size": str(len(members)),
        }
        return Node("group", attrs, members)
