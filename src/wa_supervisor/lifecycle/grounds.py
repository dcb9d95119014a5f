"""Which reason each fact gives: the tables between what happened and what a person is told."""

from __future__ import annotations

from . import facts
from .facts import Fact, Logout
from .model import Sequel
from .reasons import Reason

REASONS: dict[type[Fact], Reason] = {
    facts.QrOffered: Reason.PAIRING_EXPIRED,
    facts.PairCodeOffered: Reason.PAIRING_EXPIRED,
    facts.PairingTimedOut: Reason.PAIRING_EXPIRED,
    facts.PairingWindowClosed: Reason.PAIRING_EXPIRED,
    facts.PairingFailed: Reason.PAIRING_FAILED,
    facts.PasskeyRequested: Reason.PASSKEY_REQUIRED,
    facts.Disconnected: Reason.FLAPPING,
    facts.DialFailed: Reason.DIAL_FAILED,
    facts.ConnectFailure: Reason.CONNECT_REFUSED,
    facts.StorageFailed: Reason.STORAGE_FAILED,
    facts.StorageUnavailable: Reason.STORAGE_UNAVAILABLE,
    facts.TemporaryBan: Reason.TEMPORARY_BAN,
    facts.StreamReplaced: Reason.REPLACED,
    facts.ClientOutdated: Reason.OUTDATED,
    facts.BadUserAgent: Reason.BAD_USER_AGENT,
    facts.ClientUnusable: Reason.CLIENT_UNUSABLE,
    facts.BotFailed: Reason.BOT_FAILED,
    facts.ChildExited: Reason.CHILD_EXITED,
    facts.ChildSilent: Reason.CHILD_HUNG,
    facts.PurgeDone: Reason.PURGED,
    facts.PurgeFailed: Reason.PURGE_FAILED,
    facts.RestoreDone: Reason.RESTORED,
    facts.RestoreFailed: Reason.STORAGE_FAILED,
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

OUTAGES = frozenset({Reason.DIAL_FAILED, Reason.START_TIMEOUT, Reason.RECONNECT_TIMEOUT})
"""What may mean that WhatsApp cannot be reached: there is nothing to wait for but the network."""


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


def crashed(fact: Fact) -> bool:
    """Whether a process ran and died: one that could not be started has nothing to answer for."""
    match fact:
        case facts.ChildExited(returncode=returncode, signal=signal):
            return returncode is not None or signal is not None
        case facts.BotFailed():
            return True
        case _:
            return False
