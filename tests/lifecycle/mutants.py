"""Do the nets hold? Each mutant breaks the core in one place; some test must notice.

    python tests/lifecycle/mutants.py [WORD...]     # all, or those whose name has a word in it

Each is applied to a copy of the sources, never to the sources. Not part of the test run: minutes.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import hypothesis
import pytest

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue

ROOT = Path(__file__).parents[2]
NETS = (
    "asked_for",
    "reactions",
    "memory",
    "corners",
    "policy",
    "one_chart",
    "total",
    "properties",
    "walk",
)
"""The tests that must notice, quick ones first."""
VERDICT_TIMEOUT = 300.0
"""Seconds; a mutant that hangs the tests is noticed, too."""


class Mutant(NamedTuple):
    name: str
    module: str
    old: str
    new: str


MUTANTS = [
    Mutant(
        "start runs over dead keys",
        "chart",
        'cond="keys_dead", unless="child_alive", on="set_dead_keys"',
        'cond="flaps_spent", unless="child_alive", on="set_dead_keys"',
    ),
    Mutant(
        "start runs over a wait",
        "chart",
        'active.init.to(backoff, cond="dial_too_early", unless="child_alive")',
        'active.init.to(backoff, cond="flaps_spent", unless="child_alive")',
    ),
    Mutant(
        "a second start starts a second child",
        "chart",
        'active.init.to(None, unless="child_alive", on="start_child")',
        'active.init.to(None, on="start_child")',
    ),
    Mutant(
        "purge under a living child",
        "guards",
        "idle = self.session.child is Child.NONE and self.session.work is Work.NONE",
        "idle = self.session.work is Work.NONE",
    ),
    Mutant(
        "purge while at work",
        "guards",
        "idle = self.session.child is Child.NONE and self.session.work is Work.NONE",
        "idle = self.session.child is Child.NONE",
    ),
    Mutant(
        "go on before the fact is decided", "guards", "return idle and self.taken", "return idle"
    ),
    Mutant(
        "one retry too many",
        "guards",
        "self.session.retries < allowed",
        "self.session.retries <= allowed",
    ),
    Mutant(
        "retry before the clock",
        "guards",
        "return self._settled and Clock.RETRY not in self.session.clocks",
        "return self._settled",
    ),
    Mutant("yield holds", "guards", "self.policy.conflict is not Conflict.YIELD and not", "not"),
    Mutant(
        "conflicts without a budget",
        "guards",
        "is not Conflict.YIELD and not self._spent(Budget.CONFLICTS)",
        "is not Conflict.YIELD",
    ),
    Mutant("bans without a budget", "guards", "return self._spent(Budget.BANS)", "return False"),
    Mutant("flaps without a budget", "guards", "return self._spent(Budget.FLAPS)", "return False"),
    Mutant(
        "windows without a budget",
        "guards",
        "return not self._spent(Budget.WINDOWS)",
        "return True",
    ),
    Mutant(
        "every timeout is cut short",
        "guards",
        "return self.session.code_until is None or self.now < self.session.code_until",
        "return True",
    ),
    Mutant(
        "no timeout is cut short",
        "guards",
        "return self.session.code_until is None or self.now < self.session.code_until",
        "return self.session.code_until is None",
    ),
    Mutant(
        "what is known counts again",
        "guards",
        "return reason_of(fact) in {self.session.reason, self.session.cause}",
        "return False",
    ),
    Mutant(
        "an operator's word counts as a retry",
        "guards",
        "return self.session.reason in {Reason.RELINK, Reason.RESUMED}",
        "return False",
    ),
    Mutant(
        "an outdated client is retried",
        "chart",
        'refused = gave_up.from_(active, backoff, on="set_cause")',
        'refused = backoff.from_(active, on="set_cause")',
    ),
    Mutant(
        "a late refusal is lost in Backoff",
        "chart",
        'refused = gave_up.from_(active, backoff, on="set_cause")',
        'refused = gave_up.from_(active, on="set_cause")',
    ),
    Mutant(
        "a late logout is lost in Backoff",
        "chart",
        'unlinked = logged_out.from_(active, backoff, on="set_cause")',
        'unlinked = logged_out.from_(active, on="set_cause")',
    ),
    Mutant(
        "a logout is a retry",
        "chart",
        'unlinked = logged_out.from_(active, backoff, on="set_cause")',
        'unlinked = backoff.from_(active, on="set_cause")',
    ),
    Mutant(
        "a failed purge is retried",
        "chart",
        'purge_failed = gave_up.from_(purging, logged_out, on="set_cause")',
        'purge_failed = backoff.from_(purging, logged_out, on="set_cause")',
    ),
    Mutant(
        "a failed restore is held by nobody",
        "chart",
        '| gave_up.from_(logged_out, on="set_cause")\n',
        "",
    ),
    Mutant(
        "a relink is lost to a failed restore",
        "chart",
        'logged_out.to(None, cond="keys_to_purge")  # as above\n        | gave_up',
        "gave_up",
    ),
    Mutant(
        "a stuck child is waited for",
        "chart",
        'child_stuck = gave_up.from_(logged_out, backoff, on="set_cause")',
        'child_stuck = gave_up.from_(logged_out, on="set_cause")',
    ),
    Mutant(
        "Backoff forgets the exit",
        "chart",
        "        | backoff.to(None)\n        | logged_out.to(None)\n",
        "        | logged_out.to(None)\n",
    ),
    Mutant(
        "LoggedOut forgets the exit",
        "chart",
        "        | backoff.to(None)\n        | logged_out.to(None)\n",
        "        | backoff.to(None)\n",
    ),
    Mutant(
        "resume skips the dead keys",
        "chart",
        'gave_up.to(logged_out, cond="keys_dead", on=["set_reason", "reset_budgets", "plan_try"])\n        | ',
        "",
    ),
    Mutant(
        "resume is nothing in Backoff",
        "chart",
        '\n        | backoff.to(None, on=["set_reason", "reset_budgets", "plan_wait"])',
        "",
    ),
    Mutant(
        "relink is nothing while purging",
        "chart",
        '\n        | purging.to(None, on=["set_reason", "reset_budgets"])',
        "",
    ),
    Mutant(
        "relink keeps the keys",
        "chart",
        'logged_out.from_(active, backoff, gave_up, on=["set_reason", "reset_budgets", "plan_purge"])',
        'logged_out.from_(active, backoff, gave_up, on=["set_reason", "reset_budgets"])',
    ),
    Mutant(
        "relink in LoggedOut is forgotten",
        "chart",
        '| logged_out.to(None, on=["set_reason", "reset_budgets", "plan_purge"])',
        "",
    ),
    Mutant(
        "a restored relink is not purged",
        "chart",
        'logged_out.to(None, cond="keys_dead")  # a relink came in between\n        | ',
        "",
    ),
    Mutant(
        "a missed keepalive is not shown",
        "chart",
        "keepalive_missed = online.to(degraded)",
        "keepalive_missed = online.to(None)",
    ),
    Mutant("the code stays on the screen", "chart", ', exit="hide_code")', ")"),
    Mutant(
        "nobody is told of giving up",
        "actions",
        "self.session.given_up = self.session.reason or Reason.RETRIES_EXHAUSTED\n        self.notify()",
        "self.session.given_up = self.session.reason or Reason.RETRIES_EXHAUSTED",
    ),
    Mutant(
        "nobody is told of a ban",
        "chart",
        'backoff.from_(active, on=["set_cause", "count_ban", "notify"])',
        'backoff.from_(active, on=["set_cause", "count_ban"])',
    ),
    Mutant(
        "retries are not counted",
        "actions",
        "self.session.retries += 1",
        "self.session.retries += 0",
    ),
    Mutant("dials are not counted", "actions", "        self._count(Budget.DIALS)\n", ""),
    Mutant("windows are not counted", "actions", "        self._count(Budget.WINDOWS)\n", ""),
    Mutant(
        "an old generation is used again",
        "actions",
        "self.session.generation += 1",
        "self.session.generation += 0",
    ),
    Mutant(
        "no start clock",
        "actions",
        "        self._ring(Clock.START, self.policy.start_timeout)\n",
        "",
    ),
    Mutant(
        "no link clock", "actions", "        self._ring(Clock.LINK, self.policy.link_timeout)\n", ""
    ),
    Mutant(
        "no stop clock", "actions", "        self._ring(Clock.STOP, self.policy.stop_timeout)\n", ""
    ),
    Mutant("clocks outlive their phase", "actions", "if c is Clock.STOP}", "if c}"),
    Mutant("the stop clock dies with the phase", "actions", "if c is Clock.STOP}", "if False}"),
    Mutant(
        "files clock lost on the way",
        "actions",
        "        if self.session.work is not Work.NONE:\n            self._ring(Clock.FILES, self.policy.files_timeout)\n",
        "",
    ),
    Mutant(
        "a stuck child is not asked again",
        "actions",
        "if self.session.child is Child.NONE or Clock.STOP in self.session.clocks:",
        "if self.session.child is not Child.RUNNING:",
    ),
    Mutant(
        "relink does not log out",
        "actions",
        "log_out = self.session.reason is Reason.RELINK and not offering",
        "log_out = False",
    ),
    Mutant(
        "every stop logs out",
        "actions",
        "log_out = self.session.reason is Reason.RELINK and not offering",
        "log_out = not offering",
    ),
    Mutant(
        "pairing is stopped the long way",
        "actions",
        "log_out=log_out, pairing=offering",
        "log_out=log_out, pairing=False",
    ),
    Mutant(
        "forgiven on Connected", "actions", "if self.policy.backoff.stable_after > 0:", "if False:"
    ),
    Mutant(
        "never forgiven",
        "actions",
        "        self.session.retries = self.session.strikes = 0\n        self.session.spent.pop(Budget.WINDOWS, None)",
        "        self.session.spent.pop(Budget.WINDOWS, None)",
    ),
    Mutant(
        "windows never forgiven",
        "actions",
        "\n        self.session.spent.pop(Budget.WINDOWS, None)",
        "",
    ),
    Mutant("a ban outlives a login", "actions", "        self.session.ban_until = None\n", ""),
    Mutant(
        "a shorter ban overrides",
        "actions",
        "session.ban_until = max(until, session.ban_until or until)",
        "session.ban_until = until",
    ),
    Mutant("resume frees the dials", "actions", "if b is Budget.DIALS}", "if False}"),
    Mutant(
        "a limited code is asked for again", "waits", "return policy.code_limit_wait", "return 0.0"
    ),
    Mutant(
        "windows follow at once",
        "waits",
        "return policy.pairing_delay(len(self.session.spent.get(Budget.WINDOWS, ())))",
        "return 0.0",
    ),
    Mutant(
        "a restart waits anew",
        "actions",
        "0.0 if isinstance(fact, facts.Start) else self._pause()",
        "self._pause()",
    ),
    Mutant(
        "a wait can shrink",
        "waits",
        "own = max(self.now + seconds, session.not_before or self.now)",
        "own = self.now + seconds",
    ),
    Mutant(
        "the dial budget is not waited for",
        "waits",
        "Reason.DIAL_BUDGET: self.policy.dials.room_at(dials, self.now)",
        "Reason.DIAL_BUDGET: self.now",
    ),
    Mutant(
        "the ban is not waited for",
        "waits",
        "Reason.TEMPORARY_BAN: self.session.ban_until or self.now",
        "Reason.TEMPORARY_BAN: self.now",
    ),
    Mutant(
        "no detail", "actions", "self.session.detail = detail_of(fact)", 'self.session.detail = ""'
    ),
    Mutant(
        "a crash loop is endless",
        "guards",
        "return crashed(fact) and self._spent(Budget.CRASHES)",
        "return False",
    ),
    Mutant(
        "a failed start is a crash",
        "actions",
        "        if crashed(fact):\n            self._count",
        "        if fact:\n            self._count",
    ),
    Mutant(
        "every wait ends with the outage",
        "guards",
        "return self.session.reason in OUTAGES",
        "return True",
    ),
    Mutant(
        "the network is back too late",
        "actions",
        "sooner = min(soon, self.session.not_before or soon)",
        "sooner = soon",
    ),
    Mutant(
        "a missed keepalive asks nothing",
        "actions",
        "        self.outbox.append(effects.Probe(self.session.generation))\n",
        "",
    ),
    Mutant(
        "the latest clock rings",
        "core",
        "clock = min(clocks, key=clocks.__getitem__)",
        "clock = max(clocks, key=clocks.__getitem__)",
    ),
    Mutant("ignored facts are not counted", "core", "self.ignored[before, fact.name] += 1", "pass"),
    Mutant(
        "a restart forgets what was given up",
        "model",
        "Phase.GAVE_UP if self.given_up else Phase.INIT",
        "Phase.INIT",
    ),
    Mutant(
        "locked is purged",
        "model",
        "(Reason.LOCKED, DeadKeysPlan.HOLD)",
        "(Reason.LOCKED, DeadKeysPlan.PURGE)",
    ),
    Mutant(
        "banned is restored",
        "model",
        "(Reason.BANNED, DeadKeysPlan.HOLD)",
        "(Reason.BANNED, DeadKeysPlan.RESTORE)",
    ),
    Mutant(
        "removed is doubted",
        "model",
        "(Reason.LOGGED_OUT, DeadKeysPlan.PURGE)",
        "(Reason.LOGGED_OUT, DeadKeysPlan.RESTORE)",
    ),
    Mutant("doubling overflows", "policy", "2.0 ** min(attempt - 1, 1023)", "2.0 ** (attempt - 1)"),
    Mutant(
        "jitter above the cap",
        "policy",
        "least, most = full * (1 - self.jitter), min(self.cap, full * (1 + self.jitter))",
        "least, most = full * (1 - self.jitter), full * (1 + self.jitter)",
    ),
    Mutant(
        "doubling starts late",
        "policy",
        "2.0 ** min(attempt - 1, 1023)",
        "2.0 ** min(max(attempt - 2, 0), 1023)",
    ),
    Mutant("absurd bans are believed", "policy", "min(expires_in, self.ban_max)", "expires_in"),
    Mutant(
        "one dial too many",
        "policy",
        "return len(self.fresh(times, now)) >= self.count",
        "return len(self.fresh(times, now)) > self.count",
    ),
    Mutant(
        "the window's edge counts",
        "policy",
        "if t > now - self.window)",
        "if t >= now - self.window)",
    ),
    Mutant(
        "room for one dial too many",
        "policy",
        "if len(fresh) < self.count:",
        "if len(fresh) <= self.count:",
    ),
    Mutant(
        "a held session is purged",
        "guards",
        "return self.session.dead_keys_plan is DeadKeysPlan.PURGE",
        "return self.session.dead_keys_plan in {DeadKeysPlan.PURGE, DeadKeysPlan.HOLD}",
    ),
    Mutant(
        "try is forgotten",
        "guards",
        "plans = {DeadKeysPlan.RESTORE, DeadKeysPlan.TRY}",
        "plans = {DeadKeysPlan.RESTORE}",
    ),
    Mutant(
        "late codes are shown after the scan",
        "chart",
        'active.pairing.offering.to(None, on="show_code")',
        'active.pairing.to(None, on="show_code")',
    ),
    Mutant(
        "a window opens beyond the budget",
        "chart",
        'active.init.to(active.pairing, cond="windows_left", on=["open_window", "show_code"])',
        'active.init.to(active.pairing, on=["open_window", "show_code"])',
    ),
    Mutant(
        "a failed restore purges",
        "chart",
        'facts.RestoreFailed: "note_files_idle"',
        'facts.RestoreFailed: "note_no_snapshot"',
    ),
    Mutant(
        "a bot that fails is no crash",
        "guards",
        "facts.BotFailed | facts.BotEventUnusable)",
        "facts.BotEventUnusable)",
    ),
    Mutant(
        "a storm counts every drop",
        "chart",
        'active.connected.reconnecting.from_(\n        active.connected.online, active.connected.degraded, on="count_flap"',
        'active.connected.reconnecting.from_(\n        active.connected.online, active.connected.degraded, active.connected.reconnecting, on="count_flap"',
    ),
    Mutant(
        "nobody is told to scan again",
        "chart",
        'waiting=["set_reason", "notify"]',
        'waiting=["set_reason"]',
    ),
    Mutant(
        "a scan without a code of ours is ignored",
        "chart",
        "pair_succeeded = pairing.linking.from_(init, pairing.offering)",
        "pair_succeeded = pairing.linking.from_(pairing.offering)",
    ),
    Mutant(
        "strikes outlive a login",
        "actions",
        "        self.session.strikes = 0\n        self.session.offering",
        "        self.session.offering",
    ),
    Mutant("the first 401 purges", "actions", "if session.strikes > 1:", "if session.strikes > 0:"),
    Mutant("no 401 ever purges", "actions", "if session.strikes > 1:", "if session.strikes > 2:"),
    Mutant(
        "a 401 said twice strikes twice",
        "actions",
        "        if session.dead_keys_plan is not None:\n            return False\n",
        "",
    ),
    Mutant(
        "an unheard 401 is no strike",
        "actions",
        "if session.dead_keys_plan is DeadKeysPlan.RESTORE:\n            session.strikes += 1",
        'if fact.how.value == "rejected":\n            session.strikes += 1',
    ),
    Mutant(
        "an unheard 401 purges",
        "model",
        "Logout.UNHEARD: (Reason.LOGIN_REJECTED, DeadKeysPlan.RESTORE)",
        "Logout.UNHEARD: (Reason.LOGIN_REJECTED, DeadKeysPlan.PURGE)",
    ),
    Mutant(
        "an unknown ban is trusted", "actions", "if fact.code is None:", "if fact.code is False:"
    ),
    Mutant(
        "resume ends a ban",
        "actions",
        "session.not_before = session.given_up = None",
        "session.not_before = session.given_up = session.ban_until = None",
    ),
    Mutant(
        "resume waits on",
        "actions",
        "session.not_before = session.given_up = None",
        "session.given_up = None",
    ),
    Mutant(
        "given up is for ever",
        "actions",
        "session.not_before = session.given_up = None",
        "session.not_before = None",
    ),
    Mutant("resume leaves events out", "actions", "        session.events_left_out = ()\n", ""),
    Mutant(
        "hold hurries",
        "waits",
        "return max(again, policy.conflict_wait) if holds else again",
        "return again",
    ),
    Mutant(
        "an operator's word is a fault",
        "actions",
        'was."""\n        self.session.reason = reason_of(fact)',
        'was."""\n        self.session.reason = self.session.cause = reason_of(fact)',
    ),
    Mutant(
        "old children are believed",
        "guards",
        "return living and fact.generation == self.session.generation",
        "return living",
    ),
    Mutant(
        "reaped children are believed",
        "guards",
        "return living and fact.generation == self.session.generation",
        "return fact.generation == self.session.generation",
    ),
    Mutant(
        "unasked purges are believed",
        "guards",
        "return self.session.work is Work.PURGING",
        "return True",
    ),
    Mutant(
        "unasked restores are believed",
        "guards",
        "return self.session.work is Work.RESTORING",
        "return True",
    ),
    Mutant("clocks ring early", "guards", "math.inf) <= self.now", "math.inf) <= self.now + 5"),
    Mutant("clocks ring late", "guards", "math.inf) <= self.now", "math.inf) < self.now"),
    Mutant(
        "a rung clock rings on",
        "actions",
        "        del self.session.clocks[CLOCKS[type(fact)]]\n",
        "",
    ),
    Mutant(
        "a ringing that means nothing is an answer",
        "actions",
        "return False  # where nothing comes of it",
        "return True  # where nothing comes of it",
    ),
    Mutant(
        "a restart forgets the retries",
        "model",
        "retries: Annotated[int, KEPT, PUBLIC]",
        "retries: Annotated[int, PUBLIC]",
    ),
    Mutant(
        "a restart forgets dead keys",
        "model",
        "dead_keys_plan: Annotated[DeadKeysPlan | None, KEPT]",
        "dead_keys_plan: Annotated[DeadKeysPlan | None, PUBLIC]",
    ),
    Mutant(
        "a restart forgets the ban",
        "model",
        "ban_until: Annotated[float | None, KEPT, UNTIL]",
        "ban_until: Annotated[float | None, UNTIL]",
    ),
    Mutant(
        "a restart forgets the budgets",
        "model",
        "spent: Annotated[dict[Budget, tuple[float, ...]], KEPT, SINCE]",
        "spent: Annotated[dict[Budget, tuple[float, ...]], SINCE]",
    ),
    Mutant(
        "a restart forgets unusable events",
        "model",
        "events_left_out: Annotated[tuple[str, ...], KEPT]",
        "events_left_out: Annotated[tuple[str, ...], PUBLIC]",
    ),
    Mutant(
        "a restart does not shift waits",
        "model",
        "setattr(session, name, time + until)",
        "setattr(session, name, time)",
    ),
    Mutant(
        "a restart does not shift budgets",
        "model",
        "tuple(t + since for t in times)",
        "tuple(t for t in times)",
    ),
    Mutant(
        "a wait outlasts the longest",
        "model",
        "setattr(found, name, min(left, longest))",
        "setattr(found, name, left)",
    ),
    Mutant(
        "what was spent may lie ahead",
        "model",
        "tuple(min(t, 0.0) for t in times)",
        "tuple(t for t in times)",
    ),
    Mutant(
        "a running child's death is not reported",
        "actions",
        "unasked = session.child is Child.RUNNING or session.bot_failed",
        "unasked = session.bot_failed",
    ),
    Mutant(
        "a bot's death is not reported",
        "actions",
        "unasked = session.child is Child.RUNNING or session.bot_failed",
        "unasked = session.child is Child.RUNNING",
    ),
    Mutant(
        "every death is reported",
        "actions",
        "unasked = session.child is Child.RUNNING or session.bot_failed",
        "unasked = True",
    ),
    Mutant(
        "a bot stays busy after its exit",
        "actions",
        "session.bot_busy = session.bot_failed = False",
        "session.bot_failed = False",
    ),
    Mutant(
        "a bot that failed fails for ever",
        "actions",
        "session.bot_busy = session.bot_failed = False",
        "session.bot_busy = False",
    ),
    Mutant(
        "no copy at the scan",
        "actions",
        "        self.outbox.append(effects.TakeSnapshot(only_if_none=True))\n",
        "",
    ),
    Mutant(
        "no copy at a login that counts at once",
        "actions",
        "later = self.policy.backoff.stable_after > 0",
        "later = True",
    ),
    Mutant(
        "every login is copied anew",
        "actions",
        "later = self.policy.backoff.stable_after > 0",
        "later = False",
    ),
    Mutant(
        "a stable session is copied once",
        "actions",
        "self.outbox.append(effects.TakeSnapshot(only_if_none=False))",
        "self.outbox.append(effects.TakeSnapshot(only_if_none=True))",
    ),
    Mutant("the network is watched for ever", "chart", ', exit="end_network_watch")', ")"),
    Mutant(
        "a watch is ended twice",
        "actions",
        "            self.session.watching_network = False\n",
        "",
    ),
    Mutant(
        "a short wait watches the network",
        "actions",
        "left > self.policy.network_check_every",
        "left > 0",
    ),
    Mutant("every wait watches the network", "actions", "if self.unreachable and left", "if left"),
    Mutant(
        "a full inbox is dialled past",
        "guards",
        "return self._waited and not self.session.inbox_full",
        "return self._waited",
    ),
    Mutant(
        "a full inbox is never waited for anew",
        "chart",
        '    backoff.to(None, cond="inbox_still_full", on=["set_inbox_full", "plan_wait"])\n',
        "",
    ),
    Mutant(
        "a full inbox overtakes the start",
        "chart",
        'inbox_filled = backoff.from_(active, cond="child_alive", on="set_cause")',
        'inbox_filled = backoff.from_(active, on="set_cause")',
    ),
    Mutant("a full inbox is forgotten", "actions", "        self.session.inbox_full = True\n", ""),
    Mutant("a read inbox stays full", "actions", "        self.session.inbox_full = False\n", ""),
    Mutant(
        "a full inbox is looked at all the time",
        "waits",
        "return policy.backoff.cap  # room",
        "return 0.0  # room",
    ),
    Mutant(
        "a read inbox waits on",
        "chart",
        'inbox_drained = backoff.to(None, cond="waiting_for_inbox", on="dial_soon")',
        'inbox_drained = backoff.to(None, cond="waiting_for_inbox")',
    ),
    Mutant(
        "every wait ends with a read inbox",
        "guards",
        "return self.session.reason is Reason.INBOX_FULL",
        "return True",
    ),
    Mutant(
        "an unusable event comes again",
        "actions",
        "left_out = self.session.events_left_out",
        "left_out = ()",
    ),
    Mutant(
        "only the last unusable event is left out",
        "actions",
        "tuple(sorted({*known, fact.event}))",
        "(fact.event,)",
    ),
    Mutant(
        "an old reason stays through pairing",
        "actions",
        "            self._forget_reasons()\n        self._count",
        "            pass\n        self._count",
    ),
    Mutant(
        "why to scan again is forgotten",
        "actions",
        "if self.session.reason is not Reason.PURGED:",
        "if True:",
    ),
    Mutant(
        "resume is advised where nothing is left",
        "actions",
        "                session.dead_keys_reason = Reason.NO_KEYS_LEFT\n",
        "                pass\n",
    ),
    Mutant(
        "a dial on the dot is too early",
        "guards",
        "return self._earliest_dial() > self.now",
        "return self._earliest_dial() >= self.now",
    ),
    Mutant(
        "a code dies a moment late",
        "guards",
        "self.now < self.session.code_until",
        "self.now <= self.session.code_until",
    ),
    Mutant(
        "room when the newest expires",
        "policy",
        "fresh[-self.count] + self.window",
        "fresh[-1] + self.window",
    ),
    Mutant(
        "a chart keeps its first session",
        "chart",
        "self.session = self.model.session = session",
        "self.session = session",
    ),
    Mutant(
        "a chart that stopped serves nobody",
        "chart",
        "        self._engine.running = True  # the library halts it in Stopped, and this session is another\n",
        "",
    ),
    Mutant(
        "a chart keeps its first policy",
        "chart",
        "self.policy, self.now, self.sample = policy, now, sample",
        "self.now, self.sample = now, sample",
    ),
    Mutant(
        "effects pile up",
        "chart",
        "self.outbox, self.taken = [], False\n        self._engine",
        "self.taken = False\n        self._engine",
    ),
    Mutant("time may be infinite", "core", "if not math.isfinite(now):", "if math.isnan(now):"),
]


