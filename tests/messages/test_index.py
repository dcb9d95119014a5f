"""The inbox's memory against a model: what is handed out, to whom, and what is kept for it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from messages.events import MEMORY, MESSAGE, SMALL, append, newest, writer
from wa_supervisor.messages.errors import InboxError, MalformedEvent
from wa_supervisor.messages.glance import Glance
from wa_supervisor.messages.index import Index
from wa_supervisor.messages.log import LogOptions
from wa_supervisor.messages.record import Record
from wa_supervisor.messages.segments import segment_numbers, segment_path

TINY = LogOptions(segment_bytes=300, reserve_bytes=0)
REMEMBER = 3


def key_of(record: Record) -> bytes | None:
    """Events are written `key:what`; an empty key is for nobody, and `!` is malformed."""
    key = record.data.partition(b":")[0]
    if key == b"!":
        raise MalformedEvent("it begins with !")
    return key or None


def look(record: Record) -> Glance:
    return Glance(key_of(record))


def open_index(directory: Path, remember: int = 100) -> Index:
    return Index.open(directory, look=look, remember=remember, durable=False)


def ingest(index: Index) -> None:
    while index.ingest(10).more:
        pass


def unread(index: Index, name: str) -> list[bytes]:
    """All that a reader has before it."""
    found = index.fetch(name, 0, 10_000)
    return [record.data if record else b"lost" for *_, record in found]


class InboxMachine(RuleBasedStateMachine):
    """A log with writers that die, and an index that is closed and opened at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(mkdtemp(prefix="inbox-", dir=MEMORY))
        self.index = open_index(self.directory, REMEMBER)
        self.log = writer(self.directory, options=TINY)
        self.created = set(segment_numbers(self.directory))
        self.written: list[tuple[bytes, int]] = []  # with its segment; not looked at yet
        self.items: list[bytes] = []  # all that were ever found, by number - 1
        self.segments: list[int] = []  # of the items
        self.acknowledged: dict[str, set[int]] = {}
        self.serial = 0

    def teardown(self) -> None:
        self.log.close()
        self.index.close()
        shutil.rmtree(self.directory)

    # -- the session process

    @rule(key=st.sampled_from(["a", "b", "c", "d", "e", "", "!"]), size=st.integers(0, 100))
    def write(self, key: str, size: int) -> None:
        self.serial += 1
        event = f"{key}:{self.serial}:".encode() + bytes(size)
        self.append(event)

    def append(self, event: bytes) -> None:
        self.written.append((event, segment_numbers(self.directory)[-1]))
        append(self.log, event)
        self.created.update(segment_numbers(self.directory))

    @rule(cut=st.integers(1, 60))
    def die_in_a_write(self, cut: int) -> None:
        """The process is killed before `append` returns, and there is a new one."""
        self.append(b"torn:")
        path = newest(self.directory)
        size = path.stat().st_size
        if size:  # it went into this segment, and not as the last of the one before
            os.truncate(path, max(size - cut, size - 44))
            self.written.pop()
        self.log.close()
        self.log = writer(self.directory, after=self.index.figures.floor, options=TINY)
        self.created.update(segment_numbers(self.directory))

    # -- the supervisor

    @rule()
    def look(self) -> None:
        while self.index.ingest(1).more:
            pass
        for event, segment in self.written:
            key = event.partition(b":")[0]
            recent = [item.partition(b":")[0] for item in self.items[-REMEMBER:]]
            if key not in {b"", b"!"} and key not in recent:
                self.items.append(event)
                self.segments.append(segment)
        self.written.clear()

    @rule(name=st.sampled_from(["bot", "audit"]))
    def register(self, name: str) -> None:
        self.index.register(name)
        if name not in self.acknowledged:
            rows = self.index._connection.execute("SELECT min(number) FROM items").fetchone()
            first = rows[0] or len(self.items) + 1
            # It has what the others still need, or more: never less.
            everyone = [self.first_unread(each) for each in self.acknowledged]
            assert first <= min(everyone, default=len(self.items) + 1)
            self.acknowledged[name] = set(range(1, first))

    @precondition(lambda self: len(self.acknowledged) > 0)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.acknowledged)))
        fetched = self.index.fetch(name, 0, 5)
        chosen = data.draw(st.lists(st.sampled_from(fetched), unique=True)) if fetched else []
        numbers = [number for number, *_ in chosen]
        self.index.advance(name, numbers, max(numbers, default=0))
        self.acknowledged[name].update(numbers)

    @precondition(lambda self: len(self.acknowledged) > 1)
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.acknowledged)))
        self.index.forget(name)
        del self.acknowledged[name]

    @rule()
    def restart(self) -> None:
        self.index.close()
        self.index = open_index(self.directory, REMEMBER)

    # -- what must hold

    def first_unread(self, name: str) -> int:
        return next(n for n in range(1, len(self.items) + 2) if n not in self.acknowledged[name])

    @invariant()
    def every_reader_has_before_it_what_it_has_not_acknowledged_in_order(self) -> None:
        for name, acknowledged in self.acknowledged.items():
            expected = [
                item for number, item in enumerate(self.items, 1) if number not in acknowledged
            ]
            assert unread(self.index, name) == expected
            assert self.index.figures.depths[name] == len(expected)

    @invariant()
    def the_oldest_is_known_exactly_while_there_is_one(self) -> None:
        anything = any(unread(self.index, name) for name in self.acknowledged)
        assert (self.index.figures.oldest is not None) == anything

    @invariant()
    def exactly_the_segments_that_somebody_needs_are_kept(self) -> None:
        unread_by_anybody = [
            self.segments[number - 1]
            for number in range(1, len(self.items) + 1)
            if any(number not in each for each in self.acknowledged.values())
        ]
        needed = min(unread_by_anybody, default=self.index.figures.floor)
        files = segment_numbers(self.directory)
        assert files == [number for number in sorted(self.created) if number >= needed]


