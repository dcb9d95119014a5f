"""The journal's file: what is acknowledged stays, what is old goes, what is broken is set aside."""

from __future__ import annotations

import sqlite3
import stat
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from journal.rows import WALL, make_memory, make_record
from wa_supervisor.errors import JournalError, StoreError, UnsafePermissions
from wa_supervisor.journal import Journal, read, schema
from wa_supervisor.journal import journal as journal_module
from wa_supervisor.lifecycle import Budget, DeadKeysPlan, Phase, Reason
from wa_supervisor.setting_groups import JournalSettings
from wa_supervisor.sqlite_files import transaction

FULL = "CREATE TRIGGER full BEFORE INSERT ON steps BEGIN SELECT RAISE(ABORT, 'full'); END"
IGNORED = make_record(taken=False, before="GaveUp", after="GaveUp", fact="Start")


def fill(journal: Journal, numbers: range) -> None:
    for number in numbers:
        journal.append(make_record(number), make_memory(number))


def generations(journal: Journal) -> list[int]:
    return [entry.generation for entry in journal.steps()]


def aside(path: Path) -> list[Path]:
    return sorted(path.parent.glob("journal.db.corrupt-*"))


def test_a_new_journal_remembers_nothing_and_was_not_lost(journal: Journal) -> None:
    assert journal.memory() is None
    assert journal.steps() == ()
    assert not journal.was_lost


