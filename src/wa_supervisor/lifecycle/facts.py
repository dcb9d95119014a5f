"""What can happen to a session: every fact there is, and what the lifecycle needs to know of each.

`@fact` says of each, as data: its public name, which is the word on the wire, in the journal and in
`--json` and never changes; the *trigger* of the chart it pulls, None if it is only noted; and the
reason it gives for leaving a state. Facts that lead to the same decision share a trigger.

A `ChildFact` is said by a session process or seen of it, and carries that process's *generation*:
one of an earlier process is stale and changes nothing. Names are neonize's where it has one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeVar, dataclass_transform

from pydantic import SecretStr

from .model import Logout
from .reasons import Reason


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened; of its class attributes see above, and of reasons `reason_of`."""

    name: ClassVar[str]
    trigger: ClassVar[str | None]
    reason: ClassVar[Reason | None]


@dataclass(frozen=True, slots=True)
class ChildFact(Fact):
    """Something the session process of this generation said, or that was seen of it."""

    generation: int


@dataclass(frozen=True, slots=True)
class Alarm(Fact):
    """A clock rang. Made by `SessionCore.tick`; one whose clock is not due is ignored."""


FACTS: dict[str, type[Fact]] = {}
"""Every fact by its public name."""

_F = TypeVar("_F", bound=Fact)


@dataclass_transform(frozen_default=True)
def fact(
    name: str, trigger: str | None, reason: Reason | None = None
) -> Callable[[type[_F]], type[_F]]:
    """Declare a fact: a frozen dataclass with these class attributes, known to `FACTS`."""

    def declare(kind: type[_F]) -> type[_F]:
        made = dataclass(frozen=True, slots=True)(kind)
        made.name, made.trigger, made.reason = name, trigger, reason
        if FACTS.setdefault(name, made) is not made:
            raise ValueError(f"two facts are called {name}")
        return made

    return declare


# -- the client, in neonize's terms: pairing
@fact("QrOffered", "pairing_offered", Reason.PAIRING_EXPIRED)
class QrOffered(ChildFact):
    """A fresh QR, for `lifetime` s: 60 for the first of six, else 20 (whatsmeow qrchan.go)."""

    payload: SecretStr
    lifetime: float


@fact("PairCodeOffered", "pairing_offered", Reason.PAIRING_EXPIRED)
class PairCodeOffered(ChildFact):
    """A pair code to type on the phone. It lives as long as the QR window: 160 s."""

    code: SecretStr
    lifetime: float


@fact("PairSucceeded", "pair_succeeded")
class PairSucceeded(ChildFact):
    """The phone paired and the keys are stored; the first login is still to come."""


@fact("PairingTimedOut", "pairing_timed_out", Reason.PAIRING_EXPIRED)
class PairingTimedOut(ChildFact):
    """neonize's login status `timeout`: the codes ran out, or the socket dropped meanwhile."""


@fact("PairingFailed", "pairing_failed", Reason.PAIRING_FAILED)
class PairingFailed(ChildFact):
    """Login status `error` or `err-unexpected-state`: pairing broke off. `status` is that word."""

    status: str


@fact("PairCodeRefused", "pairing_failed", Reason.PAIRING_FAILED)
class PairCodeRefused(ChildFact):
    """`PairPhone` failed; `limited` if WhatsApp answered 429 rate-overlimit."""

    limited: bool


@fact("PasskeyRequested", "refused", Reason.PASSKEY_REQUIRED)
class PasskeyRequested(ChildFact):
    """Login status `passkey-request`: neonize has no way to answer one."""


@fact("ScannedWithoutMultidevice", "scan_unusable")
class ScannedWithoutMultidevice(ChildFact):
    """The QR was scanned by a phone that cannot link devices; the QR stays valid."""


# -- the client: the link
@fact("Connected", "link_established")
class Connected(ChildFact):
    """Logged in and ready (whatsmeow connectionevents.go: after `<success>` and the prekeys)."""


@fact("Disconnected", "link_dropped", Reason.FLAPPING)
class Disconnected(ChildFact):
    """The socket closed; whatsmeow redials by itself, 2 s later each time, without end."""


