"""A random bad week: which faults, when and for how long, drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from wa_supervisor.lifecycle import facts

from .format_time import DAY, HOUR, MINUTE
from .scenario import Scenario
from .script import (
    Script,
    aborts_at_dial,
    at,
    child_dies,
    disk_full,
    every,
    killable,
    network_lost,
    operator,
    operator_looks,
    person_comes,
    person_leaves,
    rival,
    rival_stops,
    server,
    server_drops,
    server_drops_each,
    server_next,
    server_well,
    supervisor_restarts,
    together,
    unkillable,
    unlinked,
    zombie,
)
from .server import GENERIC, LOCKED, OUTDATED, REJECTED, SILENT, UNAVAILABLE, Answer, banned_for

WEEK = 7 * DAY
LIKELY = 0.35
"""How likely each fault of `FAULTS` is to come."""
PAIRED = 0.8
"""How likely the session is linked already."""
UNANNOUNCED = 0.5
"""How likely an outage comes without a word from the network."""

Fault = Callable[[Random, float], Script]
"""Draws one fault that begins at a time."""


def random_week(seed: int) -> Scenario:
    """Make the bad week of a seed. Whatever it brings, the invariants hold."""
    random = Random(f"week {seed}")
    faults = together(
        fault(random, random.uniform(MINUTE, WEEK))
        for most, fault in FAULTS
        for _ in range(most)
        if random.random() < LIKELY
    )
    return Scenario(
        name=f"week-{seed}",
        reference=f"--seed {seed}",
        happened="A random bad week.",
        promise="every invariant holds, whatever happens",
        script=_days() + faults,
        checks=(),
        lasts=WEEK,
        paired=random.random() < PAIRED,
    )


def _days() -> Script:
    """Nobody scans at night, and the operator has a look each morning."""
    nights = every(DAY, WEEK, person_leaves(), first=22 * HOUR)
    mornings = every(DAY, WEEK, person_comes(), first=7 * HOUR)
    return nights + mornings + every(DAY, WEEK, operator_looks(), first=9 * HOUR)


def _long(random: Random, least: float, most: float) -> float:
    """A duration: short ones are as likely as ones ten times as long."""
    return float(least * (most / least) ** random.random())


def _drop(_: Random, time: float) -> Script:
    return at(time, server_drops())


def _outage(random: Random, time: float) -> Script:
    silently = random.random() < UNANNOUNCED
    return at(time, network_lost(_long(random, 5.0, 4 * HOUR), silently=silently))


def _death(_: Random, time: float) -> Script:
    return at(time, child_dies())


def _panics(random: Random, time: float) -> Script:
    end = time + _long(random, MINUTE, 30 * MINUTE)
    return at(time, aborts_at_dial(on=True), child_dies()) + at(end, aborts_at_dial(on=False))


def _zombie(_: Random, time: float) -> Script:
    return at(time, zombie())


def _stuck(random: Random, time: float) -> Script:
    end = time + _long(random, MINUTE, HOUR)
    return at(time, unkillable(), server(SILENT), server_drops()) + at(
        end, killable(), server_well()
    )


def _refused(answer: Answer, most: float) -> Fault:
    def draw(random: Random, time: float) -> Script:
        end = time + _long(random, MINUTE, most)
        return at(time, server(answer), server_drops()) + at(end, server_well())

    return draw


def _ban(random: Random, time: float) -> Script:
    lasts = random.choice((None, 0.0, _long(random, HOUR, 2 * DAY)))
    end = time + (lasts or HOUR) * 0.9
    return at(time, server(banned_for(lasts)), server_drops()) + at(end, server_well())


def _glitch(_: Random, time: float) -> Script:
    return at(time, server_next(REJECTED), server_drops())


def _flapping(random: Random, time: float) -> Script:
    end = time + _long(random, MINUTE, 20 * MINUTE)
    return at(time, server_drops_each(random.uniform(1.0, 50.0))) + at(end, server_drops_each(None))


def _rival(random: Random, time: float) -> Script:
    returns = random.choice((None, 5.0, 60.0))
    return at(time, rival(returns)) + at(time + _long(random, MINUTE, HOUR), rival_stops())


def _unlinked(_: Random, time: float) -> Script:
    return at(time, unlinked())


def _full(random: Random, time: float) -> Script:
    end = time + _long(random, MINUTE, 6 * HOUR)
    return at(time, disk_full(on=True), unlinked()) + at(end, disk_full(on=False))


def _restart(random: Random, time: float) -> Script:
    return at(time, supervisor_restarts(_long(random, 1.0, HOUR)))


def _hasty_operator(random: Random, time: float) -> Script:
    fact = random.choice((facts.Relink(), facts.Restart(), facts.Resume()))
    return at(time, operator(fact))


FAULTS: tuple[tuple[int, Fault], ...] = (
    (6, _drop),
    (2, _outage),
    (2, _death),
    (1, _panics),
    (1, _zombie),
    (1, _stuck),
    (1, _refused(UNAVAILABLE, 30 * MINUTE)),
    (1, _refused(SILENT, HOUR)),
    (1, _refused(GENERIC, 30 * MINUTE)),
    (1, _refused(OUTDATED, DAY)),
    (1, _refused(LOCKED, 2 * HOUR)),
    (2, _ban),
    (1, _glitch),
    (1, _flapping),
    (1, _rival),
    (1, _unlinked),
    (1, _full),
    (3, _restart),
    (1, _hasty_operator),
)
"""How often each fault may come in a week at most, and how it goes."""
