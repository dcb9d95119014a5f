"""What neonize says, as facts: each row run against the loopback server.

Nothing here imports neonize: events are looked at by the name of their message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from ...lifecycle import Logout, facts
from ...redaction import redact
from ..shared.neonize_texts import (
    BANS,
    CODE_LIMITED,
    FAILURES,
    FIRST_QR_LIFETIME,
    LOGGED_OUT_LINE,
    PAIR_CODE_LIFETIME,
    QR_LIFETIME,
    STORAGE_BROKEN,
    STORAGE_BUSY,
    UNENCODABLE,
    UNREACHABLE,
    Event,
    LoginStatus,
    MessageEvent,
)
from ..shared.protocol import MAX_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...lifecycle.facts import ChildFact

    Message = Any  # a protobuf message of neonize, which ships no types
    Reading = Callable[[Message, int], ChildFact | None]

_MAX_DETAIL: Final = 300
_MAX_NAME: Final = 64
_MAX_COUNT: Final = 2**31 - 1

_LOGOUTS: Final = {401: Logout.REJECTED, 403: Logout.LOCKED, 406: Logout.BANNED}


def _detail(text: str) -> str:
    return redact(text)[:_MAX_DETAIL]


def _enum(event: Message, field: str, numbers: dict[str, int]) -> int | None:
    """Return WhatsApp's number of an enum field, None if it is not set or not known."""
    values = event.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number
    value = values.get(getattr(event, field)) if event.HasField(field) else None
    return None if value is None else numbers.get(value.name)


def _pair_status(event: Message, generation: int) -> ChildFact:
    if event.Status == event.SUCCESS:
        return facts.PairSucceeded(generation)
    return facts.PairingFailed(generation, status=_detail(event.Error) or "error")


def _logged_out(event: Message, generation: int) -> ChildFact:
    how = Logout.REMOVED
    if event.OnConnect:
        code = _enum(event, "Reason", FAILURES)
        how = _LOGOUTS.get(code or 0, Logout.REJECTED)
    return facts.LoggedOut(generation, how)


def _temporary_ban(event: Message, generation: int) -> ChildFact:
    # Expire is in seconds (whatsmeow divides by time.Second); 0 says nothing about the end.
    expires = min(float(event.Expire), MAX_SECONDS)
    return facts.TemporaryBan(
        generation, code=_enum(event, "Code", BANS), expires_in=expires if expires > 0 else None
    )


def _connect_failure(event: Message, generation: int) -> ChildFact:
    code = _enum(event, "Reason", FAILURES)
    if code == FAILURES["BAD_USER_AGENT"]:
        return facts.BadUserAgent(generation)
    return facts.ConnectFailure(generation, code)


EVENTS: Final[dict[str, Reading]] = {
    Event.PAIR_STATUS: _pair_status,
    Event.CONNECTED: lambda _, generation: facts.Connected(generation),
    Event.KEEPALIVE_TIMEOUT: lambda event, generation: facts.KeepAliveTimeout(
        generation, errors=min(int(event.ErrorCount), _MAX_COUNT)
    ),
    Event.KEEPALIVE_RESTORED: lambda _, generation: facts.KeepAliveRestored(generation),
    Event.LOGGED_OUT: _logged_out,
    Event.STREAM_REPLACED: lambda _, generation: facts.StreamReplaced(generation),
    Event.TEMPORARY_BAN: _temporary_ban,
    Event.CONNECT_FAILURE: _connect_failure,
    Event.CLIENT_OUTDATED: lambda _, generation: facts.ClientOutdated(generation),
    Event.STREAM_ERROR: lambda event, generation: facts.StreamError(
        generation, code=_detail(event.Code)
    ),
    Event.DISCONNECTED: lambda _, generation: facts.Disconnected(generation),
}
"""The messages to subscribe to. Only these: any other may be one that neonize cannot encode."""

# "success" says less than the PairStatus that follows it.
_STATUS: Final[dict[str, Callable[[int], ChildFact | None]]] = {
    LoginStatus.SUCCESS: lambda _: None,
    LoginStatus.TIMEOUT: facts.PairingTimedOut,
    LoginStatus.OUTDATED: facts.ClientOutdated,
    LoginStatus.NO_MULTIDEVICE: facts.ScannedWithoutMultidevice,
    LoginStatus.PASSKEY: facts.PasskeyRequested,
    LoginStatus.PASSKEY_CONFIRMATION: facts.PasskeyRequested,
}

# What an event was about that neonize cannot encode: it has no word for the number it was given.
_UNENCODABLE: Final[dict[str, Callable[[int], ChildFact]]] = {
    Event.TEMPORARY_BAN: lambda generation: facts.TemporaryBan(generation, None, None),
    Event.CONNECT_FAILURE: lambda generation: facts.ConnectFailure(generation, None),
}

# What we subscribe to ourselves; all else is the bot's.
_NEEDED: Final = frozenset({*EVENTS, *MessageEvent})

# Most telling first.
_ERRORS: Final[tuple[tuple[tuple[str, ...], Callable[[int, str], ChildFact]], ...]] = (
    (UNREACHABLE, facts.DialFailed),
    (STORAGE_BUSY, facts.StorageUnavailable),
    (STORAGE_BROKEN, facts.StorageFailed),
)


def fact_of_log(message: str, generation: int) -> ChildFact | None:
    """Return the logout in a line of whatsmeow's log, None if it says of none."""
    line = LOGGED_OUT_LINE.fullmatch(message)
    if line is None:
        return None
    how = Logout.REMOVED
    if line["code"] is not None:
        how = _LOGOUTS.get(int(line["code"]), Logout.REJECTED)
    return facts.LoggedOut(generation, how)


def fact_of_event(name: str, event: Message, generation: int) -> ChildFact | None:
    """Return the fact in an event, None for one that is no fact of a lifecycle."""
    reading = EVENTS.get(name)
    return None if reading is None else reading(event, generation)


def fact_of_status(word: str, generation: int) -> ChildFact | None:
    """Return the fact in a login status; an unknown word means that pairing failed."""
    reading = _STATUS.get(word)
    if reading is None:
        return facts.PairingFailed(generation, status=_detail(word))
    return reading(generation)


def fact_of_error(text: str, generation: int) -> ChildFact:
    """Return the fact in the error that connect() raised; an unknown one is a failed dial."""
    unencodable = UNENCODABLE.search(text)
    if unencodable is not None:
        event = unencodable["event"]
        if event in _UNENCODABLE:
            return _UNENCODABLE[event](generation)
        if event not in _NEEDED:
            return facts.BotEventUnusable(generation, event[:_MAX_NAME])
    for parts, reading in _ERRORS:
        if any(part in text for part in parts):
            return reading(generation, _detail(text))
    return facts.DialFailed(generation, _detail(text))


def fact_of_pair_error(text: str, generation: int) -> ChildFact:
    """Return the fact in the error that PairPhone raised."""
    limited = any(part in text for part in CODE_LIMITED)
    return facts.PairCodeRefused(generation, limited=limited)


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
