"""Chats of several people."""

from __future__ import annotations

from collections.abc import Sequence

from .addressing import STATUS
from .device import Account, Device
from .nodes import Jid


class Chat:
    """A chat in which one stanza reaches several accounts."""

    shares_keys = True
    """Whether a message is encrypted once for all members, with a sender key."""

    def __init__(self, jid: Jid, members: Sequence[Account]) -> None:
        self.jid = jid
        """Its address."""
        self.members = list(members)
        """Who reads what is written to it; may be changed at any time."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self.members)}>"

    @property
    def devices(self) -> tuple[Device, ...]:
        """The clients of its members."""
        return tuple(client for member in self.members for client in member.devices)


class StatusUpdates(Chat):
    """The chat of status updates, as far as it is shown to these accounts."""

    def __init__(self, members: Sequence[Account]) -> None:
        super().__init__(STATUS, members)


class BroadcastList(Chat):
    """A list to which somebody writes; each of its members sees a message from that one alone."""

    shares_keys = False