TestInbox = InboxMachine.TestCase


# -- single matters -------------------------------------------------------------------------------


def test_segments_go_when_all_readers_have_acknowledged_them_and_the_newest_stays(
    tmp_path: Path,
) -> None:
    with closing(open_index(tmp_path)) as index, closing(writer(tmp_path, options=TINY)) as log:
        index.register("bot")
        index.register("audit")
        append(log, *[b"%d:" % n + bytes(100) for n in range(40)])
        ingest(index)
        before = segment_numbers(tmp_path)
        numbers = [number for number, *_ in index.fetch("bot", 0, 100)]
        index.advance("bot", numbers, 40)
        assert segment_numbers(tmp_path) == before
        index.advance("audit", numbers[:20], 20)
        after = segment_numbers(tmp_path)
        assert after[-1] == before[-1]
        assert len(after) == pytest.approx(len(before) / 2, abs=1)
        index.advance("audit", numbers[20:], 40)
        assert len(segment_numbers(tmp_path)) <= 2
        assert index.figures.bytes < 600
        assert index._connection.execute("SELECT count(*) FROM items").fetchone()[0] < 5
        index.advance("audit", numbers, 40)  # again
        assert index.cursors["audit"].acknowledged == 40


def test_where_nobody_reads_nothing_is_kept(tmp_path: Path) -> None:
    with closing(open_index(tmp_path)) as index, closing(writer(tmp_path, options=TINY)) as log:
        for number in range(40):
            append(log, b"%d:" % number + bytes(100))
            ingest(index)
        assert len(segment_numbers(tmp_path)) <= 3


def test_a_reader_that_is_forgotten_holds_nothing_back(tmp_path: Path) -> None:
    with closing(open_index(tmp_path)) as index, closing(writer(tmp_path, options=TINY)) as log:
        index.register("bot")
        index.register("old")
        append(log, *[b"%d:" % n + bytes(100) for n in range(40)])
        ingest(index)
        index.advance("bot", range(1, 41), 40)
        assert len(segment_numbers(tmp_path)) > 10
        index.forget("old")
        assert len(segment_numbers(tmp_path)) <= 2


