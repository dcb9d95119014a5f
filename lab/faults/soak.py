"""Random faults, one after another, on several sessions at once: the same again for a seed."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from wa_loopback import LoopbackError

from . import invariants
from .catalogue import FAULTS
from .fault import Fault, Recovers, Stays
from .judge import judge, keys_broken
from .rig import Rig
from .start import directory, started

PAUSE = (0.5, 4.0)
"""Seconds between two faults of a session, drawn evenly."""

PATIENCE = 3.0
"""How many times its bound a recovery may take: faults follow closely, and waits have grown."""

_KEEPALIVE = 0.05
_POLICY = {
    "start_timeout": 4.0,
    "link_timeout": 4.0,
    "reconnect_timeout": 3.0,
    "keepalive_timeout": 5.0,
    "backoff__stable_after": 3.0,
    "flaps__count": 1000,
    "conflicts__count": 1000,
    "crashes__count": 100_000,
    # The hour's budget, by the minute: a soak has an hour's faults in a minute.
    "dials__count": 30,
    "dials__window": 60,
}


@dataclass
class Tally:
    """What one session went through."""

    session: str
    played: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "-")
    dials: int = 0
    complaints: list[str] = field(default_factory=list)


async def soak(say: Callable[[str], None], *, seed: int, minutes: float, sessions: int) -> bool:
    """Run it; tell whether everything held. The first complaint of a session ends that session."""
    say(f"soak: seed {seed}, {minutes:g} min, {sessions} sessions")
    with directory() as where:
        async with asyncio.TaskGroup() as tasks:
            playing = [
                tasks.create_task(_session(say, seed, number, minutes * 60, where))
                for number in range(sessions)
            ]
    tallies = [each.result() for each in playing]
    for tally in tallies:
        faults = sum(tally.played.values())
        slowest, name = tally.slowest
        say(
            f"{tally.session}: {faults} faults of {len(tally.played)} kinds, {tally.dials} dials, "
            f"slowest {slowest:.1f} s ({name})"
        )
        for complaint in tally.complaints:
            say(f"  {complaint}")
    total = sum(sum(tally.played.values()) for tally in tallies)
    kept = not any(tally.complaints for tally in tallies)
    say(f"{total} faults, {'everything held' if kept else 'NOT everything held'}: seed {seed}")
    return kept


def schedule(seed: int, number: int) -> random.Random:
    """Return what decides a session's faults and pauses: it depends on nothing else."""
    return random.Random(f"{seed}/{number}")


async def _session(
    say: Callable[[str], None], seed: int, number: int, seconds: float, where: Path
) -> Tally:
    tally = Tally(f"soak{number}")
    drawn = [fault for fault in FAULTS.values() if fault.soak]
    # Named and paired as any fault is; the acts come from what is drawn.
    base = replace(drawn[0], name="soak", keepalive=_KEEPALIVE, policy=_POLICY, dials=10**6)
    chance = schedule(seed, number)
    end = time.monotonic() + seconds
    try:
        async with started(base, "supervisor", seed=seed, session=tally.session, where=where) as at:
            at.rng = chance
            while time.monotonic() < end:
                await asyncio.sleep(chance.uniform(*PAUSE))
                fault = chance.choice(drawn)
                took = await _turn(at, fault)
                tally.played[fault.name] += 1
                tally.slowest = max(tally.slowest, (took, fault.name))
                tally.dials = at.server.dials
                say(f"{tally.session} {fault.name} {took:.1f} s, {tally.dials} dials so far")
            tally.complaints += invariants.broken(at, base)
            tally.complaints += filter(None, [keys_broken(at, base), await at.program.stop()])
    except LoopbackError as error:
        tally.complaints.append(f"after {sum(tally.played.values())} faults: {error}")
        if at.supervised is not None:
            steps = at.supervised.steps[-30:]
            tally.complaints += [f"{step.at - at.begun:+.2f} s {step.record}" for step in steps]
    return tally


async def _turn(at: Rig, fault: Fault) -> float:
    """Play one fault and wait for what it promises. Raises RigFailed with the fault's name."""
    at.begin()
    promise = fault.promise
    assert isinstance(promise, Recovers | Stays)
    if isinstance(promise, Recovers):
        fault = replace(fault, promise=Recovers(promise.within * PATIENCE))
    try:
        for act in fault.acts:
            await act(at)
        return await judge(at, fault)
    except LoopbackError as error:
        error.args = (f"{fault.name}: {error}",)
        raise
