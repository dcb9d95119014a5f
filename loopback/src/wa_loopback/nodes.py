"""WhatsApp's binary XML: nodes, their attributes and their encoding.

The format is whatsmeow's `binary/encoder.go` and `binary/decoder.go`. Three subtleties of it:

- a string may be written raw or as a token, and the client accepts either; a JID may not: it must
  be a typed pair (tag 250) or device address (tag 247), because the client asserts the type and
  drops, or dies of, a node whose JID is text;
- the server's own address is a pair with an *empty* user;
- a node's content is bytes or a list of nodes. A content written as a token or packed string is
  decoded to its bytes here, so that one type is enough.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from .errors import Malformed
from .tokens import DOUBLE, SINGLE

_LIST_EMPTY = 0
_FIRST_DICTIONARY, _LAST_DICTIONARY = 236, 239
_AD_JID, _LIST_8, _LIST_16 = 247, 248, 249
_JID_PAIR, _HEX_8 = 250, 251
_BINARY_8, _BINARY_20, _BINARY_32 = 252, 253, 254
_NIBBLE_8 = 255
_BINARY_WIDTHS = {_BINARY_8: 1, _BINARY_20: 3, _BINARY_32: 4}
_PACKED_ALPHABETS = {_NIBBLE_8: "0123456789-.", _HEX_8: "0123456789ABCDEF"}
_COMPRESSED = 2  # bit of the flag byte which precedes a node

USERS = "s.whatsapp.net"
HIDDEN_USERS = "lid"
_AGENTS = {USERS: 0, HIDDEN_USERS: 1}
_SERVERS = {agent: server for server, agent in _AGENTS.items()}


@dataclass(frozen=True)
class Jid:
    """An address. With a device number it is one companion of a user."""

    user: str
    server: str = USERS
    device: int | None = None

    def __str__(self) -> str:
        device = "" if self.device is None else f":{self.device}"
        return f"{self.user}{device}@{self.server}" if self.user else self.server

    def __repr__(self) -> str:
        return f"Jid(**********, server={self.server!r}, device={self.device})"

    @classmethod
    def parse(cls, text: str) -> Jid | None:
        """Read an address which was written as text; None when it is none."""
        user, at, server = text.partition("@")
        user, _, device = user.partition(":")
        if not (user and at and server) or not (device == "" or device.isdecimal()):
            return None
        return cls(user, server, int(device) if device else None)


SERVER = Jid("")
Value: TypeAlias = str | Jid
Attrs: TypeAlias = Mapping[str, Value]


@dataclass(frozen=True)
class Node:
    """One element: a tag, attributes, and nothing, bytes or further nodes."""

    tag: str
    attrs: Attrs = field(default_factory=dict)
    content: bytes | tuple[Node, ...] | None = None

    @property
    def children(self) -> tuple[Node, ...]:
        """The child nodes; none when the content is bytes."""
        return self.content if isinstance(self.content, tuple) else ()

    @property
    def data(self) -> bytes:
        """The content as bytes; empty when there is none."""
        return self.content if isinstance(self.content, bytes) else b""

    def child(self, tag: str) -> Node | None:
        """Return the first child of a tag."""
        return next((node for node in self.children if node.tag == tag), None)

    def text(self, name: str) -> str:
        """Return an attribute as text; empty when it is not there."""
        return str(self.attrs.get(name, ""))

    def address(self, name: str) -> Jid | None:
        """Return an attribute as an address, typed or written as text; None when it is none."""
        value = self.attrs.get(name)
        return value if isinstance(value, Jid) else Jid.parse(str(value or ""))

    def __repr__(self) -> str:
        return f"<{self.tag} {' '.join(sorted(self.attrs))}>"  # values are people's addresses


def encode(node: Node) -> bytes:
    """Encode a node with the flag byte, uncompressed and without tokens."""
    out = bytearray([0])
    _write_node(out, node)
    return bytes(out)


def decode(data: bytes) -> Node:
    """Decode the flag byte and a node; raises `Malformed`."""
    if not data:
        raise Malformed("an empty frame holds no node")
    body = data[1:]
    try:
        if data[0] & _COMPRESSED:
            body = zlib.decompress(body)
        return _Decoder(body).node()
    except (IndexError, UnicodeDecodeError, RecursionError, zlib.error) as error:
        raise Malformed(f"a node does not decode: {type(error).__name__}") from None


def _write_node(out: bytearray, node: Node) -> None:
    _write_list_size(out, 1 + 2 * len(node.attrs) + (node.content is not None))
    _write_bytes(out, node.tag.encode())
    for name, value in node.attrs.items():
        _write_bytes(out, name.encode())
        if isinstance(value, Jid):
            _write_jid(out, value)
        else:
            _write_bytes(out, value.encode())
    if isinstance(node.content, bytes):
        _write_bytes(out, node.content)
    elif node.content is not None:
        _write_list_size(out, len(node.content))
        for child in node.content:
            _write_node(out, child)


def _write_list_size(out: bytearray, size: int) -> None:
    if size == 0:
        out.append(_LIST_EMPTY)
    elif size < 1 << 8:
        out += bytes([_LIST_8, size])
    else:
        out.append(_LIST_16)
        out += size.to_bytes(2, "big")


def _write_bytes(out: bytearray, data: bytes) -> None:
    limits = {_BINARY_8: 1 << 8, _BINARY_20: 1 << 20, _BINARY_32: 1 << 32}
    tag = next(tag for tag, limit in limits.items() if len(data) < limit)
    out.append(tag)
    out += len(data).to_bytes(_BINARY_WIDTHS[tag], "big") + data


def _write_jid(out: bytearray, jid: Jid) -> None:
    if jid.device is not None:
        out += bytes([_AD_JID, _AGENTS[jid.server], jid.device])
        _write_bytes(out, jid.user.encode())
        return
    out.append(_JID_PAIR)
    if jid.user:
        _write_bytes(out, jid.user.encode())
    else:
        out.append(_LIST_EMPTY)
    _write_bytes(out, jid.server.encode())


class _Decoder:
    """Reads one node; running off the end is an IndexError."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def node(self) -> Node:
        size = self._list_size(self._byte())
        if size == 0:
            raise Malformed("a node is an empty list")
        tag = self._text()
        attrs: dict[str, Value] = {}
        for _ in range((size - 1) // 2):
            name = self._text()
            attrs[name] = self._value()
        return Node(tag, attrs, None if size % 2 else self._content())

    def _content(self) -> bytes | tuple[Node, ...]:
        tag = self._byte()
        if tag in {_LIST_EMPTY, _LIST_8, _LIST_16}:
            return tuple(self.node() for _ in range(self._list_size(tag)))
        if tag in _BINARY_WIDTHS:
            return self._binary(tag)
        return str(self._value(tag)).encode()

    def _value(self, tag: int | None = None) -> Value:
        tag = self._byte() if tag is None else tag
        if tag == _LIST_EMPTY:
            return ""
        if tag in _BINARY_WIDTHS:
            return self._binary(tag).decode()
        if tag in _PACKED_ALPHABETS:
            return self._packed(_PACKED_ALPHABETS[tag])
        if tag in {_JID_PAIR, _AD_JID}:
            return self._jid(tag)
        if _FIRST_DICTIONARY <= tag <= _LAST_DICTIONARY:
            place = (tag - _FIRST_DICTIONARY, self._byte())
            return DOUBLE.get(place, f"token:{place[0]}:{place[1]}")
        return SINGLE.get(tag, f"token:{tag}")

    def _jid(self, tag: int) -> Jid:
        if tag == _JID_PAIR:
            user = self._text()
            return Jid(user, self._text())
        agent, device = self._byte(), self._byte()
        return Jid(self._text(), _SERVERS.get(agent, f"agent:{agent}"), device)

    def _text(self) -> str:
        return str(self._value())

    def _list_size(self, tag: int) -> int:
        if tag == _LIST_EMPTY:
            return 0
        if tag == _LIST_8:
            return self._byte()
        if tag == _LIST_16:
            return int.from_bytes(self._take(2), "big")
        raise Malformed(f"tag {tag} does not begin a list")

    def _binary(self, tag: int) -> bytes:
        return self._take(int.from_bytes(self._take(_BINARY_WIDTHS[tag]), "big"))

    def _packed(self, alphabet: str) -> str:
        """Two characters a byte; the top bit of the length says that the last one is padding."""
        head = self._byte()
        nibbles = [half for byte in self._take(head & 0x7F) for half in (byte >> 4, byte & 0xF)]
        if head & 0x80:
            del nibbles[-1:]
        return "".join(alphabet[nibble] for nibble in nibbles)

    def _byte(self) -> int:
        return self._take(1)[0]

    def _take(self, size: int) -> bytes:
        end = self._position + size
        if end > len(self._data):
            raise IndexError(end)
        taken, self._position = self._data[self._position : end], end
        return taken
