"""A log of every node, to be read by people; it shows nobody's words, keys or numbers unless told.

21:04:07.120  #2 client  <iq id="7" xmlns="encrypt" type="get" to="server"><count/></iq>
21:04:07.121  #2 server  <iq from="server" id="7" type="result"><count value="812"/></iq>
"""

from __future__ import annotations

import itertools
import time
from typing import TextIO

from .nodes import USERS, Jid, Node, Value

_OPEN_ATTRIBUTES = frozenset(
    {"class", "code", "count", "duration", "edit", "error", "expire", "id", "key-index", "mode"}
    | {"offline", "protocol", "reason", "stage", "state", "t", "type", "v", "value", "version"}
    | {"xmlns"}
)
"""Attributes whose values say nothing of a person."""


class Tracer:
    """Writes each node of each connection as one line.

    An address becomes a number of its own, the same each time; a content its size. With `secrets`
    everything is shown as it is, contents in hex if they are no text.
    """

    def __init__(self, to: TextIO, *, secrets: bool = False) -> None:
        self._to = to
        self._secrets = secrets
        self._connections = itertools.count(1)
        self._people: dict[str, int] = {}

    def opened(self) -> int:
        """Return the number of a new connection."""
        return next(self._connections)

    def wrote(self, connection: int, node: Node, *, by_client: bool) -> None:
        """Write a node down."""
        now = time.time()
        clock = time.strftime("%H:%M:%S", time.localtime(now)) + f".{int(now * 1000) % 1000:03d}"
        who = "client" if by_client else "server"
        self._to.write(f"{clock}  #{connection} {who}  {self._shown(node)}\n")
        self._to.flush()

    def _shown(self, node: Node) -> str:
        attrs = "".join(f' {name}="{self._value(name, v)}"' for name, v in node.attrs.items())
        inside = self._inside(node)
        return f"<{node.tag}{attrs}>{inside}</{node.tag}>" if inside else f"<{node.tag}{attrs}/>"

    def _inside(self, node: Node) -> str:
        if not isinstance(node.content, bytes):
            return "".join(self._shown(child) for child in node.children)
        if not self._secrets:
            return f"({len(node.content)} bytes)"
        text = node.content.decode("utf-8", "replace")
        return text if text.isprintable() else node.content.hex()

    def _value(self, name: str, value: Value) -> str:
        if self._secrets:
            return str(value)
        if isinstance(value, Jid):
            return self._person(value)
        if value == USERS:  # some write the server's address as text
            return "server"
        return value if name in _OPEN_ATTRIBUTES else f"({len(value)} characters)"

    def _person(self, jid: Jid) -> str:
        if not jid.user:
            return "server"
        number = self._people.setdefault(jid.user, len(self._people) + 1)
        device = "" if jid.device is None else f":{jid.device}"
        return f"{number}{device}@{jid.server}"
