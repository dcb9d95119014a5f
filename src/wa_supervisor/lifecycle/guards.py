"""What the names of conditions in `chart.py` ask: one question of the session each.

The first part is asked before a fact is believed, the second before a transition is taken. A guard
changes nothing and does not know which transition it serves.
"""

from __future__ import annotations

import math

from . import facts
from .facts import Alarm, ChildFact, Fact
from .model import LOGOUTS, Child, Clock, DeadKeysPlan, Work
from .policy import Budget, Conflict
from .reasons import Reason
from .waits import CLOCKS, Waits

OUTAGES = frozenset({Reason.DIAL_FAILED, Reason.START_TIMEOUT, Reason.RECONNECT_TIMEOUT})
"""What may mean that WhatsApp cannot be reached: there is nothing to wait for but the network."""


class Guards(Waits):
    """The conditions of the chart."""

    taken: bool

    # -- whether a fact is believed

    def of_the_living_child(self, fact: ChildFact) -> bool:
        living = self.session.child is not Child.NONE
        return living and fact.generation == self.session.generation

    def due(self, fact: Alarm) -> bool:
        return self.session.clocks.get(CLOCKS[type(fact)], math.inf) <= self.now

    def being_purged(self, _fact: Fact) -> bool:
        return self.session.work is Work.PURGING

    def being_restored(self, _fact: Fact) -> bool:
        return self.session.work is Work.RESTORING

    # -- whether a transition is taken

    @property
    def child_alive(self) -> bool:
        return self.session.child is not Child.NONE

    @property
    def keys_dead(self) -> bool:
        return self.session.dead_keys_plan is not None

    @property
    def keys_to_purge(self) -> bool:
        return self.session.dead_keys_plan is DeadKeysPlan.PURGE

    @property
    def free_to_purge(self) -> bool:
        return self._settled and self.keys_to_purge

    @property
    def free_to_restore(self) -> bool:
        plans = {DeadKeysPlan.RESTORE, DeadKeysPlan.TRY}
        return self._settled and self.session.dead_keys_plan in plans

    @property
    def free_to_hold(self) -> bool:
        return self._settled and self.session.dead_keys_plan is DeadKeysPlan.HOLD

    @property
    def retries_left(self) -> bool:
        allowed = self.policy.backoff.max_retries
        return allowed is None or self.session.retries < allowed

    @property
    def dial_too_early(self) -> bool:
        return self._earliest_dial() > self.now

    @property
    def retry_due(self) -> bool:
        return self._waited and not self.session.inbox_full and not self.dials_are_held

    @property
    def due_but_held(self) -> bool:
        return self._waited and not self.session.inbox_full and self.dials_are_held

    @property
    def inbox_still_full(self) -> bool:
        return self._waited and self.session.inbox_full

    @property
    def flaps_spent(self) -> bool:
        return self._spent(Budget.FLAPS)

    @property
    def windows_left(self) -> bool:
        return not self._spent(Budget.WINDOWS)

    @property
    def bans_spent(self) -> bool:
        return self._spent(Budget.BANS)

    def crashes_spent(self, fact: Fact) -> bool:
        return crashed(fact) and self._spent(Budget.CRASHES)

    @property
    def may_return(self) -> bool:
        return self.policy.conflict is not Conflict.YIELD and not self._spent(Budget.CONFLICTS)

    @property
    def operator_asked(self) -> bool:
        return self.session.reason in {Reason.RELINK, Reason.RESUMED}

    def already_known(self, fact: Fact) -> bool:
        return reason_of(fact) in {self.session.reason, self.session.cause}

    @property
    def unreachable(self) -> bool:
        return self.session.reason in OUTAGES

    @property
    def inbox_is_full(self) -> bool:
        return self.session.inbox_full

    @property
    def dials_are_held(self) -> bool:
        return self.session.dials_held is not None

    @property
    def waiting_for_turn(self) -> bool:
        return self.session.reason is Reason.HELD and not self.session.inbox_full

    @property
    def waiting_for_inbox(self) -> bool:
        return self.session.reason is Reason.INBOX_FULL

    @property
    def code_still_good(self) -> bool:
        return self.session.code_until is None or self.now < self.session.code_until

    @property
    def _waited(self) -> bool:
        return self._settled and Clock.RETRY not in self.session.clocks

    @property
    def _settled(self) -> bool:
        # `taken`: the library asks before the fact's own transition too, and then it is too early.
        idle = self.session.child is Child.NONE and self.session.work is Work.NONE
        return idle and self.taken


def reason_of(happened: Fact) -> Reason:
    """The reason a fact gives for leaving a state. Raises ValueError if it gives none."""
    match happened:
        case facts.LoggedOut(how=how):
            return LOGOUTS[how][0]
        case facts.PairCodeRefused(limited=True):
            return Reason.PAIR_CODE_LIMITED
        case Fact(reason=Reason() as reason):
            return reason
        case _:
            raise ValueError(f"{happened.name} is no reason to leave a state")


def detail_of(happened: Fact) -> str:
    """The redacted particulars a fact brings, empty if it has none."""
    match happened:
        case facts.ConnectFailure(code=code):
            return "" if code is None else f"failure {code}"
        case facts.PairingFailed(status=status):
            return status
        case facts.BotEventUnusable(event=event):
            return event
        case _:
            return getattr(happened, "detail", "")


def crashed(happened: Fact) -> bool:
    """Whether a process ran and died: one that could not be started has nothing to answer for."""
    match happened:
        case facts.ChildExited(returncode=returncode, signal=signal):
            return returncode is not None or signal is not None
        case _:
            return isinstance(happened, facts.BotFailed | facts.BotEventUnusable)
