from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from wa_supervisor.lifecycle import Logout, facts
from wa_supervisor.session.child import adapter
from wa_supervisor.session.shared import neonize_texts, protocol

READER = Path(__file__).with_name("read_events.py")

# A message of neonize, its fields, and the fact it is.
EVENTS: list[tuple[str, dict[str, Any], facts.ChildFact | None]] = [
    ("PairStatus", {"Status": "SUCCESS"}, facts.PairSucceeded(7)),
    ("PairStatus", {"Status": "ERROR", "Error": "no"}, facts.PairingFailed(7, "no")),
    ("PairStatus", {"Status": "ERROR"}, facts.PairingFailed(7, "error")),
    ("Connected", {"status": True}, facts.Connected(7)),
    ("Disconnected", {"status": True}, facts.Disconnected(7)),
    ("KeepAliveTimeout", {"ErrorCount": 3, "LastSuccess": 1}, facts.KeepAliveTimeout(7, 3)),
    ("KeepAliveRestored", {}, facts.KeepAliveRestored(7)),
    ("StreamReplaced", {}, facts.StreamReplaced(7)),
    ("ClientOutdated", {}, facts.ClientOutdated(7)),
    ("StreamError", {"Code": "516", "Raw": {"Tag": "x"}}, facts.StreamError(7, "516")),
    ("StreamError", {"Code": "of +1 555 000 1111"}, facts.StreamError(7, "of <number>")),
    (
        "PairStatus",
        {"Status": "ERROR", "Error": "of +1 555 000 1111"},
        facts.PairingFailed(7, "of <number>"),
    ),
    (
        "LoggedOut",
        {"OnConnect": False, "Reason": "LOGGED_OUT"},
        facts.LoggedOut(7, Logout.REMOVED),
    ),
    (
        "LoggedOut",
        {"OnConnect": True, "Reason": "LOGGED_OUT"},
        facts.LoggedOut(7, Logout.REJECTED),
    ),
    (
        "LoggedOut",
        {"OnConnect": True, "Reason": "MAIN_DEVICE_GONE"},
        facts.LoggedOut(7, Logout.LOCKED),
    ),
    (
        "LoggedOut",
        {"OnConnect": True, "Reason": "UNKNOWN_LOGOUT"},
        facts.LoggedOut(7, Logout.BANNED),
    ),
    ("LoggedOut", {"OnConnect": True}, facts.LoggedOut(7, Logout.REJECTED)),
    (
        "TemporaryBan",
        {"Code": "SEND_TO_TOO_MANY_PEOPLE", "Expire": 60},
        facts.TemporaryBan(7, 101, 60.0),
    ),
    ("TemporaryBan", {"Code": "BROADCAST_LIST", "Expire": 0}, facts.TemporaryBan(7, 106, None)),
    ("TemporaryBan", {}, facts.TemporaryBan(7, None, None)),
    (
        "TemporaryBan",
        {"Code": "BROADCAST_LIST", "Expire": 2**62},
        facts.TemporaryBan(7, 106, protocol.MAX_SECONDS),
    ),
    ("ConnectFailure", {"Reason": "GENERIC", "Message": "m"}, facts.ConnectFailure(7, 400)),
    ("ConnectFailure", {"Reason": "EXPERIMENTAL"}, facts.ConnectFailure(7, 501)),
    ("ConnectFailure", {"Reason": "BAD_USER_AGENT"}, facts.BadUserAgent(7)),
    ("ConnectFailure", {}, facts.ConnectFailure(7, None)),
    ("QR", {"Codes": ["2@secret"]}, None),
    ("Message", {}, None),
]


