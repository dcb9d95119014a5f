from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from wa_supervisor.errors import FrameError
from wa_supervisor.gate import (
    Envelope,
    GateReason,
    Group,
    Identity,
    Lid,
    Newsletter,
    Phone,
    Status,
)
from wa_supervisor.lifecycle import Logout, facts
from wa_supervisor.session.shared import protocol, refusal
from wa_supervisor.session.shared.inheritance import Inheritance
from wa_supervisor.session.shared.spec import InboxSpec

TEXT = st.text(max_size=50)
NUMBER = st.integers(-(2**31), 2**31 - 1)
GENERATION = st.integers(0, 2**63 - 1)
VALUES = {
    "SecretStr": TEXT.map(SecretStr),
    "str": TEXT,
    "int": NUMBER,
    "float": st.floats(0, 1e6),
    "bool": st.booleans(),
    "int | None": st.none() | st.integers(0, 1000),
    "float | None": st.none() | st.floats(0, 1e6),
    "Logout": st.sampled_from(Logout),
}


def _facts() -> st.SearchStrategy[facts.ChildFact]:
    def build(cls: type[facts.ChildFact]) -> st.SearchStrategy[facts.ChildFact]:
        return st.builds(
            cls,
            generation=GENERATION,
            **{
                field.name: VALUES[str(field.type)]
                for field in dataclasses.fields(cls)
                if field.name != "generation"
            },
        )

    return st.sampled_from(sorted(protocol.FACTS.values(), key=str)).flatmap(build)


INHERITANCE = st.builds(
    Inheritance,
    environment=st.dictionaries(TEXT, TEXT.map(SecretStr), max_size=3),
    directory=st.none() | TEXT,
    import_path=st.lists(TEXT, max_size=3),
)
FRAMES_UP = (
    st.builds(protocol.Hello, generation=GENERATION, pid=NUMBER, neonize=TEXT)
    | st.builds(protocol.Log, generation=GENERATION, level=NUMBER, logger=TEXT, message=TEXT)
    | st.builds(protocol.Reply, generation=GENERATION, id=NUMBER, problem=TEXT)
    | st.builds(
        protocol.Refused,
        generation=GENERATION,
        reason=TEXT,
        chat=st.lists(TEXT.map(SecretStr), min_size=1, max_size=2).map(tuple),
        sender=st.lists(TEXT.map(SecretStr), max_size=2).map(tuple),
        from_me=st.booleans(),
        to_me=st.booleans(),
    )
    | st.builds(protocol.Bye, generation=GENERATION)
    | _facts().map(protocol.fact_frame)
)
COUNT = st.integers(0, 2**63 - 1)
FRAMES_DOWN = (
    st.builds(
        protocol.Run,
        generation=GENERATION,
        inheritance=INHERITANCE,
        session=TEXT,
        database=TEXT,
        phone=st.none() | TEXT.map(SecretStr),
        proxy=st.none() | TEXT.map(SecretStr),
        bot=st.none() | TEXT,
        bot_patience=st.floats(0, 1e6),
        bot_start=st.floats(0, 1e6),
        inbox=st.none()
        | st.builds(
            InboxSpec,
            TEXT.map(Path),
            st.integers(0, 1000),
            st.sampled_from(["process", "power"]),
            st.sampled_from(["neonize", "inbox"]),
        ),
        gate=st.none() | TEXT.map(SecretStr),
    )
    | st.builds(
        protocol.Stop, generation=GENERATION, log_out=st.booleans(), within=st.floats(0, 10)
    )
    | st.builds(
        protocol.Deliver,
        generation=GENERATION,
        id=NUMBER,
        number=COUNT,
        segment=COUNT,
        offset=COUNT,
        late=st.booleans(),
        redelivered=st.booleans(),
    )
    | st.builds(
        protocol.Steer,
        generation=GENERATION,
        gate=st.none() | TEXT.map(SecretStr),
        hold=st.booleans(),
    )
)


@settings(deadline=None)  # two cores shared by many
@given(FRAMES_UP)
def test_what_goes_up_arrives_as_it_was(frame: Any) -> None:
    line = protocol.encode(frame)
    assert line.count(b"\n") == 1
    assert protocol.parse_up(line) == frame


@settings(deadline=None)  # two cores shared by many
@given(FRAMES_DOWN)
def test_what_goes_down_arrives_as_it_was(frame: Any) -> None:
    assert protocol.parse_down(protocol.encode(frame)) == frame


@settings(deadline=None)  # two cores shared by many
@given(_facts())
def test_every_fact_survives_the_wire(fact: facts.ChildFact) -> None:
    frame = protocol.parse_up(protocol.encode(protocol.fact_frame(fact)))
    assert isinstance(frame, protocol.FactFrame)
    assert frame.fact == fact


@pytest.mark.parametrize("name", ["ChildExited", "ChildSilent", "ProbeAnswered", "Start", "Stop"])
def test_a_session_process_cannot_state_what_is_seen_from_outside(name: str) -> None:
    assert name not in protocol.FACTS
    with pytest.raises(FrameError):
        protocol.parse_up(json.dumps({"kind": name, "generation": 1}).encode())


@settings(deadline=None)  # two cores shared by many
@given(st.binary(max_size=200))
def test_garbage_is_a_typed_error(data: bytes) -> None:
    for parse in (protocol.parse_up, protocol.parse_down):
        with pytest.raises(FrameError):
            parse(data)


