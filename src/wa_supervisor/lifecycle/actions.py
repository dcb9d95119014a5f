"""What the names of actions in `chart.py` do.

An action changes the session and may append effects to the outbox. None knows which transition it
serves. A note (the second part) is no part of a transition: it is made wherever the session is.
"""

from __future__ import annotations

from typing import assert_never

from . import effects, facts
from .facts import Alarm, Fact, PairCodeOffered, QrOffered
from .guards import Guards, crashed, detail_of, reason_of
from .model import LOGOUTS, Child, Clock, DeadKeysPlan, Work
from .policy import Budget
from .reasons import Reason
from .waits import CLOCKS

CODE_SHARE = 0.9
"""A `timeout` within this share of the newest code's life means that the socket dropped, not that
the codes ran out. The rest is a margin: a pair code comes a moment after the QR it lives with."""

WITHOUT_SNAPSHOT = {
    DeadKeysPlan.RESTORE: DeadKeysPlan.PURGE,
    DeadKeysPlan.TRY: DeadKeysPlan.HOLD,
}
"""What is left to do when there was nothing to restore."""


class Actions(Guards):
    """The actions of the chart."""

    outbox: list[effects.Effect]

    # -- on entering and leaving states

    def on_exit_state(self) -> None:
        """Every clock dies with its state, but for the one on the child."""
        self.session.clocks = {c: at for c, at in self.session.clocks.items() if c is Clock.STOP}

    def on_transition(self) -> None:
        """Say that the fact meant something."""
        self.taken = True

    def await_login(self) -> None:
        self._forget_reasons()
        self.session.offering = False
        self._ring(Clock.LINK, self.policy.link_timeout)
        self.outbox.append(effects.TakeSnapshot(only_if_none=True))

    def hide_code(self) -> None:
        if self.session.offering:
            self.outbox.append(effects.HidePairing())

    def come_online(self) -> None:
        self._forget_reasons()
        self.session.ban_until = None
        self.session.strikes = 0
        self.session.offering = False
        if self.policy.backoff.stable_after > 0:
            self._ring(Clock.STABLE, self.policy.backoff.stable_after)
        else:
            self.reset_retries()

    def probe(self) -> None:
        self._ring(Clock.KEEPALIVE, self.policy.keepalive_timeout)
        self.outbox.append(effects.Probe(self.session.generation))

    def await_redial(self) -> None:
        self._ring(Clock.RECONNECT, self.policy.reconnect_timeout)

    def stop_child(self) -> None:
        if self.session.work is not Work.NONE:
            self._ring(Clock.FILES, self.policy.files_timeout)
        if self.session.child is Child.NONE or Clock.STOP in self.session.clocks:
            return
        self.session.child = Child.STOPPING  # one that proved stuck is asked again
        self._ring(Clock.STOP, self.policy.stop_timeout)
        offering = self.session.offering
        log_out = self.session.reason is Reason.RELINK and not offering
        self.outbox.append(
            effects.StopChild(self.session.generation, log_out=log_out, pairing=offering)
        )

    def begin_wait(self, fact: Fact) -> None:
        self.stop_child()
        # Of an earlier life it may have been held, and now wait for another reason.
        if self.session.reason is Reason.HELD and not self.dial_too_early:
            self.look_again()
            return
        # A start that comes too early goes on with the wait that it found.
        self._wait(0.0 if isinstance(fact, facts.Start) else self._pause())
        left = (self.session.not_before or 0.0) - self.now
        if self.unreachable and left > self.policy.network_check_every:
            self.session.watching_network = True
            self.outbox.append(effects.WatchNetwork())

    def end_network_watch(self) -> None:
        if self.session.watching_network:
            self.session.watching_network = False
            self.outbox.append(effects.StopWatchingNetwork())

    def purge_files(self) -> None:
        self.session.work = Work.PURGING
        self._ring(Clock.FILES, self.policy.files_timeout)
        self.outbox.append(effects.PurgeSession(self.session.dead_keys_reason or Reason.LOGGED_OUT))

    def give_up(self) -> None:
        self.stop_child()
        self.session.not_before = None
        self.session.given_up = self.session.reason or Reason.RETRIES_EXHAUSTED
        self.notify()

    # -- notes, in every state: whether the fact said anything new

    def note_rung(self, fact: Alarm) -> bool:
        del self.session.clocks[CLOCKS[type(fact)]]
        return False  # where nothing comes of it, the ringing is ignored

    def note_child_gone(self, fact: facts.ChildExited | facts.StartRefused) -> bool:
        session = self.session
        # Nobody asked for the death of a child that runs, or of one whose bot ended it.
        unasked = session.child is Child.RUNNING or session.bot_failed
        if isinstance(fact, facts.ChildExited) and crashed(fact) and unasked:
            self.outbox.append(effects.ReportCrash(fact))
        session.child = Child.NONE
        session.bot_busy = session.bot_failed = False
        session.clocks.pop(Clock.STOP, None)
        return True

    def note_bot_failed(self, _fact: Fact) -> bool:
        self.session.bot_failed = True
        return True

    def note_event_unusable(self, fact: facts.BotEventUnusable) -> bool:
        known = self.session.events_left_out
        self.session.events_left_out = tuple(sorted({*known, fact.event}))
        return self.note_bot_failed(fact)

    def note_bot_busy(self, _fact: Fact) -> bool:
        self.session.bot_busy = True
        return True

    def note_bot_free(self, _fact: Fact) -> bool:
        self.session.bot_busy = False
        return True

    def note_inbox_full(self, _fact: Fact) -> bool:
        self.session.inbox_full = True
        return True

    def note_inbox_drained(self, _fact: Fact) -> bool:
        self.session.inbox_full = False
        return True

    def note_dials_held(self, fact: facts.DialsHeld) -> bool:
        self.session.dials_held = fact.why
        return True

    def note_dead_keys(self, fact: facts.LoggedOut) -> bool:
        session = self.session
        if session.dead_keys_plan is not None:
            return False
        session.dead_keys_reason, session.dead_keys_plan = LOGOUTS[fact.how]
        if session.dead_keys_plan is DeadKeysPlan.RESTORE:
            session.strikes += 1
            if session.strikes > 1:
                session.dead_keys_plan = DeadKeysPlan.PURGE
        return True

    def note_ban(self, fact: facts.TemporaryBan) -> bool:
        policy, session = self.policy, self.session
        until = self.now + policy.ban_delay(fact.expires_in, self.sample)
        if fact.code is None:  # neonize could not read the ban: do not trust its expiry to be all
            until = max(until, self.now + policy.ban_delay(None, self.sample))
        session.ban_until = max(until, session.ban_until or until)
        return True

    def note_files_idle(self, _fact: Fact) -> bool:
        self.session.work = Work.NONE
        self.session.clocks.pop(Clock.FILES, None)
        return True

    def note_purged(self, fact: Fact) -> bool:
        self.session.dead_keys_plan = self.session.dead_keys_reason = None
        self.session.strikes = 0
        return self.note_files_idle(fact)

    def note_restored(self, fact: Fact) -> bool:
        if self.session.dead_keys_plan in WITHOUT_SNAPSHOT:  # no relink in between
            self.session.dead_keys_plan = self.session.dead_keys_reason = None
        return self.note_files_idle(fact)

    def note_no_snapshot(self, fact: Fact) -> bool:
        session = self.session
        if session.dead_keys_plan in WITHOUT_SNAPSHOT:  # as above
            session.dead_keys_plan = WITHOUT_SNAPSHOT[session.dead_keys_plan]
            if session.dead_keys_plan is DeadKeysPlan.HOLD:
                session.dead_keys_reason = Reason.NO_KEYS_LEFT
        return self.note_files_idle(fact)

    # -- on transitions: the child and the files

    def start_child(self) -> None:
        self.session.generation += 1
        self.session.child = Child.RUNNING
        self.session.offering = False
        self.session.code_until = self.session.not_before = None
        self._count(Budget.DIALS)
        self._ring(Clock.START, self.policy.start_timeout)
        left_out = self.session.events_left_out
        self.outbox.append(effects.StartChild(self.session.generation, left_out))

    def take_first_snapshot(self) -> None:
        """Have the session copied that has just logged in.

        Where a stable connection will be copied anyway, this one is only if it would be the first.
        """
        later = self.policy.backoff.stable_after > 0
        self.outbox.append(effects.TakeSnapshot(only_if_none=later))

    def take_snapshot(self) -> None:
        self.outbox.append(effects.TakeSnapshot(only_if_none=False))

    def restore_snapshot(self) -> None:
        self.session.work = Work.RESTORING
        self._ring(Clock.FILES, self.policy.files_timeout)
        self.outbox.append(effects.RestoreSession())

    def plan_purge(self) -> None:
        self.session.dead_keys_plan = DeadKeysPlan.PURGE
        self.session.dead_keys_reason = Reason.RELINK

    def plan_try(self) -> None:
        if self.session.dead_keys_plan is DeadKeysPlan.HOLD:
            self.session.dead_keys_plan = DeadKeysPlan.TRY

    # -- on transitions: pairing

    def open_window(self) -> None:
        if self.session.reason is not Reason.PURGED:  # that is why a phone must scan again
            self._forget_reasons()
        self._count(Budget.WINDOWS)
        self._ring(Clock.PAIRING, self.policy.pairing_window)

    def show_code(self, fact: QrOffered | PairCodeOffered) -> None:
        self.session.offering = True
        self.session.code_until = self.now + CODE_SHARE * fact.lifetime
        match fact:
            case QrOffered(payload=payload, lifetime=lifetime):
                self.outbox.append(effects.ShowQr(payload, lifetime))
            case PairCodeOffered(code=code, lifetime=lifetime):
                self.outbox.append(effects.ShowPairCode(code, lifetime))
            case _:
                assert_never(fact)

    # -- on transitions: why, and whom to tell

    def notify(self) -> None:
        self.outbox.append(effects.Notify(self.session.reason or Reason.RETRIES_EXHAUSTED))

    def notify_scan_unusable(self) -> None:
        self.outbox.append(effects.Notify(Reason.PHONE_WITHOUT_MULTIDEVICE))

    def set_cause(self, fact: Fact) -> None:
        """Something went wrong: it is the reason, and stays known as the cause."""
        self.session.reason = self.session.cause = reason_of(fact)
        self.session.detail = detail_of(fact)

    def set_reason(self, fact: Fact) -> None:
        """Nothing went wrong: the cause stays what it was."""
        self.session.reason = reason_of(fact)

    def set_code_cut_off(self) -> None:
        self.session.reason = self.session.cause = Reason.PAIRING_FAILED
        self.session.detail = "the connection dropped while a code was showing"

    def set_banned_again(self) -> None:
        self.session.reason = Reason.BANNED_AGAIN

    def set_crash_loop(self) -> None:
        self.session.reason = Reason.CRASH_LOOP

    def set_exhausted(self) -> None:
        self.session.reason = Reason.RETRIES_EXHAUSTED

    def set_dead_keys(self) -> None:
        self.session.reason = self.session.dead_keys_reason
        if self.session.dead_keys_reason is not Reason.RELINK:
            self.session.cause = self.session.dead_keys_reason

    def set_files_silent(self) -> None:
        if self.session.work is Work.RESTORING:
            self.session.reason = self.session.cause = Reason.STORAGE_FAILED
        self.session.detail = "the files did not answer in time"

    def set_inbox_full(self) -> None:
        self.session.reason = self.session.cause = Reason.INBOX_FULL
        self.session.detail = ""

    def set_held(self) -> None:
        """Its own wait is over. What went wrong before stays known as the cause."""
        self.session.reason = Reason.HELD
        self.session.detail = self.session.dials_held or ""

    def set_turn_come(self) -> None:
        """What it waits for now is what it waited for before it was held."""
        self.session.reason = self.session.cause
        self.session.detail = ""

    def _forget_reasons(self) -> None:
        """WhatsApp has answered: what kept us from it is over."""
        self.session.reason = self.session.cause = None
        self.session.detail = ""

    # -- on transitions: counting, and how long to wait

    def count_retry(self) -> None:
        self.session.retries += 1

    def count_flap(self) -> None:
        self._count(Budget.FLAPS)

    def count_crash(self, fact: Fact) -> None:
        if crashed(fact):
            self._count(Budget.CRASHES)

    def count_conflict(self) -> None:
        self._count(Budget.CONFLICTS)

    def count_ban(self) -> None:
        """Count a ban from its end, and the earlier ones as if its time did not pass."""
        ends = self.session.ban_until or self.now
        self._count(Budget.BANS)
        moved = (at + (ends - self.now) for at in self.session.spent[Budget.BANS])
        self.session.spent[Budget.BANS] = tuple(moved)

    def plan_wait(self) -> None:
        self._wait(self._pause())

    def offer_all_events(self) -> None:
        """The bot may be another by now: it gets the events again that it could not have."""
        self.session.events_left_out = ()

    def look_again(self) -> None:
        """Its turn is announced; this is for when that is missed."""
        self._ring(Clock.RETRY, self.policy.backoff.cap)

    def dial_soon(self) -> None:
        """Dial within a moment, as all who were cut off come back at once, and not too early."""
        soon = self.now + self.sample * self.policy.network_check_every
        sooner = min(soon, self.session.not_before or soon)
        self.session.not_before = None
        self._wait(sooner - self.now)

    def reset_retries(self) -> None:
        """A stable connection proves that the keys, the network and the process are sound."""
        self.session.retries = self.session.strikes = 0
        self.session.spent.pop(Budget.WINDOWS, None)

    def reset_budgets(self) -> None:
        """An operator's word clears every wait and budget but a ban and the dials: WhatsApp's."""
        session = self.session
        session.retries = session.strikes = 0
        session.not_before = session.given_up = None
        session.events_left_out = ()
        session.spent = {b: times for b, times in session.spent.items() if b is Budget.DIALS}
