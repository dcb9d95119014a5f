"""What the server keeps for a device until the device says that it has it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from .nodes import SERVER, Node

_KEPT = 5000
"""How many acknowledged stanzas can still be asked for again."""

_AT_ONCE = 50
"""How many stanzas are sent before others have their turn in the event loop."""

Key: TypeAlias = tuple[str, str, str]
"""Tag, id, and of a receipt its type: what an acknowledgement names."""

Renew: TypeAlias = Callable[[int], Node | None]
"""Encrypts a message anew for a device that could not open it, the nth time it asks."""


class Line(Protocol):
    """A connection, as far as a mailbox needs it."""

    @property
    def open(self) -> bool:
        """Whether neither side has ended it."""

    def send(self, node: Node) -> None:
        """Send a node."""


@dataclass(eq=False)
class Delivery:
    """A stanza on its way to one device."""

    node: Node = field(repr=False)
    renew: Renew | None = field(default=None, repr=False)
    posted: float = field(default_factory=time.time)
    """When the server took it, in seconds since 1970."""
    sent: list[float] = field(default_factory=list)
    """When it was sent, each time; `time.monotonic`."""
    acknowledged: float | None = None
    """When the client acknowledged it; `time.monotonic`."""
    superseded: bool = False
    """Whether the next acknowledgement is of a copy before the present one."""

    @property
    def key(self) -> Key:
        """What its acknowledgement names."""
        return key_of(self.node.tag, self.node.text("id"), self.node.text("type"))


def key_of(tag: str, ident: str, kind: str) -> Key:
    """Return a stanza's key; of a message the type does not count."""
    return tag, ident, "" if tag == "message" else kind


class Mailbox:
    """The stanzas for one device, in order, each until it is acknowledged.

    What was not acknowledged is sent again at the next login: our model of WhatsApp, not a
    measurement.
    """

    def __init__(self) -> None:
        self._waiting: dict[Key, Delivery] = {}
        self._acknowledged: OrderedDict[Key, Delivery] = OrderedDict()
        self._line: Line | None = None
        self._replay: _Replay | None = None
        self.lose_receipts = False
        """Whether the device's acknowledgements are lost on their way: what it has comes again."""

    def __len__(self) -> int:
        """How many stanzas were not acknowledged."""
        return len(self._waiting)

    @property
    def waiting(self) -> tuple[Delivery, ...]:
        """What was not acknowledged, oldest first."""
        return tuple(self._waiting.values())

    def post(self, node: Node, renew: Renew | None = None) -> Delivery:
        """Send a stanza now, or when the device is there, and until it is acknowledged."""
        delivery = Delivery(node, renew)
        self._enqueue(delivery)
        return delivery

    def again(self, delivery: Delivery, node: Node | None = None) -> None:
        """Send a stanza again, as it was or encrypted anew, and until it is acknowledged."""
        if node is not None:
            delivery.node = node
        delivery.superseded = delivery.acknowledged is None
        delivery.acknowledged = None
        self._acknowledged.pop(delivery.key, None)
        self._enqueue(delivery)

    def send(self, node: Node) -> None:
        """Send what is not kept, such as a presence; it is lost if the device is not there."""
        if self._line is not None and self._line.open:
            self._line.send(node)

    def find(self, key: Key) -> Delivery | None:
        """Return a stanza, acknowledged or not; old ones are forgotten."""
        return self._waiting.get(key) or self._acknowledged.get(key)

    def acknowledge(self, key: Key, *, opened: bool = True) -> None:
        """Take a device's acknowledgement.

        One which does not say that the device could open the message may come after the device
        has asked for another copy: that copy waits on.
        """
        delivery = self._waiting.get(key)
        if delivery is None or self.lose_receipts:
            return
        if delivery.superseded and not opened:
            delivery.superseded = False
            return
        del self._waiting[key]
        delivery.acknowledged = time.monotonic()
        self._acknowledged[key] = delivery
        if len(self._acknowledged) > _KEPT:
            self._acknowledged.popitem(last=False)

    def attach(self, line: Line, *, after: float = 0.0) -> None:
        """The device is there: send what it missed, framed by how much that is, after a while."""
        self._line = line
        replay = self._replay = _Replay(deque(self._waiting.values()))
        for delivery in replay.missed:
            delivery.superseded = False  # what was not heard on the old line never will be
        if after:
            asyncio.get_running_loop().call_later(after, self._begin, replay)
        else:
            self._begin(replay)

    def _begin(self, replay: _Replay) -> None:
        if replay.count and self._line is not None and replay is self._replay:
            self._line.send(_told(Node("offline_preview", replay.preview())))
        self._go_on(replay)

    def _enqueue(self, delivery: Delivery) -> None:
        self._waiting[delivery.key] = delivery
        if self._replay is not None:
            self._replay.new.append(delivery)
        elif self._line is not None and self._line.open:
            _send(self._line, delivery)

    def _go_on(self, replay: _Replay) -> None:
        """Send some of what was missed, and the rest when others have had their turn."""
        line = self._line
        if replay is not self._replay or line is None or not line.open:
            return  # the next login begins anew
        for _ in range(min(_AT_ONCE, len(replay.missed))):
            _send(line, replay.missed.popleft(), offline=replay.sent)
            replay.sent += 1
        if replay.missed:
            asyncio.get_running_loop().call_soon(self._go_on, replay)
            return
        self._replay = None
        line.send(_told(Node("offline", {"count": str(replay.count)})))
        for delivery in replay.new:
            _send(line, delivery)


class _Replay:
    """What a device missed, being sent, and what is posted meanwhile."""

    def __init__(self, missed: deque[Delivery]) -> None:
        self.missed = missed
        self.count = len(missed)
        self.sent = 0
        self.new: list[Delivery] = []

    def preview(self) -> dict[str, str]:
        """Return how much of each kind there is."""
        tags = Counter(delivery.node.tag for delivery in self.missed)
        return {
            "count": str(self.count),
            "message": str(tags["message"]),
            "receipt": str(tags["receipt"]),
            "notification": str(tags["notification"]),
            "appdata": "0",
        }


def _send(line: Line, delivery: Delivery, offline: int | None = None) -> None:
    attrs = {**delivery.node.attrs, "t": str(int(delivery.posted))}
    if offline is not None:
        attrs["offline"] = str(offline)
    delivery.sent.append(time.monotonic())
    line.send(Node(delivery.node.tag, attrs, delivery.node.content))


def _told(node: Node) -> Node:
    return Node("ib", {"from": SERVER}, (node,))
