"""Messages go from worker to worker, each of which may die between any two steps."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from fleet.owners import add, take
from messages.events import MEMORY, append, writer
from wa_supervisor.fleet.copies import FleetCopies
from wa_supervisor.fleet.database import FleetDatabase
from wa_supervisor.fleet.ownership import Ownership
from wa_supervisor.fleet.stranded import Stranded
from wa_supervisor.messages import outgoing_index, shared_index
from wa_supervisor.messages.glance import Glance
from wa_supervisor.messages.index import Index
from wa_supervisor.messages.log import LogOptions, LogWriter
from wa_supervisor.messages.record import Record
from wa_supervisor.messages.shared_index import SharedIndex, open_index
from wa_supervisor.store import SessionFiles
from wa_supervisor.store.fleet_note import FleetNote, write_note

TINY = LogOptions(segment_bytes=300, reserve_bytes=0)
WORKERS = ("a", "b", "c")
READERS = ("first", "second")


def look(record: Record) -> Glance:
    return Glance(record.data)


class Killed(BaseException):
    """Raised in place of the step with which a process dies."""


class Steps:
    """Counts the commits of both databases, and is the death of a process at one of them."""

    def __init__(self) -> None:
        self.left: int | None = None

    def before(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed

    @contextmanager
    def until_death(self, left: int | None) -> Iterator[None]:
        self.left = left
        try:
            yield
        finally:
            self.left = None


STEPS = Steps()


@pytest.fixture(autouse=True)
def _mortal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every commit be one that may not take place."""
    transaction, changing = FleetDatabase.transaction, Index._changing

    @contextmanager
    def mortal_transaction(self: FleetDatabase) -> Iterator[Any]:
        STEPS.before()
        with transaction(self) as connection:
            yield connection
        STEPS.before()

    @contextmanager
    def mortal_changing(self: Index, task: str) -> Iterator[None]:
        STEPS.before()
        with changing(self, task):
            yield

    monkeypatch.setattr(FleetDatabase, "transaction", mortal_transaction)
    monkeypatch.setattr(Index, "_changing", mortal_changing)
    monkeypatch.setattr("wa_supervisor.fleet.stranded.glance", look)
    monkeypatch.setattr(shared_index, "BATCH", 3)
    monkeypatch.setattr(outgoing_index, "BATCH", 3)


class Node:
    """One worker's disk, and what runs there for the session."""

    def __init__(
        self, root: Path, name: str, session: str, database: FleetDatabase, *, keeps_all: bool
    ) -> None:
        self.name, self.session, self.database = name, session, database
        self.keeps_all = keeps_all
        self.files = SessionFiles.at(session, root / name)
        self.files.prepare_directory()
        self.inbox = self.files.directory / "inbox"
        self.stranded = Stranded(database, name, root / name)
        self.index: Index | None = None
        self.log: LogWriter | None = None

    def begin(self, ownership: Ownership, generation: int) -> None:
        write_note(self.files, FleetNote(worker=self.name, epoch=ownership.epoch))
        copies = FleetCopies(self.database, ownership, keeps_all=self.keeps_all)
        self.index = open_index(self.inbox, copies, look=look, remember=1000, durable=False)
        self.log = writer(self.inbox, generation, after=self.index.figures.floor, options=TINY)

    def look_elsewhere(self) -> None:
        assert isinstance(self.index, SharedIndex)
        self.index._look_at = 0.0
        while self.index.ingest(10).more:
            pass

    def die(self) -> None:
        if self.log is not None:
            self.log.close()
        if self.index is not None:
            self.index.close()
        self.index = self.log = None


