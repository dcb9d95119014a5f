"""What a scenario promises, as code: each check is one sentence and one question to the story."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from wa_supervisor.lifecycle import Phase, Reason, effects, facts

from .format_time import clock, span
from .story import Story, busiest


@dataclass(frozen=True)
class Check:
    """A part of a promise. `measure` tells whether the story keeps it, and the figure found."""

    sentence: str
    measure: Callable[[Story], tuple[bool, str]]


@dataclass(frozen=True)
class Finding:
    """What a check found."""

    sentence: str
    kept: bool
    figure: str


def judge(story: Story, checks: tuple[Check, ...]) -> tuple[Finding, ...]:
    """Every check's finding, and last that no invariant was broken."""
    found = [Finding(c.sentence, *c.measure(story)) for c in checks]
    broken = "; ".join(story.violations)
    return (*found, Finding("every invariant holds", not broken, broken))


# -- dialling


def dials(most: int, *, least: int = 0, after: float = 0.0, before: float = math.inf) -> Check:
    """The client is started so often, in this part of the story."""

    def measure(story: Story) -> tuple[bool, str]:
        found = sum(after <= time < before for time in story.dials)
        return least <= found <= most, str(found)

    return Check(f"{_count(least, most, 'dial')}{_when(after, before)}", measure)


def dials_an_hour(most: int) -> Check:
    """The client is never started more often in any hour."""

    def measure(story: Story) -> tuple[bool, str]:
        found = busiest(story.dials)
        return found <= most, str(found)

    return Check(f"never more than {most} dials in an hour", measure)


def dials_apart(least: float, *, after: float) -> Check:
    """From a time on, two dials are never closer together."""

    def measure(story: Story) -> tuple[bool, str]:
        times = [t for t in story.dials if t >= after]
        closest = min((b - a for a, b in pairwise(times)), default=math.inf)
        return closest >= least, "no two" if closest == math.inf else f"{closest:.0f} s"

    return Check(f"dials{_when(after, math.inf)} at least {least:g} s apart", measure)


def waits_differ() -> Check:
    """No two waits of the ladder are alike: there is jitter."""

    def measure(story: Story) -> tuple[bool, str]:
        waits = [round(b - a, 3) for a, b, phase in story.stays() if phase is Phase.BACKOFF]
        return len(waits) > 1 and len(set(waits)) == len(waits), f"{len(set(waits))} waits"

    return Check("no two waits are alike", measure)


def dead_logins(most: int) -> Check:
    """Keys that WhatsApp no longer honours are presented at most so often."""

    def measure(story: Story) -> tuple[bool, str]:
        return len(story.dead_logins) <= most, str(len(story.dead_logins))

    return Check(f"dead keys are presented at most {most} times", measure)


# -- states


def ends(*phases: Phase, reason: Reason | None = None) -> Check:
    """The story ends in one of these phases, for this reason."""
    names = " or ".join(p.value for p in phases)

    def measure(story: Story) -> tuple[bool, str]:
        session = story.session
        why = "" if session.reason is None else f" ({session.reason.value})"
        kept = session.phase in phases and reason in {None, session.reason}
        return kept, f"{session.phase.value}{why}"

    return Check(f"it ends in {names}" + (f" ({reason.value})" if reason else ""), measure)


def gives_up(reason: Reason, *, within: float = math.inf, of: float = 0.0) -> Check:
    """It ends in GaveUp for this reason, entered soon enough, and a person was told."""

    def measure(story: Story) -> tuple[bool, str]:
        told = min((t - of for t, r in story.notified if r is reason and t >= of), default=math.inf)
        held = story.session.phase is Phase.GAVE_UP and story.session.reason is reason
        found = story.session.reason.value if story.session.reason else "no reason"
        soon = "never told" if told == math.inf else f"after {span(told)}"
        return held and told <= within, f"{story.session.phase.value}, {found}, {soon}"

    soon = "" if within == math.inf else f" within {span(within)}"
    return Check(f"gives up{soon} ({reason.value}) and tells a person", measure)


def visits(phase: Phase, *, within: float, of: float) -> Check:
    """This phase is reached soon after a time."""

    def measure(story: Story) -> tuple[bool, str]:
        reached = [max(a, of) - of for a, b, p in story.stays() if p is phase and b > of]
        first = min(reached, default=math.inf)
        return first <= within, "never" if first == math.inf else f"after {span(first)}"

    return Check(f"{phase.value} within {span(within)} of {clock(of)}", measure)


def online(*, within: float, of: float) -> Check:
    """Messages get through again soon after a time, and the state says so."""
    return visits(Phase.ONLINE, within=within, of=of)


