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
NETS = ("reactions", "memory", "corners", "policy", "total", "walk", "properties")
PATIENCE = 300.0
"""Seconds; a mutant that hangs the tests is noticed, too."""


class Mutant(NamedTuple):
    name: str
    module: str
    old: str
    new: str


CHART, DECISIONS, POLICY, CORE = "chart", "decisions", "policy", "core"
MODEL, GROUNDS = "model", "grounds"

MUTANTS = [
    # guards dropped or turned
    Mutant(
        "start runs over dead keys",
        CHART,
        'cond="keys_dead", unless="child_alive", on="blame_death"',
        'cond="flapping", unless="child_alive", on="blame_death"',
    ),
    Mutant(
        "start runs over a wait",
        CHART,
        'active.init.to(backoff, cond="too_early", unless="child_alive")',
        'active.init.to(backoff, cond="flapping", unless="child_alive")',
    ),
    Mutant(
        "a second start starts a second child",
        CHART,
        'active.init.to(None, unless="child_alive", on="launch")',
        'active.init.to(None, on="launch")',
    ),
    Mutant(
        "purge under a living child",
        DECISIONS,
        "idle = self.model.child is Child.NONE and self.model.work is Work.NONE",
        "idle = self.model.work is Work.NONE",
    ),
    Mutant(
        "purge while at work",
        DECISIONS,
        "idle = self.model.child is Child.NONE and self.model.work is Work.NONE",
        "idle = self.model.child is Child.NONE",
    ),
    Mutant(
        "go on before the fact is decided", DECISIONS, "return idle and self.taken", "return idle"
    ),
    Mutant(
        "one retry too many",
        DECISIONS,
        "self.model.retries < allowed",
        "self.model.retries <= allowed",
    ),
    Mutant(
        "retry before the clock",
        DECISIONS,
        "return self._settled and Clock.RETRY not in self.model.clocks",
        "return self._settled",
    ),
    Mutant("yield holds", DECISIONS, "self.policy.conflict is not Conflict.YIELD and not", "not"),
    Mutant(
        "conflicts without a budget",
        DECISIONS,
        "is not Conflict.YIELD and not self._spent(Budget.CONFLICTS)",
        "is not Conflict.YIELD",
    ),
    Mutant("bans without a budget", DECISIONS, "return self._spent(Budget.BANS)", "return False"),
    Mutant("flaps without a budget", DECISIONS, "return self._spent(Budget.FLAPS)", "return False"),
    Mutant(
        "windows without a budget",
        DECISIONS,
        "return not self._spent(Budget.WINDOWS)",
        "return True",
    ),
    Mutant(
        "every timeout is cut short",
        DECISIONS,
        "return self.model.code_until is None or self.now < self.model.code_until",
        "return True",
    ),
    Mutant(
        "no timeout is cut short",
        DECISIONS,
        "return self.model.code_until is None or self.now < self.model.code_until",
        "return self.model.code_until is None",
    ),
    Mutant(
        "a held session is purged",
        DECISIONS,
        "self._settled and self.model.dead_keys_plan is DeadKeysPlan.PURGE",
        "self._settled and self.model.dead_keys_plan in {DeadKeysPlan.PURGE, DeadKeysPlan.HOLD}",
    ),
    Mutant(
        "try is forgotten",
        DECISIONS,
        "self.model.dead_keys_plan in {DeadKeysPlan.RESTORE, DeadKeysPlan.TRY}",
        "self.model.dead_keys_plan is DeadKeysPlan.RESTORE",
    ),
    Mutant(
        "what is known counts again",
        DECISIONS,
        "return reason_of(fact) in {self.model.reason, self.model.cause}",
        "return False",
    ),
    Mutant(
        "an operator's word counts as a retry",
        DECISIONS,
        "return self.model.reason in {Reason.RELINK, Reason.RESUMED}",
        "return False",
    ),
    Mutant(
        "late codes are shown after the scan",
        CHART,
        'active.pairing.to(None, unless="linking", on="show")',
        'active.pairing.to(None, on="show")',
    ),
    Mutant(
        "a window opens beyond the budget",
        CHART,
        'active.pairing, cond="windows_left", unless="linking", on=["open_window", "show"]',
        'active.pairing, unless="linking", on=["open_window", "show"]',
    ),
    # transitions redirected or forgotten
    Mutant(
        "an outdated client is retried",
        CHART,
        'refused = gave_up.from_(active, backoff, on="blame")',
        'refused = backoff.from_(active, on="blame")',
    ),
    Mutant(
        "a late refusal is lost in Backoff",
        CHART,
        'refused = gave_up.from_(active, backoff, on="blame")',
        'refused = gave_up.from_(active, on="blame")',
    ),
    Mutant(
        "a late logout is lost in Backoff",
        CHART,
        'unlinked = logged_out.from_(active, backoff, on="blame")',
        'unlinked = logged_out.from_(active, on="blame")',
    ),
    Mutant(
        "a logout is a retry",
        CHART,
        'unlinked = logged_out.from_(active, backoff, on="blame")',
        'unlinked = backoff.from_(active, on="blame")',
    ),
    Mutant(
        "a failed purge is retried",
        CHART,
        'purge_failed = gave_up.from_(purging, logged_out, on="blame")',
        'purge_failed = backoff.from_(purging, logged_out, on="blame")',
    ),
    Mutant(
        "a failed restore is held by nobody",
        CHART,
        '| gave_up.from_(logged_out, on="blame")\n',
        "",
    ),
    Mutant(
        "a relink is lost to a failed restore",
        CHART,
        'logged_out.to(None, cond="forsaken")  # as above\n        | gave_up',
        "gave_up",
    ),
    Mutant(
        "a failed restore purges",
        DECISIONS,
        "case facts.NothingToRestore() if",
        "case facts.NothingToRestore() | facts.RestoreFailed() if",
    ),
    Mutant(
        "a bot that fails is no crash",
        GROUNDS,
        "case facts.BotFailed():",
        "case facts.BotFree():",
    ),
    Mutant(
        "a stuck child is waited for",
        CHART,
        'child_stuck = gave_up.from_(logged_out, backoff, on="blame")',
        'child_stuck = gave_up.from_(logged_out, on="blame")',
    ),
    Mutant(
        "Backoff forgets the exit",
        CHART,
        "        | backoff.to(None)\n        | logged_out.to(None)\n",
        "        | logged_out.to(None)\n",
    ),
    Mutant(
        "LoggedOut forgets the exit",
        CHART,
        "        | backoff.to(None)\n        | logged_out.to(None)\n",
        "        | backoff.to(None)\n",
    ),
    Mutant(
        "resume skips the dead keys",
        CHART,
        'gave_up.to(logged_out, cond="keys_dead", on=["heed", "pardon", "try_held"])\n        | ',
        "",
    ),
    Mutant(
        "resume is nothing in Backoff",
        CHART,
        '\n        | backoff.to(None, on=["heed", "pardon", "extend_wait"])',
        "",
    ),
    Mutant(
        "relink is nothing while purging",
        CHART,
        '\n        | purging.to(None, on=["heed", "pardon"])',
        "",
    ),
    Mutant(
        "relink keeps the keys",
        CHART,
        'logged_out.from_(active, backoff, gave_up, on=["heed", "pardon", "forsake"])',
        'logged_out.from_(active, backoff, gave_up, on=["heed", "pardon"])',
    ),
    Mutant(
        "relink in LoggedOut is forgotten",
        CHART,
        '| logged_out.to(None, on=["heed", "pardon", "forsake"])',
        "",
    ),
    Mutant(
        "a restored relink is not purged",
        CHART,
        'logged_out.to(None, cond="keys_dead")  # a relink came in between\n        | ',
        "",
    ),
    Mutant(
        "a missed keepalive is not shown",
        CHART,
        "keepalive_missed = online.to(degraded)",
        "keepalive_missed = online.to(None)",
    ),
    Mutant(
        "a storm counts every drop",
        CHART,
        'active.connected.reconnecting.from_(\n            active.connected.online, active.connected.degraded, on="count_flap"',
        'active.connected.reconnecting.from_(\n            active.connected.online, active.connected.degraded, active.connected.reconnecting, on="count_flap"',
    ),
    # effects and bookkeeping forgotten
    Mutant("the code stays on the screen", CHART, ', exit="hide_pairing")', ")"),
    Mutant(
        "nobody is told of giving up",
        DECISIONS,
        "self.model.given_up = self.model.reason or Reason.RETRIES_EXHAUSTED\n        self.tell()",
        "self.model.given_up = self.model.reason or Reason.RETRIES_EXHAUSTED",
    ),
    Mutant(
        "nobody is told of a ban",
        CHART,
        'backoff.from_(active, on=["blame", "count_ban", "tell"])',
        'backoff.from_(active, on=["blame", "count_ban"])',
    ),
    Mutant(
        "nobody is told to scan again",
        CHART,
        'on=["heed", "count_retry", "tell"]',
        'on=["heed", "count_retry"]',
    ),
    Mutant(
        "retries are not counted", DECISIONS, "self.model.retries += 1", "self.model.retries += 0"
    ),
    Mutant("dials are not counted", DECISIONS, "        self._count(Budget.DIALS)\n", ""),
    Mutant("windows are not counted", DECISIONS, "        self._count(Budget.WINDOWS)\n", ""),
    Mutant(
        "an old generation is used again",
        DECISIONS,
        "self.model.generation += 1",
        "self.model.generation += 0",
    ),
    Mutant(
        "no start clock",
        DECISIONS,
        "        self._ring(Clock.START, self.policy.start_timeout)\n",
        "",
    ),
    Mutant(
        "no link clock", DECISIONS, "        self._ring(Clock.LINK, self.policy.link_timeout)\n", ""
    ),
    Mutant(
        "the start clock outlives the scan",
        DECISIONS,
        "for over in (Clock.START, Clock.PAIRING):",
        "for over in (Clock.PAIRING,):",
    ),
    Mutant(
        "the pairing clock outlives the scan",
        DECISIONS,
        "for over in (Clock.START, Clock.PAIRING):",
        "for over in (Clock.START,):",
    ),
    Mutant(
        "no stop clock", DECISIONS, "        self._ring(Clock.STOP, self.policy.stop_timeout)\n", ""
    ),
    Mutant("clocks outlive their phase", DECISIONS, "if c is Clock.STOP}", "if c}"),
    Mutant("the stop clock dies with the phase", DECISIONS, "if c is Clock.STOP}", "if False}"),
    Mutant(
        "files clock lost on the way",
        DECISIONS,
        "        if self.model.work is not Work.NONE:\n            self._ring(Clock.FILES, self.policy.files_timeout)\n",
        "",
    ),
    Mutant(
        "a stuck child is not asked again",
        DECISIONS,
        "if self.model.child is Child.NONE or Clock.STOP in self.model.clocks:",
        "if self.model.child is not Child.RUNNING:",
    ),
    Mutant(
        "relink does not log out",
        DECISIONS,
        "log_out = self.model.reason is Reason.RELINK and not offering",
        "log_out = False",
    ),
    Mutant(
        "every stop logs out",
        DECISIONS,
        "log_out = self.model.reason is Reason.RELINK and not offering",
        "log_out = not offering",
    ),
    Mutant(
        "pairing is stopped the long way",
        DECISIONS,
        "log_out=log_out, pairing=offering",
        "log_out=log_out, pairing=False",
    ),
    Mutant(
        "forgiven on Connected", DECISIONS, "if self.policy.backoff.stable_after > 0:", "if False:"
    ),
    Mutant(
        "never forgiven",
        DECISIONS,
        "        self.model.retries = self.model.strikes = 0\n        self.model.spent.pop(Budget.WINDOWS, None)",
        "        self.model.spent.pop(Budget.WINDOWS, None)",
    ),
    Mutant(
        "windows never forgiven",
        DECISIONS,
        "\n        self.model.spent.pop(Budget.WINDOWS, None)",
        "",
    ),
    Mutant(
        "strikes outlive a login",
        DECISIONS,
        "        self.model.strikes = 0\n        self.model.detail",
        "        self.model.detail",
    ),
    Mutant("a ban outlives a login", DECISIONS, "        self.model.ban_until = None\n", ""),
    Mutant(
        "the first 401 purges",
        DECISIONS,
        "how is Logout.REJECTED and model.strikes > 1",
        "how is Logout.REJECTED and model.strikes > 0",
    ),
    Mutant(
        "no 401 ever purges",
        DECISIONS,
        "how is Logout.REJECTED and model.strikes > 1",
        "how is Logout.REJECTED and model.strikes > 2",
    ),
    Mutant(
        "a 401 said twice strikes twice",
        DECISIONS,
        "case facts.LoggedOut(how=how) if model.dead_keys_plan is None:",
        "case facts.LoggedOut(how=how):",
    ),
    Mutant("an unknown ban is trusted", DECISIONS, "if ban.code is None:", "if ban.code is False:"),
    Mutant(
        "a shorter ban overrides",
        DECISIONS,
        "model.ban_until = max(until, model.ban_until or until)",
        "model.ban_until = until",
    ),
    Mutant(
        "resume ends a ban",
        DECISIONS,
        "self.model.not_before = self.model.given_up = None",
        "self.model.not_before = self.model.given_up = self.model.ban_until = None",
    ),
    Mutant("resume frees the dials", DECISIONS, "if b is Budget.DIALS}", "if False}"),
    Mutant(
        "resume waits on",
        DECISIONS,
        "self.model.not_before = self.model.given_up = None",
        "self.model.given_up = None",
    ),
    Mutant(
        "given up is for ever",
        DECISIONS,
        "self.model.not_before = self.model.given_up = None",
        "self.model.not_before = None",
    ),
    Mutant(
        "hold hurries",
        DECISIONS,
        "max(again, policy.conflict_wait) if policy.conflict is Conflict.HOLD else again",
        "again",
    ),
    Mutant(
        "a limited code is asked for again",
        DECISIONS,
        "return policy.code_limit_wait",
        "return 0.0",
    ),
    Mutant(
        "windows follow at once",
        DECISIONS,
        "return policy.pairing_delay(len(self.model.spent.get(Budget.WINDOWS, ())))",
        "return 0.0",
    ),
    Mutant(
        "a restart waits anew",
        DECISIONS,
        "0.0 if isinstance(fact, facts.Start) else self._pause()",
        "self._pause()",
    ),
    Mutant(
        "a wait can shrink",
        DECISIONS,
        "own = max(self.now + seconds, model.not_before or self.now)",
        "own = self.now + seconds",
    ),
    Mutant(
        "the dial budget is not waited for",
        DECISIONS,
        "Reason.DIAL_BUDGET: self.policy.dials.room_at(dials, self.now)",
        "Reason.DIAL_BUDGET: self.now",
    ),
    Mutant(
        "the ban is not waited for",
        DECISIONS,
        "Reason.TEMPORARY_BAN: self.model.ban_until or self.now",
        "Reason.TEMPORARY_BAN: self.now",
    ),
    Mutant(
        "an operator's word is a fault",
        DECISIONS,
        "        self.model.reason = reason_of(fact)\n\n    def exhaust",
        "        self.model.reason = self.model.cause = reason_of(fact)\n\n    def exhaust",
    ),
    Mutant("no detail", DECISIONS, "self.model.detail = detail_of(fact)", 'self.model.detail = ""'),
    # the network, the crashes
    Mutant(
        "a crash loop is endless",
        DECISIONS,
        "return crashed(fact) and self._spent(Budget.CRASHES)",
        "return False",
    ),
    Mutant(
        "a failed start is a crash",
        DECISIONS,
        "        if crashed(fact):\n            self._count",
        "        if fact:\n            self._count",
    ),
    Mutant(
        "every wait ends with the outage",
        DECISIONS,
        "return self.model.reason in OUTAGES",
        "return True",
    ),
    Mutant(
        "the network is back too late",
        DECISIONS,
        "sooner = min(soon, self.model.not_before or soon)",
        "sooner = soon",
    ),
    Mutant(
        "a missed keepalive asks nothing",
        DECISIONS,
        "        self.outbox.append(effects.Probe(self.model.generation))\n",
        "",
    ),
    # the door, the model, the numbers
    Mutant(
        "old children are believed",
        CORE,
        "generation != session.generation or session.child is Child.NONE",
        "False",
    ),
    Mutant(
        "reaped children are believed",
        CORE,
        "generation != session.generation or session.child is Child.NONE",
        "generation != session.generation",
    ),
    Mutant(
        "unasked answers are believed",
        CORE,
        "return session.work is not Work.PURGING",
        "return False",
    ),
    Mutant(
        "clocks ring early",
        CORE,
        "if session.clocks.get(clock, math.inf) > now:",
        "if session.clocks.get(clock, math.inf) > now + 5:",
    ),
    Mutant("a rung clock rings on", CORE, "                del session.clocks[clock]\n", ""),
    Mutant(
        "the latest clock rings",
        CORE,
        "clock = min(clocks, key=clocks.__getitem__)",
        "clock = max(clocks, key=clocks.__getitem__)",
    ),
    Mutant("ignored facts are not counted", CORE, "self.ignored[before, fact.name] += 1", "pass"),
    Mutant(
        "a restart forgets what was given up",
        MODEL,
        "Phase.GAVE_UP if self.given_up else Phase.INIT",
        "Phase.INIT",
    ),
    Mutant("a restart forgets the retries", MODEL, "            retries=self.retries,\n", ""),
    Mutant("a restart forgets dead keys", MODEL, "            sequel=self.sequel,\n", ""),
    Mutant(
        "a restart forgets the ban",
        MODEL,
        "            ban_until=None if self.ban_until is None else self.ban_until + shift,\n",
        "",
    ),
    Mutant(
        "a restart forgets the budgets",
        MODEL,
        "            spent={b: tuple(t + shift for t in times) for b, times in self.spent.items()},\n",
        "",
    ),
    Mutant("a restart does not shift times", MODEL, "self.not_before + shift", "self.not_before"),
    Mutant(
        "locked is purged",
        GROUNDS,
        "(Reason.LOCKED, DeadKeysPlan.HOLD)",
        "(Reason.LOCKED, DeadKeysPlan.PURGE)",
    ),
    Mutant(
        "banned is restored",
        GROUNDS,
        "(Reason.BANNED, DeadKeysPlan.HOLD)",
        "(Reason.BANNED, DeadKeysPlan.RESTORE)",
    ),
    Mutant(
        "removed is doubted",
        GROUNDS,
        "(Reason.LOGGED_OUT, DeadKeysPlan.PURGE)",
        "(Reason.LOGGED_OUT, DeadKeysPlan.RESTORE)",
    ),
    Mutant("doubling overflows", POLICY, "2.0 ** min(attempt - 1, 1023)", "2.0 ** (attempt - 1)"),
    Mutant(
        "jitter above the cap",
        POLICY,
        "least, most = full * (1 - self.jitter), min(self.cap, full * (1 + self.jitter))",
        "least, most = full * (1 - self.jitter), full * (1 + self.jitter)",
    ),
    Mutant(
        "doubling starts late",
        POLICY,
        "2.0 ** min(attempt - 1, 1023)",
        "2.0 ** min(max(attempt - 2, 0), 1023)",
    ),
    Mutant("absurd bans are believed", POLICY, "0 < expires_in <= self.ban_max", "0 < expires_in"),
    Mutant(
        "one dial too many",
        POLICY,
        "return len(self.fresh(times, now)) >= self.count",
        "return len(self.fresh(times, now)) > self.count",
    ),
    Mutant(
        "the window's edge counts",
        POLICY,
        "if t > now - self.window)",
        "if t >= now - self.window)",
    ),
    Mutant(
        "room for one dial too many",
        POLICY,
        "if len(fresh) < self.count:",
        "if len(fresh) <= self.count:",
    ),
]


def apply(mutant: Mutant, here: Path) -> None:
    shutil.copytree(ROOT / "src", here / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests/lifecycle", here / "tests/lifecycle")
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
        sys.path[:0] = [str(here / "src"), str(here / "tests")]
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


CONTROL = Mutant("(nothing is changed)", CORE, "class SessionCore", "class SessionCore")


def verdict_on(mutant: Mutant) -> str:
    """The net that caught it, empty if none did."""
    fork = multiprocessing.get_context("fork")
    began, verdicts = time.monotonic(), fork.SimpleQueue()
    process = fork.Process(target=judge, args=(mutant, verdicts))
    process.start()
    process.join(PATIENCE)
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
