"""What the client says, in neonize's terms: pairing, the link, and WhatsApp's decisions."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from pydantic import SecretStr

from .base import ChildFact


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
