"""The chart's names in words a user knows. A test holds every table against the chart."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from .chart import Edge, Guard


class Group(enum.Enum):
    """What a state means for the person who runs the bot; the value is its colour.

    The colours are Okabe and Ito's, which the colour-blind tell apart (Color Universal Design,
    2008). Black text has a contrast of 5.4 or more on each, so they serve light and dark pages.
    """

    STARTING = "#56B4E9"
    UP = "#009E73"
    WAITING = "#E69F00"
    DEAD_KEYS = "#D55E00"
    HELP = "#CC79A7"
    OVER = "#999999"


@dataclass(frozen=True, slots=True)
class Meaning:
    """A state in words."""

    group: Group
    about: str


MEANINGS: Mapping[str, Meaning] = {
    "active": Meaning(Group.STARTING, "a session process runs"),
    "init": Meaning(Group.STARTING, "dialling WhatsApp"),
    "pairing": Meaning(Group.STARTING, "linking a phone"),
    "offering": Meaning(Group.STARTING, "showing a QR or pair code"),
    "linking": Meaning(Group.STARTING, "paired, first login to come"),
    "connected": Meaning(Group.UP, "logged in: the bot works"),
    "online": Meaning(Group.UP, "all is well"),
    "degraded": Meaning(Group.UP, "pings unanswered"),
    "reconnecting": Meaning(Group.UP, "the library redials"),
    "backoff": Meaning(Group.WAITING, "waiting to dial again"),
    "logged_out": Meaning(Group.DEAD_KEYS, "keys dead: ending the process"),
    "purging": Meaning(Group.DEAD_KEYS, "clearing the dead session away"),
    "gave_up": Meaning(Group.HELP, "a person must act"),
    "stopped": Meaning(Group.OVER, "ended by an operator"),
}

TRIGGERS: Mapping[str, str] = {
    "start": "start",
    "pairing_offered": "a QR or pair code came",
    "pair_succeeded": "phone paired, first login to come",
    "scan_unusable": "scanned by a phone that cannot link",
    "pairing_failed": "pairing broke off",
    "pairing_timed_out": "codes ran out unscanned",
    "pairing_window_closed": "QR window over",
    "link_established": "logged in",
    "link_dropped": "connection dropped",
    "link_failed": "no connection in time",
    "keepalive_missed": "ping unanswered",
    "keepalive_restored": "pings answered again",
    "stayed_up": "stable for a while",
    "child_exited": "process exited",
    "banned_for_now": "banned for a time",
    "replaced": "another client took over",
    "refused": "client outdated or refused",
    "unlinked": "unlinked, or keys rejected",
    "restore_done": "snapshot put back",
    "nothing_restored": "no snapshot to put back",
    "restore_failed": "snapshot could not be put back",
    "purge_done": "files cleared away",
    "purge_failed": "files could not be cleared",
    "files_timed_out": "work on files took too long",
    "child_stuck": "process cannot be ended",
    "backoff_elapsed": "wait over",
    "network_back": "the network is back",
    "inbox_filled": "the inbox is full",
    "inbox_drained": "there is room in the inbox",
    "dials_held": "each dial needs to be allowed",
    "dial_allowed": "its turn among many",
    "stop": "stop",
    "resume": "resume",
    "restart": "restart",
    "relink": "relink",
}

GUARDS: Mapping[Guard, str] = {
    Guard("child_alive"): "a process runs",
    Guard("child_alive", wanted=False): "no process running",
    Guard("keys_dead"): "keys dead",
    Guard("keys_to_purge"): "the keys are to go",
    Guard("retries_left"): "retries left",
    Guard("dial_too_early"): "too soon to dial",
    Guard("retry_due"): "wait over, old process gone",
    Guard("flaps_spent"): "too often",
    Guard("windows_left"): "QR windows left",
    Guard("bans_spent"): "one ban too many",
    Guard("crashes_spent"): "one crash too many",
    Guard("unreachable"): "nothing but the network to wait for",
    Guard("may_return"): "policy and budget allow",
    Guard("code_still_good"): "connection dropped meanwhile",
    Guard("free_to_purge"): "process gone, keys to be purged",
    Guard("free_to_restore"): "process gone, snapshot to be tried",
    Guard("free_to_hold"): "process gone, account locked or banned",
    Guard("operator_asked"): "an operator asked for it",
    Guard("already_known"): "said before",
    Guard("inbox_is_full"): "nobody reads the inbox",
    Guard("inbox_still_full"): "wait over, and nobody reads the inbox",
    Guard("waiting_for_inbox"): "nothing but the inbox to wait for",
    Guard("dials_are_held"): "one of many, and not its turn",
    Guard("due_but_held"): "wait over, and not its turn among many",
    Guard("waiting_for_turn"): "nothing but its turn to wait for",
}

ACTIONS: Mapping[str, str] = {
    "start_child": "start the process",
    "open_window": "open a QR window",
    "show_code": "show the code",
    "take_first_snapshot": "copy the keys",
    "take_snapshot": "copy the keys",
    "notify": "tell a person",
    "notify_scan_unusable": "tell a person",
    "give_up": "tell a person",
    "set_cause": "note the reason",
    "set_reason": "note the reason",
    "set_code_cut_off": "note the reason",
    "set_banned_again": "note the reason",
    "set_crash_loop": "note the reason",
    "set_dead_keys": "note the reason",
    "set_files_silent": "note the reason",
    "set_inbox_full": "note the reason",
    "set_held": "note the reason",
    "set_turn_come": "note the reason",
    "set_exhausted": "retries used up",
    "count_retry": "count a retry",
    "count_flap": "count a drop",
    "count_crash": "count a crash",
    "count_conflict": "count a conflict",
    "count_ban": "count a ban",
    "offer_all_events": "offer the bot all events",
    "dial_soon": "dial soon",
    "look_again": "look again later",
    "plan_wait": "plan the wait anew",
    "reset_retries": "begin the retries afresh",
    "reset_budgets": "clear the budgets",
    "plan_purge": "the keys are to go",
    "plan_try": "try the snapshot first",
    "restore_snapshot": "put the snapshot back",
}

NOTES: Mapping[str, str] = {
    "note_rung": "the clock is cleared",
    "note_child_gone": "the process is gone; a death that nobody asked for is reported",
    "note_bot_failed": "the bot ended its process",
    "note_event_unusable": "the bot ended its process; the next one leaves that event out",
    "note_bot_busy": "the bot is busy",
    "note_bot_free": "the bot is free",
    "note_dead_keys": "the keys are dead, and what is to become of them",
    "note_ban": "until when the ban lasts",
    "note_inbox_full": "the inbox is full",
    "note_inbox_drained": "the inbox has room",
    "note_dials_held": "each dial needs to be allowed",
    "note_files_idle": "the files are free again",
    "note_purged": "the dead keys are gone",
    "note_restored": "there are keys to try",
    "note_no_snapshot": "there are no keys to try",
}
"""What is remembered of a fact in every state."""

BELIEVED: Mapping[str, str] = {
    "of_the_living_child": "of the process that lives now",
    "due": "that of a clock that is due",
    "being_purged": "the answer to a purge under way",
    "being_restored": "the answer to a restore under way",
}
"""On which condition a fact is believed."""

OVERVIEW: Mapping[tuple[str, str, str], str] = {
    ("init", "pairing_offered", "pairing"): "no keys,\na QR came",
    ("init", "link_established", "connected"): "logged in",
    ("pairing", "link_established", "connected"): "scanned,\nlogged in",
    ("backoff", "retry_due", "init"): "wait over,\nold process gone",
    # The link is lost and waiting may mend it.
    ("active", "link_failed", "backoff"): "connection lost",
    ("active", "link_dropped", "backoff"): "connection lost",
    ("active", "child_exited", "backoff"): "process crashed",
    ("active", "pairing_failed", "backoff"): "QR window over",
    ("active", "pairing_timed_out", "backoff"): "QR window over",
    ("active", "pairing_window_closed", "backoff"): "QR window over",
    ("active", "banned_for_now", "backoff"): "banned for a time",
    ("active", "replaced", "backoff"): "replaced by another client",
    ("active", "inbox_filled", "backoff"): "nobody reads the inbox",
    # The keys are dead.
    ("active", "unlinked", "logged_out"): "unlinked on the phone,\nor keys rejected",
    ("logged_out", "free_to_purge", "purging"): "process gone",
    ("logged_out", "restore_done", "backoff"): "snapshot\nput back",
    ("purging", "purge_done", "backoff"): "cleared,\npair afresh",
    # A person must act.
    ("logged_out", "free_to_hold", "gave_up"): "locked\nor banned",
    ("purging", "purge_failed", "gave_up"): "could not\nbe cleared",
    ("active", "link_failed", "gave_up"): "retries used up",
    ("active", "child_exited", "gave_up"): "retries used up",
    ("active", "link_dropped", "gave_up"): "retries used up",
    ("active", "pairing_failed", "gave_up"): "retries used up",
    ("active", "pairing_timed_out", "gave_up"): "nobody scans",
    ("active", "pairing_window_closed", "gave_up"): "nobody scans",
    ("active", "pairing_offered", "gave_up"): "nobody scans",
    ("active", "banned_for_now", "gave_up"): "banned again",
    ("active", "replaced", "gave_up"): "another client stays",
    ("active", "refused", "gave_up"): "client outdated",
    # The operator.
    ("gave_up", "resume", "backoff"): "resume",
    ("gave_up", "relink", "logged_out"): "relink",
}
"""What the overview shows: from where, what sets it off, and where it leads.

There Connected is one state, and leaving any of Init, Pairing and Connected is leaving `active`.
The rest is left out: late words of a process that is being ended, bookkeeping, and `stop`.
"""


def explain(edge: Edge) -> str:
    """One transition as a line: what happened and, in brackets, on which condition."""
    guards = [GUARDS[g] for g in edge.guards]
    if "set_exhausted" in edge.actions:
        guards.append(ACTIONS["set_exhausted"])
    if not edge.trigger:
        return ", ".join(guards)
    return TRIGGERS[edge.trigger] + (f" [{', '.join(guards)}]" if guards else "")
