"""What happened, in words for whoever reads the log. A test holds the table complete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

WORDS: Final[Mapping[str, str]] = {
    "QrOffered": "a QR is there to be scanned",
    "PairCodeOffered": "a pair code is there to be typed on the phone",
    "PairSucceeded": "the phone paired, the first login is to come",
    "PairingTimedOut": "the codes ran out and nobody used one",
    "PairingFailed": "pairing broke off",
    "PairCodeRefused": "WhatsApp gave no pair code",
    "PasskeyRequested": "the account asks for a passkey",
    "ScannedWithoutMultidevice": "a phone scanned that cannot link devices",
    "Connected": "logged in",
    "Disconnected": "the connection dropped, the client redials",
    "KeepAliveTimeout": "WhatsApp did not answer a ping",
    "KeepAliveRestored": "WhatsApp answers pings again",
    "ProbeAnswered": "WhatsApp answered when asked",
    "ProbeFailed": "WhatsApp did not answer when asked",
    "StreamError": "WhatsApp ended the stream",
    "DialFailed": "the dial or its handshake failed",
    "ConnectFailure": "WhatsApp refused the connection",
    "LoggedOut": "the device is no longer linked",
    "TemporaryBan": "WhatsApp banned the account for a time",
    "StreamReplaced": "another program connected with the same keys",
    "ClientOutdated": "WhatsApp wants a newer client",
    "BadUserAgent": "WhatsApp rejected what the client says of itself",
    "ChildExited": "the session process ended",
    "StartRefused": "the session process was not started",
    "ChildSilent": "the session process hangs",
    "ClientUnusable": "neonize cannot be used as it is installed",
    "BotFailed": "the bot ended the session process",
    "BotEventUnusable": "the bot asked for an event that neonize cannot hand over",
    "BotBusy": "a handler of the bot has been at work for too long",
    "BotFree": "the bot's handler is done",
    "StorageFailed": "the session database could not be used",
    "StorageUnavailable": "the session database could not be reached",
    "PurgeDone": "the dead session was set aside",
    "PurgeFailed": "the dead session could not be set aside",
    "RestoreDone": "the last good snapshot was put back",
    "NothingToRestore": "there is no snapshot to put back",
    "RestoreFailed": "the snapshot could not be put back",
    "NetworkBack": "the network is back",
    "InboxFull": "the inbox is full",
    "InboxDrained": "there is room in the inbox again",
    "DialsHeld": "each dial needs to be allowed from now on",
    "DialAllowed": "it is this session's turn to dial",
    "Start": "the supervisor starts",
    "Stop": "told to stop",
    "Resume": "told to resume",
    "Restart": "told to restart the session process",
    "Relink": "told to relink",
    "StartTimedOut": "the client came to nothing in time",
    "PairingWindowClosed": "the time to scan is over",
    "LinkTimedOut": "paired, but the first login did not come in time",
    "StayedUp": "connected for long enough to be called stable",
    "ReconnectTimedOut": "the client redialled for too long",
    "KeepAliveGone": "WhatsApp left pings unanswered for too long",
    "BackoffElapsed": "the wait is over",
    "StopTimedOut": "the session process does not end",
    "FilesTimedOut": "the work on the session's files took too long",
    "OperatorResumed": "resume was ordered for the next start",
    "OperatorRelinked": "relink was ordered for the next start",
    "OperatorRestored": "an operator put a copy of the keys back",
    "OperatorPurged": "an operator set the keys aside",
}
"""By the name of the fact, or of what an operator did while no supervisor ran."""

_LONGEST_DETAIL: Final = 300


def in_words(fact: str) -> str:
    """Say what a fact means; its name, if a newer version wrote it."""
    return WORDS.get(fact, fact)


def shortened(detail: str) -> str:
    """Put a detail of several lines into one that is not too long."""
    line = " / ".join(filter(None, map(str.strip, detail.splitlines())))
    return line if len(line) <= _LONGEST_DETAIL else f"{line[:_LONGEST_DETAIL]}..."