@fact("KeepAliveTimeout", "keepalive_missed")
class KeepAliveTimeout(ChildFact):
    """A keepalive ping went unanswered, `errors` times in a row."""

    errors: int


@fact("KeepAliveRestored", "keepalive_restored")
class KeepAliveRestored(ChildFact):
    """Keepalive pings are answered again on the same socket."""


@fact("ProbeAnswered", "keepalive_restored")
class ProbeAnswered(ChildFact):
    """WhatsApp answered a request that was made to see whether it does."""


@fact("ProbeFailed", None)
class ProbeFailed(ChildFact):
    """WhatsApp did not answer a probe (`detail` says how). Missed keepalives have their clock."""

    detail: str


@fact("StreamError", None)
class StreamError(ChildFact):
    """A stream error whatsmeow does not know; a Disconnected follows if the server closes."""

    code: str


@fact("DialFailed", "link_failed", Reason.DIAL_FAILED)
class DialFailed(ChildFact):
    """The first dial or its handshake failed; whatsmeow does not retry that one."""

    detail: str


@fact("ConnectFailure", "link_failed", Reason.CONNECT_REFUSED)
class ConnectFailure(ChildFact):
    """`<failure>` with another code than those below; None if neonize could not encode it."""

    code: int | None


# -- the client: what WhatsApp decided
@fact("LoggedOut", "unlinked", Reason.LOGGED_OUT)
class LoggedOut(ChildFact):
    """This device is no longer linked; whatsmeow has deleted its row from the store."""

    how: Logout


@fact("TemporaryBan", "banned_for_now", Reason.TEMPORARY_BAN)
class TemporaryBan(ChildFact):
    """`<failure 402>`: `code` 101 to 106 says why; `expires_in` seconds. None if unknown."""

    code: int | None
    expires_in: float | None


@fact("StreamReplaced", "replaced", Reason.REPLACED)
class StreamReplaced(ChildFact):
    """Another client connected with the same keys; whatsmeow does not come back by itself."""


@fact("ClientOutdated", "refused", Reason.OUTDATED)
class ClientOutdated(ChildFact):
    """`<failure 405>`: WhatsApp wants a newer client."""


@fact("BadUserAgent", "refused", Reason.BAD_USER_AGENT)
class BadUserAgent(ChildFact):
    """`<failure 409>`: the client's description of itself was rejected."""


# -- the session process, the bot in it and the files under it
@fact("ChildExited", "child_exited", Reason.CHILD_EXITED)
class ChildExited(ChildFact):
    """The session process was reaped, one for each StartChild; no `returncode` after a `signal`."""

    returncode: int | None
    signal: int | None
    detail: str = ""  # why, and nothing that it printed


@fact("StartRefused", "child_exited", Reason.START_REFUSED)
class StartRefused(ChildFact):
    """No session process was started, so nothing ran; in place of its ChildExited."""

    detail: str


@fact("ChildSilent", "link_failed", Reason.CHILD_HUNG)
class ChildSilent(ChildFact):
    """The session process did not answer its parent, twice in a row: it hangs."""


@fact("ClientUnusable", "refused", Reason.CLIENT_UNUSABLE)
class ClientUnusable(ChildFact):
    """neonize is missing, of a release nobody has tried, or not what it should be inside."""

    detail: str


@fact("BotFailed", "child_exited", Reason.BOT_FAILED)
class BotFailed(ChildFact):
    """The bot, not the client, ended the session process; `detail` is the last it said."""

    detail: str


@fact("BotEventUnusable", "child_exited", Reason.BOT_EVENT_UNUSABLE)
class BotEventUnusable(ChildFact):
    """The process died of an event that the bot asked for and neonize cannot hand over."""

    event: str


@fact("BotBusy", None)
class BotBusy(ChildFact):
    """A handler of the bot has worked for `seconds` on one event; others wait."""

    seconds: float


@fact("BotFree", None)
class BotFree(ChildFact):
    """The handler that was busy is done."""


@fact("StorageFailed", "refused", Reason.STORAGE_FAILED)
class StorageFailed(ChildFact):
    """The session database could not be opened, read or upgraded, and waiting mends nothing."""

    detail: str


