"""Which worker is to take a session that has none.

Pure: what is known of the fleet comes in as values.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..lifecycle import Reason, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_BANS: Final = {
    Reason.TEMPORARY_BAN,
    Reason.BANNED_AGAIN,
    Reason.BANNED,
    Reason.LOCKED,
    Reason.NO_KEYS_LEFT,
}


@dataclass(frozen=True, slots=True)
class Place:
    """A worker that lives, as far as placing sessions goes."""

    worker: str
    capacity: int
    """How many sessions it can have."""
    load: int
    """How many it has, or was given and has not taken yet."""
    draining: bool = False
    """Whether it takes no more."""


def place(
    sessions: Iterable[str],
    places: Iterable[Place],
    wanted: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Give each session the worker that is least full for its capacity.

    `wanted` says where an operator wants some of them: there they go if that worker lives and has
    room, else anywhere. Sessions for which no worker has room are left out.
    """
    wanted = wanted or {}
    open_places = {each.worker: each for each in places if not each.draining}
    loads = {name: each.load for name, each in open_places.items()}
    found: dict[str, str] = {}
    later = []
    for session in sessions:
        worker = wanted.get(session)
        if worker in loads and loads[worker] < open_places[worker].capacity:
            found[session] = worker
            loads[worker] += 1
        else:
            later.append(session)
    least = [
        (load / open_places[name].capacity, name)
        for name, load in loads.items()
        if load < open_places[name].capacity
    ]
    heapq.heapify(least)
    for session in later:
        if not least:
            break
        _, name = heapq.heappop(least)
        found[session] = name
        loads[name] += 1
        capacity = open_places[name].capacity
        if loads[name] < capacity:
            heapq.heappush(least, (loads[name] / capacity, name))
    return found


def must_stay(state: str | None, reason: str | None) -> str | None:
    """Say why a session is not moved while its worker lives; None if it can be.

    A move would end a pairing before the phone's owner has scanned. And a banned account that
    appears at another address is one that evades its ban.
    """
    if state == State.PAIRING.value:
        return "it is pairing"
    if reason in {each.value for each in _BANS}:
        return "WhatsApp has banned it"
    return None
