"""`listen` at both its ends, over a real socket and a real inbox; only WhatsApp is not there."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import math
import os
import re
import threading
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from e2e.processes import until
from messages.events import append, writer
from messages.protobuf_bytes import message_event, text_event
from wa_supervisor.control import Talk
from wa_supervisor.control_server import listening
from wa_supervisor.errors import ControlError
from wa_supervisor.gate import GatePolicy, Identity, Phone
from wa_supervisor.incoming import Incoming
from wa_supervisor.messages.delivery import Delivery
from wa_supervisor.messages.errors import ReaderBusy
from wa_supervisor.messages.message import Kind
from wa_supervisor.messages.reader import Reader
from wa_supervisor.remote import listen as listen_module
from wa_supervisor.remote import listener as listener_module
from wa_supervisor.remote.listen import Source, listen
from wa_supervisor.remote.listener import Listener, ListenOptions
from wa_supervisor.remote.message_json import dumps, message_json
from wa_supervisor.remote.wire import ListenRequest
from wa_supervisor.setting_groups import InboxSettings
from wa_supervisor.store import SessionFiles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection


NOW = datetime(2026, 11, 24, tzinfo=UTC)


async def no_download(*_: object) -> None:
    raise AssertionError("nothing is downloaded")


class Session:
    """What a supervisor has of an inbox and a socket, for as long as it is `running`."""

    def __init__(self, directory: Path) -> None:
        self.files = SessionFiles.open("shop", directory)
        self.inbox = self.files.directory / "inbox"
        self.incoming = self._incoming()
        self.floor = 0

    def _incoming(self) -> Incoming:
        return Incoming(self.inbox, InboxSettings(), GatePolicy(direct="open"))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        incoming = self.incoming = self._incoming()
        source = Source(incoming, no_download)
        talks = {Talk.LISTEN: partial(listen, source)}
        async with (
            incoming.opened(lambda _: None),
            listening(self.files, {}, lambda: pytest.fail("nobody asks"), talks),
        ):
            yield
            self.floor = incoming.spec.after

    def say(self, *texts: str) -> None:
        after = self.incoming.spec.after if self.incoming.state else self.floor
        with closing(writer(self.inbox, after=after)) as log:
            append(log, *[text_event(text, f"3EB0{text}") for text in texts])
        self.incoming.notify()

    def behind(self, reader: str = "listen") -> int | None:
        state = self.incoming.state
        return None if state is None else state.readers.get(reader)


class Program:
    """The program at the pipes of a `listen`, which runs on a thread."""

    def __init__(self, session: Session, **options: Any) -> None:
        self.said: list[str] = []
        self.error: BaseException | None = None
        read, self._output = os.pipe()
        self._input, typed = os.pipe()
        self._typed: int | None = typed
        os.set_blocking(read, False)
        self._read, self._buffer = read, b""
        reader = options.pop("reader", "listen")
        self._options = ListenOptions(
            ListenRequest(reader=reader),
            show=dumps,
            say=self.said.append,
            input=self._input,
            output=self._output,
            **options,
        )
        self._listener = Listener(session.files, self._options)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._listener.run()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    async def next(self) -> dict[str, Any]:
        def whole() -> bool:
            with contextlib.suppress(BlockingIOError):
                self._buffer += os.read(self._read, 1 << 16)
            return b"\n" in self._buffer

        await until(whole)
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    async def texts(self, count: int) -> list[str]:
        return [str((await self.next())["text"]) for _ in range(count)]

    def printed(self) -> bytes:
        with contextlib.suppress(BlockingIOError):
            self._buffer += os.read(self._read, 1 << 16)
        return self._buffer

    def type(self, *lines: object) -> None:
        assert self._typed is not None
        os.write(self._typed, "".join(f"{line}\n" for line in lines).encode())

    def end_input(self) -> None:
        if self._typed is not None:
            os.close(self._typed)
            self._typed = None

    def shrink_output(self) -> None:
        fcntl.fcntl(self._output, fcntl.F_SETPIPE_SZ, 4096)

    async def ended(self) -> None:
        await until(lambda: not self._thread.is_alive())

    async def leave(self) -> None:
        """Go away, as a program does that is done: the listener notices by itself."""
        self.end_input()
        os.close(self._read)
        await self.ended()
        os.close(self._input)
        os.close(self._output)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path)


@asynccontextmanager
async def program(session: Session, **options: Any) -> AsyncIterator[Program]:
    made = Program(session, **options)
    try:
        yield made
    finally:
        await made.leave()


async def begun(session: Session, reader: str = "listen") -> None:
    await until(lambda: session.behind(reader) is not None)


async def test_a_message_is_acknowledged_when_the_next_one_was_printed(session: Session) -> None:
    async with session.running():
        async with program(session) as one:
            await begun(session)
            session.say("a", "b", "c")
            assert await one.texts(3) == ["a", "b", "c"]
            await until(lambda: session.behind() == 1)
        async with program(session, limit=1) as two:
            again = await two.next()
            assert (again["text"], again["redelivered"]) == ("c", True)
            await two.ended()
        # With a limit the last one was meant to be the last.
        assert session.behind() == 0


async def test_what_is_acknowledged_by_number_or_id_is_exactly_that(session: Session) -> None:
    async with session.running(), program(session, manual=True) as one:
        await begun(session)
        with closing(writer(session.inbox)) as log:
            append(log, text_event("a", "2"), text_event("b", "3EB0b"), text_event("c", "1"))
        session.incoming.notify()
        numbers = [(await one.next())["number"] for _ in range(3)]
        assert numbers == [1, 2, 3]
        # A sender may choose the id "1": a line of digits is a number all the same.
        one.type("1", "nothing of that id", "", "3EB0b", "9" * 400)
        await until(lambda: session.behind() == 1)
        await until(lambda: len(one.said) == 2)
        assert all("no message of this id" in said for said in one.said)
    async with session.running(), program(session, manual=True) as two:
        assert (await two.next())["text"] == "c"


async def test_the_end_of_the_input_ends_it(session: Session) -> None:
    async with session.running():
        one = Program(session, manual=True)
        await begun(session)
        session.say("a")
        assert await one.texts(1) == ["a"]
        one.end_input()
        await one.ended()
        assert one.error is None
        assert session.behind() == 1
        await one.leave()


async def test_an_output_that_nobody_reads_holds_up_neither_its_input_nor_others(
    session: Session,
) -> None:
    async with (
        session.running(),
        program(session, manual=True, reader="slow") as slow,
        program(session, reader="quick") as quick,
    ):
        slow.shrink_output()
        await begun(session, "slow")
        await begun(session, "quick")
        texts = [f"{number}-{'x' * 2000}" for number in range(10)]
        session.say(*texts)
        assert await quick.texts(10) == texts
        slow.type("1")
        await until(lambda: session.behind("slow") == 9)
        assert await slow.texts(10) == texts


async def test_a_supervisor_that_comes_back_repeats_nothing_and_forgets_no_acknowledgement(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    async with program(session, manual=True) as one:
        await until(lambda: one.said)
        assert "no supervisor runs for session 'shop'; waiting for it" in one.said
        async with session.running():
            await begun(session)
            session.say("a", "b")
            assert await one.texts(2) == ["a", "b"]
        one.type("1")  # while nobody is there to be told
        await until(lambda: len(one.said) == 3)
        assert "has ended" in one.said[2]
        session.say("c")
        async with session.running():
            assert await one.texts(1) == ["c"]
            await until(lambda: session.behind() == 2)
            assert not one.printed()
            one.type("2", "3")
            await until(lambda: session.behind() == 0)
    assert caplog.records == []


async def test_an_acknowledgement_whose_answer_was_lost_is_said_again(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    acknowledge, failed = Reader.acknowledge_numbers, False

    async def fail_once(reader: Reader, numbers: Collection[int]) -> None:
        nonlocal failed
        if not failed:
            failed = True
            raise ConnectionError("as if it were gone")
        await acknowledge(reader, numbers)

    async with session.running(), program(session, manual=True) as one:
        await begun(session)
        session.say("a")
        assert await one.texts(1) == ["a"]
        monkeypatch.setattr(Reader, "acknowledge_numbers", fail_once)
        one.type("1")
        await until(lambda: session.behind() == 0)
        assert failed
        assert not one.printed()


async def test_one_that_ends_over_a_message_is_asked_again_later_and_later(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    def fail(_: object) -> str:
        nonlocal asked
        asked += 1
        raise ConnectionError("as if it were gone")

    monkeypatch.setattr(listen_module, "message_json", fail)
    async with session.running(), program(session) as one:
        await begun(session)
        session.say("a")
        await until(lambda: asked == 4)
        assert one._listener._delay == 8 * listener_module.BACKOFF
        monkeypatch.undo()
        assert await one.texts(1) == ["a"]


async def test_two_of_one_name_are_told_and_one_that_died_is_not_in_the_way(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "BUSY_TIMEOUT", 0.3)
    async with session.running():
        async with program(session):
            await begun(session)
            second = Program(session)
            await second.ended()
            assert isinstance(second.error, ReaderBusy)
            await second.leave()
        async with program(session) as third:
            session.say("a")
            assert await third.texts(1) == ["a"]


async def test_a_name_that_is_none_is_refused(session: Session) -> None:
    async with session.running():
        reader, sender = await _raw(session, reader="../up")
        assert "a reader's name" in json.loads(await reader.readline())["problem"]["message"]
        sender.close()


async def test_nonsense_ends_a_listener_and_nothing_else(session: Session) -> None:
    async with session.running(), program(session, reader="other") as other:
        await begun(session, "other")
        for nonsense in (
            b"{}x\n",
            b'{"acknowledge": "all"}\n',
            b"\xff" * (1 << 20),
            b'{"stop":1}\n',
        ):
            reader, sender = await _raw(session)
            assert json.loads(await reader.readline()) == {"begun": True}
            with contextlib.suppress(ConnectionError):
                sender.write(nonsense)
                await sender.drain()
                assert await asyncio.wait_for(reader.read(), 10) == b""
            sender.close()
            await until(lambda: _is_free(session))
        session.say("a")
        assert await other.texts(1) == ["a"]


async def test_what_was_not_handed_out_cannot_be_acknowledged(session: Session) -> None:
    async with session.running():
        reader, sender = await _raw(session)
        await reader.readline()
        session.say("a", "b")
        await until(lambda: session.behind() == 2)
        sender.write(b'{"acknowledge": [2, 1, -1, 999999999999999999999999]}\n')
        assert "acknowledged" in json.loads(await asyncio.wait_for(reader.readline(), 10))
        assert session.behind() == 2
        sender.close()


async def test_one_that_asks_and_does_not_read_is_cut_off(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listen_module, "WRITE_TIMEOUT", 0.2)
    async with session.running():
        _, sender = await _raw(session)
        sender.transport.pause_reading()  # type: ignore[attr-defined]
        await begun(session)
        with closing(writer(session.inbox)) as log:
            append(log, text_event("x" * (12 << 20)))
        session.incoming.notify()
        held = _sockets()
        sender.write(b'{"next": true}\n')
        await until(lambda: _is_free(session))
        # It is still there, and reads nothing: neither its socket nor its message is kept for it.
        await until(lambda: _sockets() < held)
        sender.close()
        monkeypatch.undo()
        async with program(session) as other:
            assert len((await other.texts(1))[0]) == 12 << 20


async def test_a_session_without_an_inbox_says_so(session: Session) -> None:
    async with listening(session.files, {}, lambda: pytest.fail("nobody asks"), {}):
        one = Program(session)
        await one.ended()
    assert isinstance(one.error, ControlError)
    assert "has no inbox" in str(one.error)
    await one.leave()


async def _raw(
    session: Session, reader: str = "listen"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect as a program does that knows no rules."""
    descriptor = os.open(session.files.directory, os.O_PATH)
    try:
        streams = await asyncio.open_unix_connection(f"/proc/self/fd/{descriptor}/control.sock")
    finally:
        os.close(descriptor)
    order = {"order": "listen", "arguments": {"reader": reader}}
    streams[1].write(json.dumps(order).encode() + b"\n")
    return streams


