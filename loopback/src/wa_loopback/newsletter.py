"""Newsletters: channels in which nothing is encrypted."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from .device import Account, Device
from .errors import Malformed
from .mailbox import Delivery
from .messages import Content, write
from .nodes import Attrs, Jid, Node
from .person import Heard, Hearer
from .waiting import Waiters


@dataclass(frozen=True)
class Post:
    """A message in a newsletter."""

    id: str
    server_id: int
    """Its number in the newsletter."""
    deliveries: dict[Device, Delivery] = field(repr=False)
    """How it fares on its way to each client."""


class Newsletter(Hearer):
    """A newsletter, read by the clients of its followers."""

    def __init__(self, jid: Jid, name: str, followers: Sequence[Account], changes: Waiters) -> None:
        super().__init__(changes)
        self._numbers = itertools.count(1)
        self.jid = jid
        """Its address."""
        self.name = name
        """Its title."""
        self.followers = list(followers)
        """Who reads it; may be changed at any time."""

    def __repr__(self) -> str:
        return f"<Newsletter with {len(self.followers)} followers>"

    def say(self, words: str) -> Post:
        """Publish text; it waits on the server for clients that are away."""
        return self.send(write.text(words))

    def send(self, encoded: bytes, *, kind: str = "text") -> Post:
        """Publish a waE2E.Message."""
        post = Post(secrets.token_hex(10).upper(), next(self._numbers), {})
        attrs: Attrs = {
            "from": self.jid,
            "id": post.id,
            "server_id": str(post.server_id),
            "type": kind,
        }
        node = Node("message", attrs, (Node("plaintext", {}, encoded),))
        for follower in self.followers:
            for client in follower.devices:
                post.deliveries[client] = client.mailbox.post(node)
        return post

    def publish(self, ident: str, author: Device, encoded: bytes) -> int:
        """Take what a client publishes; return its number. Raises `Malformed`."""
        if not encoded:
            raise Malformed("a client published nothing")
        self.note(Heard(ident, author, None, None, Content.decode(encoded)))
        return next(self._numbers)
