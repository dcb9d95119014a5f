"""What neonize says, as facts: the one module that knows its events, words and error texts.

Tables, read from neonize 0.5.2 (goneonize/main.go, neonize/events.py) and whatsmeow (qrchan.go,
connectionevents.go), each row run against the loopback server. Nothing here imports neonize:
events are looked at by the name of their message, so that the supervisor may import this too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from ...lifecycle import Logout, facts
from ...redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...lifecycle.facts import ChildFact

    Event = Any  # a protobuf message of neonize, which ships no types
    Reading = Callable[[Event, int], ChildFact | None]

FIRST_QR_LIFETIME: Final = 60.0  # seconds; qrchan.go, for a list of exactly six codes
QR_LIFETIME: Final = 20.0
PAIR_CODE_LIFETIME: Final = 160.0  # the QR list it rides on: 60 + 5 x 20

_MAX_DETAIL: Final = 300

# neonize encodes WhatsApp's numbers as its own enum (utils/encoder.go); these are the numbers.
_FAILURES: Final = {
    "GENERIC": 400,
    "LOGGED_OUT": 401,
    "TEMP_BANNED": 402,
    "MAIN_DEVICE_GONE": 403,
    "CLIENT_OUTDATED": 405,
    "UNKNOWN_LOGOUT": 406,
    "BAD_USER_AGENT": 409,
    "INTERNAL_SERVER_ERROR": 500,
    "EXPERIMENTAL": 501,
    "SERVICE_UNAVAILABLE": 503,
}
_BANS: Final = {
    "SEND_TO_TOO_MANY_PEOPLE": 101,
    "BLOCKED_BY_USERS": 102,
    "CREATED_TOO_MANY_GROUPS": 103,
    "SENT_TOO_MANY_SAME_MESSAGE": 104,
    "BROADCAST_LIST": 106,
}
_LOGOUTS: Final = {401: Logout.REJECTED, 403: Logout.LOCKED, 406: Logout.BANNED}


def _enum(event: Event, field: str, numbers: dict[str, int]) -> int | None:
    """Return WhatsApp's number of an enum field, None if it is not set or not known."""
    values = event.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number
    value = values.get(getattr(event, field)) if event.HasField(field) else None
    return None if value is None else numbers.get(value.name)


def _pair_status(event: Event, generation: int) -> ChildFact:
    if event.Status == event.SUCCESS:
        return facts.PairSucceeded(generation)
    return facts.PairingFailed(generation, status=redact(event.Error)[:_MAX_DETAIL] or "error")


def _logged_out(event: Event, generation: int) -> ChildFact:
    how = Logout.REMOVED
    if event.OnConnect:
        code = _enum(event, "Reason", _FAILURES)
        how = _LOGOUTS.get(code or 0, Logout.REJECTED)
    return facts.LoggedOut(generation, how)


def _temporary_ban(event: Event, generation: int) -> ChildFact:
    # Expire is in seconds (whatsmeow divides by time.Second); 0 says nothing about the end.
    return facts.TemporaryBan(
        generation, code=_enum(event, "Code", _BANS), expires_in=float(event.Expire) or None
    )


def _connect_failure(event: Event, generation: int) -> ChildFact:
    code = _enum(event, "Reason", _FAILURES)
    if code == _FAILURES["BAD_USER_AGENT"]:
        return facts.BadUserAgent(generation)
    return facts.ConnectFailure(generation, code)


# The messages to subscribe to, by name in neonize.proto.Neonize_pb2. Only these: any other event
# with an unset required field would end connect().
EVENTS: Final[dict[str, Reading]] = {
    "PairStatus": _pair_status,
    "Connected": lambda _, generation: facts.Connected(generation),
    "KeepAliveTimeout": lambda event, generation: facts.KeepAliveTimeout(
        generation, errors=int(event.ErrorCount)
    ),
    "KeepAliveRestored": lambda _, generation: facts.KeepAliveRestored(generation),
    "LoggedOut": _logged_out,
    "StreamReplaced": lambda _, generation: facts.StreamReplaced(generation),
    "TemporaryBan": _temporary_ban,
    "ConnectFailure": _connect_failure,
    "ClientOutdated": lambda _, generation: facts.ClientOutdated(generation),
    "StreamError": lambda event, generation: facts.StreamError(
        generation, code=redact(event.Code)[:_MAX_DETAIL]
    ),
    "Disconnected": lambda _, generation: facts.Disconnected(generation),
}