def test_acknowledging_out_of_turn_is_kept_and_does_not_slow_down(tmp_path: Path) -> None:
    with closing(open_index(tmp_path)) as index, closing(writer(tmp_path)) as log:
        index.register("bot")
        append(log, *[b"%d:" % n for n in range(3000)])
        ingest(index)
        index.advance("bot", range(2, 3001), 3000)
        assert unread(index, "bot") == [b"0:"]
    with closing(open_index(tmp_path)) as index:
        assert unread(index, "bot") == [b"0:"]
        index.advance("bot", [1], 0)
        assert index.cursors["bot"].ahead == set()
        assert index._connection.execute("SELECT count(*) FROM ahead").fetchone() == (0,)


def test_what_is_no_event_is_counted_and_kept_aside_and_holds_nobody_up(tmp_path: Path) -> None:
    with closing(open_index(tmp_path)) as index, closing(writer(tmp_path)) as log:
        index.register("bot")
        append(log, b"a:", *[b"!:%d" % n for n in range(150)], b"b:")
        ingest(index)
        assert unread(index, "bot") == [b"a:", b"b:"]
        assert index.counts["unreadable"] == 150
        kept = index._connection.execute("SELECT why, event, data FROM unreadable").fetchall()
        assert len(kept) == 100
        assert kept[-1] == ("it begins with !", MESSAGE, b"!:149")


def test_counts_survive_a_restart(tmp_path: Path) -> None:
    with closing(open_index(tmp_path)) as index, closing(writer(tmp_path)) as log:
        append(log, b"a:", b"a:", b"b:", b"a:")
        ingest(index)
    with closing(open_index(tmp_path)) as index:
        assert index.counts == {"duplicates": 2}
        assert index.number == 2


def test_an_unreadable_index_is_set_aside_and_what_is_kept_comes_again(tmp_path: Path) -> None:
    with closing(open_index(tmp_path)) as index, closing(writer(tmp_path)) as log:
        index.register("bot")
        append(log, b"a:", b"b:")
        ingest(index)
        index.advance("bot", [1], 1)
    (tmp_path / "index.db").write_bytes(b"this is no database" * 100)
    with closing(open_index(tmp_path)) as index:
        assert index.was_lost
        index.register("bot")
        ingest(index)
        assert unread(index, "bot") == [b"a:", b"b:"]
    assert list(tmp_path.glob("index.db.corrupt-*"))


def test_an_index_that_becomes_unreadable_is_begun_anew_and_numbers_go_on(tmp_path: Path) -> None:
    index = open_index(tmp_path, remember=1000)
    with closing(writer(tmp_path, options=LogOptions(reserve_bytes=0))) as log:
        index.register("bot")
        append(log, *[b"%d:" % n for n in range(500)])
        ingest(index)
        index.advance("bot", range(1, 499), 500)
        index._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        index._connection.execute("PRAGMA cache_size = 0")
        size = (tmp_path / "index.db").stat().st_size
        with (tmp_path / "index.db").open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (size - 4096))
        with pytest.raises(InboxError, match="malformed"):
            index.advance("bot", [499], 500)
        ingest(index)
        assert index.was_lost
        numbers = [number for number, *_ in index.fetch("bot", 500, 1000)]
        assert numbers == list(range(501, 1001))
    index.close()


