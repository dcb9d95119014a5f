"""What the logins that the server saw say about the fleet: gaps, overlaps, who came when.

Pure: times are values, in seconds on one monotonic clock.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Span(NamedTuple):
    """A time from one moment to another."""

    begins: float
    ends: float

    @property
    def seconds(self) -> float:
        """How long it lasts; 0 if it ends before it begins."""
        return max(0.0, self.ends - self.begins)

    def shared(self, other: Span) -> Span:
        """What two have in common."""
        return Span(max(self.begins, other.begins), min(self.ends, other.ends))


@dataclass(frozen=True, slots=True)
class Stay:
    """One socket on which one device was logged in."""

    device: str
    worker: str
    began: float
    """When the server let it in."""
    ended: float | None
    """When the client's socket was gone: closed for the server to see, or no longer there in the
    client's own kernel, which a cut network cannot tell the server. None: it is there."""

    def span(self, now: float) -> Span:
        """From the login until its end, or until now."""
        return Span(self.began, now if self.ended is None else self.ended)


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two sockets of one device at one time: what a fleet must never have."""

    older: Stay
    newer: Stay
    seconds: float


@dataclass(frozen=True, slots=True)
class Takeover:
    """A device that came back after something was done to its worker."""

    device: str
    before: str
    after: str
    gap: float
    """Seconds from the last sign of the old socket to the new login."""
    since_fault: float
    """Seconds from what was done to the new login."""


def overlaps(
    stays: Iterable[Stay], now: float, frozen: Mapping[str, Sequence[Span]] | None = None
) -> list[Overlap]:
    """Find all times at which a device had two sockets.

    A worker that is frozen can act on none of its sockets: the kernel keeps them open, and only
    what it does once it wakes counts. `frozen` says when that was, by worker.
    """
    found = []
    for own in _by_device(stays).values():
        for older, newer in itertools.combinations(own, 2):
            both = older.span(now).shared(newer.span(now))
            workers = {older.worker, newer.worker}
            spans = [span for worker in workers for span in (frozen or {}).get(worker, ())]
            seconds = both.seconds - _covered(both, spans)
            if seconds > 0:
                found.append(Overlap(older, newer, seconds))
    return found


def takeovers(stays: Iterable[Stay], fault: float) -> list[Takeover]:
    """Tell of each device that was logged in at the fault and has logged in again since."""
    found = []
    for device, own in _by_device(stays).items():
        before = [stay for stay in own if stay.began <= fault and not _ended_by(stay, fault)]
        after = [stay for stay in own if stay.began > fault]
        if before and after:
            old, new = before[-1], after[0]
            last_sign = fault if old.ended is None else max(old.ended, fault)
            found.append(
                Takeover(
                    device,
                    old.worker,
                    new.worker,
                    gap=max(0.0, new.began - last_sign),
                    since_fault=new.began - fault,
                )
            )
    return found


def untouched(stays: Iterable[Stay], fault: float) -> set[str]:
    """Name the devices whose socket of before the fault is there still."""
    return {stay.device for stay in stays if stay.began <= fault and stay.ended is None}


def logins(stays: Iterable[Stay], since: float) -> dict[str, int]:
    """Count each device's logins since then."""
    counts = dict.fromkeys({stay.device for stay in stays}, 0)
    for stay in stays:
        counts[stay.device] += stay.began > since
    return counts


def busiest(times: Iterable[float], window: float) -> int:
    """Tell how many of these moments lie within `window` seconds at most."""
    ordered, most, first = sorted(times), 0, 0
    for number, at in enumerate(ordered, 1):
        while at - ordered[first] >= window:
            first += 1
        most = max(most, number - first)
    return most


def _covered(whole: Span, spans: Iterable[Span]) -> float:
    """Tell how many seconds of a time lie in at least one of these."""
    seconds, reached = 0.0, whole.begins
    for span in sorted(map(whole.shared, spans)):
        rest = Span(max(span.begins, reached), span.ends)
        seconds += rest.seconds
        reached = max(reached, span.ends)
    return seconds


def _ended_by(stay: Stay, at: float) -> bool:
    return stay.ended is not None and stay.ended <= at


def _by_device(stays: Iterable[Stay]) -> dict[str, list[Stay]]:
    """Each device's, oldest first."""
    found = defaultdict(list)
    for stay in sorted(stays, key=lambda each: each.began):
        found[stay.device].append(stay)
    return found