# whatsmeow qrchan.go. "success" says less than the PairStatus that follows it.
_STATUS: Final[dict[str, Callable[[int], ChildFact | None]]] = {
    "success": lambda _: None,
    "timeout": facts.PairingTimedOut,
    "err-client-outdated": facts.ClientOutdated,
    "err-scanned-without-multidevice": facts.ScannedWithoutMultidevice,
    "passkey-request": facts.PasskeyRequested,
    "passkey-confirmation": facts.PasskeyRequested,
}

# Parts of NeonizeError texts, most telling first.
_ERRORS: Final[tuple[tuple[str, Callable[[int, str], ChildFact]], ...]] = (
    ("TemporaryBan.Code", lambda generation, _: facts.TemporaryBan(generation, None, None)),
    ("ConnectFailure.Reason", lambda generation, _: facts.ConnectFailure(generation, None)),
    ("failed to dial", facts.DialFailed),
    ("noise handshake failed", facts.DialFailed),
    ("database is locked", facts.StorageUnavailable),  # SQLite waited 5 s and gave up
    # Of a Postgres server: it is away, starts, or is full.
    ("dial tcp", facts.StorageUnavailable),
    ("dial unix", facts.StorageUnavailable),
    ("pq: the database system is", facts.StorageUnavailable),
    ("pq: sorry, too many clients", facts.StorageUnavailable),
    ("failed to open database", facts.StorageFailed),
    ("unable to open database file", facts.StorageFailed),
    ("file is not a database", facts.StorageFailed),
    ("disk image is malformed", facts.StorageFailed),
    ("readonly database", facts.StorageFailed),
    ("disk I/O error", facts.StorageFailed),
    ("unsupported database schema version", facts.StorageFailed),
    ("foreign keys are not enabled", facts.StorageFailed),
    ("failed to upgrade database", facts.StorageFailed),
    ("failed to scan session", facts.StorageFailed),
    ("invalid length", facts.StorageFailed),
)


# whatsmeow connectionevents.go, at INFO: said before the device is deleted.
_LOGGED_OUT: Final = re.compile(
    r"Got (?:(\d+): .* connect failure|device removed stream error), "
    r"sending LoggedOut event and deleting session"
)


def fact_of_log(message: str, generation: int) -> ChildFact | None:
    """Return the logout in a line of whatsmeow's log, None if it says of none."""
    said = _LOGGED_OUT.fullmatch(message)
    if said is None:
        return None
    how = Logout.REMOVED
    if said[1] is not None:
        how = _LOGOUTS.get(int(said[1]), Logout.REJECTED)
    return facts.LoggedOut(generation, how)


def fact_of_event(name: str, event: Event, generation: int) -> ChildFact | None:
    """Return the fact in an event, None for one that is no fact of a lifecycle."""
    reading = EVENTS.get(name)
    return None if reading is None else reading(event, generation)


def fact_of_status(word: str, generation: int) -> ChildFact | None:
    """Return the fact in a login status; an unknown word means that pairing failed."""
    reading = _STATUS.get(word)
    if reading is None:
        return facts.PairingFailed(generation, status=redact(word)[:_MAX_DETAIL])
    return reading(generation)


def fact_of_error(text: str, generation: int) -> ChildFact:
    """Return the fact in the error that connect() raised; an unknown one is a failed dial."""
    detail = redact(text)[:_MAX_DETAIL]
    for part, reading in _ERRORS:
        if part in text:
            return reading(generation, detail)
    return facts.DialFailed(generation, detail)


def fact_of_pair_error(text: str, generation: int) -> ChildFact:
    """Return the fact in the error that PairPhone raised."""
    return facts.PairCodeRefused(generation, limited="429" in text or "rate-overlimit" in text)


class Qrs:
    """Reads the QRs of one process, which live for different times."""

    def __init__(self) -> None:
        self._reference = b""
        self._lifetime = 0.0

    def fact(self, payload: bytes, generation: int) -> ChildFact:
        """Return the fact for the next one.

        When WhatsApp retires the secret in a QR (`companion_reg_refresh`), whatsmeow shows it with
        another, for as long again as it did from the start.
        """
        reference = payload.partition(b",")[0]
        if reference != self._reference:
            self._lifetime = QR_LIFETIME if self._reference else FIRST_QR_LIFETIME
            self._reference = reference
        text = SecretStr(payload.decode(errors="replace"))
        return facts.QrOffered(generation, text, self._lifetime)


def pair_code_fact(code: str, generation: int) -> ChildFact:
    """Return the fact for a pair code."""
    return facts.PairCodeOffered(generation, SecretStr(code), PAIR_CODE_LIFETIME)
