"""What must be so on every step, whatever happens: one named function a promise.

Each takes an `Edge` and tells whether the promise was kept; its first docstring line is the
promise. `check` raises `Broken` for the first that was not. What an effect may not do at all
(a second child, files under a living child, dead keys) is `Environment`'s to object to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..lifecycle import Budget, Child, Phase, Policy, Reason, Session, Step, Work, effects, facts
from ..lifecycle.guards import crashed
from ..lifecycle.model import ACTIVE
from .environment import RESTING, Broken, Environment, Keys
from .samples import CANARY

OPERATOR = (facts.Stop, facts.Resume, facts.Relink)
BLINK = 1e-3
"""Seconds by which sums of times may differ."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One step with the core's model and the world on both sides of it."""

    before: Session
    environment_before: Environment
    step: Step
    after: Session
    environment_after: Environment
    now: float
    policy: Policy


Invariant = Callable[[Edge], bool]


def the_core_and_the_world_agree(edge: Edge) -> bool:
    """The core knows whether a child lives, whether files are at work and whether keys are dead."""
    session, environment = edge.after, edge.environment_after
    return (
        session.child is environment.child
        and session.work is environment.files
        and session.generation == environment.generation
        and session.watching_network == environment.watching
        and session.inbox_full == environment.inbox_full
        and (session.dials_held is not None) == environment.dials_held
        and (session.dead_keys_plan is None) == (environment.keys is Keys.SOUND)
    )


def a_child_runs_only_where_one_is_wanted(edge: Edge) -> bool:
    """A child that is not being stopped belongs to Init, Pairing or Connected, and they to it."""
    running = edge.after.child is Child.RUNNING
    if edge.after.phase is Phase.INIT and not running:
        return edge.after.child is Child.NONE  # not started yet
    return running == (edge.after.phase in ACTIVE)


def retries_stay_within_their_budget(edge: Edge) -> bool:
    """Retries never exceed the most that the profile allows."""
    most = edge.policy.backoff.max_retries
    return most is None or edge.after.retries <= most


def dials_stay_within_their_budget(edge: Edge) -> bool:
    """No window of time holds more dials than the dial budget allows."""
    limit, times = edge.policy.dials, edge.after.spent.get(Budget.DIALS, ())
    late = zip(times, times[limit.count :], strict=False)
    return all(after - before >= limit.window - BLINK for before, after in late)


def every_budget_is_kept(edge: Edge) -> bool:
    """Flaps, returns after a conflict, pairing windows and bans waited out keep to their limits."""
    return all(
        len(edge.policy.limit(budget).fresh(times, edge.now)) <= edge.policy.limit(budget).count
        for budget, times in edge.after.spent.items()
        if budget is not Budget.DIALS
    )


def no_dial_comes_early(edge: Edge) -> bool:
    """No dial before `not_before`, nor before a ban's end."""
    if not _asked(edge, effects.StartChild):
        return True
    waits = (edge.before.not_before, edge.before.ban_until)
    return all(wait is None or wait <= edge.now + BLINK for wait in waits)


def gave_up_is_left_only_by_an_operator(edge: Edge) -> bool:
    """GaveUp is left by Stop, Resume and Relink, and by nothing else."""
    left = edge.before.phase is Phase.GAVE_UP and edge.after.phase is not Phase.GAVE_UP
    return not left or isinstance(edge.step.fact, OPERATOR)


def stopped_is_never_left(edge: Edge) -> bool:
    """Stopped is final."""
    return edge.before.phase is not Phase.STOPPED or edge.after.phase is Phase.STOPPED


def time_opens_a_way_out(edge: Edge) -> bool:
    """Wherever the session may not rest, a clock runs that will ring."""
    session = edge.after
    resting = session.phase in RESTING
    if resting or (session.phase is Phase.INIT and session.child is Child.NONE):
        return True
    return bool(session.clocks) and all(map(math.isfinite, session.clocks.values()))


def purging_comes_out_of_logged_out_alone(edge: Edge) -> bool:
    """Files are purged on entering Purging, and only LoggedOut leads there."""
    if not _asked(edge, effects.PurgeSession):
        return True
    confirmed = edge.step.phase_before is Phase.LOGGED_OUT or _is_operators_or_confirmed(edge.step)
    return edge.after.phase is Phase.PURGING and confirmed


def _is_operators_or_confirmed(step: Step) -> bool:
    # One step may pass through LoggedOut when no child is left to wait for.
    return isinstance(step.fact, (*OPERATOR, facts.Start, facts.LoggedOut))


def a_code_is_shown_only_in_pairing(edge: Edge) -> bool:
    """No QR or pair code is on display outside Pairing or once it was used."""
    return not edge.environment_after.showing or edge.after.phase is Phase.PAIRING


def giving_up_tells_a_person(edge: Edge) -> bool:
    """Whoever enters GaveUp tells a person why."""
    entered = edge.after.phase is Phase.GAVE_UP and edge.before.phase is not Phase.GAVE_UP
    return not entered or any(
        isinstance(asked, effects.Notify) and asked.reason is edge.step.reason
        for asked in edge.step.effects
    )


