"""Each check keeps what it should keep, and breaks on what it should not."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.simulation import Check, Entry, Story, checks
from lab.simulation.format_time import HOUR, MINUTE
from wa_supervisor.lifecycle import Phase, Reason, Session, Step, effects, facts
from wa_supervisor.lifecycle.effects import Effect
from wa_supervisor.lifecycle.facts import Fact

START = effects.StartChild(1)
TELL = effects.Notify(Reason.REPLACED)


def step(
    at: float,
    phase: Phase,
    *asked: Effect,
    before: Phase = Phase.INIT,
    fact: Fact | None = None,
    reason: Reason | None = None,
) -> Entry:
    happened = fact or facts.Start()
    return Entry(at, phase, Step(happened, before, phase, True, asked, Session(reason=reason)))


def story(  # noqa: PLR0913 - one default a field
    entries: Sequence[Entry] = (),
    *,
    lasted: float = 10 * HOUR,
    link: tuple[tuple[float, bool], ...] = ((0.0, False),),
    dead_logins: tuple[float, ...] = (),
    keys_linked: bool = True,
    violations: tuple[str, ...] = (),
    reason: Reason | None = None,
) -> Story:
    last = entries[-1].phase if entries else None
    return Story(
        lasted=lasted,
        entries=tuple(entries),
        session=Session(phase=last or Phase.INIT, reason=reason),
        dead_logins=dead_logins,
        redials=0,
        link=link,
        keys_linked=keys_linked,
        violations=violations,
    )


def dialled(*times: float) -> Story:
    return story([step(time, Phase.INIT, START) for time in times])


def windows(*times: float) -> Story:
    return story([step(time, Phase.PAIRING) for time in times])


def waits(*ends: float) -> Story:
    entries = [step(0, Phase.BACKOFF)]
    for end in ends:
        entries += [step(end, Phase.INIT), step(end, Phase.BACKOFF)]
    return story([*entries[:-1]])


REPLACED = step(HOUR, Phase.GAVE_UP, TELL, fact=facts.StreamReplaced(1), reason=Reason.REPLACED)
STOPPING = effects.StopChild(1, log_out=True)
PURGE = effects.PurgeSession(Reason.LOGGED_OUT)
EXITED = facts.ChildExited(1, 0, None)

CASES: list[tuple[Check, Story, Story]] = [
    (checks.dials(2), dialled(0, 1), dialled(0, 1, 2)),
    (checks.dials(2, least=1), dialled(0), dialled()),
    (checks.dials(0, after=10, before=20), dialled(9, 20), dialled(10)),
    (checks.dials_an_hour(2), dialled(0, 1, HOUR), dialled(0, 1, HOUR - 1)),
    (checks.dials_apart(30, after=10), dialled(0, 10, 40), dialled(10, 39)),
    (checks.waits_differ(), waits(1, 3), waits(1, 2)),
    (checks.dead_logins(1), story(dead_logins=(1,)), story(dead_logins=(1, 2))),
    (
        checks.ends(Phase.GAVE_UP, reason=Reason.REPLACED),
        story([REPLACED], reason=Reason.REPLACED),
        story([REPLACED], reason=Reason.LOCKED),
    ),
    (checks.ends(Phase.ONLINE), story([step(0, Phase.ONLINE)]), story([REPLACED])),
    (
        checks.gives_up(Reason.REPLACED, within=MINUTE, of=HOUR - 30),
        story([REPLACED], reason=Reason.REPLACED),
        story([step(0, Phase.GAVE_UP)], reason=Reason.REPLACED),  # told nobody
    ),
    (
        checks.gives_up(Reason.REPLACED, within=MINUTE, of=HOUR - 30),
        story([REPLACED], reason=Reason.REPLACED),
        story([REPLACED, step(2 * HOUR, Phase.ONLINE)]),  # did not stay there
    ),
    (
        checks.gives_up(Reason.REPLACED, within=MINUTE),
        story([step(0, Phase.GAVE_UP, TELL)], reason=Reason.REPLACED),
        story([REPLACED], reason=Reason.REPLACED),  # too late
    ),
    (
        checks.visits(Phase.BACKOFF, within=5, of=10),
        story([step(0, Phase.INIT), step(15, Phase.BACKOFF)]),
        story([step(0, Phase.INIT), step(16, Phase.BACKOFF)]),
    ),
    (
        checks.online(within=5, of=10),
        story([step(0, Phase.ONLINE)]),
        story([step(0, Phase.ONLINE), step(9, Phase.INIT)]),
    ),
    (checks.never(Phase.PURGING), windows(1), story([step(0, Phase.PURGING)])),
    (
        checks.changes(1, after=5, before=10),
        story([step(0, Phase.INIT), step(5, Phase.ONLINE), step(10, Phase.INIT)]),
        story([step(0, Phase.INIT), step(5, Phase.ONLINE), step(9, Phase.INIT)]),
    ),
    (
        checks.truthful(30),
        story([step(5, Phase.ONLINE), step(100, Phase.INIT)], link=((0, False), (30, True))),
        story([step(5, Phase.ONLINE), step(100, Phase.INIT)], link=((0, False), (60, True))),
    ),
    (checks.explains(Reason.REPLACED), story([REPLACED]), dialled(1)),
    (checks.tells(Reason.REPLACED, within=MINUTE, of=HOUR), story([REPLACED]), dialled(1)),
    (checks.purges(1), story([step(0, Phase.PURGING, PURGE)]), story()),
    (checks.keeps_keys(), story(), story(keys_linked=False)),
    (checks.keeps_keys(), story(), story([step(0, Phase.PURGING, PURGE)])),
    (checks.log_outs(0), story(), story([step(0, Phase.BACKOFF, STOPPING)])),
    (checks.windows(1), windows(1), windows(1, 2)),
    (checks.windows(0, before=5), windows(5), windows(4)),
    (
        checks.codes_end(180),
        story([step(0, Phase.PAIRING), step(180, Phase.BACKOFF)]),
        story([step(0, Phase.PAIRING), step(181, Phase.BACKOFF)]),
    ),
    (
        checks.reaps_first(),
        story([step(0, Phase.INIT, START), step(1, Phase.PURGING, PURGE, fact=EXITED)]),
        story([step(0, Phase.INIT, START), step(1, Phase.PURGING, PURGE)]),
    ),
]


@pytest.mark.parametrize(("check", "good", "bad"), CASES, ids=lambda v: getattr(v, "sentence", ""))
def test_a_check_keeps_the_good_and_breaks_on_the_bad(
    check: Check, good: Story, bad: Story
) -> None:
    assert check.measure(good)[0], check.measure(good)
    assert not check.measure(bad)[0], check.measure(bad)


def test_every_check_there_is_has_a_case() -> None:
    made = {
        name
        for name, thing in vars(checks).items()
        if inspect.isfunction(thing) and thing.__annotations__.get("return") == "Check"
    }
    cases = Path(__file__).read_text("utf-8").partition("CASES")[2].partition("@pytest")[0]
    assert {name for name in made if f"checks.{name}(" in cases} == made
    assert len(made) > 15


def test_a_broken_invariant_breaks_any_promise() -> None:
    assert all(found.kept for found in checks.judge(story(), ()))
    (found,) = checks.judge(story(violations=("d1 00:00:01 a second child was started",)), ())
    assert not found.kept
    assert "second child" in found.figure
