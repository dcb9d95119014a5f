"""`uv run python -m lab crowd`: a hundred thousand sessions of one program, in virtual time."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Annotated

import typer

from wa_supervisor.lifecycle import State, facts
from wa_supervisor.multi.dials import Pace

from ..simulation.crowd import UP, Crowd, most_within

HOUR = 3600.0


def crowd(
    sessions: Annotated[int, typer.Option(help="How many.")] = 100_000,
    seed: Annotated[int, typer.Option(help="For jitter and for who crashes.")] = 0,
) -> None:
    """Start them, crash a tenth, kill their fork server, refuse all for an hour: who dials when."""
    began = time.perf_counter()
    for line in story(sessions, seed):
        print(line, flush=True)
    print(f"played in {time.perf_counter() - began:.0f} s")


def story(count: int, seed: int) -> Iterator[str]:
    """Play it, and say of each part how long it took and how many dialled; raises if it is bad."""
    pace = Pace()
    played = Crowd(count, pace, seed)
    # Nobody may have to wait longer than for all others to dial, at the pace that is set.
    round_ = count * max(pace.apart, UP / pace.at_once) + HOUR

    played.go_on(round_)
    yield _told(f"{count} sessions start", played, 0.0)

    began, some = played.now, random.Random(seed).sample(played.names, count // 10)
    _crash(played, some, 9)
    played.go_on(began + round_)
    yield _told(f"{len(some)} crash at once", played, began, most=len(some))

    began = played.now
    _crash(played, played.names, None)
    played.go_on(began + round_)
    yield _told("their fork server dies, and all with it", played, began, most=count)

    began, played.refused = played.now, True
    for name in played.names:
        session = played.cores[name].session
        played.take(name, facts.ConnectFailure(session.generation, 500))
    played.go_on(began + HOUR)
    tried = sum(at > began for at, _ in played.dialled)
    given_up = played.count(State.GAVE_UP)
    assert given_up == 0, f"{given_up} were given up for what was no fault of theirs"
    yield f"WhatsApp refuses all for an hour: {tried} dials of all together, none is given up"
    began, played.refused = played.now, False
    played.go_on(began + round_)
    yield _told("WhatsApp takes them again", played, began, most=count)


def _crash(played: Crowd, names: list[str], signal: int | None) -> None:
    for name in names:
        session = played.cores[name].session
        played.take(name, facts.ChildExited(session.generation, None, signal))


def _told(what: str, played: Crowd, began: float, most: int | None = None) -> str:
    up = played.count(State.CONNECTED)
    assert up == len(played.names), f"{what}: only {up} came up"
    dialled = [each for each in played.dialled if each[0] >= began]
    assert most is None or len(dialled) == most, f"{what}: {len(dialled)} dialled"
    took = dialled[-1][0] + UP - began
    at_once, in_a_second = most_within(dialled, UP * 0.99), most_within(dialled, 1.0)
    held = f", the breaker opened {played.opened} times" if played.opened else ""
    return (
        f"{what}: all up after {took:.0f} s ({took / HOUR:.1f} h), {len(dialled)} dials, "
        f"at most {at_once} at once and {in_a_second} in a second{held}"
    )
