"""Why a session waits or gave up: one code each, a sentence for the operator, and who must act.

Rule of this file: a reason exists here once. The chart names it, `--json` prints its code, the
terminal prints its sentence, the documentation's table is made from it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ..hints import Action, Hint, phrase


class Who(enum.Enum):
    """Who can change the situation."""

    NOBODY = "nobody: it heals by itself"
    OPERATOR = "you"
    PHONE = "the person with the phone"


@dataclass(frozen=True)
class Explanation:
    """What a reason means to the person on call."""

    sentence: str
    who: Who = Who.NOBODY
    hints: tuple[Hint, ...] = ()
    """What to do, one after another."""

    @property
    def advice(self) -> str:
        """What to do in plain words; nothing if it heals by itself."""
        return phrase(self.hints)

    def __str__(self) -> str:
        return f"{self.sentence} Try: {self.advice}" if self.hints else self.sentence


class Reason(enum.Enum):
    """Why the session is in Backoff, LoggedOut or GaveUp. The value is the public code."""

    # The network and the server
    DIAL_FAILED = "dial_failed"
    START_TIMEOUT = "start_timeout"
    LINK_TIMEOUT = "link_timeout"
    RECONNECT_TIMEOUT = "reconnect_timeout"
    KEEPALIVE_LOST = "keepalive_lost"
    FLAPPING = "flapping"
    CONNECT_REFUSED = "connect_refused"
    DIAL_BUDGET = "dial_budget"
    RETRIES_EXHAUSTED = "retries_exhausted"
    # The session process
    CHILD_EXITED = "child_exited"
    START_REFUSED = "start_refused"
    CHILD_HUNG = "child_hung"
    BOT_FAILED = "bot_failed"
    BOT_EVENT_UNUSABLE = "bot_event_unusable"
    CRASH_LOOP = "crash_loop"
    CHILD_STUCK = "child_stuck"
    CLIENT_UNUSABLE = "client_unusable"
    # Pairing
    PAIRING_EXPIRED = "pairing_expired"
    PAIRING_FAILED = "pairing_failed"
    PAIR_CODE_LIMITED = "pair_code_limited"
    PASSKEY_REQUIRED = "passkey_required"
    PHONE_WITHOUT_MULTIDEVICE = "phone_without_multidevice"
    # WhatsApp's decisions
    LOGGED_OUT = "logged_out"
    LOGIN_REJECTED = "login_rejected"
    LOCKED = "locked"
    BANNED = "banned"
    NO_KEYS_LEFT = "no_keys_left"
    TEMPORARY_BAN = "temporary_ban"
    BANNED_AGAIN = "banned_again"
    REPLACED = "replaced"
    OUTDATED = "outdated"
    BAD_USER_AGENT = "bad_user_agent"
    # The session's files
    PURGED = "purged"
    RESTORED = "restored"
    PURGE_FAILED = "purge_failed"
    STORAGE_FAILED = "storage_failed"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    MEMORY_LOST = "memory_lost"
    INBOX_FULL = "inbox_full"
    # The other sessions of the program
    HELD = "held"
    # The operator
    RESUMED = "resumed"
    RESTARTING = "restarting"
    RELINK = "relink"
    STOPPED = "stopped"

    @property
    def explanation(self) -> Explanation:
        """The sentence, the person and the hints for this reason."""
        return EXPLANATIONS[self]


_RESUME = (Hint(Action.RESUME, first="mend the cause"),)
_MEND = (Hint(Action.RESUME, first="mend what the detail says (permissions, disk)"),)
_UPGRADE = (Hint(Action.UPGRADE, "neonize"), Hint(Action.RESUME))

EXPLANATIONS: dict[Reason, Explanation] = {
    Reason.DIAL_FAILED: Explanation("WhatsApp could not be reached; the dial or handshake failed."),
    Reason.START_TIMEOUT: Explanation("The client started but nothing came of it in time."),
    Reason.LINK_TIMEOUT: Explanation("The phone paired, but the first login never completed."),
    Reason.RECONNECT_TIMEOUT: Explanation("The client kept redialling without success."),
    Reason.KEEPALIVE_LOST: Explanation("The connection is open but WhatsApp no longer answers."),
    Reason.FLAPPING: Explanation("The connection comes and goes too often; easing off."),
    Reason.CONNECT_REFUSED: Explanation("WhatsApp refused the connection for now."),
    Reason.DIAL_BUDGET: Explanation("The hourly budget of dials is spent; waiting for room in it."),
    Reason.RETRIES_EXHAUSTED: Explanation(
        "Every retry was used up without a stable connection.", Who.OPERATOR, _RESUME
    ),
    Reason.CHILD_EXITED: Explanation("The session process died (a crash never costs the pairing)."),
    Reason.START_REFUSED: Explanation("The session process was not started; nothing was dialled."),
    Reason.CHILD_HUNG: Explanation("The session process hung; it was replaced."),
    Reason.BOT_FAILED: Explanation(
        "The bot ended the session process; the session itself is untouched.",
        Who.OPERATOR,
        (Hint(Action.CRASHES), Hint(first="mend the bot", note="the next try takes it")),
    ),
    Reason.BOT_EVENT_UNUSABLE: Explanation(
        "The bot asked for an event that neonize cannot hand over, and the session process died of "
        "it; the bot goes on without that event."
    ),
    Reason.CRASH_LOOP: Explanation(
        "The session process keeps dying; something beside WhatsApp is broken.",
        Who.OPERATOR,
        (Hint(Action.CRASHES), Hint(Action.RESUME, first="mend the bot or neonize")),
    ),
    Reason.CHILD_STUCK: Explanation(
        "The session process could not be ended, not even by SIGKILL.",
        Who.OPERATOR,
        (Hint(Action.RUN, first="look for a process in uninterruptible sleep, and end it"),),
    ),
    Reason.CLIENT_UNUSABLE: Explanation(
        "neonize cannot be used as it is installed.",
        Who.OPERATOR,
        (Hint(Action.RESUME, first="install what the detail asks for"),),
    ),
    Reason.PAIRING_EXPIRED: Explanation(
        "Nobody scanned the QR in time.", Who.PHONE, (Hint(Action.RESUME), Hint(Action.SCAN))
    ),
    Reason.PAIRING_FAILED: Explanation("Pairing broke off; a fresh attempt will be made."),
    Reason.PAIR_CODE_LIMITED: Explanation(
        "WhatsApp hands out no more pair codes for this number for now."
    ),
    Reason.PASSKEY_REQUIRED: Explanation(
        "This account insists on a passkey, which neonize cannot present.",
        Who.PHONE,
        (Hint(note="remove it in WhatsApp's settings, or use another account"),),
    ),
    Reason.PHONE_WITHOUT_MULTIDEVICE: Explanation(
        "The phone that scanned does not have multi-device switched on; the QR is still valid.",
        Who.PHONE,
        (Hint(Action.SCAN, first="update WhatsApp on the phone"),),
    ),
    Reason.LOGGED_OUT: Explanation("The device was unlinked; its keys are dead."),
    Reason.LOGIN_REJECTED: Explanation("WhatsApp did not accept the keys at login."),
    Reason.LOCKED: Explanation(
        "WhatsApp locked the account (403).",
        Who.PHONE,
        (Hint(Action.OPEN_WHATSAPP), Hint(Action.RESUME)),
    ),
    Reason.BANNED: Explanation(
        "WhatsApp banned the account (406).",
        Who.PHONE,
        (Hint(note="appeal in WhatsApp on the phone; do not pair again before it is settled"),),
    ),
    Reason.NO_KEYS_LEFT: Explanation(
        "WhatsApp shut the account out before its keys were copied: there is nothing to resume.",
        Who.PHONE,
        (Hint(Action.OPEN_WHATSAPP), Hint(Action.RELINK)),
    ),
    Reason.TEMPORARY_BAN: Explanation("WhatsApp banned the account for a time; waiting it out."),
    Reason.BANNED_AGAIN: Explanation(
        "WhatsApp banned the account repeatedly; retrying would make it worse.",
        Who.OPERATOR,
        (Hint(Action.RESUME, first="find out what the bot sends, and change it"),),
    ),
    Reason.REPLACED: Explanation(
        "Another program connected with the same keys.",
        Who.OPERATOR,
        (Hint(Action.RESUME, first="find the other program, and stop it"),),
    ),
    Reason.OUTDATED: Explanation(
        "WhatsApp no longer accepts this client version.",
        Who.OPERATOR,
        _UPGRADE,
    ),
    Reason.BAD_USER_AGENT: Explanation(
        "WhatsApp rejected the client's description of itself (409).",
        Who.OPERATOR,
        _UPGRADE,
    ),
    Reason.PURGED: Explanation(
        "The dead session was cleared away; pairing starts afresh.",
        Who.PHONE,
        (Hint(Action.SCAN),),
    ),
    Reason.RESTORED: Explanation("The last good snapshot was put back; trying it once."),
    Reason.PURGE_FAILED: Explanation(
        "The dead session's files could not be cleared away; nothing was paired on top.",
        Who.OPERATOR,
        _MEND,
    ),
    Reason.STORAGE_FAILED: Explanation(
        "The session database could not be used.",
        Who.OPERATOR,
        _MEND,
    ),
    Reason.STORAGE_UNAVAILABLE: Explanation(
        "The session database could not be reached now: locked, or its server is away."
    ),
    Reason.MEMORY_LOST: Explanation(
        "What the supervisor remembered could not be read; starting with the longest wait."
    ),
    Reason.INBOX_FULL: Explanation(
        "The inbox is full, as nobody reads it; what comes now waits at WhatsApp.",
        Who.OPERATOR,
        (
            Hint(
                first="start the program which reads the messages",
                note="the session comes back by itself",
            ),
        ),
    ),
    Reason.HELD: Explanation(
        "It waits for its turn among the sessions of this program, which do not all dial at once."
    ),
    Reason.RESUMED: Explanation("Trying again at an operator's word."),
    Reason.RESTARTING: Explanation(
        "An operator asked for a new session process; the session stays paired."
    ),
    Reason.RELINK: Explanation("An operator asked for a new pairing."),
    Reason.STOPPED: Explanation("An operator stopped the supervisor."),
}
