"""The lifecycle once more, as a person would explain it. Shares no code with the chart.

One `match` over where the session is and what happened. Times are kept by name, budgets as lists
of moments. What it asks of the shell is a list of words, compared without regard to order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wa_supervisor.lifecycle import Policy
    from wa_supervisor.lifecycle.facts import Fact

UP = {"Init", "Pairing", "linking", "online", "degraded", "reconnecting"}
LOST = {
    "DialFailed": "dial_failed",
    "ConnectFailure": "connect_refused",
    "StartTimedOut": "start_timeout",
    "LinkTimedOut": "link_timeout",
    "ReconnectTimedOut": "reconnect_timeout",
    "KeepAliveGone": "keepalive_lost",
    "ChildSilent": "child_hung",
    "ChildExited": "child_exited",
    "StorageUnavailable": "storage_unavailable",
    "BotFailed": "bot_failed",
    "BotEventUnusable": "bot_event_unusable",
    "StartRefused": "start_refused",
}
CUT_OFF = {"dial_failed", "start_timeout", "reconnect_timeout"}
HOPELESS = {
    "PasskeyRequested": "passkey_required",
    "StorageFailed": "storage_failed",
    "ClientUnusable": "client_unusable",
    "ClientOutdated": "outdated",
    "BadUserAgent": "bad_user_agent",
}
BELLS = {
    "StartTimedOut": "start",
    "PairingWindowClosed": "pairing",
    "LinkTimedOut": "link",
    "StayedUp": "stable",
    "ReconnectTimedOut": "reconnect",
    "KeepAliveGone": "keepalive",
    "BackoffElapsed": "retry",
    "StopTimedOut": "stop",
    "FilesTimedOut": "files",
}
ENDINGS = {
    "device_removed": ("purge", "logged_out"),
    "rejected": ("restore", "login_rejected"),
    "locked": ("hold", "locked"),
    "banned": ("hold", "banned"),
    "unheard": ("restore", "login_rejected"),
}


class Reference:
    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.phase = "Init"
        self.reason: str | None = None
        self.cause: str | None = None
        self.retries = self.strikes = self.generation = 0
        self.child = self.work = "none"
        self.offering = self.bot_failed = self.inbox_full = self.held = self.watching = False
        self.left_out: set[str] = set()
        self.dead: str | None = None  # what is to become of the keys
        self.dead_of: str | None = None
        self.given_up: str | None = None
        self.not_before: float | None = None
        self.ban_until = self.code_until = 0.0
        self.clocks: dict[str, float] = {}
        self.spent: dict[str, list[float]] = {}
        self.now = self.sample = 0.0
        self.asked: list[str] = []

    # -- the door

    def happen(self, fact: Fact, now: float, sample: float) -> list[str]:
        self.now, self.sample, self.asked = now, sample, []
        name = type(fact).__name__
        if self._means_something(fact, name):
            self._learn(fact, name)
            self._decide(fact, name)
            self._go_on()
        return sorted(self.asked)

    def restart(self) -> None:
        if self.given_up:
            self.phase, self.reason = "GaveUp", self.given_up
        else:
            self.reason = self.cause if self.phase == "Stopped" else self.reason
            self.phase = "Init"
        self.child = self.work = "none"
        self.offering = self.bot_failed = self.inbox_full = self.held = self.watching = False
        self.clocks = {}

    # -- what is so wherever the session is

    def _means_something(self, fact: Any, name: str) -> bool:
        if hasattr(fact, "generation"):
            return bool(fact.generation == self.generation and self.child != "none")
        if name in BELLS:
            if self.clocks.get(BELLS[name], self.now + 1) > self.now:
                return False
            return self.clocks.pop(BELLS[name]) <= self.now
        if name in {"PurgeDone", "PurgeFailed"}:
            return self.work == "purging"
        if name in {"RestoreDone", "NothingToRestore", "RestoreFailed"}:
            return self.work == "restoring"
        return True

    def _learn(self, fact: Any, name: str) -> None:  # noqa: C901, PLR0912 - a table
        match name:
            case "ChildExited" | "StartRefused":
                if self._ran(fact, name) and (self.child == "running" or self.bot_failed):
                    self.asked.append(f"ReportCrash {self.generation}")
                self.child, self.bot_failed = "none", False
                self.clocks.pop("stop", None)
            case "BotFailed" | "BotEventUnusable":
                self.bot_failed = True
                self.left_out |= {fact.event} if name == "BotEventUnusable" else set()
            case "InboxFull" | "InboxDrained":
                self.inbox_full = name == "InboxFull"
            case "DialsHeld":
                self.held = True
            case "LoggedOut" if self.dead is None:
                self.dead, self.dead_of = ENDINGS[fact.how.value]
                if fact.how.value in {"rejected", "unheard"}:
                    self.strikes += 1
                    self.dead = "restore" if self.strikes == 1 else "purge"
            case "TemporaryBan":
                stated = fact.expires_in
                day = self.policy.ban_default
                serve = day
                if stated and 0 < stated < float("inf"):
                    serve = min(stated, self.policy.ban_max)
                serve = max(serve, day) if fact.code is None else serve
                # Summed as the core sums, or an alarm rings a rounding error early.
                until = self.now + (serve + self.sample * self.policy.ban_margin)
                self.ban_until = max(self.ban_until, until)
            case "PurgeDone":
                self.dead = self.dead_of = None
                self.strikes = 0
            case "RestoreDone" if self.dead in {"restore", "try"}:
                self.dead = self.dead_of = None
            case "NothingToRestore" if self.dead == "restore":
                self.dead = "purge"
            case "NothingToRestore" if self.dead == "try":
                self.dead, self.dead_of = "hold", "no_keys_left"
        if name in {"PurgeDone", "PurgeFailed", "RestoreDone", "NothingToRestore", "RestoreFailed"}:
            self.work = "none"
            self.clocks.pop("files", None)

    # -- what is done about it

    def _decide(self, fact: Any, name: str) -> None:  # noqa: C901, PLR0912, PLR0915
        match self.phase, name:
            case "Stopped", _:
                pass
            case _, "Stop":
                self.reason = "stopped"
                self._enter("Stopped")
            case "Init", "Start" if self.child == "none":
                self._start()
            case "LoggedOut" | "Purging", "Relink":
                self._pardon("relink")
                if self.phase == "LoggedOut":
                    self.dead, self.dead_of = "purge", "relink"
            case _, "Relink":
                self._pardon("relink")
                self.dead, self.dead_of = "purge", "relink"
                self._enter("LoggedOut")
            case phase, "Restart" if phase in UP and self.child != "none":
                self.reason, self.left_out = "restarting", set()
                self._enter("Backoff", pause=0)
            case "Backoff", "Resume":
                self._pardon("resumed")
                self._wait(0)
            case "GaveUp", "Resume" if self.dead:
                self._pardon("resumed")
                self.dead = "try" if self.dead == "hold" else self.dead
                self._enter("LoggedOut")
            case "GaveUp", "Resume":
                self._pardon("resumed")
                self._enter("Backoff", pause=0)
            # pairing
            case "Init", "QrOffered" | "PairCodeOffered":
                if self._left("windows"):
                    self._count("windows")
                    self._enter("Pairing")
                    self._show(fact, name)
                else:
                    self._give_up("pairing_expired")
            case "Pairing", "QrOffered" | "PairCodeOffered":
                self._show(fact, name)
            case "Init" | "Pairing", "PairSucceeded":
                self._enter("linking")
            case "Pairing", "ScannedWithoutMultidevice":
                self.asked.append("Notify phone_without_multidevice")
            case "Init" | "Pairing" | "linking", "PairingFailed":
                self._retry("pairing_failed")
            case "Init" | "Pairing" | "linking", "PairCodeRefused" if fact.limited:
                self._retry("pair_code_limited", self.policy.code_limit_wait)
            case "Init" | "Pairing" | "linking", "PairCodeRefused":
                self._retry("pairing_failed")
            case "Init", "PairingTimedOut":
                self._retry("pairing_failed")
            case "Pairing", "PairingTimedOut" if self.now < self.code_until:
                self._retry("pairing_failed")
            case "Pairing", "PairingTimedOut" | "PairingWindowClosed":
                self._blame("pairing_expired")
                if self._left("windows"):
                    doubled = 2.0 ** (len(self.spent["windows"]) - 1) * self.policy.pairing_pause
                    self._enter("Backoff", pause=min(doubled, self.policy.pairing_pause_cap))
                else:
                    self._enter("GaveUp")
            # the link
            case "Init" | "Pairing" | "linking" | "degraded" | "reconnecting", "Connected":
                self._enter("online")
                self._copy(only_if_none=self.policy.backoff.stable_after > 0)
            case "online", "KeepAliveTimeout":
                self._enter("degraded")
            case "degraded", "KeepAliveRestored" | "ProbeAnswered":
                self._enter("online")
            case "online", "StayedUp":
                self._forgive()
                self._copy(only_if_none=False)
            case "online" | "degraded", "Disconnected":
                if self._left("flaps"):
                    self._count("flaps")
                    self._enter("reconnecting")
                else:
                    self._retry("flapping")
            case phase, _ if phase in UP and self._ran(fact, name):
                if not self._left("crashes"):
                    self.reason, self.cause = "crash_loop", LOST[name]
                    self._enter("GaveUp")
                    return
                spent = self.spent
                self._retry(LOST[name])
                if self.phase == "Backoff":
                    spent["crashes"] = [*self._fresh("crashes"), self.now]
            case phase, _ if phase in UP and name in LOST:
                self._retry(LOST[name])
            case phase, "InboxFull" if phase in UP and self.child != "none":
                self._blame("inbox_full")
                self._enter("Backoff", pause=self.policy.backoff.cap)
            case "Backoff", _ if (name, self.reason) == ("InboxDrained", "inbox_full") or (
                name == "NetworkBack" and self.reason in CUT_OFF
            ):
                soon = self.now + self.sample * self.policy.network_check_every
                soon = min(soon, self.not_before or soon)
                self.not_before = None
                self._wait(soon - self.now)
            case "Backoff", "DialAllowed" if self.reason == "held" and not self.inbox_full:
                self.reason = self.cause
                self._launch()
            # WhatsApp's word
            case phase, _ if phase in UP | {"Backoff"} and name in HOPELESS:
                self._give_up(HOPELESS[name])
            case phase, "LoggedOut" if phase in UP | {"Backoff"}:
                self._blame(ENDINGS[fact.how.value][1])
                self._enter("LoggedOut")
            case "Backoff", "TemporaryBan" if "temporary_ban" in {self.reason, self.cause}:
                self._wait(0 if self.reason in {"temporary_ban", "restarting"} else self._again())
            case phase, "TemporaryBan" if phase in UP | {"Backoff"}:
                self._banned()
            case "Backoff", "StreamReplaced" if "replaced" in {self.reason, self.cause}:
                pass
            case phase, "StreamReplaced" if phase in UP | {"Backoff"}:
                self._replaced()
            # the files
            case "LoggedOut", "RestoreDone" if self.dead is None:
                self._after_work("restored")
            case "LoggedOut" | "Purging", "PurgeDone":
                self._after_work("purged")
            case "LoggedOut" | "Purging" | "GaveUp", "PurgeFailed":
                self._give_up("purge_failed")
            case "LoggedOut", "RestoreFailed" if self.dead == "purge":
                pass
            case "LoggedOut" | "GaveUp", "RestoreFailed":
                self._give_up("storage_failed")
            case "LoggedOut" | "Purging", "FilesTimedOut":
                self._give_up("purge_failed" if self.work == "purging" else "storage_failed")
            case "LoggedOut" | "Backoff", "StopTimedOut":
                self._give_up("child_stuck")

    def _go_on(self) -> None:
        """What needs no further news: the child is gone and the files are idle."""
        if self.child != "none" or self.work != "none":
            return
        match self.phase, self.dead:
            case "Backoff", _ if "retry" not in self.clocks and self.inbox_full:
                self._blame("inbox_full")
                self._wait(self.policy.backoff.cap)
            case "Backoff", _ if "retry" not in self.clocks and self.held:
                self.reason = "held"
                self.clocks["retry"] = self.now + self.policy.backoff.cap
            case "Backoff", _ if "retry" not in self.clocks:
                self._launch()
            case "LoggedOut", "purge":
                self._enter("Purging")
            case "LoggedOut", "restore" | "try":
                self.work = "restoring"
                self.clocks["files"] = self.now + self.policy.files_timeout
                self.asked.append("RestoreSession")
            case "LoggedOut", "hold":
                self._give_up(str(self.dead_of))

    # -- deeds

    def _start(self) -> None:
        if self.dead:
            self.reason = self.dead_of
            if self.dead_of != "relink":
                self.cause = self.dead_of
            self._enter("LoggedOut")
        elif self.inbox_full:
            self._blame("inbox_full")
            self._enter("Backoff", pause=0)
        elif max(self._room(), self.ban_until, self.not_before or 0) > self.now:
            self._enter("Backoff", pause=0)
        elif self.held:
            self.reason = "held"
            self._enter("Backoff", pause=0)
            self.clocks["retry"] = self.now + self.policy.backoff.cap
        else:
            self._launch()

    def _launch(self) -> None:
        self.phase, self.child, self.generation = "Init", "running", self.generation + 1
        self.offering, self.not_before = False, None
        self._count("dials")
        self.clocks = {"start": self.now + self.policy.start_timeout}
        self.asked.append(f"StartChild {self.generation} {sorted(self.left_out)}")
        if self.watching:
            self._look_away()

    def _enter(self, phase: str, pause: float = 0.0) -> None:  # noqa: C901, PLR0912 - a table
        if self.phase == "Pairing" and self.offering:
            self.asked.append("HidePairing")
        self.clocks = {"stop": self.clocks["stop"]} if "stop" in self.clocks else {}
        if self.watching:
            self._look_away()
        self.phase = phase
        if phase not in UP and phase != "Purging":
            self._stop_child()
            if self.work != "none":
                self.clocks["files"] = self.now + self.policy.files_timeout
        match phase:
            case "Pairing":
                self.clocks["pairing"] = self.now + self.policy.pairing_window
                if self.reason != "purged":
                    self.reason = self.cause = None
            case "linking":
                self.clocks["link"] = self.now + self.policy.link_timeout
                self.reason = self.cause = None
                self.offering = False
                self._copy(only_if_none=True)
            case "online":
                self.reason = self.cause = None
                self.ban_until, self.strikes, self.offering = 0.0, 0, False
                if self.policy.backoff.stable_after:
                    self.clocks["stable"] = self.now + self.policy.backoff.stable_after
                else:
                    self._forgive()
            case "degraded":
                self.clocks["keepalive"] = self.now + self.policy.keepalive_timeout
                self.asked.append(f"Probe {self.generation}")
            case "reconnecting":
                self.clocks["reconnect"] = self.now + self.policy.reconnect_timeout
            case "Purging":
                self.work = "purging"
                self.clocks["files"] = self.now + self.policy.files_timeout
                self.asked.append(f"PurgeSession {self.dead_of}")
            case "Backoff":
                self._wait(pause)
                wait = (self.not_before or 0) - self.now
                if self.reason in CUT_OFF and wait > self.policy.network_check_every:
                    self.asked.append("WatchNetwork")
                    self.watching = True
            case "GaveUp":
                self.not_before, self.given_up = None, self.reason
                self.asked.append(f"Notify {self.reason}")

    def _stop_child(self) -> None:
        if self.child != "none" and "stop" not in self.clocks:
            self.child = "stopping"
            self.clocks["stop"] = self.now + self.policy.stop_timeout
            log_out = self.reason == "relink" and not self.offering
            self.asked.append(f"StopChild {self.generation} {log_out} {self.offering}")

    def _wait(self, pause: float) -> None:
        own = max(self.now + pause, self.not_before or self.now)
        room, ban = self._room(), self.ban_until
        if max(room, ban) >= own and max(room, ban) > self.now:
            self.reason = "dial_budget" if room >= ban else "temporary_ban"
            self.cause = self.cause or self.reason
        self.not_before = self.clocks["retry"] = max(own, room, ban)

    def _room(self) -> float:
        dials, limit = self._fresh("dials"), self.policy.dials
        return self.now if len(dials) < limit.count else dials[-limit.count] + limit.window

    def _again(self) -> float:
        """How long a retry waits: doubling or Fibonacci, jittered, never above the cap."""
        ladder = self.policy.backoff
        if not self.retries:
            return 0.0
        steps = [1.0, 1.0]
        while len(steps) <= self.retries:
            steps.append(steps[-1] + steps[-2])
        grown = (
            2.0 ** (self.retries - 1) if ladder.shape == "exponential" else steps[self.retries - 1]
        )
        full = min(ladder.base * grown, ladder.cap)
        low, high = full - full * ladder.jitter, min(full + full * ladder.jitter, ladder.cap)
        return low + (high - low) * self.sample

    def _retry(self, why: str, pause: float | None = None) -> None:
        self._blame(why)
        most = self.policy.backoff.max_retries
        if most is not None and self.retries >= most:
            self.reason = "retries_exhausted"
            self._enter("GaveUp")
        else:
            self.retries += 1
            self._enter("Backoff", pause=self._again() if pause is None else pause)

    def _after_work(self, news: str) -> None:
        most = self.policy.backoff.max_retries
        if self.reason in {"relink", "resumed"}:
            self.reason = news
            self._enter("Backoff", pause=self._again())
        elif most is not None and self.retries >= most:
            self._exhausted()
        else:
            self.reason, self.retries = news, self.retries + 1
            if news == "purged":
                self.asked.append("Notify purged")
            self._enter("Backoff", pause=self._again())

    def _exhausted(self) -> None:
        self.reason = "retries_exhausted"
        self._enter("GaveUp")

    def _banned(self) -> None:
        self._blame("temporary_ban")
        if not self._left("bans"):
            self.reason = "banned_again"
            self._enter("GaveUp")
            return
        self._count("bans")
        self.spent["bans"] = [at + (self.ban_until - self.now) for at in self.spent["bans"]]
        self.asked.append("Notify temporary_ban")
        self._back_off(0)

    def _replaced(self) -> None:
        self._blame("replaced")
        conflict = self.policy.conflict.value
        if conflict == "yield" or not self._left("conflicts"):
            self._enter("GaveUp")
            return
        self._count("conflicts")
        retries, self.retries = self.retries, 1
        pause = self._again()
        self.retries = retries
        self._back_off(max(pause, self.policy.conflict_wait) if conflict == "hold" else pause)

    def _back_off(self, pause: float) -> None:
        if self.phase == "Backoff":
            self._wait(pause)
        else:
            self._enter("Backoff", pause=pause)

    def _give_up(self, why: str) -> None:
        self._blame(why)
        self._enter("GaveUp")

    def _blame(self, why: str) -> None:
        self.reason = self.cause = why

    def _show(self, fact: Any, name: str) -> None:
        self.offering = True
        self.code_until = self.now + 0.9 * fact.lifetime
        self.asked.append("ShowQr" if name == "QrOffered" else "ShowPairCode")

    def _copy(self, *, only_if_none: bool) -> None:
        self.asked.append(f"TakeSnapshot {only_if_none}")

    def _look_away(self) -> None:
        self.asked.append("StopWatchingNetwork")
        self.watching = False

    def _forgive(self) -> None:
        self.retries = self.strikes = 0
        self.spent.pop("windows", None)

    def _pardon(self, word: str) -> None:
        self.reason = word
        self.retries = self.strikes = 0
        self.not_before = self.given_up = None
        self.left_out = set()
        self.spent = {"dials": self.spent.get("dials", [])}

    # -- budgets

    def _ran(self, fact: Any, name: str) -> bool:
        if name == "ChildExited":
            return fact.returncode is not None or fact.signal is not None
        return name in {"BotFailed", "BotEventUnusable"}

    def _fresh(self, budget: str) -> list[float]:
        window = getattr(self.policy, budget).window
        return [at for at in self.spent.get(budget, []) if at > self.now - window]

    def _left(self, budget: str) -> bool:
        return len(self._fresh(budget)) < int(getattr(self.policy, budget).count)

    def _count(self, budget: str) -> None:
        self.spent[budget] = [*self._fresh(budget), self.now]