def test_an_index_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    open_index(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "index.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(InboxError, match="newer"):
        open_index(tmp_path)
    assert not list(tmp_path.glob("*.corrupt-*"))


def test_what_a_power_cut_took_from_the_log_is_counted_as_lost_and_no_number_comes_again(
    tmp_path: Path,
) -> None:
    with closing(open_index(tmp_path)) as index:
        index.register("bot")
        with closing(writer(tmp_path, options=SMALL)) as log:
            append(log, b"a:", b"b:")
        ingest(index)
        floor = index.figures.floor
        with closing(writer(tmp_path, after=floor)) as log:
            append(log, b"c:")
        ingest(index)
        floor = index.figures.floor
        assert floor == 2
    # The acknowledgements were on the disk, the end of the log was not.
    os.truncate(segment_path(tmp_path, 1), 43)
    segment_path(tmp_path, 2).unlink()
    with closing(open_index(tmp_path)) as index:
        with closing(writer(tmp_path, after=index.figures.floor)) as log:
            append(log, b"d:", b"e:")
        ingest(index)
        assert unread(index, "bot") == [b"a:", b"lost", b"lost", b"d:", b"e:"]


def test_a_failed_write_changes_nothing_and_can_be_done_again(tmp_path: Path) -> None:
    with closing(open_index(tmp_path)) as index, closing(writer(tmp_path)) as log:
        index.register("bot")
        append(log, b"a:", b"a:", b"b:")
        index._connection.execute("PRAGMA max_page_count = 1")
        other = sqlite3.connect(tmp_path / "index.db")
        other.execute("BEGIN IMMEDIATE")
        index._connection.execute("PRAGMA busy_timeout = 10")
        for _ in range(2):
            with pytest.raises(InboxError, match="locked"):
                index.ingest(10)
            assert index.number == 0
            assert index.counts == {}
        other.rollback()
        other.close()
        ingest(index)
        assert unread(index, "bot") == [b"a:", b"b:"]
        assert index.counts == {"duplicates": 1}


def test_a_defect_in_the_middle_of_a_batch_leaves_everything_as_it_was(tmp_path: Path) -> None:
    broken = True

    def sometimes(record: Record) -> Glance:
        if broken and record.data == b"c:":
            raise ZeroDivisionError
        return look(record)

    index = Index.open(tmp_path, look=sometimes, remember=100, durable=False)
    with closing(index), closing(writer(tmp_path)) as log:
        index.register("bot")
        append(log, b"a:", b"a:", b"b:", b"c:")
        with pytest.raises(ZeroDivisionError):
            index.ingest(10)
        assert index.number == 0
        assert index.counts == {}
        broken = False
        ingest(index)
        assert unread(index, "bot") == [b"a:", b"b:", b"c:"]
        assert index.figures.counts == {"duplicates": 1}


def test_what_a_reader_has_failed_on_is_counted_across_a_restart_and_set_aside(
    tmp_path: Path,
) -> None:
    with closing(open_index(tmp_path)) as index, closing(writer(tmp_path)) as log:
        index.register("@bot")
        append(log, b"poison", b"fine")
        ingest(index)
        assert index.fail("@bot", 1) == 1
    with closing(open_index(tmp_path)) as index:
        assert index.fail("@bot", 1) == 2
        index.set_aside("@bot", 1, b"poison")
        index.advance("@bot", [1], 1)
        assert index.figures.counts == {"set_aside": 1}
        assert index.fail("@bot", 2) == 1
        assert unread(index, "@bot") == [b"fine"]


def test_what_is_passed_over_comes_to_nobody_and_is_no_duplicate_of_what_follows(
    tmp_path: Path,
) -> None:
    with closing(open_index(tmp_path)) as index:
        index.register("bot")
        with closing(writer(tmp_path, generation=1)) as log:
            append(log, b"one", b"two", b"three")
            ingest(index)
        index.advance("bot", [2], 2)
        last = index.last_in(segment_numbers(tmp_path)[-1])
        index.pass_over(last)
        with closing(writer(tmp_path, generation=2, after=index.figures.floor)) as log:
            append(log, b"two")
            ingest(index)
            assert last == 3
            assert unread(index, "bot") == [b"two"]
            assert index.figures.depths == {"bot": 1}
