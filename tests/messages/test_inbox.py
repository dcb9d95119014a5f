"""The inbox as a program uses it: on a loop, with real files, and a disk that may hang."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest

from e2e.processes import until
from messages.events import append, writer
from messages.protobuf_bytes import message_event, text_event, undecryptable_event
from wa_supervisor.gate import Identity, Lid
from wa_supervisor.messages import inbox as inbox_module
from wa_supervisor.messages import schema, worker
from wa_supervisor.messages.errors import InboxError, InboxFull, LogError, ReaderBusy
from wa_supervisor.messages.inbox import Inbox, InboxOptions, InboxState
from wa_supervisor.messages.log import LogOptions, LogWriter
from wa_supervisor.messages.message import Kind
from wa_supervisor.messages.reader import Item, Reader

SLOW = InboxOptions(poll=60)
"""Only `notify` has it look before a test is over."""


@asynccontextmanager
async def opened(
    directory: Path, options: InboxOptions = SLOW, **more: object
) -> AsyncIterator[Inbox]:
    inbox = await Inbox.open(directory, options=options, **more)  # type: ignore[arg-type]
    async with aclosing(inbox):
        yield inbox


def say(log: LogWriter, *texts: str) -> None:
    append(log, *[text_event(text, f"3EB0{text}") for text in texts])


async def take(reader: Reader, count: int) -> list[Item]:
    async with asyncio.timeout(5):
        return [await anext(reader) for _ in range(count)]


async def texts(reader: Reader, count: int) -> list[str]:
    return [item.message.text for item in await take(reader, count)]


async def until_read(inbox: Inbox, depth: int) -> None:
    await until(lambda: inbox.state.depth == depth)


# -- reading --------------------------------------------------------------------------------------


async def test_messages_come_in_order_across_writers_and_restarts(tmp_path: Path) -> None:
    with closing(writer(tmp_path)) as log:
        say(log, "a", "b")
    async with opened(tmp_path) as inbox:
        reader = await inbox.read()
        assert await texts(reader, 2) == ["a", "b"]
        with closing(writer(tmp_path, after=inbox.floor)) as log:
            say(log, "c", "d")
            inbox.notify()
            assert await texts(reader, 1) == ["c"]
    async with opened(tmp_path) as inbox:
        # "c" was handed out and the next was not asked for.
        reader = await inbox.read()
        items = await take(reader, 2)
        assert [(each.message.text, each.redelivered) for each in items] == [
            ("c", True),
            ("d", False),
        ]


async def test_what_is_acknowledged_by_hand_never_comes_again_whatever_the_turn(
    tmp_path: Path,
) -> None:
    with closing(writer(tmp_path)) as log:
        say(log, "a", "b", "c", "d")
    async with opened(tmp_path) as inbox:
        reader = await inbox.read(ack="manual")
        a, b, c, d = await take(reader, 4)
        for item in (d, b):
            await reader.acknowledge(item)
        assert inbox.state.depth == 2
    async with opened(tmp_path) as inbox:
        reader = await inbox.read(ack="manual")
        again = await take(reader, 2)
        assert [each.number for each in again] == [a.number, c.number]
        assert all(each.redelivered for each in again)
        await reader.acknowledge(again[0])
        await reader.acknowledge(again[0])
        await reader.acknowledge(again[1])
        assert inbox.state.depth == 0


async def test_two_readers_each_have_everything(tmp_path: Path) -> None:
    async with opened(tmp_path, readers=("bot", "audit")) as inbox:
        with closing(writer(tmp_path)) as log:
            say(log, "a", "b", "c")
        inbox.notify()
        bot = await inbox.read("bot")
        assert await texts(bot, 3) == ["a", "b", "c"]
        assert inbox.state.depths == {"bot": 1, "audit": 3}
        assert await texts(await inbox.read("audit"), 3) == ["a", "b", "c"]


async def test_a_duplicate_comes_once_and_is_counted(tmp_path: Path) -> None:
    async with opened(tmp_path) as inbox:
        with closing(writer(tmp_path)) as log:
            say(log, "a", "b", "a", "a", "c")
        inbox.notify()
        assert await texts(await inbox.read(), 3) == ["a", "b", "c"]
        assert inbox.state.duplicates == 2


async def test_the_two_events_of_a_group_message_with_a_key_are_one_message(
    tmp_path: Path,
) -> None:
    keys_only = message_event({}, "3EB0a")
    async with opened(tmp_path) as inbox:
        with closing(writer(tmp_path)) as log:
            append(log, keys_only)
            say(log, "a")
            append(log, keys_only)
            say(log, "a", "b")
        inbox.notify()
        assert await texts(await inbox.read(), 2) == ["a", "b"]


async def test_who_we_are_is_handed_in(tmp_path: Path) -> None:
    mention = {"text": "@you", "contextInfo": {"mentionedJID": ["777@lid"]}}
    with closing(writer(tmp_path)) as log:
        append(log, message_event({"extendedTextMessage": mention}))
    async with opened(tmp_path) as inbox:
        (item,) = await take(await inbox.read(own=lambda: Identity(Lid("777"))), 1)
        assert item.message.mentions_me


async def test_a_reader_gets_the_kinds_it_asks_for_and_is_held_up_by_no_other(
    tmp_path: Path,
) -> None:
    with closing(writer(tmp_path)) as log:
        log.append(schema.UNDECRYPTABLE_EVENT, undecryptable_event("3EB0x"))
        say(log, "a")
        append(log, message_event({"reactionMessage": {"text": "+"}}, "3EB0r"))
        log.append(schema.UNDECRYPTABLE_EVENT, undecryptable_event("3EB0y"))
    async with opened(tmp_path) as inbox:
        reader = await inbox.read()
        kinds = [item.message.kind for item in await take(reader, 2)]
        assert kinds == [Kind.TEXT, Kind.REACTION]
        reader.close()
        all_kinds = await inbox.read("all", kinds=frozenset(Kind))
        kinds = [item.message.kind for item in await take(all_kinds, 4)]
        assert kinds == [Kind.UNAVAILABLE, Kind.TEXT, Kind.REACTION, Kind.UNAVAILABLE]
        only = await inbox.read("only", kinds={Kind.REACTION})
        assert [item.message.kind for item in await take(only, 1)] == [Kind.REACTION]
        assert inbox.state.depths == {"default": 1, "all": 1, "only": 1}


async def test_an_event_that_is_none_is_passed_over_and_told_by_the_state(tmp_path: Path) -> None:
    with closing(writer(tmp_path)) as log:
        append(log, b"\xff\xff\xff")
        say(log, "a")
        # Its key can be made and its message cannot.
        jid = {"User": "", "Server": "", "IsEmpty": True}
        append(log, text_event("no chat", "3EB0z", Chat=jid))
        say(log, "b")
    async with opened(tmp_path) as inbox:
        assert await texts(await inbox.read(), 2) == ["a", "b"]
        assert inbox.state.unreadable == 2


async def test_more_than_one_batch_and_long_messages_come_whole_and_in_order(
    tmp_path: Path,
) -> None:
    with closing(writer(tmp_path, options=LogOptions())) as log:
        long = ["x" * 300_000 + str(number) for number in range(12)]
        for text in long:
            append(log, text_event(text, f"3EB0{text[-5:]}"))
        say(log, *map(str, range(700)))
    async with opened(tmp_path) as inbox:
        assert await texts(await inbox.read(), 712) == [*long, *map(str, range(700))]


# -- waiting --------------------------------------------------------------------------------------


async def test_a_waiting_reader_is_woken_by_a_word_and_otherwise_by_the_next_look(
    tmp_path: Path,
) -> None:
    for options, speaks in ((SLOW, True), (InboxOptions(poll=0.05), False)):
        directory = tmp_path / str(speaks)
        async with opened(directory, options) as inbox:
            reader = await inbox.read()
            with closing(writer(directory)) as log:
                waiting = asyncio.create_task(texts(reader, 1))
                await asyncio.sleep(0.05)
                say(log, "a")
                if speaks:
                    inbox.notify()
                assert await waiting == ["a"]


async def test_an_idle_inbox_looks_seldom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path, InboxOptions(poll=0.1)) as inbox:
        looks: list[float] = []
        real = inbox.index.ingest

        def counted(limit: int) -> object:
            looks.append(time.monotonic())
            return real(limit)

        monkeypatch.setattr(inbox.index, "ingest", counted)
        waiting = asyncio.create_task(anext(await inbox.read()))
        await asyncio.sleep(0.55)
        assert 1 <= len(looks) <= 6
        waiting.cancel()


async def test_a_wait_that_is_cancelled_costs_no_message(tmp_path: Path) -> None:
    async with opened(tmp_path) as inbox:
        with closing(writer(tmp_path)) as log:
            say(log, *map(str, range(200)))
        inbox.notify()
        reader = await inbox.read()
        found: list[str] = []
        async with asyncio.timeout(20):
            while len(found) < 200:
                waiting = asyncio.ensure_future(anext(reader))
                for _ in range(len(found) % 7):
                    await asyncio.sleep(0)
                if not waiting.done():
                    waiting.cancel()
                    await asyncio.wait({waiting})
                    if waiting.cancelled():
                        waiting = asyncio.ensure_future(anext(reader))
                found.append((await waiting).message.text)
        assert found == [str(number) for number in range(200)]


async def test_closing_ends_a_waiting_reader_and_the_loop_of_a_busy_one(tmp_path: Path) -> None:
    async with opened(tmp_path, readers=("waits", "works")) as inbox:
        with closing(writer(tmp_path)) as log:
            say(log, "a")
        inbox.notify()
        works, waits = await inbox.read("works"), await inbox.read("waits")
        assert await texts(works, 1) == ["a"]
        assert await texts(waits, 1) == ["a"]
        waiting = asyncio.ensure_future(anext(waits, None))
        await asyncio.sleep(0.02)
    async with asyncio.timeout(1):
        assert await waiting is None
        assert await anext(works, None) is None
    with pytest.raises(InboxError, match="closed"):
        await inbox.read("again")
    # The one that asked for the next has acknowledged, the one that had not has not.
    async with opened(tmp_path, readers=()) as inbox:
        assert inbox.state.depths == {"waits": 0, "works": 1}


# -- names ----------------------------------------------------------------------------------------


async def test_a_name_has_one_reader_at_a_time(tmp_path: Path) -> None:
    async with opened(tmp_path) as inbox:
        async with await inbox.read():
            with pytest.raises(ReaderBusy, match="default"):
                await inbox.read()
            with pytest.raises(ReaderBusy):
                await inbox.forget("default")
        reader = await inbox.read()
        waiting = asyncio.ensure_future(anext(reader))
        await asyncio.sleep(0)
        with pytest.raises(ReaderBusy, match="two tasks"):
            await anext(reader)
        waiting.cancel()


async def test_a_forgotten_reader_fills_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path, readers=("bot", "old")) as inbox:
        with closing(writer(tmp_path)) as log:
            say(log, "a", "b")
        inbox.notify()
        reader = await inbox.read("bot")
        await texts(reader, 2)
        assert inbox.state.depth == 2
        await inbox.forget("old")
        assert inbox.state.depths == {"bot": 1}


# -- full -----------------------------------------------------------------------------------------


async def test_it_is_full_at_its_depth_and_until_half_of_that_was_read(tmp_path: Path) -> None:
    told: list[InboxState] = []
    options = replace(SLOW, max_messages=10)
    async with opened(tmp_path, options, on_change=told.append) as inbox:
        with closing(writer(tmp_path)) as log:
            say(log, *map(str, range(9)))
            inbox.notify()
            await until_read(inbox, 9)
            assert not inbox.state.full
            assert inbox.state.error() is None
            say(log, "9", "10")
            inbox.notify()
            await until_read(inbox, 11)
        assert inbox.state.full
        assert isinstance(inbox.state.error(), InboxFull)
        assert inbox.state.oldest is not None
        reader = await inbox.read()
        await take(reader, 7)  # six are acknowledged
        assert inbox.state.full
        await take(reader, 1)
        assert inbox.state.depth == 4
        assert not inbox.state.full
        assert [state.full for state in told] == [True, False]


async def test_for_what_waits_for_the_bot_the_client_is_held_and_not_stopped(
    tmp_path: Path,
) -> None:
    """Stopped it could not hand over what waits, and would never start again."""
    told: list[InboxState] = []
    options = replace(SLOW, max_messages=4, online=frozenset({"@bot"}))
    async with opened(tmp_path, options, readers=(), on_change=told.append) as inbox:
        reader = await inbox.read("@bot")
        with closing(writer(tmp_path)) as log:
            say(log, *map(str, range(4)))
        inbox.notify()
        await until_read(inbox, 4)
        assert (inbox.state.full, inbox.state.held) == (False, True)
        await take(reader, 3)  # two are acknowledged
        assert inbox.state.held
        await take(reader, 1)
        assert [(state.full, state.held) for state in told] == [(False, True), (False, False)]


async def test_it_is_full_by_its_bytes(tmp_path: Path) -> None:
    options = replace(SLOW, max_bytes=50_000)
    async with opened(tmp_path, options) as inbox:
        with closing(writer(tmp_path)) as log:
            say(log, *["x" * 5000 + str(number) for number in range(12)])
        inbox.notify()
        await until_read(inbox, 12)
        assert inbox.state.full
        reader = await inbox.read()
        await take(reader, 12)
        assert not inbox.state.full
        assert inbox.state.bytes < 25_000


async def test_full_survives_a_restart(tmp_path: Path) -> None:
    options = replace(SLOW, max_messages=10)
    for _ in range(2):
        async with opened(tmp_path, options) as inbox:
            with closing(writer(tmp_path, after=inbox.floor)) as log:
                say(log, *map(str, range(12)))
            inbox.notify()
            await until_read(inbox, 12)
            assert inbox.state.full


# -- disks that do not take it --------------------------------------------------------------------


async def test_a_disk_that_hangs_holds_up_no_loop_is_told_and_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wa_supervisor")
    told: list[str | None] = []
    async with opened(
        tmp_path, InboxOptions(poll=0.02), on_change=lambda state: told.append(state.trouble)
    ) as inbox:
        reader = await inbox.read()
        monkeypatch.setattr(worker, "DISK_TIMEOUT", 0.05)
        monkeypatch.setattr(worker.Worker.run, "__defaults__", (0.05,))
        answers = threading.Event()
        real = inbox.index.ingest

        def hangs(limit: int) -> object:
            answers.wait(10)
            return real(limit)

        monkeypatch.setattr(inbox.index, "ingest", hangs)
        with closing(writer(tmp_path)) as log:
            say(log, "a")
        waiting = asyncio.create_task(texts(reader, 1))
        await until(lambda: inbox.state.trouble is not None, within=2)
        assert inbox.state.trouble is not None
        assert "does not answer" in inbox.state.trouble
        assert not waiting.done()
        answers.set()
        assert await waiting == ["a"]
        await until(lambda: inbox.state.trouble is None)
        assert told[0] is not None
        assert told[-1] is None
        assert len([each for each in caplog.records if each.levelno == logging.ERROR]) == 1


async def test_closing_beside_a_disk_that_hangs_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_module, "_CLOSING", 0.1)
    answers = threading.Event()
    inbox = await Inbox.open(tmp_path, options=SLOW)
    monkeypatch.setattr(inbox.index, "ingest", lambda _: answers.wait(10))
    inbox.notify()
    await asyncio.sleep(0.05)
    began = time.monotonic()
    await inbox.aclose()
    assert time.monotonic() - began < 2
    answers.set()


async def test_an_index_that_cannot_be_written_is_trouble_until_it_can(tmp_path: Path) -> None:
    async with opened(tmp_path, InboxOptions(poll=0.05)) as inbox:
        reader = await inbox.read()
        other = sqlite3.connect(tmp_path / "index.db", check_same_thread=False)
        await inbox.call(
            "test", lambda: inbox.index._connection.execute("PRAGMA busy_timeout = 10")
        )
        other.execute("BEGIN IMMEDIATE")
        with closing(writer(tmp_path)) as log:
            say(log, "a")
        await until(lambda: inbox.state.trouble is not None)
        assert inbox.state.trouble is not None
        assert "locked" in inbox.state.trouble
        other.rollback()
        other.close()
        assert await texts(reader, 1) == ["a"]
        await until(lambda: inbox.state.trouble is None)


async def test_a_directory_that_is_moved_away_costs_no_message(tmp_path: Path) -> None:
    here, away = tmp_path / "here", tmp_path / "away"
    said = [f"{number:03} {'x' * 2000}" for number in range(100)]
    async with opened(here, InboxOptions(poll=0.05)) as inbox:
        reader = await inbox.read()
        with closing(writer(here)) as log:
            say(log, *said)
        heard = await texts(reader, 1)
        here.rename(away)
        here.mkdir()  # as where a volume was mounted
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                while True:
                    heard.append((await anext(reader)).message.text)
        assert "its directory is away" in str(inbox.state.trouble)
        here.rmdir()
        away.rename(here)
        heard += await texts(reader, 100 - len(heard))
        assert (heard, inbox.state.lost, inbox.state.trouble) == (said, 0, None)


async def test_a_damaged_newest_segment_is_told_and_a_new_writer_ends_it(tmp_path: Path) -> None:
    async with opened(tmp_path, InboxOptions(poll=0.02)) as inbox:
        reader = await inbox.read()
        with closing(writer(tmp_path)) as log:
            say(log, "a")
            assert await texts(reader, 1) == ["a"]
            with log._directory.joinpath(f"{1:016d}.log").open("ab") as file:
                file.write(b"\x01" * 100)
            await until(lambda: inbox.state.trouble is not None)
            assert inbox.state.trouble is not None
            assert "damaged" in inbox.state.trouble
        with closing(writer(tmp_path)) as log:
            say(log, "b")
            assert await texts(reader, 1) == ["b"]
        assert inbox.state.damaged == 1
        assert inbox.state.trouble is None


async def test_a_defect_ends_readers_with_an_error_and_not_with_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as inbox:
        reader = await inbox.read()

        def broken(_: int) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(inbox.index, "ingest", broken)
        waiting = asyncio.ensure_future(anext(reader))
        await asyncio.sleep(0.02)
        inbox.notify()
        async with asyncio.timeout(5):
            with pytest.raises(InboxError, match="failed"):
                await waiting
        assert inbox.has_failed


async def test_who_listens_may_raise_without_harm(tmp_path: Path) -> None:
    def broken(_: InboxState) -> None:
        raise ZeroDivisionError

    options = replace(SLOW, max_messages=1)
    async with opened(tmp_path, options, on_change=broken) as inbox:
        with closing(writer(tmp_path)) as log:
            say(log, "a", "b")
        inbox.notify()
        assert await texts(await inbox.read(), 2) == ["a", "b"]
        assert not inbox.has_failed


async def test_a_place_where_no_inbox_can_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises((InboxError, LogError)):
        await Inbox.open(tmp_path / "file" / "inbox")


def test_nothing_of_a_message_is_in_the_index(tmp_path: Path) -> None:
    async def read() -> None:
        async with opened(tmp_path) as inbox:
            with closing(writer(tmp_path)) as log:
                append(log, text_event("canary text", "canary-id"))
            inbox.notify()
            await take(await inbox.read(), 1)

    asyncio.run(read())
    for path in tmp_path.glob("index.db*"):
        content = path.read_bytes()
        assert b"canary" not in content
        assert b"4915111" not in content
