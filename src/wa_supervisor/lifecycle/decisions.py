"""The chart's guards and actions: what each name in `chart.py` asks or does.

A guard asks one question of the model. An action changes the model and may append effects. None
of them knows which transition it serves.
"""

from __future__ import annotations

from . import effects, facts
from .facts import Fact, Logout
from .model import Child, Clock, Sequel, Session, Work
from .policy import Budget, Conflict, Policy
from .reasons import Reason

CODE_LEAST = 19.0
"""Every code lives 20 s or 60 s (whatsmeow qrchan.go). A `timeout` sooner after the newest code
than this (with a second's margin) means the socket dropped, not that the codes ran out."""

REASONS: dict[type[Fact], Reason] = {
    facts.PairingTimedOut: Reason.PAIRING_EXPIRED,
    facts.PairingWindowClosed: Reason.PAIRING_EXPIRED,
    facts.PairingFailed: Reason.PAIRING_FAILED,
    facts.PasskeyRequested: Reason.PASSKEY_REQUIRED,
    facts.Disconnected: Reason.FLAPPING,
    facts.DialFailed: Reason.DIAL_FAILED,
    facts.ConnectFailure: Reason.CONNECT_REFUSED,
    facts.StorageFailed: Reason.STORAGE_FAILED,
    facts.TemporaryBan: Reason.TEMPORARY_BAN,
    facts.StreamReplaced: Reason.REPLACED,
    facts.ClientOutdated: Reason.OUTDATED,
    facts.BadUserAgent: Reason.BAD_USER_AGENT,
    facts.ChildExited: Reason.CHILD_EXITED,
    facts.PurgeDone: Reason.PURGED,
    facts.PurgeFailed: Reason.PURGE_FAILED,
    facts.RestoreDone: Reason.RESTORED,
    facts.Stop: Reason.STOPPED,
    facts.Resume: Reason.RESUMED,
    facts.Relink: Reason.RELINK,
    facts.StartTimedOut: Reason.START_TIMEOUT,
    facts.LinkTimedOut: Reason.LINK_TIMEOUT,
    facts.ReconnectTimedOut: Reason.RECONNECT_TIMEOUT,
    facts.KeepAliveGone: Reason.KEEPALIVE_LOST,
    facts.StopTimedOut: Reason.CHILD_STUCK,
    facts.FilesTimedOut: Reason.PURGE_FAILED,
}

LOGOUTS: dict[Logout, tuple[Reason, Sequel]] = {
    Logout.REMOVED: (Reason.LOGGED_OUT, Sequel.PURGE),
    Logout.REJECTED: (Reason.LOGIN_REJECTED, Sequel.RESTORE),
    Logout.LOCKED: (Reason.LOCKED, Sequel.HOLD),
    Logout.BANNED: (Reason.BANNED, Sequel.HOLD),
}


def reason_of(fact: Fact) -> Reason:
    """The reason a fact gives for leaving a state."""
    match fact:
        case facts.LoggedOut(how=how):
            return LOGOUTS[how][0]
        case facts.PairCodeRefused(limited=limited):
            return Reason.PAIR_CODE_LIMITED if limited else Reason.PAIRING_FAILED
        case _:
            return REASONS[type(fact)]


def detail_of(fact: Fact) -> str:
    """The redacted particulars a fact brings, empty if it has none."""
    match fact:
        case facts.ConnectFailure(code=code):
            return "" if code is None else f"failure {code}"
        case facts.PairingFailed(status=status):
            return status
        case _:
            return getattr(fact, "detail", "")