CANARY = "2@canary-payload-canary"


@pytest.mark.parametrize(
    "line",
    [
        {"kind": CANARY, "generation": 1},
        {"kind": "hello", "generation": CANARY, "pid": 1, "neonize": "0"},
        {"kind": "hello", "generation": 1, "pid": 1, "neonize": "0", "more": CANARY},
        {"kind": "hello", "generation": "1", "pid": 1, "neonize": "0"},
        {"kind": "bye", "generation": 1, CANARY: 1},
        {"kind": "QrOffered", "generation": 1, "payload": CANARY},
        {"kind": "QrOffered", "generation": 1, "payload": CANARY, "lifetime": 1.0, CANARY: 1},
        {"kind": "QrOffered", "generation": 1, "payload": CANARY, "lifetime": CANARY},
        {"kind": "QrOffered", "generation": -1, "payload": CANARY, "lifetime": 1.0},
        {"kind": "QrOffered", "generation": 1, "payload": 400 * CANARY, "lifetime": 1.0},
        {"kind": "KeepAliveTimeout", "generation": 1, "errors": "1"},
        {"kind": "KeepAliveTimeout", "generation": 1, "errors": 2**40},
        {"kind": "LoggedOut", "generation": 1, "how": CANARY},
        {"kind": "DialFailed", "generation": 1, "detail": 400 * CANARY},
        {"kind": "stop", "generation": 1, "log_out": CANARY, "within": 1},
        [CANARY],
        CANARY,
    ],
)
def test_a_wrong_line_is_refused_without_quoting_it(line: Any) -> None:
    with pytest.raises(FrameError) as caught:
        protocol.parse_up(json.dumps(line).encode())
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "1e300", "-1"])
@pytest.mark.parametrize(
    "line",
    [
        '{"kind": "QrOffered", "generation": 1, "payload": "x", "lifetime": %s}',
        '{"kind": "PairCodeOffered", "generation": 1, "code": "x", "lifetime": %s}',
        '{"kind": "TemporaryBan", "generation": 1, "code": 101, "expires_in": %s}',
        '{"kind": "BotBusy", "generation": 1, "seconds": %s}',
    ],
)
def test_a_time_that_no_clock_can_take_is_refused(line: str, number: str) -> None:
    protocol.parse_up((line % "1.0").encode())
    with pytest.raises(FrameError):
        protocol.parse_up((line % number).encode())


SECRET = "15550001111"


@pytest.mark.parametrize(
    "frame",
    [
        protocol.Run(
            generation=1,
            inheritance=Inheritance(environment={}, directory=None, import_path=[]),
            session="s",
            database="d",
            bot_patience=1.0,
            bot_start=1.0,
            phone=SecretStr(SECRET),
        ),
        protocol.Run(
            generation=1,
            inheritance=Inheritance(
                environment={"TOKEN": SecretStr(SECRET)}, directory=None, import_path=[]
            ),
            session="s",
            database="d",
            bot_patience=1.0,
            bot_start=1.0,
        ),
        protocol.Steer(generation=1, gate=SecretStr(SECRET), hold=False),
        protocol.fact_frame(facts.QrOffered(1, SecretStr(SECRET), 60.0)),
        protocol.fact_frame(facts.PairCodeOffered(1, SecretStr(SECRET), 160.0)),
    ],
    ids=["phone", "environment", "gate", "qr", "code"],
)
def test_a_secret_is_on_the_wire_and_in_no_other_form_of_its_frame(frame: Any) -> None:
    line = protocol.encode(frame)
    assert SECRET.encode() in line
    parsed = (protocol.parse_down if frame.kind in {"run", "steer"} else protocol.parse_up)(line)
    for each in (frame, parsed):
        assert SECRET not in f"{each!r} {each} {each.model_dump()} {each.model_dump_json()}"


@settings(deadline=None)  # two cores shared by many
@given(st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line)), st.data())
def test_lines_are_found_however_the_stream_is_cut(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in lines) + b"rest"
    cutter, found = protocol.Lines(1000), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += cutter.feed(stream[:size])
        stream = stream[size:]
    assert found == lines


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_an_endless_line_is_refused(end: bytes) -> None:
    lines = protocol.Lines(100)
    assert lines.feed(b"x" * 100) == []
    with pytest.raises(FrameError):
        lines.feed(b"y" + end)


@pytest.mark.parametrize(
    "envelope",
    [
        Envelope(Identity(Lid("111"), Phone("49151000001")), Identity(Lid("111"))),
        Envelope(Group("120363000000000001"), Identity(phone=Phone("49151000001")), from_me=True),
        Envelope(Group("120363000000000001"), Identity(Lid("111")), mentions_me=True),
        Envelope(Newsletter("120363000000000002"), None),
        Envelope(Status(), Identity(Lid("111"))),
    ],
)
def test_what_was_refused_is_told_and_shown_by_no_repr(envelope: Envelope) -> None:
    frame = refusal.refused(1, GateReason.NOT_LISTED, envelope)
    parsed = protocol.parse_up(protocol.encode(frame))
    assert isinstance(parsed, protocol.Refused)
    assert refusal.envelope_of(parsed) == envelope
    assert refusal.reason_of(parsed) is GateReason.NOT_LISTED
    assert "49151000001" not in repr(parsed)