@pytest.fixture(scope="module")
def read() -> dict[str, Any]:
    """What the adapter makes of neonize's real messages."""
    done = subprocess.run(
        [sys.executable, READER],
        input=json.dumps([(name, fields) for name, fields, _ in EVENTS]),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_every_event_is_read_as_its_fact(read: dict[str, Any]) -> None:
    expected = [
        None if fact is None else protocol.fact_frame(fact).model_dump(mode="json")
        for *_, fact in EVENTS
    ]
    assert read["facts"] == expected


def test_the_tables_name_what_neonize_has(read: dict[str, Any]) -> None:
    assert read["unknown_events"] == []
    assert set(read["failures"]) == set(neonize_texts.FAILURES)
    assert set(read["bans"]) == set(neonize_texts.BANS)
    assert set(adapter.EVENTS) <= {name for name, _, _ in EVENTS}


@pytest.mark.parametrize(
    ("word", "fact"),
    [
        ("success", None),
        ("timeout", facts.PairingTimedOut(7)),
        ("error", facts.PairingFailed(7, "error")),
        ("err-unexpected-state", facts.PairingFailed(7, "err-unexpected-state")),
        ("err-client-outdated", facts.ClientOutdated(7)),
        ("err-scanned-without-multidevice", facts.ScannedWithoutMultidevice(7)),
        ("passkey-request", facts.PasskeyRequested(7)),
        ("passkey-confirmation", facts.PasskeyRequested(7)),
        ("of +1 555 000 1111", facts.PairingFailed(7, "of <number>")),
    ],
)
def test_every_login_status_is_read_as_its_fact(word: str, fact: facts.ChildFact | None) -> None:
    assert adapter.fact_of_status(word, 7) == fact


_DIAL = "failed to dial whatsapp web websocket: dial tcp 127.0.0.1:1: connection refused"


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        (
            "proto: required field neonize.TemporaryBan.Code not set",
            facts.TemporaryBan(7, None, None),
        ),
        (
            "proto: required field neonize.ConnectFailure.Reason not set",
            facts.ConnectFailure(7, None),
        ),
        (
            "proto: required field neonize.Receipt.Type not set",
            facts.BotEventUnusable(7, "Receipt"),
        ),
        (
            "proto: required field neonize.ChatPresence.State not set",
            facts.BotEventUnusable(7, "ChatPresence"),
        ),
        (
            "proto: required field neonize.Message.Info not set",
            facts.DialFailed(7, "proto: required field neonize.Message.Info not set"),
        ),
        (_DIAL, facts.DialFailed(7, _DIAL)),
        (
            "noise handshake failed: timed out",
            facts.DialFailed(7, "noise handshake failed: timed out"),
        ),
        ("database is locked", facts.StorageUnavailable(7, "database is locked")),
        ("file is not a database", facts.StorageFailed(7, "file is not a database")),
        ("something of 1@s.whatsapp.net", facts.DialFailed(7, "something of <jid>@s.whatsapp.net")),
    ],
)
def test_every_error_of_connect_is_read_as_its_fact(text: str, fact: facts.ChildFact) -> None:
    assert adapter.fact_of_error(text, 7) == fact


@pytest.mark.parametrize(
    ("text", "limited"),
    [
        ("info query returned status 429: rate-overlimit", True),
        ("client is nil", False),
        ("info query returned status 400: bad-request", False),
    ],
)
def test_a_refused_pair_code_says_whether_it_was_the_limit(text: str, *, limited: bool) -> None:
    assert adapter.fact_of_pair_error(text, 7) == facts.PairCodeRefused(7, limited)


def test_only_the_first_qr_lives_for_a_minute() -> None:
    qrs = adapter.Qrs()
    offered = [qrs.fact(payload, 7) for payload in (b"2@a,key,old", b"2@b,key,old", b"2@c,key,old")]
    assert [qr.lifetime for qr in offered if isinstance(qr, facts.QrOffered)] == [60, 20, 20]
    assert adapter.pair_code_fact("ABCD-EFGH", 7) == facts.PairCodeOffered(
        7, SecretStr("ABCD-EFGH"), 160
    )


def test_a_qr_whose_secret_was_retired_lives_as_long_as_it_did() -> None:
    qrs = adapter.Qrs()
    payloads = (b"2@a,key,old", b"2@a,key,new", b"2@b,key,new", b"2@b,key,newer")
    offered = [qrs.fact(payload, 7) for payload in payloads]
    assert [qr.lifetime for qr in offered if isinstance(qr, facts.QrOffered)] == [60, 60, 20, 20]


@settings(deadline=None)  # two cores shared by many
@given(st.text(), st.binary())
def test_no_text_is_an_exception(text: str, payload: bytes) -> None:
    for fact in (
        adapter.fact_of_status(text, 1),
        adapter.fact_of_error(text, 1),
        adapter.fact_of_pair_error(text, 1),
        adapter.Qrs().fact(payload, 1),
    ):
        if fact is not None:
            protocol.fact_frame(fact)


@pytest.mark.parametrize(
    ("line", "how"),
    [
        ("401: logged out from another device connect failure", Logout.REJECTED),
        ("403: primary device was logged out connect failure", Logout.LOCKED),
        ("406: logged out for unknown reason connect failure", Logout.BANNED),
        ("device removed stream error", Logout.REMOVED),
    ],
)
def test_a_logout_in_whatsmeows_log_is_the_fact_its_event_would_be(line: str, how: Logout) -> None:
    said = f"Got {line}, sending LoggedOut event and deleting session"
    assert adapter.fact_of_log(said, 7) == facts.LoggedOut(7, how)


@pytest.mark.parametrize(
    "line",
    [
        "Successfully authenticated",
        "Got 503: unknown error connect failure, assuming automatic reconnect will handle it",
        "He wrote: Got device removed stream error, sending LoggedOut event and deleting session",
    ],
)
def test_other_lines_of_the_log_are_no_facts(line: str) -> None:
    assert adapter.fact_of_log(line, 7) is None
