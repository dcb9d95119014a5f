"""Contacts: people who are no clients of this server."""

from __future__ import annotations

from .keys import KeyPair
from .nodes import Jid
from .waiting import Waiters
from .writer import Writer


class Contact(Writer):
    """Somebody who writes to clients, and to whom clients write.

    A contact answers at once: what it cannot decrypt it asks for again, and what it can it
    confirms, as a phone does that is always on.
    """

    def __init__(
        self,
        number: str,
        lid: Jid,
        name: str,
        changes: Waiters,
        *,
        identity: KeyPair | None = None,
    ) -> None:
        super().__init__(number, lid, name, changes, identity=identity)
        self.confirms = True
        """Whether it tells clients that their messages were delivered."""
        self.asks_again = True
        """Whether it asks for what it cannot decrypt; if not, such a message is lost."""
