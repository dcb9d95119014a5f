"""The chart's guards and actions: what each name in `chart.py` asks or does.

A guard asks one question of the model. An action changes the model and may append effects. None
of them knows which transition it serves. `note` is no part of a transition: what it remembers is
so wherever the session is, in Stopped too.
"""

from __future__ import annotations

from . import effects, facts
from .facts import Fact, reason_of
from .model import LOGOUTS, Child, Clock, DeadKeysPlan, Logout, Work
from .policy import Budget, Conflict
from .reasons import Reason
from .waits import Waits

OUTAGES = frozenset({Reason.DIAL_FAILED, Reason.START_TIMEOUT, Reason.RECONNECT_TIMEOUT})
"""What may mean that WhatsApp cannot be reached: there is nothing to wait for but the network."""

CODE_SHARE = 0.9
"""A `timeout` within this share of the newest code's life means that the socket dropped, not that
the codes ran out. The rest is a margin: a pair code comes a moment after the QR it lives with."""

NOT_RESTORED = {DeadKeysPlan.RESTORE: DeadKeysPlan.PURGE, DeadKeysPlan.TRY: DeadKeysPlan.HOLD}
"""What is left to do when there was nothing to restore."""


class Decisions(Waits):
    """Mixed into the chart, which provides the attributes below and those of `Waits`."""

    outbox: list[effects.Effect]
    taken: bool

    # -- guards

    @property
    def child_alive(self) -> bool:
        return self.model.child is not Child.NONE

    @property
    def keys_dead(self) -> bool:
        return self.model.dead_keys_plan is not None

    @property
    def forsaken(self) -> bool:
        return self.model.dead_keys_plan is DeadKeysPlan.PURGE

    @property
    def retries_left(self) -> bool:
        allowed = self.policy.backoff.max_retries
        return allowed is None or self.model.retries < allowed

    @property
    def too_early(self) -> bool:
        return self._earliest_dial() > self.now

    @property
    def retry_due(self) -> bool:
        return self._settled and Clock.RETRY not in self.model.clocks

    @property
    def flapping(self) -> bool:
        return self._spent(Budget.FLAPS)

    @property
    def windows_left(self) -> bool:
        return not self._spent(Budget.WINDOWS)

    @property
    def linking(self) -> bool:
        return Clock.LINK in self.model.clocks

    @property
    def asked(self) -> bool:
        return self.model.reason in {Reason.RELINK, Reason.RESUMED}

    def known(self, fact: Fact) -> bool:
        return reason_of(fact) in {self.model.reason, self.model.cause}

    @property
    def bans_spent(self) -> bool:
        return self._spent(Budget.BANS)

    def crash_loop(self, fact: Fact) -> bool:
        return crashed(fact) and self._spent(Budget.CRASHES)

    @property
    def cut_off(self) -> bool:
        return self.model.reason in OUTAGES

    @property
    def may_return(self) -> bool:
        return self.policy.conflict is not Conflict.YIELD and not self._spent(Budget.CONFLICTS)

    @property
    def cut_short(self) -> bool:
        return self.model.code_until is None or self.now < self.model.code_until

    @property
    def free_to_purge(self) -> bool:
        return self._settled and self.model.dead_keys_plan is DeadKeysPlan.PURGE

    @property
    def free_to_restore(self) -> bool:
        return self._settled and self.model.dead_keys_plan in {
            DeadKeysPlan.RESTORE,
            DeadKeysPlan.TRY,
        }

    @property
    def free_to_hold(self) -> bool:
        return self._settled and self.model.dead_keys_plan is DeadKeysPlan.HOLD

    @property
    def _settled(self) -> bool:
        # `taken`: the library asks before the fact's own transition too, and then it is too early.
        idle = self.model.child is Child.NONE and self.model.work is Work.NONE
        return idle and self.taken

    # -- what is so in every state

    def note(self, fact: Fact) -> bool:
        """Remember what a fact tells wherever the session is; whether it told anything new."""
        model = self.model
        match fact:
            case facts.ChildExited():
                model.child = Child.NONE
                model.bot_busy = False
                model.clocks.pop(Clock.STOP, None)
            case facts.BotBusy() | facts.BotFree():
                model.bot_busy = isinstance(fact, facts.BotBusy)
            case facts.LoggedOut(how=how) if model.dead_keys_plan is None:
                model.dead_keys_reason, model.dead_keys_plan = LOGOUTS[how]
                model.strikes += how is Logout.REJECTED
                if how is Logout.REJECTED and model.strikes > 1:
                    model.dead_keys_plan = DeadKeysPlan.PURGE
            case facts.TemporaryBan():
                self._serve(fact)
            case (
                facts.PurgeDone()
                | facts.PurgeFailed()
                | facts.RestoreDone()
                | facts.NothingToRestore()
                | facts.RestoreFailed()
            ):
                self._files_answered(fact)
            case _:
                return False
        return True

    def _files_answered(self, fact: Fact) -> None:
        model = self.model
        model.work = Work.NONE
        model.clocks.pop(Clock.FILES, None)
        match fact:
            case facts.PurgeDone():
                model.dead_keys_plan = model.dead_keys_reason = None
                model.strikes = 0
            case facts.RestoreDone() if (
                model.dead_keys_plan in NOT_RESTORED
            ):  # no relink in between
                model.dead_keys_plan = model.dead_keys_reason = None
            case facts.NothingToRestore() if model.dead_keys_plan in NOT_RESTORED:
                model.dead_keys_plan = NOT_RESTORED[model.dead_keys_plan]
            case _:
                pass

    def _serve(self, ban: facts.TemporaryBan) -> None:
        policy, model = self.policy, self.model
        until = self.now + policy.ban_delay(ban.expires_in, self.sample)
        if ban.code is None:  # neonize could not read the ban: do not trust its expiry to be all
            until = max(until, self.now + policy.ban_delay(None, self.sample))
        model.ban_until = max(until, model.ban_until or until)

    # -- actions of states

    def on_exit_state(self) -> None:
        """Every clock dies with its phase, but for the one on the child."""
        self.model.clocks = {c: at for c, at in self.model.clocks.items() if c is Clock.STOP}

    def on_transition(self) -> None:
        """Tell the core that the fact meant something."""
        self.taken = True

    def come_online(self) -> None:
        self.model.reason = self.model.cause = None
        self.model.ban_until = None
        self.model.strikes = 0
        self.model.detail = ""
        self.model.offering = False
        if self.policy.backoff.stable_after > 0:
            self._ring(Clock.STABLE, self.policy.backoff.stable_after)
        else:
            self.forgive()

    def watch_keepalive(self) -> None:
        self._ring(Clock.KEEPALIVE, self.policy.keepalive_timeout)
        self.outbox.append(effects.Probe(self.model.generation))

    def watch_redials(self) -> None:
        self._ring(Clock.RECONNECT, self.policy.reconnect_timeout)

    def hide_pairing(self) -> None:
        if self.model.offering:
            self.outbox.append(effects.HidePairing())

    def tear_down(self) -> None:
        if self.model.work is not Work.NONE:
            self._ring(Clock.FILES, self.policy.files_timeout)
        if self.model.child is Child.NONE or Clock.STOP in self.model.clocks:
            return
        self.model.child = Child.STOPPING  # one that proved stuck is asked again
        self._ring(Clock.STOP, self.policy.stop_timeout)
        offering = self.model.offering
        log_out = self.model.reason is Reason.RELINK and not offering
        self.outbox.append(
            effects.StopChild(self.model.generation, log_out=log_out, pairing=offering)
        )

    def plan_retry(self, fact: Fact) -> None:
        self.tear_down()
        # A start that comes too early goes on with the wait that it found.
        self._wait(0.0 if isinstance(fact, facts.Start) else self._pause())
        if self.cut_off and (self.model.not_before or 0.0) - self.now > self.policy.reach_every:
            self.outbox.append(effects.WatchNetwork())

    def purge(self) -> None:
        self.model.work = Work.PURGING
        self._ring(Clock.FILES, self.policy.files_timeout)
        self.outbox.append(effects.PurgeSession(self.model.dead_keys_reason or Reason.LOGGED_OUT))

    def call_for_help(self) -> None:
        self.tear_down()
        self.model.not_before = None
        self.model.given_up = self.model.reason or Reason.RETRIES_EXHAUSTED
        self.tell()

    # -- actions on transitions

    def launch(self) -> None:
        self.model.generation += 1
        self.model.child = Child.RUNNING
        self.model.offering = False
        self.model.code_until = self.model.not_before = None
        self._count(Budget.DIALS)
        self._ring(Clock.START, self.policy.start_timeout)
        self.outbox.append(effects.StartChild(self.model.generation))

    def open_window(self) -> None:
        self._count(Budget.WINDOWS)
        self._ring(Clock.PAIRING, self.policy.pairing_window)

    def show(self, fact: Fact) -> None:
        self.model.offering = True
        match fact:
            case facts.QrOffered(payload=payload, lifetime=lifetime):
                self.model.code_until = self.now + CODE_SHARE * lifetime
                self.outbox.append(effects.ShowQr(payload, lifetime))
            case facts.PairCodeOffered(code=code, lifetime=lifetime):
                self.model.code_until = self.now + CODE_SHARE * lifetime
                self.outbox.append(effects.ShowPairCode(code, lifetime))

    def await_link(self) -> None:
        self.hide_pairing()
        self.model.offering = False
        for over in (Clock.START, Clock.PAIRING):
            self.model.clocks.pop(over, None)
        self._ring(Clock.LINK, self.policy.link_timeout)

    def tell(self) -> None:
        self.outbox.append(effects.Notify(self.model.reason or Reason.RETRIES_EXHAUSTED))

    def tell_scan_unusable(self) -> None:
        self.outbox.append(effects.Notify(Reason.PHONE_WITHOUT_MULTIDEVICE))

    def blame(self, fact: Fact) -> None:
        self.model.reason = self.model.cause = reason_of(fact)
        self.model.detail = detail_of(fact)

    def blame_cut(self) -> None:
        self.model.reason = self.model.cause = Reason.PAIRING_FAILED
        self.model.detail = "the connection dropped while a code was showing"

    def blame_bans(self) -> None:
        self.model.reason = Reason.BANNED_AGAIN

    def blame_crashes(self) -> None:
        self.model.reason = Reason.CRASH_LOOP

    def blame_death(self) -> None:
        self.model.reason = self.model.dead_keys_reason
        if self.model.dead_keys_reason is not Reason.RELINK:
            self.model.cause = self.model.dead_keys_reason

    def blame_files(self) -> None:
        if self.model.work is Work.RESTORING:
            self.model.reason = self.model.cause = Reason.STORAGE_FAILED
        self.model.detail = "the files did not answer in time"

    def heed(self, fact: Fact) -> None:
        """Take the fact for a reason which is nobody's fault: what went wrong last stays known."""
        self.model.reason = reason_of(fact)

    def exhaust(self) -> None:
        self.model.reason = Reason.RETRIES_EXHAUSTED

    def count_retry(self) -> None:
        self.model.retries += 1

    def count_flap(self) -> None:
        self._count(Budget.FLAPS)

    def count_crash(self, fact: Fact) -> None:
        if crashed(fact):
            self._count(Budget.CRASHES)

    def count_conflict(self) -> None:
        self._count(Budget.CONFLICTS)

    def count_ban(self) -> None:
        self._count(Budget.BANS)

    def hasten(self) -> None:
        """Dial soon: spread over a moment, as all who were cut off come back, and not too early."""
        soon = self.now + self.sample * self.policy.reach_every
        sooner = min(soon, self.model.not_before or soon)
        self.model.not_before = None
        self._wait(sooner - self.now)

    def extend_wait(self) -> None:
        self._wait(self._pause())

    def forgive(self) -> None:
        """A stable connection proves that the keys, the network and the process are sound."""
        self.model.retries = self.model.strikes = 0
        self.model.spent.pop(Budget.WINDOWS, None)

    def pardon(self) -> None:
        """An operator's word clears every wait and budget but a ban and the dials: WhatsApp's."""
        self.model.retries = self.model.strikes = 0
        self.model.not_before = self.model.given_up = None
        self.model.spent = {b: times for b, times in self.model.spent.items() if b is Budget.DIALS}

    def forsake(self) -> None:
        self.model.dead_keys_plan, self.model.dead_keys_reason = DeadKeysPlan.PURGE, Reason.RELINK

    def restore(self) -> None:
        self.model.work = Work.RESTORING
        self._ring(Clock.FILES, self.policy.files_timeout)
        self.outbox.append(effects.RestoreSession())

    def try_held(self) -> None:
        if self.model.dead_keys_plan is DeadKeysPlan.HOLD:
            self.model.dead_keys_plan = DeadKeysPlan.TRY


def detail_of(happened: Fact) -> str:
    """The redacted particulars a fact brings, empty if it has none."""
    match happened:
        case facts.ConnectFailure(code=code):
            return "" if code is None else f"failure {code}"
        case facts.PairingFailed(status=status):
            return status
        case _:
            return getattr(happened, "detail", "")


def crashed(happened: Fact) -> bool:
    """Whether a process ran and died: one that could not be started has nothing to answer for."""
    match happened:
        case facts.ChildExited(returncode=returncode, signal=signal):
            return returncode is not None or signal is not None
        case _:
            return isinstance(happened, facts.BotFailed)
