"""Which worker is to take a session that has none.

Pure: what is known of the fleet comes in as values.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..lifecycle import Reason, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

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
    failed_on: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, str]:
    """Give each session the worker that is least full for its capacity.

    `wanted` says where an operator wants some of them: there they go if that worker lives and has
    room, else anywhere. `failed_on` says on which workers some could not be begun, the last one
    last: they go there if no other has room, or a worker whose disk is full would be the least full
    one for ever. Sessions for which no worker has room are left out.
    """
    wanted, failed_on = wanted or {}, failed_on or {}
    open_places = {each.worker: each for each in places if not each.draining}
    loads = {name: each.load for name, each in open_places.items()}
    found: dict[str, str] = {}
    later = []
    for session in sessions:
        worker = wanted.get(session)
        if worker not in loads or loads[worker] >= open_places[worker].capacity:
            worker = _least_failed(failed_on.get(session, ()), open_places, loads)
        if worker is None:
            later.append(session)
        else:
            found[session] = worker
            loads[worker] += 1
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


def _least_failed(
    failed_on: Sequence[str], places: Mapping[str, Place], loads: Mapping[str, int]
) -> str | None:
    """Choose for a session that could not be begun somewhere; None if it could, or none has room.

    It is a worker that has not failed, else the one that has longest ago.
    """
    with_room = [name for name, each in places.items() if loads[name] < each.capacity]
    if not failed_on or not with_room:
        return None
    when = {name: number for number, name in enumerate(failed_on, 1)}
    return min(
        with_room,
        key=lambda name: (when.get(name, 0), loads[name] / places[name].capacity, name),
    )


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
