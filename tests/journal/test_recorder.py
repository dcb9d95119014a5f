"""The loop's view of the journal: what it does while the disk is full, hangs or lies."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from journal.rows import WALL, make_record, open_recorder
from wa_supervisor.clock import RealClock, Uptime
from wa_supervisor.errors import JournalError
from wa_supervisor.journal import Journal, Recorder, Reserve, read, reserve
from wa_supervisor.journal import recorder as recorder_module
from wa_supervisor.lifecycle import Budget, DeadKeysPlan, Phase, Policy, Reason, Session
from wa_supervisor.lifecycle.policy import DAY
from wa_supervisor.setting_groups import JournalSettings
from wa_supervisor.store import SessionFiles

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

POLICY = Policy()


@pytest.fixture
def files(tmp_path: Path) -> SessionFiles:
    return SessionFiles.open("shop", tmp_path)


def begun(recorder: Recorder) -> Session:
    return recorder.recall(POLICY)


def journal_of(recorder: Recorder) -> Journal:
    assert isinstance(recorder._journal, Journal)
    return recorder._journal


def fill_up(recorder: Recorder, *, full: bool = True) -> None:
    """Give the journal no page more, as a full disk does; or all it wants."""
    pages = 1 if full else 2**30  # SQLite makes of 1 what the file has now
    journal_of(recorder)._connection.execute(f"PRAGMA max_page_count = {pages}")


async def keep_until_trouble(recorder: Recorder, session: Session) -> int:
    """Return how many steps still fitted."""
    for number in range(200):
        await recorder.keep(make_record(number, ts=datetime.now(UTC)), session, 0.0)
        if recorder.trouble is not None:
            return number
    raise AssertionError("it never got full")


async def test_a_step_is_on_the_disk_when_it_is_kept(files: SessionFiles) -> None:
    async with aclosing(await open_recorder(files)) as recorder:
        session = begun(recorder)
        session.retries = 3
        await recorder.keep(make_record(1), session, 0.0)
        past = read(files.journal)
        assert len(past.entries) == 1
        assert past.memory is not None
        assert past.memory.session.retries == 3


@pytest.mark.parametrize("days", [-400.0, -1 / 24, 31.0, 400.0])
async def test_a_reserved_dial_of_a_clock_that_was_wrong_counts_from_now(
    files: SessionFiles, days: float
) -> None:
    """It lies ahead, or so far back that only a clock which was set can say so."""
    room = Reserve(files.reserve)
    room.prepare()
    room.write((datetime.now(UTC) - timedelta(days=days),))
    async with aclosing(await open_recorder(files, 500.0)) as recorder:
        assert begun(recorder).spent[Budget.DIALS] == (500.0,)


@pytest.mark.parametrize("restarted", ["the machine", "the supervisor"])
async def test_a_ban_is_waited_out_though_the_clock_was_set_and_who_cannot_know_says_so(
    files: SessionFiles,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    restarted: str,
) -> None:
    monkeypatch.setattr(RealClock, "uptime", lambda _: Uptime("a", 100.0))
    async with aclosing(await open_recorder(files)) as recorder:
        session = begun(recorder)
        session.ban_until = DAY
        await recorder.keep(make_record(1, ts=datetime.now(UTC)), session, 0.0)
    boot = "b" if restarted == "the machine" else "a"
    monkeypatch.setattr(RealClock, "uptime", lambda _: Uptime(boot, 160.0))
    in_two_days = datetime.now(UTC) + timedelta(days=2)
    monkeypatch.setattr(RealClock, "wall", lambda _: in_two_days)
    async with aclosing(await open_recorder(files)) as recorder:
        again = begun(recorder)
    assert again.ban_until is not None
    if restarted == "the supervisor":
        assert again.ban_until == DAY - 60.0
        assert caplog.text == ""
    else:
        assert again.ban_until < 0
        assert "by the clock 1440 of the 1440 min that were left have passed" in caplog.text


async def test_the_next_run_goes_on_where_the_last_left_off(files: SessionFiles) -> None:
    async with aclosing(await open_recorder(files)) as recorder:
        session = begun(recorder)
        session.retries, session.generation, session.strikes = 7, 41, 1
        await recorder.keep(make_record(1), session, 0.0)
    async with aclosing(await open_recorder(files, 1e6)) as recorder:
        again = begun(recorder)
    assert (again.retries, again.generation, again.strikes) == (7, 41, 1)


async def test_a_first_run_begins_at_once_also_beside_a_database_that_is_there(
    files: SessionFiles,
) -> None:
    files.database.write_bytes(b"whatever an earlier version paired")
    async with aclosing(await open_recorder(files)) as recorder:
        assert begun(recorder) == Session()


async def test_after_a_lost_memory_the_first_dial_waits(
    files: SessionFiles, caplog: pytest.LogCaptureFixture
) -> None:
    files.journal.write_bytes(b"\x00garbage" * 512)
    files.journal.chmod(0o600)
    async with aclosing(await open_recorder(files, 50.0)) as recorder:
        session = begun(recorder)
    assert session.reason is Reason.MEMORY_LOST
    assert session.not_before == 50.0 + POLICY.backoff.cap
    assert "set aside" in caplog.text


async def test_what_was_given_up_earlier_is_said_again(
    files: SessionFiles, caplog: pytest.LogCaptureFixture
) -> None:
    async with aclosing(await open_recorder(files)) as recorder:
        session = begun(recorder)
        session.phase, session.given_up = Phase.GAVE_UP, Reason.OUTDATED
        await recorder.keep(make_record(1), session, 0.0)
    async with aclosing(await open_recorder(files)) as recorder:
        assert begun(recorder).phase is Phase.GAVE_UP
    assert Reason.OUTDATED.explanation.sentence in caplog.text


async def test_what_was_ignored_is_flushed_at_the_end(files: SessionFiles) -> None:
    async with aclosing(await open_recorder(files)) as recorder:
        session = begun(recorder)
        for _ in range(5):
            await recorder.keep(make_record(taken=False), session, 0.0)
        assert read(files.journal).ignored == 0
    assert read(files.journal).ignored == 5


# -- the disk is full


async def test_a_full_disk_is_said_once_and_shown_and_over_when_there_is_room(
    files: SessionFiles, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with aclosing(await open_recorder(files)) as recorder:
        session = begun(recorder)
        fill_up(recorder)
        kept = await keep_until_trouble(recorder, session)
        for number in range(20):
            await recorder.keep(make_record(1000 + number), session, 0.0)
        assert recorder.trouble is not None
        assert "full" in recorder.trouble
        assert caplog.text.count("steps cannot be recorded") == 1
        session.retries = 77
        fill_up(recorder, full=False)
        await recorder.keep(make_record(2000), session, 0.0)
        assert recorder.trouble is None
        assert caplog.text.count("steps are recorded again") == 1
    past = read(files.journal)
    assert (len(past.entries), past.entries[-1].missed) == (kept + 1, 21)
    assert past.memory is not None
    assert past.memory.session.retries == 77


async def test_what_the_journal_cannot_take_counts_all_the_same_after_a_restart(
    files: SessionFiles,
) -> None:
    """However often it is restarted: counted and uncounted, once the budget is all there is."""
    budget, made = POLICY.dials.count, 0
    async with aclosing(await open_recorder(files, 1000.0)) as recorder:
        session = begun(recorder)
        session.spent[Budget.DIALS] = (1000.0, 1001.0, 1002.0)
        made += 3
        await recorder.keep(make_record(0, ts=datetime.now(UTC)), session, 1003.0)
    for life in range(3 * budget):
        async with aclosing(await open_recorder(files, 5e6 + 17 * life)) as recorder:
            session = begun(recorder)
            assert len(session.spent[Budget.DIALS]) == made
            assert list(session.spent[Budget.DIALS]) == sorted(session.spent[Budget.DIALS])
            if POLICY.dials.spent(session.spent[Budget.DIALS], 5e6 + 17 * life):
                break
            fill_up(recorder)
            await keep_until_trouble(recorder, session)
            assert await recorder.may_dial()
            made += 1
    assert made == budget


async def test_once_the_journal_is_written_again_no_dial_counts_twice(files: SessionFiles) -> None:
    async with aclosing(await open_recorder(files)) as recorder:
        session = begun(recorder)
        fill_up(recorder)
        await keep_until_trouble(recorder, session)
        for dial in range(3):
            assert await recorder.may_dial()
            session.spent[Budget.DIALS] = tuple(map(float, range(dial + 1)))
        fill_up(recorder, full=False)
        await recorder.keep(make_record(900, ts=datetime.now(UTC)), session, 3.0)
        assert recorder.trouble is None
    async with aclosing(await open_recorder(files, 1e6)) as recorder:
        assert len(begun(recorder).spent[Budget.DIALS]) == 3


async def test_a_dial_that_nothing_can_count_does_not_happen(files: SessionFiles) -> None:
    files.reserve.mkdir(mode=0o700)
    async with aclosing(await open_recorder(files)) as recorder:
        session = begun(recorder)
        assert await recorder.may_dial()
        fill_up(recorder)
        await keep_until_trouble(recorder, session)
        assert not await recorder.may_dial()
        fill_up(recorder, full=False)
        await recorder.keep(make_record(500), session, 0.0)
        assert await recorder.may_dial()


async def test_a_reserve_that_cannot_be_read_is_told_and_begun_anew(
    files: SessionFiles, caplog: pytest.LogCaptureFixture
) -> None:
    files.reserve.write_bytes(b"\0" * 8192)
    files.reserve.chmod(0o600)
    async with aclosing(await open_recorder(files)) as recorder:
        session = begun(recorder)
        assert session == Session()
        assert "cannot read dials.json" in caplog.text
        fill_up(recorder)
        await keep_until_trouble(recorder, session)
        assert await recorder.may_dial()
    async with aclosing(await open_recorder(files)) as recorder:
        assert len(begun(recorder).spent[Budget.DIALS]) == 1


async def test_the_reserve_is_private_and_holds_the_newest(files: SessionFiles) -> None:
    kept = Reserve(files.reserve)
    kept.prepare()
    size = files.reserve.stat().st_size
    times = tuple(WALL + timedelta(seconds=n, microseconds=1) for n in range(5000))
    kept.write(times)
    assert kept.read() == times[-reserve.MOST :]
    assert files.reserve.stat().st_size == size
    assert files.reserve.stat().st_mode & 0o777 == 0o600


async def test_no_dial_is_made_while_a_restart_would_still_purge_the_dead_keys_before_it(
    files: SessionFiles,
) -> None:
    async with aclosing(await open_recorder(files)) as recorder:
        session = begun(recorder)
        session.dead_keys_plan = DeadKeysPlan.PURGE
        fill_up(recorder)
        await keep_until_trouble(recorder, session)
        session.dead_keys_plan = None  # purged meanwhile, but the disk does not know
        await recorder.keep(make_record(500), session, 0.0)
        assert not await recorder.may_dial()
        fill_up(recorder, full=False)
        await recorder.keep(make_record(501), session, 0.0)
        assert await recorder.may_dial()


# -- the disk hangs


async def test_a_disk_that_hangs_costs_the_loop_one_bounded_wait_and_no_more(
    files: SessionFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "WRITE_TIMEOUT", 0.2)
    released = threading.Event()
    write_ignored = Journal._write_ignored

    def stuck(self: Journal, counts: Counter[tuple[str, str]]) -> None:
        assert released.wait(10)
        write_ignored(self, counts)

    monkeypatch.setattr(Journal, "_write_ignored", stuck)  # just before the commit
    async with aclosing(await open_recorder(files)) as kept:
        session, loop = begun(kept), asyncio.get_running_loop()
        begin = loop.time()
        for number in range(50):
            await kept.keep(make_record(number), session, 0.0)
        assert kept.trouble is not None
        assert loop.time() - begin < 1.0
        assert not await kept.may_dial()
        released.set()
        assert kept._writing is not None
        await asyncio.wait({kept._writing}, timeout=10)
        await kept.keep(make_record(50), session, 0.0)
        assert kept.trouble is None
    assert [(e.generation, e.missed) for e in read(files.journal).entries] == [(0, 0), (50, 49)]


async def test_a_cancelled_run_closes_its_journal(files: SessionFiles) -> None:
    running = asyncio.Event()

    async def run() -> None:
        async with aclosing(await open_recorder(files)) as recorder:
            session = begun(recorder)
            for number in range(10_000):
                await recorder.keep(make_record(number), session, 0.0)
                running.set()

    task = asyncio.create_task(run())
    await running.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert {path.name for path in files.directory.glob("journal.db*")} == {"journal.db"}
    assert read(files.journal).entries


def test_a_count_of_dials_that_is_damaged_is_said_to_be_and_not_taken_for_none(
    tmp_path: Path,
) -> None:
    kept = Reserve(tmp_path / "dials.json")
    kept.prepare()
    kept.write((datetime(2026, 1, 1, tzinfo=UTC),))
    (tmp_path / "dials.json").write_bytes(b"x" * (tmp_path / "dials.json").stat().st_size)
    with pytest.raises(JournalError, match=r"cannot \w+ dials\.json: its content is not what was"):
        kept.read()


async def test_what_is_cancelled_while_its_journal_opens_closes_it(files: SessionFiles) -> None:
    begun, go_on = threading.Event(), threading.Event()
    opened: list[Journal] = []

    def open_journal() -> tuple[Journal, Reserve]:
        begun.set()
        assert go_on.wait(10)
        opened.append(Journal.open(files.journal, JournalSettings()))
        return opened[0], Reserve(files.reserve)

    opening = asyncio.create_task(Recorder.open(open_journal, clock=RealClock()))
    await asyncio.to_thread(begun.wait, 10)
    opening.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await opening
    with pytest.raises(JournalError, match="closed"):
        opened[0].memory()