class Decisions:
    """Mixed into the chart, which provides the attributes below."""

    model: Session
    policy: Policy
    now: float
    sample: float
    outbox: list[effects.Effect]
    taken: bool

    # -- guards

    @property
    def child_alive(self) -> bool:
        return self.model.child is not Child.NONE

    @property
    def keys_dead(self) -> bool:
        return self.model.sequel is not None

    @property
    def retries_left(self) -> bool:
        allowed = self.policy.backoff.max_retries
        return allowed is None or self.model.retries < allowed

    @property
    def too_early(self) -> bool:
        return self._earliest_dial() > self.now

    @property
    def retry_due(self) -> bool:
        return self._files_free and Clock.RETRY not in self.model.clocks

    @property
    def flapping(self) -> bool:
        return self._spent(Budget.FLAPS)

    @property
    def windows_left(self) -> bool:
        return not self._spent(Budget.WINDOWS)

    @property
    def bans_spent(self) -> bool:
        return self._spent(Budget.BANS)

    @property
    def may_return(self) -> bool:
        return self.policy.conflict is not Conflict.YIELD and not self._spent(Budget.CONFLICTS)

    @property
    def cut_short(self) -> bool:
        return self.model.code_at is None or self.now - self.model.code_at < CODE_LEAST

    @property
    def free_to_purge(self) -> bool:
        return self._files_free and self.model.sequel is Sequel.PURGE

    @property
    def free_to_restore(self) -> bool:
        return self._files_free and self.model.sequel is Sequel.RESTORE

    @property
    def free_to_hold(self) -> bool:
        return self._files_free and self.model.sequel is Sequel.HOLD

    @property
    def restoring_keys(self) -> bool:
        return self.model.sequel is Sequel.RESTORE

    @property
    def _files_free(self) -> bool:
        return self.model.child is Child.NONE and self.model.work is Work.NONE

    def _spent(self, budget: Budget) -> bool:
        return self.policy.limit(budget).spent(self.model.spent.get(budget, ()), self.now)

    # -- actions of states

    def on_exit_state(self) -> None:
        """Every clock dies with its phase, but for the one on the child."""
        self.model.clocks = {c: at for c, at in self.model.clocks.items() if c is Clock.STOP}

    def on_transition(self) -> None:
        """Tell the core that the fact meant something."""
        self.taken = True

    def come_online(self) -> None:
        self.model.reason = self.model.cause = self.model.not_before = None
        self.model.detail = ""
        self.model.offering = False
        if self.policy.backoff.stable_after > 0:
            self._ring(Clock.STABLE, self.policy.backoff.stable_after)
        else:
            self.forgive()

    def watch_keepalive(self) -> None:
        self._ring(Clock.KEEPALIVE, self.policy.keepalive_timeout)

    def watch_redials(self) -> None:
        self._ring(Clock.RECONNECT, self.policy.reconnect_timeout)

    def hide_pairing(self) -> None:
        if self.model.offering:
            self.outbox.append(effects.HidePairing())

    def tear_down(self) -> None:
        if self.model.work is not Work.NONE:
            self._ring(Clock.FILES, self.policy.files_timeout)
        if self.model.child is not Child.RUNNING:
            return
        self.model.child = Child.STOPPING
        self._ring(Clock.STOP, self.policy.stop_timeout)
        offering = self.model.offering
        log_out = self.model.reason is Reason.RELINK and not offering
        self.outbox.append(
            effects.StopChild(self.model.generation, log_out=log_out, pairing=offering)
        )

    def plan_retry(self) -> None:
        self.tear_down()
        self._wait(self._pause())

    def purge(self) -> None:
        self.model.work = Work.PURGING
        self._ring(Clock.FILES, self.policy.files_timeout)
        self.outbox.append(effects.PurgeSession(self.model.reason or Reason.LOGGED_OUT))

    def call_for_help(self) -> None:
        self.tear_down()
        self.outbox.append(effects.Tell(self.model.reason or Reason.RETRIES_EXHAUSTED))

    # -- actions on transitions

    def launch(self) -> None:
        self.model.generation += 1
        self.model.child = Child.RUNNING
        self.model.offering = False
        self.model.code_at = self.model.not_before = None
        self._count(Budget.DIALS)
        self._ring(Clock.START, self.policy.start_timeout)
        self.outbox.append(effects.StartChild(self.model.generation))

    def open_window(self) -> None:
        self._count(Budget.WINDOWS)
        self._ring(Clock.PAIRING, self.policy.pairing_window)

    def show(self, fact: Fact) -> None:
        self.model.offering = True
        self.model.code_at = self.now
        match fact:
            case facts.QrOffered(payload=payload, lifetime=lifetime):
                self.outbox.append(effects.ShowQr(payload, lifetime))
            case facts.PairCodeOffered(code=code, lifetime=lifetime):
                self.outbox.append(effects.ShowPairCode(code, lifetime))

    def await_link(self) -> None:
        self.hide_pairing()
        self.model.offering = False
        for over in (Clock.START, Clock.PAIRING):
            self.model.clocks.pop(over, None)
        self._ring(Clock.LINK, self.policy.link_timeout)

    def tell_scan_unusable(self) -> None:
        self.outbox.append(effects.Tell(Reason.PHONE_WITHOUT_MULTIDEVICE))

    def blame(self, fact: Fact) -> None:
        self.model.reason = self.model.cause = reason_of(fact)
        self.model.detail = detail_of(fact)

    def blame_cut(self) -> None:
        self.model.reason = self.model.cause = Reason.PAIRING_FAILED
        self.model.detail = "the connection dropped while a code was showing"

    def blame_bans(self) -> None:
        self.model.reason, self.model.cause = Reason.BANNED_AGAIN, Reason.TEMPORARY_BAN

    def await_turn(self) -> None:
        self.model.reason = self.model.reason or Reason.DIAL_BUDGET

    def exhaust(self) -> None:
        self.model.reason = Reason.RETRIES_EXHAUSTED

    def count_retry(self) -> None:
        self.model.retries += 1

    def count_flap(self) -> None:
        self._count(Budget.FLAPS)

    def count_conflict(self) -> None:
        self._count(Budget.CONFLICTS)

    def count_ban(self) -> None:
        self._count(Budget.BANS)

    def serve_ban(self, fact: facts.TemporaryBan) -> None:
        until = self.now + self.policy.ban_delay(fact.expires_in, self.sample)
        self.model.ban_until = max(until, self.model.ban_until or until)

    def extend_wait(self) -> None:
        self._wait(0)

    def hurry(self) -> None:
        self.model.not_before = None
        self._wait(0)

    def forgive(self) -> None:
        """A stable connection proves that the keys, the network and the process are sound."""
        self.model.retries = self.model.strikes = 0
        self.model.spent.pop(Budget.WINDOWS, None)

    def pardon(self) -> None:
        """An operator's word clears every budget but the dials, which WhatsApp counts too."""
        self.model.retries = self.model.strikes = 0
        self.model.spent = {b: times for b, times in self.model.spent.items() if b is Budget.DIALS}

    def condemn(self, fact: Fact) -> None:
        self.model.sequel = Sequel.PURGE
        if isinstance(fact, facts.LoggedOut):
            self.model.sequel = LOGOUTS[fact.how][1]
            if fact.how is Logout.REJECTED:
                self.model.strikes += 1
                if self.model.strikes > 1:
                    self.model.sequel = Sequel.PURGE

    def restore(self) -> None:
        self.model.work = Work.RESTORING
        self._ring(Clock.FILES, self.policy.files_timeout)
        self.outbox.append(effects.RestoreSession())

    def purge_instead(self) -> None:
        self.model.sequel = Sequel.PURGE

    def try_restored(self) -> None:
        if self.model.sequel is Sequel.HOLD:
            self.model.sequel = Sequel.RESTORE

    def revive(self, fact: Fact) -> None:
        self.model.sequel = None
        if isinstance(fact, facts.PurgeDone):
            self.model.strikes = 0

    # -- the arithmetic of waiting

    def _ring(self, clock: Clock, seconds: float) -> None:
        self.model.clocks[clock] = self.now + seconds

    def _count(self, budget: Budget) -> None:
        limit = self.policy.limit(budget)
        times = limit.fresh(self.model.spent.get(budget, ()), self.now)
        self.model.spent[budget] = (*times, self.now)

    def _pause(self) -> float:
        policy, reason = self.policy, self.model.reason
        if reason in {Reason.RESUMED, Reason.DIAL_BUDGET, Reason.TEMPORARY_BAN}:
            return 0.0  # what there is to wait for is in `_earliest_dial`
        if reason is Reason.PAIRING_EXPIRED:
            return policy.pairing_delay(len(self.model.spent.get(Budget.WINDOWS, ())))
        if reason is Reason.PAIR_CODE_LIMITED:
            return policy.code_limit_wait
        if reason is Reason.REPLACED:
            again = policy.backoff.delay(1, self.sample)
            return max(again, policy.conflict_wait) if policy.conflict is Conflict.HOLD else again
        return policy.backoff.delay(self.model.retries, self.sample)

    def _earliest_dial(self) -> float:
        dials = self.model.spent.get(Budget.DIALS, ())
        return max(
            self.policy.dials.room_at(dials, self.now),
            self.model.ban_until or self.now,
            self.model.not_before or self.now,
        )

    def _wait(self, seconds: float) -> None:
        self.model.not_before = max(self.now + seconds, self._earliest_dial())
        self._ring(Clock.RETRY, self.model.not_before - self.now)