def _sockets() -> int:
    """How many sockets this process has open."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the directory that is being listed
            found += str(link.readlink()).startswith("socket:")
    return found


def _is_free(session: Session, reader: str = "listen") -> bool:
    inbox = session.incoming._inbox
    return inbox is not None and reader not in inbox._readers


async def test_a_line_is_one_line_of_json_for_every_reader_whatever_a_stranger_writes(
    session: Session,
) -> None:
    nowhere = {"degreesLatitude": math.nan, "degreesLongitude": math.inf}
    async with session.running(), program(session, limit=2) as one:
        await begun(session)
        with closing(writer(session.inbox)) as log:
            append(log, text_event(_BREAKS, "3EB0a"))
            append(log, message_event({"locationMessage": nowhere}, "3EB0b"))
        session.incoming.notify()
        await one.ended()
        text, place = one.printed().decode().splitlines()
    assert json.loads(text)["text"] == _BREAKS
    assert json.loads(place, parse_constant=pytest.fail)["location"] is None


_BREAKS = "a\u2028b\u2029c\x85d\re\nf\x1cg\x0bh"


def test_the_fields_of_a_message_are_those_of_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "messages.md").read_text("utf-8")
    table = page.partition("| field of `listen --json` | |\n")[2].partition("\n\n")[0]
    documented = [
        name
        for line in table.splitlines()[1:]
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    ]
    delivery = Delivery(
        id="3EB0",
        chat=Identity(phone=Phone("4915100000001")),
        sender=None,
        at=NOW,
        received_at=NOW,
        kind=Kind.TEXT,
        text="hello",
        number=1,
        redelivered=False,
        acknowledge=no_download,
    )
    assert sorted(documented) == sorted(json.loads(message_json(delivery)))