def apply(mutant: Mutant, here: Path) -> None:
    shutil.copytree(ROOT / "src", here / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests/lifecycle", here / "tests/lifecycle")
    shutil.copytree(ROOT / "lab/verification", here / "lab/verification")
    # Plain settings: what is imported before the fork would warn, and warnings are errors there.
    (here / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n", "utf-8")
    source = here / f"src/wa_supervisor/lifecycle/{mutant.module}.py"
    text = source.read_text("utf-8")
    if text.count(mutant.old) != 1:
        raise SystemExit(f"{mutant.name}: found {text.count(mutant.old)} times in {mutant.module}")
    source.write_text(text.replace(mutant.old, mutant.new), "utf-8")


def judge(mutant: Mutant, verdicts: SimpleQueue[str]) -> None:
    """Run the nets on the mutant, in a process of its own; say which one caught it."""
    with tempfile.TemporaryDirectory() as directory, Path(os.devnull).open("w") as null:
        here = Path(directory)
        apply(mutant, here)
        os.chdir(here)
        os.dup2(null.fileno(), 1)
        os.dup2(null.fileno(), 2)
        sys.path[:0] = [str(here / "src"), str(here / "tests"), str(here)]
        tests = [f"tests/lifecycle/test_{net}.py" for net in NETS]
        caught: list[str] = []

        class Note:
            def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
                if report.failed:
                    caught.append(Path(report.fspath).stem.removeprefix("test_"))

        hypothesis.settings.register_profile(
            "mutants",
            max_examples=80,
            stateful_step_count=40,
            deadline=None,
            database=None,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        options = ["-q", "-x", "-n0", "-p", "no:cacheprovider", "--hypothesis-profile=mutants"]
        options.append("--timeout=120")  # some mutants never come back
        failed = pytest.main([*options, *tests], plugins=[Note()])
        # No test failed, and yet it did: the chart cannot be built like this.
        verdicts.put(caught[0] if caught else "refused" if failed else "")


CONTROL = Mutant("(nothing is changed)", "core", "class SessionCore", "class SessionCore")


def verdict_on(mutant: Mutant) -> str:
    """The net that caught it, empty if none did."""
    fork = multiprocessing.get_context("fork")
    began, verdicts = time.monotonic(), fork.SimpleQueue()
    process = fork.Process(target=judge, args=(mutant, verdicts))
    process.start()
    process.join(VERDICT_TIMEOUT)
    if process.is_alive():
        process.kill()
        net = "time-out"
    else:
        net = verdicts.get() if not verdicts.empty() else "crash"
    took = time.monotonic() - began
    print(f"{mutant.name:42} {net or 'SURVIVED':12} {took:5.1f} s", flush=True)
    return net


def main(words: list[str]) -> int:
    if verdict_on(CONTROL):
        print("the nets fail by themselves: no verdict on a mutant would mean anything")
        return 2
    chosen = [m for m in MUTANTS if not words or any(word in m.name for word in words)]
    survivors = [mutant.name for mutant in chosen if not verdict_on(mutant)]
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutants were caught")
    return bool(survivors)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
