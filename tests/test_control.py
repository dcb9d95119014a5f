"""Orders to a running supervisor, over the real socket."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr

from e2e.processes import until
from wa_supervisor import control, control_server
from wa_supervisor.control import (
    Arguments,
    Order,
    ShownCode,
    Talk,
    ask,
    ask_code,
)
from wa_supervisor.control_server import MOST_CONNECTIONS, listening
from wa_supervisor.errors import ControlError, NotRunning
from wa_supervisor.hints import Action, Hint
from wa_supervisor.lifecycle import Session, State
from wa_supervisor.status import Status
from wa_supervisor.store import SessionFiles
from wa_supervisor.store.fleet_note import FleetNote, write_note


@pytest.fixture
def files(tmp_path: Path) -> SessionFiles:
    # Longer than the 107 bytes a unix socket's address may have.
    return SessionFiles.open("shop", tmp_path / ("deep" * 20) / ("deeper" * 20))


def status() -> Status:
    return Status.of(Session(), "shop", now=0.0, wall=datetime.now(UTC))


@pytest.fixture
def taken() -> list[Order]:
    return []


def orders(taken: list[Order]) -> dict[Order, Callable[[], None]]:
    return {order: partial(taken.append, order) for order in Order}


async def test_an_order_is_taken_and_answered_with_the_status(
    files: SessionFiles, taken: list[Order]
) -> None:
    async with listening(files, orders(taken), status):
        found = await asyncio.to_thread(ask, files, Order.RESUME)
    assert taken == [Order.RESUME]
    assert (found.session, found.state) == ("shop", State.INIT)
    assert (datetime.now(UTC) - found.ts).total_seconds() < 5


async def test_the_code_that_shows_is_handed_over_with_the_status(files: SessionFiles) -> None:
    shown = ShownCode(kind="qr", text=SecretStr("2@ref,keys"), left=7.5)
    async with listening(files, {Order.CODE: lambda: shown}, status):
        found, code = await asyncio.to_thread(ask_code, files)
    assert found.session == "shop"
    assert code == shown


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_asking_leaves_no_descriptor_open(files: SessionFiles) -> None:
    def count() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a Path would open it a moment longer

    before = count()
    for _ in range(5):
        with pytest.raises(NotRunning):
            ask(files, Order.STATUS)
    assert count() == before


async def test_asking_for_the_status_orders_nothing(
    files: SessionFiles, taken: list[Order]
) -> None:
    async with listening(files, orders(taken), status):
        await asyncio.to_thread(ask, files, Order.STATUS)
    assert taken == []


def test_without_a_supervisor_the_error_says_how_to_start_one(files: SessionFiles) -> None:
    with pytest.raises(NotRunning, match="no supervisor runs for session 'shop'") as caught:
        ask(files, Order.STATUS)
    assert caught.value.hint == Hint(Action.RUN, session="shop")


def test_where_a_fleet_had_the_session_nobody_is_told_to_start_it(files: SessionFiles) -> None:
    write_note(files, FleetNote(worker="w1", epoch=3))
    with pytest.raises(NotRunning, match="is a fleet's, on its worker 'w1' last") as caught:
        ask(files, Order.STATUS)
    assert caught.value.hint is not None
    assert caught.value.hint.action is Action.FLEET_STATUS
    files.fleet_note.write_text("spoilt")
    with pytest.raises(NotRunning, match="no supervisor runs"):
        ask(files, Order.STATUS)


def test_a_session_that_never_was_is_not_running_either(tmp_path: Path) -> None:
    with pytest.raises(NotRunning):
        ask(SessionFiles.at("nobody", tmp_path), Order.STATUS)


async def test_the_socket_is_private_and_gone_afterwards(
    files: SessionFiles, taken: list[Order]
) -> None:
    path = files.directory / "control.sock"
    async with listening(files, orders(taken), status):
        assert stat.S_IMODE(os.lstat(path).st_mode) == 0o600
    assert not path.exists()


async def test_the_socket_of_a_killed_supervisor_is_replaced(
    files: SessionFiles, taken: list[Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files.directory)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind("control.sock")
    with pytest.raises(NotRunning):
        await asyncio.to_thread(ask, files, Order.STATUS)
    async with listening(files, orders(taken), status):
        await asyncio.to_thread(ask, files, Order.STOP)
    assert taken == [Order.STOP]


@pytest.mark.parametrize(
    "line",
    [
        b"resume\n",
        b"{}\n",
        b'{"order": "purge"}\n',
        b'{"order": "resume", "twice": true}\n',
        b"\xff" * 5000,
        b'{"order": "resume"' + b" " * control.LONGEST + b"}",
    ],
)
async def test_nonsense_is_refused_and_does_no_harm(
    files: SessionFiles, taken: list[Order], line: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files.directory)
    async with listening(files, orders(taken), status):
        reader, writer = await asyncio.open_unix_connection("control.sock")
        writer.write(line + b"\n")
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        assert not answer or "an order is one of" in json.loads(answer)["error"]
        await asyncio.to_thread(ask, files, Order.STATUS)
    assert taken == []


async def test_who_asks_and_says_nothing_is_not_waited_for(
    files: SessionFiles, taken: list[Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_server, "EXCHANGE_TIMEOUT", 0.1)
    monkeypatch.chdir(files.directory)
    async with listening(files, orders(taken), status):
        reader, writer = await asyncio.open_unix_connection("control.sock")
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
    assert taken == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the socket is spoken to by its path")
async def test_a_link_in_the_place_of_the_directory_is_not_followed(
    files: SessionFiles, taken: list[Order], tmp_path: Path
) -> None:
    elsewhere = SessionFiles.at("link", tmp_path)
    elsewhere.directory.parent.mkdir()
    elsewhere.directory.symlink_to(files.directory)
    async with listening(files, orders(taken), status):
        with pytest.raises(NotRunning):
            await asyncio.to_thread(ask, elsewhere, Order.RESUME)
    assert taken == []


async def test_where_no_socket_can_be_made_the_session_runs_without_orders(
    files: SessionFiles, caplog: pytest.LogCaptureFixture
) -> None:
    (files.directory / "control.sock" / "in the way").mkdir(parents=True)
    async with listening(files, {}, status):
        pass
    assert "orders cannot be taken: control.sock" in caplog.text


async def test_a_supervisor_that_hangs_is_told_apart_from_none(
    files: SessionFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wa_supervisor.control.EXCHANGE_TIMEOUT", 0.2)
    monkeypatch.chdir(files.directory)
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind("control.sock")
        deaf.listen()
        with pytest.raises(ControlError, match="did not answer"):
            await asyncio.to_thread(ask, files, Order.STATUS)


async def test_so_many_ask_at_a_time_and_no_more(
    files: SessionFiles, taken: list[Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files.directory)
    async with listening(files, orders(taken), status):
        silent = [
            await asyncio.open_unix_connection("control.sock") for _ in range(MOST_CONNECTIONS - 1)
        ]
        await asyncio.to_thread(ask, files, Order.STATUS)
        silent.append(await asyncio.open_unix_connection("control.sock"))
        with pytest.raises(ControlError, match="too many others"):
            await asyncio.to_thread(ask, files, Order.STATUS)
        for _, writer in silent:
            writer.close()
            await writer.wait_closed()
        async with asyncio.timeout(5):
            while (await _asked(files)) is None:  # noqa: ASYNC110 - the other end sets no event
                await asyncio.sleep(0.01)
    assert taken == []


async def test_so_many_talk_at_a_time_and_an_operator_is_heard_all_the_same(
    files: SessionFiles, taken: list[Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_server, "MOST_TALKS", 1)
    monkeypatch.chdir(files.directory)

    async def listen(
        _arguments: object, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await control.write_line(writer, "begun")
        await reader.read()

    async with listening(files, orders(taken), status, {control.Talk.LISTEN: listen}):
        said = []
        for _ in range(2):
            reader, writer = await asyncio.open_unix_connection("control.sock")
            writer.write(b'{"order": "listen"}\n')
            said.append((await asyncio.wait_for(reader.readline(), 10), writer))
        (first, talking), (second, refused) = said
        assert first == b"begun\n"
        assert json.loads(second)["busy"] is True
        await asyncio.to_thread(ask, files, Order.STOP)
        for each in (talking, refused):
            each.close()
    assert taken == [Order.STOP]


async def _asked(files: SessionFiles) -> Status | None:
    try:
        return await asyncio.to_thread(ask, files, Order.STATUS)
    except ControlError:
        return None


async def test_a_deleted_socket_is_made_anew(
    files: SessionFiles, taken: list[Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_server, "LOOK_EVERY", 0.02)
    looks: list[bool] = []
    really = control_server._is_there

    def look(address: str) -> bool:
        looks.append(really(address))
        return looks[-1]

    monkeypatch.setattr(control_server, "_is_there", look)
    place = files.directory / "control.sock"
    async with listening(files, orders(taken), status):
        place.unlink()
        await until(place.exists)
        anew, seen = place.stat().st_ino, len(looks)
        await until(lambda: len(looks) > seen + 3)
        assert place.stat().st_ino == anew
        await asyncio.to_thread(ask, files, Order.RESUME)
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert taken == [Order.RESUME]
    assert not place.exists()


async def test_conversations_are_bounded_and_end_with_the_supervisor(
    files: SessionFiles, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(control_server, "MOST_TALKS", 2)
    monkeypatch.chdir(files.directory)
    ended: list[str] = []

    async def talk(arguments: Arguments, *_: object) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(arguments["name"])

    async def begin(name: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        streams = await asyncio.open_unix_connection("control.sock")
        order = {"order": "listen", "arguments": {"name": name}}
        streams[1].write(json.dumps(order).encode() + b"\n")
        return streams

    async with listening(files, orders([]), status, {Talk.LISTEN: talk}):
        one, two = await begin("one"), await begin("two")
        reader, three = await begin("three")
        reply = json.loads(await asyncio.wait_for(reader.readline(), 5))
        assert reply["busy"]
        # They take no place of those who give orders.
        await asyncio.to_thread(ask, files, Order.STATUS)
    assert sorted(ended) == ["one", "two"]
    for reader, writer in (one, two):
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
    three.close()
    assert caplog.records == []
