"""What is done on a file system that is really full: `python on_a_full_disk.py DEED DIRECTORY`.

The directory is a small tmpfs of this process alone, see `test_full_disk.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from journal.rows import make_record, open_recorder
from store.sessions import mark_of, write_session
from wa_supervisor.errors import StoreError
from wa_supervisor.journal import Journal, read
from wa_supervisor.lifecycle import Budget, Policy
from wa_supervisor.status import StepRecord
from wa_supervisor.store import SessionFiles, SqliteVault, quarantined


class Disk:
    """All the room there is, taken and given back."""

    def __init__(self, directory: Path) -> None:
        self._filler = directory / "filler"

    def fill(self) -> None:
        with self._filler.open("ab", buffering=0) as file:
            for size in (65536, 4096, 1):
                with contextlib.suppress(OSError):
                    while file.write(bytes(size)):
                        pass
            with pytest.raises(OSError, match="No space left"):
                file.write(b"x")

    def free(self) -> None:
        self._filler.unlink()


def names(files: SessionFiles) -> set[str]:
    return {path.name for path in files.directory.iterdir()}


def paired(files: SessionFiles) -> None:
    """A session with keys `b`, and a snapshot of older ones."""
    write_session(files.database, "a")
    assert SqliteVault(files).take_snapshot(1)
    write_session(files.database, "b")


def refused(deed: Callable[[], object]) -> str:
    with pytest.raises(StoreError) as caught:
        deed()
    assert "free space" in str(caught.value.hint), caught.value.hint
    return str(caught.value)


def a_snapshot(files: SessionFiles, disk: Disk) -> None:
    paired(files)
    before = names(files)
    disk.fill()
    assert "full" in refused(lambda: SqliteVault(files).take_snapshot(2))
    assert mark_of(files.database) == "b"
    assert [mark_of(each.path) for each in SqliteVault(files).snapshots()] == ["a"]
    disk.free()
    assert SqliteVault(files).take_snapshot(2)
    assert [mark_of(each.path) for each in SqliteVault(files).snapshots()] == ["b", "a"]
    assert names(files) == before


def a_purge(files: SessionFiles, disk: Disk) -> None:
    paired(files)
    disk.fill()
    assert "No space left" in refused(lambda: SqliteVault(files).purge("logged_out"))
    assert mark_of(files.database) == "b"
    assert len(SqliteVault(files).snapshots()) == 1
    disk.free()
    entry = SqliteVault(files).purge("logged_out")
    assert entry is not None
    assert entry.has_keys
    assert [each.id for each in quarantined(files)] == [entry.id]
    assert names(files) == {"quarantine"}


def a_restore(files: SessionFiles, disk: Disk) -> None:
    paired(files)
    write_session(files.database, "b", paired=False)
    disk.fill()
    assert "No space left" in refused(lambda: SqliteVault(files).restore())
    assert mark_of(files.database) == "-b"
    disk.free()
    assert SqliteVault(files).restore() is not None
    assert mark_of(files.database) == "a"


def the_journal(files: SessionFiles, disk: Disk) -> None:
    asyncio.run(_keep(files, disk))


async def _keep(files: SessionFiles, disk: Disk) -> None:
    async with aclosing(await open_recorder(files)) as recorder:
        session = recorder.recall(Policy())
        for number in range(5):
            await recorder.keep(record(number), session, 0.0)
        disk.fill()
        number = 5
        while recorder.trouble is None:
            await recorder.keep(record(number), session, 0.0)
            number += 1
        assert "full" in recorder.trouble, recorder.trouble
        kept = number - 1
        assert [entry.generation for entry in read(files.journal).entries] == list(range(kept))
        assert await recorder.may_dial(), "an overwritten file needs no room"
        disk.free()
        await recorder.keep(record(number), session, 0.0)
        assert recorder.trouble is None
        entries = read(files.journal).entries
        assert [entry.generation for entry in entries] == [*range(kept), number]
        assert entries[-1].missed == 1


def dials(files: SessionFiles, disk: Disk) -> None:
    asyncio.run(_dial(files, disk))


async def _dial(files: SessionFiles, disk: Disk) -> None:
    for life in range(4):
        async with aclosing(await open_recorder(files, 1000.0)) as recorder:
            session = recorder.recall(Policy())
            assert len(session.spent.get(Budget.DIALS, ())) == life
            if not life:
                await recorder.keep(record(0), session, 0.0)
            disk.fill()
            while recorder.trouble is None:
                await recorder.keep(record(1), session, 0.0)
            assert await recorder.may_dial()
        disk.free()  # for SQLite's shared memory; the next life fills it again


def a_start(files: SessionFiles, disk: Disk) -> None:
    journal = Journal.open(files.journal)
    journal.close()
    before = files.journal.read_bytes()
    disk.fill()
    refused(lambda: asyncio.run(open_recorder(files)))
    assert files.journal.read_bytes() == before
    disk.free()
    asyncio.run(_keep(files, disk))


def record(number: int) -> StepRecord:
    return make_record(number, ts=datetime.now(UTC))


DEEDS = {
    deed.__name__: deed for deed in (a_snapshot, a_purge, a_restore, the_journal, dials, a_start)
}

if __name__ == "__main__":
    where = Path(sys.argv[2])
    DEEDS[sys.argv[1]](SessionFiles.open("shop", where), Disk(where))
