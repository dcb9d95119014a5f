"""What can happen to a session.

Facts are many, decisions are few: each fact names the *trigger* of the chart it pulls, and facts
that lead to the same decision share one. A trigger of None means the fact is noted and ignored.

Facts from the session process carry its *generation*: a fact of an earlier child is stale and
changes nothing. The names are neonize's where neonize has one.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import ClassVar

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened."""

    trigger: ClassVar[str | None] = None

    @property
    def name(self) -> str:
        """The fact's public name, as `--json` prints it."""
        return type(self).__name__


@dataclass(frozen=True, slots=True)
class ChildFact(Fact):
    """Something the session process of this generation said, or that was seen of it."""

    generation: int


# -- pairing ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class QrOffered(ChildFact):
    """A fresh QR; it replaces the one before.

    `lifetime` is in seconds: 60 for the first of six, 20 for each other (whatsmeow qrchan.go).
    """

    trigger = "pairing_offered"
    payload: SecretStr
    lifetime: float


@dataclass(frozen=True, slots=True)
class PairCodeOffered(ChildFact):
    """A pair code to type on the phone. It lives as long as the QR window, 160 s."""

    trigger = "pairing_offered"
    code: SecretStr
    lifetime: float


@dataclass(frozen=True, slots=True)
class PairSucceeded(ChildFact):
    """The phone paired and the keys are stored; the first login is still to come."""

    trigger = "pair_succeeded"


@dataclass(frozen=True, slots=True)
class PairingTimedOut(ChildFact):
    """neonize's login status `timeout`: the codes ran out, or the socket dropped meanwhile."""

    trigger = "pairing_timed_out"


@dataclass(frozen=True, slots=True)
class PairingFailed(ChildFact):
    """Login status `error` or `err-unexpected-state`: pairing broke off. `status` is that word."""

    trigger = "pairing_failed"
    status: str


@dataclass(frozen=True, slots=True)
class PairCodeRefused(ChildFact):
    """`PairPhone` failed; `limited` if WhatsApp answered 429 rate-overlimit."""

    trigger = "pairing_failed"
    limited: bool


@dataclass(frozen=True, slots=True)
class PasskeyRequested(ChildFact):
    """Login status `passkey-request`: neonize has no way to answer one."""

    trigger = "refused"


@dataclass(frozen=True, slots=True)
class ScannedWithoutMultidevice(ChildFact):
    """The QR was scanned by a phone that cannot link devices; the QR stays valid."""

    trigger = "scan_unusable"


# -- the link --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connected(ChildFact):
    """Logged in and ready (whatsmeow connectionevents.go: after `<success>` and the prekeys)."""

    trigger = "link_established"


@dataclass(frozen=True, slots=True)
class Disconnected(ChildFact):
    """The socket closed; whatsmeow redials by itself, 2 s later each time, without end."""

    trigger = "link_dropped"


@dataclass(frozen=True, slots=True)
class KeepAliveTimeout(ChildFact):
    """A keepalive ping went unanswered, `errors` times in a row."""

    trigger = "keepalive_missed"
    errors: int


@dataclass(frozen=True, slots=True)
class KeepAliveRestored(ChildFact):
    """Keepalive pings are answered again on the same socket."""

    trigger = "keepalive_restored"


@dataclass(frozen=True, slots=True)
class StreamError(ChildFact):
    """A stream error whatsmeow does not know; a Disconnected follows if the server closes."""

    code: str


@dataclass(frozen=True, slots=True)
class DialFailed(ChildFact):
    """The first dial or its handshake failed; whatsmeow does not retry that one."""

    trigger = "link_failed"
    detail: str


@dataclass(frozen=True, slots=True)
class ConnectFailure(ChildFact):
    """`<failure>` with another code than those below; None if neonize could not encode it."""

    trigger = "link_failed"
    code: int | None


@dataclass(frozen=True, slots=True)
class StorageFailed(ChildFact):
    """The session database could not be opened, read or upgraded."""

    trigger = "refused"
    detail: str


# -- WhatsApp's decisions --------------------------------------------------------------------


class Logout(enum.Enum):
    """How WhatsApp ended the session (whatsmeow types/events/events.go)."""

    REMOVED = "device_removed"  # stream error 401: unlinked on the phone
    REJECTED = "rejected"  # <failure 401> at login
    LOCKED = "locked"  # <failure 403>, "LOCKED" in WhatsApp Web
    BANNED = "banned"  # <failure 406>, "BANNED" in WhatsApp Web


@dataclass(frozen=True, slots=True)
class LoggedOut(ChildFact):
    """This device is no longer linked; whatsmeow has deleted its row from the store."""

    trigger = "unlinked"
    how: Logout