class Handover(RuleBasedStateMachine):
    """One session that moves, two readers, and disks that come and go."""

    database: ClassVar[FleetDatabase]
    keeps_all: ClassVar[bool]
    numbers: ClassVar = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(mkdtemp(prefix="handover-", dir=MEMORY))
        self.session = f"s{next(self.numbers)}"
        add(self.database, self.session)
        self.nodes = {
            name: Node(self.root, name, self.session, self.database, keeps_all=self.keeps_all)
            for name in WORKERS
        }
        self.owner: Node | None = None
        self.generation = 0
        self.received: list[bytes] = []
        self.acknowledged: dict[str, list[bytes]] = {name: [] for name in READERS}
        self.asked_to_acknowledge: dict[str, set[bytes]] = {name: set() for name in READERS}
        self.seen_numbers: dict[int, bytes] = {}
        self.start("a", None)
        assert self.owner is not None
        for name in READERS:
            assert self.owner.index is not None
            self.owner.index.register(name)

    def teardown(self) -> None:
        try:
            self.all_is_well_in_the_end()
        finally:
            for node in self.nodes.values():
                node.die()
            shutil.rmtree(self.root)

    def start(self, name: str, dies_after: int | None) -> None:
        node = self.nodes[name]
        self.generation += 1
        ownership = take(self.database, self.session, name)
        try:
            with STEPS.until_death(dies_after):
                node.begin(ownership, self.generation)
        except Killed:
            node.die()
        else:
            self.owner = node

    # -- what happens ------------------------------------------------------------------------------

    @precondition(lambda self: self.owner is not None)
    @rule(count=st.integers(1, 4))
    def receive(self, count: int) -> None:
        assert self.owner is not None
        assert self.owner.log is not None
        for _ in range(count):
            event = f"{len(self.received)}:message".encode()
            append(self.owner.log, event)
            self.received.append(event)

    @precondition(lambda self: self.owner is not None)
    @rule(again=st.integers(0, 100))
    def whatsapp_sends_one_again(self, again: int) -> None:
        """What was received by this process only: another's is known if it came through here."""
        assert self.owner is not None
        assert self.owner.log is not None
        if self.keeps_all and self.received and self.owner.index is not None:
            self.owner.look_elsewhere()  # else it may not be known yet
            append(self.owner.log, self.received[again % len(self.received)])

    @precondition(lambda self: self.owner is not None)
    @rule(
        reader=st.sampled_from(READERS),
        count=st.integers(1, 4),
        in_turn=st.booleans(),
        dies_after=st.none() | st.integers(0, 6),
    )
    def read(self, reader: str, count: int, dies_after: int | None, *, in_turn: bool) -> None:
        self.as_owner(lambda index: self.take(index, reader, count, in_turn=in_turn), dies_after)

    def take(self, index: Index, reader: str, count: int, *, in_turn: bool) -> None:
        found = index.fetch(reader, 0, 10)
        events = [record.data for *_, record in found if record is not None]
        assert len(events) == len(found), "an item is lost"
        known = self.acknowledged[reader]
        assert not set(events) & set(known), "what was acknowledged comes again"
        assert len(set(events)) == len(events)
        for (number, *_), event in zip(found, events, strict=True):
            assert self.seen_numbers.setdefault(number, event) == event, "a number is given twice"
        chosen = found[:count] if in_turn else found[-count:]
        for number, _, record in chosen:
            assert record is not None
            self.asked_to_acknowledge[reader].add(record.data)
            index.advance(reader, [number], number)
            known.append(record.data)

    @precondition(lambda self: self.owner is not None)
    @rule(dies_after=st.none() | st.integers(0, 8))
    def look_elsewhere(self, dies_after: int | None) -> None:
        node = self.owner
        assert node is not None
        self.as_owner(lambda _: node.look_elsewhere(), dies_after)

    @rule(name=st.sampled_from(WORKERS), dies_after=st.none() | st.integers(0, 12))
    def take_over(self, name: str, dies_after: int | None) -> None:
        """The owner is killed, and another, or the same, has the session."""
        self.kill()
        self.start(name, dies_after)

    @precondition(lambda self: self.owner is not None)
    @rule(name=st.sampled_from(WORKERS), dies_after=st.none() | st.integers(0, 12))
    def move(self, name: str, dies_after: int | None) -> None:
        """The owner stops, hands over what is left, and another goes on."""
        node = self.owner
        assert node is not None
        self.kill()
        try:
            with STEPS.until_death(dies_after):
                node.stranded.give_up(self.session)
        except Killed:
            pass
        self.start(name, None)

    @rule(name=st.sampled_from(WORKERS), dies_after=st.none() | st.integers(0, 12))
    def a_disk_is_back(self, name: str, dies_after: int | None) -> None:
        node = self.nodes[name]
        if node.index is None:
            try:
                with STEPS.until_death(dies_after):
                    node.stranded.look()
            except Killed:
                pass

    # -- how it ends -------------------------------------------------------------------------------

    def as_owner(self, work: Any, dies_after: int | None) -> None:
        assert self.owner is not None
        index = self.owner.index
        assert index is not None
        try:
            with STEPS.until_death(dies_after):
                while index.ingest(10).more:
                    pass
                work(index)
        except Killed:
            self.kill()

    def kill(self) -> None:
        if self.owner is not None:
            self.owner.die()
            self.owner = None

    def all_is_well_in_the_end(self) -> None:
        """Every disk is back, and both readers read on: nothing is lost, nothing came twice."""
        if self.owner is None:
            self.start("a", None)
        node = self.owner
        assert node is not None
        assert node.index is not None
        for each in self.nodes.values():
            each.stranded.look()
        node.look_elsewhere()
        for reader in READERS:
            while node.index.fetch(reader, 0, 1):
                self.take(node.index, reader, 10, in_turn=True)
            known = self.acknowledged[reader]
            assert len(known) == len(set(known))
            # Over an acknowledgement that was cut off a message may come again, or not.
            assert set(self.received) - set(known) <= self.asked_to_acknowledge[reader]
        with self.database.transaction() as connection:
            waits = connection.execute(
                "SELECT (SELECT count(*) FROM messages WHERE session = %(s)s"
                " AND record IS NOT NULL) + (SELECT count(*) FROM stranded WHERE session = %(s)s)"
                " AS n",
                {"s": self.session},
            ).fetchone()
        assert waits == {"n": 0}


@pytest.mark.parametrize("inbox", ["disk", "postgres"])
def test_each_message_is_for_each_reader_once_whoever_dies_when(
    fleet: FleetDatabase, inbox: str
) -> None:
    machine = type("Handover", (Handover,), {"database": fleet, "keeps_all": inbox == "postgres"})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=10, stateful_step_count=20, deadline=None)
    )