@fact("StorageUnavailable", "link_failed", Reason.STORAGE_UNAVAILABLE)
class StorageUnavailable(ChildFact):
    """The session database could not be reached now: locked by another, or its server is away."""

    detail: str


# -- the supervisor: answers to effects
@fact("PurgeDone", "purge_done", Reason.PURGED)
class PurgeDone(Fact):
    """The session's files are gone, and that was verified."""


@fact("PurgeFailed", "purge_failed", Reason.PURGE_FAILED)
class PurgeFailed(Fact):
    """The session's files could not be cleared away; `detail` says why."""

    detail: str


@fact("RestoreDone", "restore_done", Reason.RESTORED)
class RestoreDone(Fact):
    """The last good snapshot was put back."""


@fact("NothingToRestore", "nothing_restored")
class NothingToRestore(Fact):
    """There is no snapshot that could be put back."""


@fact("RestoreFailed", "restore_failed", Reason.STORAGE_FAILED)
class RestoreFailed(Fact):
    """There is a snapshot, but the files could not be put back; `detail` says why."""

    detail: str


@fact("NetworkBack", "network_back")
class NetworkBack(Fact):
    """The way to WhatsApp was shut during this wait, and is open again."""


@fact("InboxFull", "inbox_filled", Reason.INBOX_FULL)
class InboxFull(Fact):
    """The inbox holds no more: what comes now is better kept by WhatsApp."""


@fact("InboxDrained", "inbox_drained")
class InboxDrained(Fact):
    """There is room in the inbox again."""


# -- whoever runs many sessions, see `multi`
@fact("DialsHeld", "dials_held")
class DialsHeld(Fact):
    """From now on every dial of this session needs a DialAllowed; `why` is for a person."""

    why: str


@fact("DialAllowed", "dial_allowed")
class DialAllowed(Fact):
    """It is this session's turn to dial, once."""


# -- the operator
@fact("Start", "start")
class Start(Fact):
    """The supervisor begins to run."""


@fact("Stop", "stop", Reason.STOPPED)
class Stop(Fact):
    """Stop for good, keeping the session."""


@fact("Resume", "resume", Reason.RESUMED)
class Resume(Fact):
    """Try again now, with a fresh budget of retries."""


@fact("Restart", "restart", Reason.RESTARTING)
class Restart(Fact):
    """End the session process and start a new one; nothing is forgiven and nothing is lost."""


@fact("Relink", "relink", Reason.RELINK)
class Relink(Fact):
    """Log out, clear the session away and pair afresh."""


# -- the clocks
@fact("StartTimedOut", "link_failed", Reason.START_TIMEOUT)
class StartTimedOut(Alarm):
    """The client came to nothing within its start time."""


@fact("PairingWindowClosed", "pairing_window_closed", Reason.PAIRING_EXPIRED)
class PairingWindowClosed(Alarm):
    """The pairing window is over by our own clock; neonize's word is not waited for."""


@fact("LinkTimedOut", "link_failed", Reason.LINK_TIMEOUT)
class LinkTimedOut(Alarm):
    """Paired, but the first login did not complete in time."""


@fact("StayedUp", "stayed_up")
class StayedUp(Alarm):
    """Connected for long enough to call it stable."""


@fact("ReconnectTimedOut", "link_failed", Reason.RECONNECT_TIMEOUT)
class ReconnectTimedOut(Alarm):
    """The library redialled for too long."""


@fact("KeepAliveGone", "link_failed", Reason.KEEPALIVE_LOST)
class KeepAliveGone(Alarm):
    """Keepalives stayed unanswered for too long."""


@fact("BackoffElapsed", "backoff_elapsed")
class BackoffElapsed(Alarm):
    """The wait is over."""


@fact("StopTimedOut", "child_stuck", Reason.CHILD_STUCK)
class StopTimedOut(Alarm):
    """The session process outlived its stop ladder."""


@fact("FilesTimedOut", "files_timed_out", Reason.PURGE_FAILED)
class FilesTimedOut(Alarm):
    """A purge or a restore did not answer in time."""
