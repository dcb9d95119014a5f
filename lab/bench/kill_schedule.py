"""When and whom to kill: the moments of a session's life, and a schedule that a seed replays."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from wa_supervisor import StepRecord


class Victim(StrEnum):
    """What is killed, with SIGKILL."""

    SUPERVISOR = "supervisor"
    SESSION = "session process"
    FORK_SERVER = "fork server"
    BOTH = "all at once"


class Trouble(StrEnum):
    """What is done to a connected session so that the moment comes."""

    NONE = "nothing"
    CRASH = "its process is killed"
    OUTAGE = "the server cuts the connection and refuses new ones"
    REPLACED = "another program takes over"
    UNLINKED = "the phone unlinks it, or WhatsApp forgets it"
    REJECTED = "one login is rejected with 401"
    BANNED = "one login is answered with a temporary ban"
    LOCKED = "one login is answered with 403"


@dataclass(frozen=True)
class Moment:
    """A moment of a session's life, told by a step, and how long it is worth a strike."""

    name: str
    trouble: Trouble
    comes_with: Callable[[StepRecord], bool]
    lasts: float
    """Seconds after that step within which the strike falls."""
    victims: tuple[Victim, ...]
    scan: bool = False
    """Whether the code is scanned when the moment comes."""


@dataclass(frozen=True)
class Strike:
    """One planned kill."""

    moment: Moment
    victim: Victim
    delay: float
    chance: float
    """In [0, 1): decides what the moment leaves open."""
    again: tuple[Victim, float] | None
    """A second kill while the first is recovered from: whom, and seconds after the first."""


def _state(name: str) -> Callable[[StepRecord], bool]:
    return lambda step: step.after == name != step.before


def _effect(name: str) -> Callable[[StepRecord], bool]:
    return lambda step: name in step.effects


def _shade(name: str) -> Callable[[StepRecord], bool]:
    return lambda step: step.substate == name


def _banned(step: StepRecord) -> bool:
    return (step.after, step.reason) == ("Backoff", "temporary_ban")


_ALL = tuple(Victim)
_OURS = (Victim.SUPERVISOR, Victim.FORK_SERVER, Victim.BOTH)  # no session process need be there
_ONE = (Victim.SUPERVISOR, Victim.BOTH)

MOMENTS = (
    Moment("before-dial snapshot", Trouble.CRASH, _effect("StartChild"), 0.02, _OURS),
    Moment("Init", Trouble.CRASH, _effect("StartChild"), 0.25, _ALL),
    Moment("Pairing, a QR shows", Trouble.UNLINKED, _state("Pairing"), 1.0, _ALL),
    Moment("right after the scan", Trouble.UNLINKED, _state("Pairing"), 0.3, _ALL, scan=True),
    Moment("Connected, first second", Trouble.CRASH, _state("Connected"), 1.0, _ALL),
    Moment("online, stable", Trouble.NONE, lambda step: step.fact == "StayedUp", 1.0, _ALL),
    Moment("reconnecting", Trouble.OUTAGE, _shade("reconnecting"), 1.0, _ALL),
    Moment("LoggedOut", Trouble.UNLINKED, _state("LoggedOut"), 0.01, _ALL),
    Moment("during a purge", Trouble.UNLINKED, _effect("PurgeSession"), 0.012, _OURS),
    Moment("during a restore", Trouble.REJECTED, _effect("RestoreSession"), 0.012, _OURS),
    Moment("Backoff", Trouble.REPLACED, _state("Backoff"), 0.3, _OURS),
    Moment("banned", Trouble.BANNED, _banned, 1.0, _ONE),
    Moment("GaveUp", Trouble.LOCKED, _state("GaveUp"), 0.5, _OURS),
)

_AGAIN = 0.15  # of the strikes are followed by another one at once
_SOON = 2.0


def schedule(seed: int, lane: int) -> Iterator[Strike]:
    """Return what happens to a session, for ever: every moment once, in a new order each time.

    The victims of a moment take turns.
    """
    draw = random.Random(f"{seed}/{lane}")
    turns = {
        moment.name: itertools.cycle(draw.sample(moment.victims, len(moment.victims)))
        for moment in MOMENTS
    }
    while True:
        for moment in draw.sample(MOMENTS, len(MOMENTS)):
            again = (draw.choice(_ALL), draw.uniform(0, _SOON)) if draw.random() < _AGAIN else None
            yield Strike(
                moment=moment,
                victim=next(turns[moment.name]),
                delay=draw.uniform(0, moment.lasts),
                chance=draw.random(),
                again=again,
            )