@dataclass(frozen=True, slots=True)
class TemporaryBan(ChildFact):
    """`<failure 402>`: `code` 101 to 106 says why; `expires_in` seconds. None if unknown."""

    trigger = "banned_for_now"
    code: int | None
    expires_in: float | None


@dataclass(frozen=True, slots=True)
class StreamReplaced(ChildFact):
    """Another client connected with the same keys; whatsmeow does not come back by itself."""

    trigger = "replaced"


@dataclass(frozen=True, slots=True)
class ClientOutdated(ChildFact):
    """`<failure 405>`: WhatsApp wants a newer client."""

    trigger = "refused"


@dataclass(frozen=True, slots=True)
class BadUserAgent(ChildFact):
    """`<failure 409>`: the client's description of itself was rejected."""

    trigger = "refused"


# -- seen of the session process -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChildExited(ChildFact):
    """The session process was reaped. Exactly one for each StartChild.

    `returncode` is None if it was killed by `signal` or could not be learnt; `detail` is the
    redacted tail of what it printed.
    """

    trigger = "child_exited"
    returncode: int | None
    signal: int | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ChildSilent(ChildFact):
    """The session process did not answer its parent, twice in a row: it hangs."""

    trigger = "link_failed"


@dataclass(frozen=True, slots=True)
class BotBusy(ChildFact):
    """A handler of the bot has worked for `seconds` on one event; others wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class BotFree(ChildFact):
    """The handler that was busy is done."""


# -- answers to effects ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PurgeDone(Fact):
    """The session's files are gone, and that was verified."""

    trigger = "purge_done"


@dataclass(frozen=True, slots=True)
class PurgeFailed(Fact):
    """The session's files could not be cleared away; `detail` says why."""

    trigger = "purge_failed"
    detail: str


@dataclass(frozen=True, slots=True)
class RestoreDone(Fact):
    """The last good snapshot was put back."""

    trigger = "restore_done"


@dataclass(frozen=True, slots=True)
class NothingToRestore(Fact):
    """There is no snapshot, or it could not be put back."""

    trigger = "restore_failed"


@dataclass(frozen=True, slots=True)
class ProbeAnswered(ChildFact):
    """WhatsApp answered a request that was made to see whether it does."""

    trigger = "keepalive_restored"


@dataclass(frozen=True, slots=True)
class ProbeFailed(ChildFact):
    """WhatsApp did not answer, or the call never came back; `detail` says which.

    Noted only: missed keepalives have their clock, and a replacement waits for that.
    """

    detail: str


@dataclass(frozen=True, slots=True)
class NetworkBack(Fact):
    """The way to WhatsApp was shut during this wait, and is open again."""

    trigger = "network_back"


# -- the operator ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Start(Fact):
    """The supervisor begins to run."""

    trigger = "start"


@dataclass(frozen=True, slots=True)
class Stop(Fact):
    """Stop for good, keeping the session."""

    trigger = "stop"


@dataclass(frozen=True, slots=True)
class Resume(Fact):
    """Try again now, with a fresh budget of retries."""

    trigger = "resume"


@dataclass(frozen=True, slots=True)
class Relink(Fact):
    """Log out, clear the session away and pair afresh."""

    trigger = "relink"


# -- the clocks ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Alarm(Fact):
    """A clock rang. Made by `SessionCore.tick`; one whose clock is not due is ignored."""


@dataclass(frozen=True, slots=True)
class StartTimedOut(Alarm):
    """The client came to nothing within its start time."""

    trigger = "link_failed"


@dataclass(frozen=True, slots=True)
class PairingWindowClosed(Alarm):
    """The pairing window is over by our own clock; neonize's word is not waited for."""

    trigger = "pairing_window_closed"


@dataclass(frozen=True, slots=True)
class LinkTimedOut(Alarm):
    """Paired, but the first login did not complete in time."""

    trigger = "link_failed"


@dataclass(frozen=True, slots=True)
class StayedUp(Alarm):
    """Connected for long enough to call it stable."""

    trigger = "stayed_up"


@dataclass(frozen=True, slots=True)
class ReconnectTimedOut(Alarm):
    """The library redialled for too long."""

    trigger = "link_failed"


@dataclass(frozen=True, slots=True)
class KeepAliveGone(Alarm):
    """Keepalives stayed unanswered for too long."""

    trigger = "link_failed"


@dataclass(frozen=True, slots=True)
class BackoffElapsed(Alarm):
    """The wait is over."""

    trigger = "backoff_elapsed"


@dataclass(frozen=True, slots=True)
class StopTimedOut(Alarm):
    """The session process outlived its stop ladder."""

    trigger = "child_stuck"


@dataclass(frozen=True, slots=True)
class FilesTimedOut(Alarm):
    """A purge or a restore did not answer in time."""

    trigger = "files_timed_out"