def deaths_that_nobody_asked_for_are_reported(edge: Edge) -> bool:
    """A process that died is reported, unless it was being stopped and not ended by its bot."""
    fact = edge.step.fact
    known = edge.step.taken and isinstance(fact, facts.ChildExited) and crashed(fact)
    unasked = edge.environment_before.child is Child.RUNNING or edge.before.bot_failed
    return _asked(edge, effects.ReportCrash) == (known and unasked)


def a_restart_costs_the_process_alone(edge: Edge) -> bool:
    """A restart ends a client that runs: no retry, budget, ban or key is touched by it."""
    if not isinstance(edge.step.fact, facts.Restart) or not edge.step.taken:
        return True
    kept = ("retries", "strikes", "spent", "ban_until", "dead_keys_plan", "given_up", "cause")
    same = all(getattr(edge.before, each) == getattr(edge.after, each) for each in kept)
    harmless = (effects.StopChild, effects.HidePairing)
    return (
        edge.before.child is Child.RUNNING
        and edge.after.phase is Phase.BACKOFF
        and all(isinstance(asked, harmless) for asked in edge.step.effects)
        and (same or edge.after.reason in {Reason.DIAL_BUDGET, Reason.TEMPORARY_BAN})
    )


def a_session_is_copied_where_it_may_be_sound(edge: Edge) -> bool:
    """A copy is taken after the scan, at a login and of a stable connection, and nowhere else."""
    occasions = (facts.PairSucceeded, facts.Connected, facts.StayedUp)
    expected = edge.step.taken and isinstance(edge.step.fact, occasions)
    return _asked(edge, effects.TakeSnapshot) == expected


def the_network_is_watched_only_while_waiting(edge: Edge) -> bool:
    """Nobody looks at the network outside Backoff."""
    return not edge.environment_after.watching or edge.after.phase is Phase.BACKOFF


def pairing_shows_no_old_trouble(edge: Edge) -> bool:
    """Once WhatsApp offered a code, what kept us from it is not the reason any more."""
    reason = edge.after.reason
    return edge.after.phase not in {Phase.PAIRING, Phase.LINKING} or reason in {None, Reason.PURGED}


def every_pause_has_a_reason(edge: Edge) -> bool:
    """LoggedOut, Purging, Backoff, GaveUp and Stopped say why."""
    return edge.after.phase in ACTIVE or edge.after.reason is not None


def an_ignored_fact_changes_nothing(edge: Edge) -> bool:
    """What is ignored leaves no trace in the model and asks for nothing."""
    if edge.step.taken:
        return True
    return _untimed(edge.before) == _untimed(edge.after) and not edge.step.effects


def what_an_old_child_says_is_ignored(edge: Edge) -> bool:
    """A fact of another generation, or of a child already reaped, is not taken."""
    fact = edge.step.fact
    if not isinstance(fact, facts.ChildFact):
        return True
    stale = fact.generation != edge.before.generation or edge.before.child is Child.NONE
    return not (stale and edge.step.taken)


def files_at_work_mean_dead_keys(edge: Edge) -> bool:
    """While files are purged or restored the keys count as dead."""
    return edge.after.work is Work.NONE or edge.after.dead_keys_plan is not None


def no_secret_is_in_a_repr(edge: Edge) -> bool:
    """The codes of `samples` appear in no repr of a step, a fact, an effect or the model."""
    if not isinstance(edge.step.fact, (facts.QrOffered, facts.PairCodeOffered)):
        return True
    printed = f"{edge.step!r} {edge.step!s} {edge.after!r}"
    return CANARY not in printed


def _untimed(session: Session) -> tuple[object, ...]:
    # A clock that rang is gone even where its ringing means nothing.
    return tuple(getattr(session, f) for f in session.__slots__ if f != "clocks")


def _asked(edge: Edge, kind: type[effects.Effect]) -> bool:
    return any(isinstance(effect, kind) for effect in edge.step.effects)


INVARIANTS: tuple[Invariant, ...] = (
    the_core_and_the_world_agree,
    a_child_runs_only_where_one_is_wanted,
    retries_stay_within_their_budget,
    dials_stay_within_their_budget,
    every_budget_is_kept,
    no_dial_comes_early,
    gave_up_is_left_only_by_an_operator,
    stopped_is_never_left,
    time_opens_a_way_out,
    purging_comes_out_of_logged_out_alone,
    a_code_is_shown_only_in_pairing,
    giving_up_tells_a_person,
    deaths_that_nobody_asked_for_are_reported,
    a_restart_costs_the_process_alone,
    a_session_is_copied_where_it_may_be_sound,
    the_network_is_watched_only_while_waiting,
    pairing_shows_no_old_trouble,
    every_pause_has_a_reason,
    an_ignored_fact_changes_nothing,
    what_an_old_child_says_is_ignored,
    files_at_work_mean_dead_keys,
    no_secret_is_in_a_repr,
)
"""Every promise that `check` checks."""


OF_THE_IGNORED = (the_core_and_the_world_agree, an_ignored_fact_changes_nothing)
"""The promises that an ignored fact could break."""


def check(edge: Edge, invariants: Iterable[Invariant] = INVARIANTS) -> None:
    """Check the invariants. Raises Broken with the promise that was not kept."""
    for kept in invariants:
        if not kept(edge):
            promise = (kept.__doc__ or "").partition("\n")[0]
            raise Broken(f"{kept.__name__}: {promise}")
