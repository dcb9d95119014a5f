from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from wa_supervisor.errors import FrameError
from wa_supervisor.lifecycle import Logout, facts
from wa_supervisor.session.shared import protocol

TEXT = st.text(max_size=50)
VALUES = {
    "SecretStr": TEXT.map(SecretStr),
    "str": TEXT,
    "int": st.integers(-(2**31), 2**31),
    "float": st.floats(0, 1e6),
    "bool": st.booleans(),
    "int | None": st.none() | st.integers(0, 1000),
    "float | None": st.none() | st.floats(0, 1e6),
    "Logout": st.sampled_from(Logout),
}


def _facts() -> st.SearchStrategy[facts.ChildFact]:
    def build(cls: type[facts.ChildFact]) -> st.SearchStrategy[facts.ChildFact]:
        return st.builds(
            cls, **{field.name: VALUES[str(field.type)] for field in dataclasses.fields(cls)}
        )

    return st.sampled_from(sorted(protocol.FACTS.values(), key=str)).flatmap(build)


FRAMES_UP = (
    st.builds(protocol.Hello, generation=st.integers(), pid=st.integers(), neonize=TEXT)
    | st.builds(
        protocol.Log, generation=st.integers(), level=st.integers(), logger=TEXT, message=TEXT
    )
    | st.builds(protocol.Bye, generation=st.integers())
    | _facts().map(protocol.fact_frame)
)
FRAMES_DOWN = st.builds(
    protocol.Run,
    generation=st.integers(),
    session=TEXT,
    database=TEXT,
    phone=st.none() | TEXT.map(SecretStr),
    bot=st.none() | TEXT,
) | st.builds(
    protocol.Stop, generation=st.integers(), log_out=st.booleans(), within=st.floats(0, 10)
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
    assert protocol.fact_of(frame) == fact


def test_a_session_process_cannot_say_that_it_exited() -> None:
    assert "ChildExited" not in protocol.FACTS
    assert protocol.FACTS["QrOffered"] is facts.QrOffered
    frame = protocol.FactFrame(generation=1, name="ChildExited", data={"returncode": 0})
    with pytest.raises(FrameError):
        protocol.fact_of(frame)


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
        {"kind": "fact", "generation": 1, "name": "QrOffered", "data": CANARY},
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


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("NoSuchFact", {}),
        ("ChildFact", {}),
        ("SecretStr", {}),
        ("QrOffered", {"payload": CANARY}),
        ("QrOffered", {"payload": CANARY, "lifetime": 1.0, "more": 1}),
        ("QrOffered", {"payload": CANARY, "lifetime": CANARY}),
        ("QrOffered", {"payload": CANARY, "lifetime": 1.0, "generation": 9}),
        ("KeepAliveTimeout", {"errors": "1"}),
        ("LoggedOut", {"how": CANARY}),
    ],
)
def test_a_frame_that_holds_no_such_fact_is_refused(name: str, data: dict[str, Any]) -> None:
    frame = protocol.FactFrame(generation=1, name=name, data=data)
    if data.get("generation"):
        assert protocol.fact_of(frame).generation == 1  # the frame's own is the one that counts
        return
    with pytest.raises(FrameError) as caught:
        protocol.fact_of(frame)
    assert CANARY not in str(caught.value)


def test_a_secret_is_in_the_wire_encoding_and_in_no_repr() -> None:
    run = protocol.Run(generation=1, session="s", database="d", phone=SecretStr("15550001111"))
    assert b"15550001111" in protocol.encode(run)
    assert "15550001111" not in repr(run) + str(run) + str(run.model_dump())


@settings(deadline=None)  # two cores shared by many
@given(st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line)), st.data())
def test_lines_are_found_however_the_stream_is_cut(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in lines) + b"rest"
    cutter, found = protocol.Lines(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += cutter.feed(stream[:size])
        stream = stream[size:]
    assert found == lines


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_an_endless_line_is_refused(end: bytes) -> None:
    lines = protocol.Lines()
    assert lines.feed(b"x" * protocol.MAX_LINE) == []
    with pytest.raises(FrameError):
        lines.feed(b"y" + end)