def never(*phases: Phase) -> Check:
    """None of these phases is ever entered."""

    def measure(story: Story) -> tuple[bool, str]:
        seen = {p for _, _, p in story.stays()} & set(phases)
        return not seen, ", ".join(sorted(p.value for p in seen if p)) or "never"

    return Check("never " + " or ".join(p.value for p in phases), measure)


def changes(most: int, *, after: float, before: float) -> Check:
    """The state changes at most so often in this part of the story."""

    def measure(story: Story) -> tuple[bool, str]:
        found = sum(after <= a < before for a, _, _ in story.stays())
        return found <= most, str(found)

    plural = "" if most == 1 else "s"
    return Check(f"at most {most} change{plural} of state{_when(after, before)}", measure)


def truthful(within: float) -> Check:
    """`Connected.online` is never shown for longer while nothing gets through."""

    def measure(story: Story) -> tuple[bool, str]:
        longest = story.longest_lie()
        return longest <= within, f"{longest:.0f} s"

    return Check(f"online is never claimed for over {within:g} s of deafness", measure)


def explains(*reasons: Reason) -> Check:
    """Each of these reasons is given at some time."""

    def measure(story: Story) -> tuple[bool, str]:
        given = {step.reason for _, step in story.steps()}
        missing = [r.value for r in reasons if r not in given]
        return not missing, f"missing: {', '.join(missing)}" if missing else "all given"

    return Check("gives the reasons " + ", ".join(r.value for r in reasons), measure)


def tells(reason: Reason, *, within: float = math.inf, of: float = 0.0) -> Check:
    """A person is told of this, soon after a time."""

    def measure(story: Story) -> tuple[bool, str]:
        first = min(
            (t - of for t, r in story.notified if r is reason and t >= of), default=math.inf
        )
        return first <= within, "never" if first == math.inf else f"after {span(first)}"

    return Check(f"tells a person: {reason.value}", measure)


# -- keys and codes


def purges(count: int, *, after: float = 0.0) -> Check:
    """The session's files are cleared away exactly so often."""
    often = "never" if count == 0 else "once" if count == 1 else f"{count} times"

    def measure(story: Story) -> tuple[bool, str]:
        found = sum(time >= after for time in story.purges)
        return found == count, str(found)

    return Check(f"purges the session {often}", measure)


def keeps_keys() -> Check:
    """At the end the keys on disk are ones that WhatsApp honours, and nothing was purged."""

    def measure(story: Story) -> tuple[bool, str]:
        lost = len(story.purges)
        return story.keys_linked and not lost, f"{lost} purges"

    return Check("the pairing is kept", measure)


def log_outs(most: int) -> Check:
    """The supervisor itself asks WhatsApp to unlink at most so often."""

    def measure(story: Story) -> tuple[bool, str]:
        found = sum(stop.log_out for _, stop in story.effects(effects.StopChild))
        return found <= most, str(found)

    return Check("never logs out by itself" if not most else f"logs out {most} times", measure)


def windows(most: int, *, least: int = 0, after: float = 0.0, before: float = math.inf) -> Check:
    """So many pairing windows are opened."""

    def measure(story: Story) -> tuple[bool, str]:
        found = sum(after <= time < before for time in story.windows)
        return least <= found <= most, str(found)

    return Check(f"{_count(least, most, 'pairing window')}{_when(after, before)}", measure)


def codes_end(most: float) -> Check:
    """No code stays up longer than its window: each is hidden or replaced in time."""

    def measure(story: Story) -> tuple[bool, str]:
        shown = [b - a for a, b, phase in story.stays() if phase is Phase.PAIRING]
        longest = max(shown, default=0.0)
        return longest <= most, f"{longest:.0f} s"

    return Check(f"no pairing window is open for over {most:g} s", measure)


def reaps_first() -> Check:
    """Each purge comes after the child of its time was reaped."""

    def measure(story: Story) -> tuple[bool, str]:
        alive, early = False, 0
        for _, step in story.steps():
            alive = alive and not isinstance(step.fact, facts.ChildExited)
            early += alive and any(isinstance(e, effects.PurgeSession) for e in step.effects)
            alive = alive or any(isinstance(e, effects.StartChild) for e in step.effects)
        return not early, f"{early} early"

    return Check("purges only when the child was reaped", measure)


# -- words


def _count(least: int, most: int, thing: str) -> str:
    if not most:
        return f"no {thing}"
    number = "at most " if not least else f"{least} to " if least < most else "exactly "
    return f"{number}{most} {thing}{'' if most == 1 else 's'}"


def _when(after: float, before: float) -> str:
    start = f" from {clock(after)}" if after else ""
    return start + ("" if before == math.inf else f" until {clock(before)}")
