"""Exit codes: what a service manager may act on.

The numbers are sysexits.h's where one fits. With `run --on-give-up exit`, a unit that lists them
in `RestartPreventExitStatus=` does not undo a GaveUp.
"""

from __future__ import annotations

import enum
from typing import Final

from ..lifecycle.reasons import Reason


class Exit(enum.IntEnum):
    """How a command ended."""

    OK = 0
    """Stopped by an operator, or done."""
    FAILED = 1
    """A demo or simulation did not go as promised; `health`: it is not connected or, with
    `--live`, no supervisor answers; `doctor`: no session can run here;
    `gate explain`: refused; `restart`: what was given up is not restarted; `fleet`: there is no
    such session or worker, or it cannot go there; `fleet status`: a session has no worker."""
    USAGE = 2
    """A command line or a setting is wrong."""
    STORE = 3
    """The session's files cannot be used, or another supervisor holds them; none runs,
    or it does not answer."""
    RATE_LIMITED = 63
    """`send`: WhatsApp was asked too often; nothing was sent."""
    UNKNOWN = 64
    """`send`: the message may have been sent. It is not sent again; look into the chat."""
    REFUSED = 65
    """`send`: WhatsApp refused the message; nothing was sent."""
    RESTRICTED = 66
    """`send`: WhatsApp lets this account write to no new contacts (463); nothing was sent."""
    NOBODY = 67
    """`send`: nobody can be reached at this address; nothing was sent."""
    OFFLINE = 68
    """`send`: the session is not connected, or linked to no account; nothing was sent."""
    PAIRING = 69
    """GaveUp: a person must pair (nobody scanned, or the account wants a passkey)."""
    STORAGE = 74
    """GaveUp: files could not be purged or the database could not be used."""
    RETRIES = 75
    """GaveUp: retries exhausted, or the session process could not be ended."""
    CONFLICT = 76
    """GaveUp: another program uses the same keys."""
    ACCOUNT = 77
    """GaveUp: WhatsApp locked or banned the account."""
    OUTDATED = 78
    """GaveUp: another neonize must be installed: WhatsApp or this program refuses this one."""


SENDING: dict[str, Exit] = {
    "rate_limited": Exit.RATE_LIMITED,
    "send_unknown": Exit.UNKNOWN,
    "send_timeout": Exit.UNKNOWN,
    "refused": Exit.REFUSED,
    "restricted": Exit.RESTRICTED,
    "not_on_whatsapp": Exit.NOBODY,
    "not_connected": Exit.OFFLINE,
    "not_paired": Exit.OFFLINE,
    "client_gone": Exit.OFFLINE,
}
"""Every end of a send but success, by the code of its `SendError`."""


INTERRUPTED: Final = 130
"""Ctrl-C ended a command that has an end of its own, as a shell says of SIGINT."""

GIVE_UP: dict[Reason, Exit] = {
    Reason.PAIRING_EXPIRED: Exit.PAIRING,
    Reason.PASSKEY_REQUIRED: Exit.PAIRING,
    Reason.PURGE_FAILED: Exit.STORAGE,
    Reason.STORAGE_FAILED: Exit.STORAGE,
    Reason.RETRIES_EXHAUSTED: Exit.RETRIES,
    Reason.CHILD_STUCK: Exit.RETRIES,
    Reason.CRASH_LOOP: Exit.RETRIES,
    Reason.REPLACED: Exit.CONFLICT,
    Reason.LOCKED: Exit.ACCOUNT,
    Reason.BANNED: Exit.ACCOUNT,
    Reason.NO_KEYS_LEFT: Exit.ACCOUNT,
    Reason.BANNED_AGAIN: Exit.ACCOUNT,
    Reason.OUTDATED: Exit.OUTDATED,
    Reason.BAD_USER_AGENT: Exit.OUTDATED,
    Reason.CLIENT_UNUSABLE: Exit.OUTDATED,
}
"""Every reason the chart gives up for."""


def gave_up(reason: Reason | None) -> Exit:
    """Return the code that says why a session was given up."""
    return GIVE_UP.get(reason, Exit.FAILED) if reason is not None else Exit.FAILED
