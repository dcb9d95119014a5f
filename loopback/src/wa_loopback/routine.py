"""Requests which clients make at a login and whose answer never depends on anything.

Clients wait for these answers, some for a minute, before they say that they are open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from .nodes import Node

Place: TypeAlias = tuple[str, str]
"""Namespace and type of a request."""
_Answer: TypeAlias = Callable[[Node], tuple[Node, ...]]


def answer(request: Node) -> tuple[Node, ...] | None:
    """Return what such a request is answered; None if it is none."""
    found = _ANSWERS.get((request.text("xmlns"), request.text("type")))
    return None if found is None else found(request)


def _nothing(_request: Node) -> tuple[Node, ...]:
    return ()


def _properties(_request: Node) -> tuple[Node, ...]:
    """No property is set: clients do as they do by themselves."""
    return (Node("props", {"protocol": "1", "hash": "loopback", "refresh": "86400"}),)


def _collections(request: Node) -> tuple[Node, ...]:
    """Say that nothing of the application's state is newer than what the client has."""
    asked = request.child("sync")
    known = [
        Node("collection", {"name": each.text("name"), "version": _version(each), "type": "result"})
        for each in (asked.children if asked else ())
    ]
    return (Node("sync", {}, tuple(known)),)


def _version(collection: Node) -> str:
    version = collection.text("version")
    known = int(version) if version.isdecimal() else 0
    return str(known + (collection.child("patch") is not None))


def _query(_request: Node) -> tuple[Node, ...]:
    """Answer a GraphQL query (`w:mex`) with no data."""
    return (Node("result", {}, b'{"data":{}}'),)


def _status(_request: Node) -> tuple[Node, ...]:
    return (Node("status", {}, b""),)


def _disappearing(_request: Node) -> tuple[Node, ...]:
    return (Node("disappearing_mode", {"duration": "0", "t": "0"}),)


def _bots(_request: Node) -> tuple[Node, ...]:
    return (Node("bot", {"v": "2"}),)


def _business(_request: Node) -> tuple[Node, ...]:
    """Nobody here has a business profile."""
    return (Node("business_profile"),)


_ANSWERS: Mapping[Place, _Answer] = {
    ("abt", "get"): _properties,
    ("w", "get"): _properties,
    ("w:sync:app:state", "set"): _collections,
    ("urn:xmpp:whatsapp:dirty", "set"): _nothing,
    ("w:stats", "set"): _nothing,
    ("status", "get"): _status,
    ("status", "set"): _nothing,
    ("disappearing_mode", "get"): _disappearing,
    ("disappearing_mode", "set"): _nothing,
    ("bot", "get"): _bots,
    ("w:biz", "get"): _business,
    ("w:mex", "get"): _query,
    ("blocklist", "set"): _nothing,
    ("privacy", "set"): _nothing,
}