def test_the_file_and_its_sidecars_are_private(path: Path, journal: Journal) -> None:
    fill(journal, range(3))
    files = list(path.parent.iterdir())
    assert {file.name for file in files} == {"journal.db", "journal.db-wal", "journal.db-shm"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_file_that_others_can_read_is_refused(path: Path) -> None:
    path.touch()
    path.chmod(0o644)
    with pytest.raises(UnsafePermissions, match="0644"):
        Journal.open(path)


def test_a_symbolic_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="symbolic link"):
        Journal.open(path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_step_comes_back_as_it_was_written(journal: Journal) -> None:
    records = [
        make_record(1, effects=("StopChild", "HidePairing")),
        make_record(
            2, substate="online", after="Connected", reason=None, not_before=None, effects=()
        ),
    ]
    for number, record in enumerate(records):
        journal.append(record, make_memory(number))
    found = journal.steps()
    assert [entry.model_dump(exclude={"missed"}) for entry in found] == [
        record.model_dump() for record in records
    ]
    assert [entry.detail for entry in found] == ["connection refused"] * 2


def test_steps_and_memory_outlive_the_process(path: Path, journal: Journal) -> None:
    fill(journal, range(5))
    journal.close()
    with closing(Journal.open(path)) as again:
        assert generations(again) == [0, 1, 2, 3, 4]
        assert again.memory() == make_memory(4)


def test_the_newest_steps_are_asked_for_by_number_and_by_age(journal: Journal) -> None:
    fill(journal, range(10))
    assert [e.generation for e in journal.steps(limit=3)] == [7, 8, 9]
    assert [e.generation for e in journal.steps(since=WALL + timedelta(seconds=8))] == [8, 9]
    assert journal.steps(since=WALL + timedelta(days=1)) == ()


def test_a_row_and_its_memory_are_written_together_or_not_at_all(
    path: Path, journal: Journal
) -> None:
    fill(journal, range(2))
    with closing(sqlite3.connect(path)) as other:
        other.execute(
            "CREATE TRIGGER broken BEFORE UPDATE ON memory BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    with pytest.raises(JournalError, match=r"cannot write .*: no"):
        journal.append(make_record(2), make_memory(2))
    assert generations(journal) == [0, 1]
    assert journal.memory() == make_memory(1)


def test_the_next_row_says_how_many_steps_are_missing_before_it(
    path: Path, journal: Journal
) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute(FULL)
        for number in range(3):
            with pytest.raises(JournalError):
                journal.append(make_record(number), make_memory(number))
        other.execute("DROP TRIGGER full")
    fill(journal, range(3, 5))
    assert [(e.generation, e.missed) for e in journal.steps()] == [(3, 3), (4, 0)]


# -- what was ignored


def test_a_storm_of_ignored_facts_writes_nothing_until_the_next_step(
    path: Path, journal: Journal
) -> None:
    fill(journal, range(1))
    before = path.with_name("journal.db-wal").stat().st_size
    for _ in range(100_000):
        journal.ignore(IGNORED)
    assert path.with_name("journal.db-wal").stat().st_size == before
    assert read(path).ignored == 0
    fill(journal, range(1, 2))
    assert read(path).ignored == 100_000


def test_what_was_ignored_is_counted_for_each_state_and_fact(path: Path, journal: Journal) -> None:
    for fact, times in (("Start", 3), ("Resume", 2)):
        for _ in range(times):
            journal.ignore(make_record(taken=False, before="GaveUp", fact=fact))
    journal.close()
    with closing(sqlite3.connect(path)) as reader:
        rows = reader.execute("SELECT state, fact, count FROM ignored ORDER BY fact").fetchall()
    assert rows == [("GaveUp", "Resume", 2), ("GaveUp", "Start", 3)]


def test_the_last_counts_are_written_at_the_close_and_closing_twice_is_fine(path: Path) -> None:
    journal = Journal.open(path)
    journal.ignore(IGNORED)
    journal.close()
    journal.close()
    assert read(path).ignored == 1


def test_counts_are_not_lost_with_a_row_that_could_not_be_written(
    path: Path, journal: Journal
) -> None:
    journal.ignore(IGNORED)
    with closing(sqlite3.connect(path)) as other:
        other.execute(FULL)
        with pytest.raises(JournalError):
            journal.append(make_record(), make_memory())
        other.execute("DROP TRIGGER full")
    journal.append(make_record(), make_memory())
    assert read(path).ignored == 1


# -- retention


def test_rows_beyond_the_count_are_dropped_oldest_first(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "PRUNE_EVERY", 10)
    with closing(Journal.open(path, JournalSettings(keep_rows=25))) as journal:
        fill(journal, range(100))
        kept = generations(journal)
    assert kept == list(range(kept[0], 100))
    assert 25 <= len(kept) <= 25 + 10


def test_rows_beyond_the_age_are_dropped_but_the_newest_stay(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "PRUNE_EVERY", 10)
    with closing(Journal.open(path, JournalSettings(keep_days=1))) as journal:
        fill(journal, range(50))
        far = 400 * 86_400  # the clock jumps ahead: everything is old at once
        fill(journal, range(far, far + 1))
        assert generations(journal) == [*range(40, 50), far]
        fill(journal, range(far + 1, far + 21))
        assert generations(journal) == list(range(far, far + 21))


def test_rows_are_looked_through_once_in_a_thousand(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []
    monkeypatch.setattr(journal, "_prune", looks.append)
    fill(journal, range(2001))
    assert len(looks) == 3


# -- a file that is not as it should be


@pytest.mark.parametrize(
    "content",
    [b"not a database at all, whatever its name", b"SQLite format 3\x00" + b"\xff" * 8000],
)
def test_an_unreadable_file_is_set_aside_whole_and_the_memory_counts_as_lost(
    path: Path, content: bytes
) -> None:
    path.write_bytes(content)
    path.chmod(0o600)
    with closing(Journal.open(path)) as journal:
        assert journal.memory() is None
        assert journal.was_lost
        fill(journal, range(1))
    assert [file.read_bytes() for file in aside(path)] == [content]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_lost_memory_still_counts_as_lost_if_the_next_run_dies_before_its_first_step(
    path: Path,
) -> None:
    path.write_bytes(b"garbage" * 1000)
    path.chmod(0o600)
    Journal.open(path).close()
    with closing(Journal.open(path)) as journal:
        assert journal.memory() is None
        assert journal.was_lost
    assert len(aside(path)) == 1


def test_a_torn_memory_is_an_unreadable_file(path: Path, journal: Journal) -> None:
    fill(journal, range(1))
    journal.close()
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE memory SET json = substr(json, 1, 40)")
    with closing(Journal.open(path)) as again:
        assert again.memory() is None
        assert again.was_lost
    assert len(aside(path)) == 1


def test_another_programs_database_is_set_aside(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (a)")
        other.execute("PRAGMA user_version = 1")
    path.chmod(0o600)
    with closing(Journal.open(path)) as journal:
        assert journal.was_lost
    with closing(sqlite3.connect(aside(path)[0])) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]


def test_a_file_that_breaks_while_it_is_used_is_begun_anew_with_the_whole_memory(
    path: Path, journal: Journal
) -> None:
    fill(journal, range(50))
    journal._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.write(b"\x00" * path.stat().st_size)
    journal._connection.execute("PRAGMA shrink_memory")
    fill(journal, range(50, 51))
    assert journal.memory() == make_memory(50)
    assert generations(journal) == [50]
    assert len(aside(path)) >= 1


def test_a_wal_without_its_journal_is_set_aside_and_not_played_into_a_new_one(
    path: Path, journal: Journal
) -> None:
    fill(journal, range(5))
    wal = path.with_name("journal.db-wal").read_bytes()
    journal.close()
    path.unlink()
    path.with_name("journal.db-wal").write_bytes(wal)
    with closing(Journal.open(path)) as again:
        assert again.steps() == ()
        assert again.was_lost
    assert [file.read_bytes() for file in aside(path)] == [wal]


def test_a_newer_journal_is_refused_with_the_reason_and_left_alone(path: Path) -> None:
    with closing(Journal.open(path)) as journal:
        fill(journal, range(1))
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    before = path.read_bytes()
    with pytest.raises(JournalError, match="newer wa-supervisor") as caught:
        Journal.open(path)
    assert "away" in str(caught.value.hint)
    assert path.read_bytes() == before
    assert aside(path) == []


def test_an_older_journal_is_brought_up_to_date_and_loses_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Journal.open(path)) as journal:
        fill(journal, range(3))
    later = (*schema.MIGRATIONS, ("ALTER TABLE steps ADD COLUMN note TEXT NOT NULL DEFAULT ''",))
    monkeypatch.setattr(schema, "MIGRATIONS", later)
    with closing(Journal.open(path)) as journal:
        assert generations(journal) == [0, 1, 2]
        assert journal.memory() == make_memory(2)
        fill(journal, range(3, 4))
    with closing(sqlite3.connect(path)) as found:
        assert found.execute("PRAGMA user_version").fetchone() == (len(later),)
        assert found.execute("SELECT note FROM steps").fetchall() == [("",)] * 4


def test_a_journal_of_the_first_version_loses_nothing(path: Path) -> None:
    with closing(sqlite3.connect(path)) as first:
        first.executescript(Path(__file__).with_name("version_1.sql").read_text())
    path.chmod(0o600)
    with closing(Journal.open(path)) as journal:
        start, connected, logged_out = journal.steps()
        memory = journal.memory()
    assert (start.fact, start.effects, start.generation) == ("Start", ("StartChild",), 1)
    assert (connected.after, connected.substate, connected.effects) == ("Connected", "online", ())
    assert logged_out.effects == ("StopChild", "HidePairing")
    assert (logged_out.detail, logged_out.missed) == ('it "said" no', 2)
    assert read(path).ignored == 7
    assert memory is not None
    session = memory.session
    assert (session.phase, session.reason) == (Phase.LOGGED_OUT, Reason.LOGGED_OUT)
    assert session.dead_keys_plan is DeadKeysPlan.PURGE
    assert session.dead_keys_reason is Reason.LOGGED_OUT
    assert (session.retries, session.strikes, session.generation) == (3, 1, 1)
    assert session.not_before == pytest.approx(60.0, abs=1e-3)
    assert session.ban_until is None
    assert session.spent[Budget.DIALS] == pytest.approx((-60.0, -9.5), abs=1e-3)
    assert session.spent[Budget.BANS] == ()
    assert memory.last_stable == datetime(2025, 6, 1, 12, 0, 5, tzinfo=UTC)
    assert memory.order == "resume"


def test_a_migration_that_fails_leaves_the_journal_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Journal.open(path)) as journal:
        fill(journal, range(3))
    broken = ("ALTER TABLE steps ADD COLUMN note TEXT", "ALTER TABLE nowhere ADD COLUMN note TEXT")
    with monkeypatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, broken))
        with pytest.raises(JournalError, match="nowhere"):
            Journal.open(path)
    with closing(Journal.open(path)) as journal:
        fill(journal, range(3, 4))
        assert generations(journal) == [0, 1, 2, 3]


def test_a_journal_is_opened_quickly_however_many_rows_it_has(path: Path) -> None:
    with closing(Journal.open(path)) as journal:
        fill(journal, range(1))
        with transaction(journal._connection):
            journal._connection.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)"
                " INSERT INTO steps SELECT i + 1, ts, json FROM steps, n WHERE id = 1"
            )
    begun = time.perf_counter()
    with closing(Journal.open(path)) as journal:
        assert journal.memory() == make_memory(0)
        assert len(journal.steps(limit=20)) == 20
        assert time.perf_counter() - begun < 1.0
        fill(journal, range(100_000, 100_001))  # the first row also looks for what is too old
        assert time.perf_counter() - begun < 2.0
