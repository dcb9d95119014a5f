"""What a power cut may leave of a session: `python power_cut.py (--list | SCENARIO [--twice])`.

Prints one JSON object; see lab.power_cut for how. The process starts itself anew to be recorded.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from journal.rows import make_record
from lab.power_cut import cuts, record
from lab.power_cut.cuts import Scenario
from store.crash import SCENARIOS as OPERATIONS
from store.sessions import mark_of, seen, write_session
from wa_supervisor import crashes
from wa_supervisor.crashes import CrashReport
from wa_supervisor.errors import KeysGone
from wa_supervisor.journal import Journal
from wa_supervisor.journal.memory import remember
from wa_supervisor.journal.reserve import MOST, Reserve
from wa_supervisor.lifecycle import Session
from wa_supervisor.lifecycle.facts import ChildExited
from wa_supervisor.messages.outbox_store import OutboxStore
from wa_supervisor.store import CredentialKeeper, SessionFiles, SqliteVault, quarantined
from wa_supervisor.store.intent import recover

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def shop(root: Path) -> SessionFiles:
    return SessionFiles.at("shop", root)


ENDS = {"snapshot-and-rotate": 2}
"""How many of the allowed states may be seen once it was done, if not one: a snapshot that was
removed may be back, as one too many."""


def _operation(name: str) -> Scenario:
    """One of the operations that are killed at every step, too: old or new, and new once done."""
    operation = OPERATIONS[name]

    def prepare(root: Path) -> None:
        files = SessionFiles.open("shop", root)
        operation.prepare(files)

    def act(root: Path) -> None:
        operation.deed(shop(root))
        record.mark("done")

    def check(root: Path, promises: tuple[str, ...]) -> str:
        files = shop(root)
        files.prepare()
        recover(files)
        now = seen(files)
        allowed = operation.allowed[-ENDS.get(name, 1) :] if promises else operation.allowed
        assert now in allowed, now
        return f"state {operation.allowed.index(now)}"

    return Scenario(name, prepare, act, check)


def _first_life(root: Path) -> None:
    """A session that is begun where nothing is, paired, and copied."""
    files = shop(root)
    keeper = CredentialKeeper(files, SqliteVault(files))
    SqliteVault(files).prepare()
    keeper.before_dial(1)
    write_session(files.database, "a")
    keeper.while_connected(first=True)
    record.mark("copied")
    write_session(files.database, "b")
    keeper.before_dial(2)
    record.mark("copied again")


def _paired_at_last(keeper: CredentialKeeper) -> bool:
    """Do before a dial what the core has done, and say whether there are keys then."""
    try:
        return keeper.before_dial(9)
    except KeysGone:
        return keeper.restore()


def _still_paired(root: Path, promises: tuple[str, ...]) -> str:
    """From the first copy on no power cut costs the pairing."""
    files = shop(root)
    vault = SqliteVault(files)
    vault.prepare()
    paired = _paired_at_last(CredentialKeeper(files, vault))
    assert paired or not promises, "the pairing is lost"
    # SQLite may take the last transaction back: the unlinking of its journal is not synced.
    mark = mark_of(files.database)
    if promises:
        assert mark in {"a", "b"}, mark
        copies = {mark_of(each.path) for each in vault.snapshots()}
        assert copies >= ({"a", "b"} if "copied again" in promises else {"a"}), copies
    return str(mark)


def _second_pairing(root: Path) -> None:
    """Unlinked, set aside, and paired again: the dead keys must not come back."""
    files = shop(root)
    keeper = CredentialKeeper(files, SqliteVault(files))
    keeper.purge("logged_out")
    record.mark("purged")
    keeper.before_dial(2)
    write_session(files.database, "b")
    keeper.while_connected(first=True)
    record.mark("copied")


def _paired_once(root: Path) -> None:
    files = SessionFiles.open("shop", root)
    write_session(files.database, "a")
    SqliteVault(files).take_snapshot(1)


def _never_the_old_keys(root: Path, promises: tuple[str, ...]) -> str:
    files = shop(root)
    vault = SqliteVault(files)
    vault.prepare()
    paired = _paired_at_last(CredentialKeeper(files, vault))
    mark = mark_of(files.database)
    if promises:
        assert mark != "a", "the dead keys are back"
        assert [entry.manifest is not None for entry in quarantined(files)] == [True]
    if "copied" in promises:
        assert paired
        assert mark == "b"
    return str(mark)


def _journal(path: Path) -> Journal:
    journal = Journal.open(path)
    journal._connection.execute("PRAGMA wal_autocheckpoint = 6")  # seen at work in a few rows
    return journal


LEFT_OPEN: list[Journal] = []


def _rows(root: Path, *, close: bool = True) -> None:
    journal = _journal(root / "journal.db")
    for number in range(12):
        session = Session(generation=number)
        moment = NOW + timedelta(seconds=number)
        journal.append(make_record(number, ts=moment), remember(session, 0.0, moment))
        record.mark(str(number))
    if close:
        journal.close()
    else:
        LEFT_OPEN.append(journal)


def _rows_are_there(root: Path, promises: tuple[str, ...]) -> str:
    with closing(Journal.open(root / "journal.db")) as journal:
        assert not journal.was_lost
        numbers = [entry.generation for entry in journal.steps()]
        memory = journal.memory()
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= len(promises), f"{len(promises)} promised, {len(numbers)} there"
    if numbers:
        assert memory is not None
        assert memory.session.generation == numbers[-1]
    else:
        assert memory is None
    return "as promised" if len(numbers) == len(promises) else "one more"


def _damaged_journal(root: Path) -> None:
    _rows(root)
    with (root / "journal.db").open("r+b") as file:
        file.write(os.urandom(8192))


def _anew(root: Path) -> None:
    """A journal that cannot be read is set aside, and another begun."""
    with closing(_journal(root / "journal.db")) as journal:
        assert journal.was_lost
        record.mark("known to be lost")
        journal.append(make_record(50, ts=NOW), remember(Session(generation=50), 0.0, NOW))
        record.mark("50")


def _known_to_be_lost(root: Path, promises: tuple[str, ...]) -> str:
    with closing(Journal.open(root / "journal.db")) as journal:
        assert journal.was_lost, "it is not known that a memory was lost"
        numbers = [entry.generation for entry in journal.steps()]
        memory = journal.memory()
    assert numbers in ([], [50])
    assert "50" not in promises or (numbers == [50] and memory is not None)
    return str(numbers)


def _dials(count: int) -> tuple[datetime, ...]:
    """As many as there is room for, the newest last."""
    return tuple(NOW + timedelta(seconds=number) for number in range(count - MOST, count))


def _reserved(root: Path) -> None:
    reserve = Reserve(root / "dials.json")
    reserve.prepare()
    reserve.write(_dials(30))
    reserve.write(_dials(31))


def _count(root: Path) -> None:
    reserve = Reserve(root / "dials.json")
    reserve.prepare()
    for count in range(32, 37):
        reserve.write(_dials(count))
        record.mark(str(count))


def _counted(root: Path, promises: tuple[str, ...]) -> str:
    reserve = Reserve(root / "dials.json")
    reserve.prepare()
    found = reserve.read()
    least = int(promises[-1]) if promises else 31
    assert found in {_dials(least), _dials(least + 1)}, f"{least} dials are not known"
    return "as promised" if found == _dials(least) else "one more"


def _first_count(root: Path) -> None:
    reserve = Reserve(root / "dials.json")
    reserve.prepare()
    reserve.write(_dials(1))
    record.mark("1")


def _first_counted(root: Path, promises: tuple[str, ...]) -> str:
    reserve = Reserve(root / "dials.json")
    reserve.prepare()
    found = reserve.read()
    assert found in {(), _dials(1)}
    assert found or not promises
    return str(len(found))


def _report(number: int) -> CrashReport:
    exited = ChildExited(number, None, 6)
    return CrashReport.of(exited, "shop", ["Start"], "panic: " + "x" * 2000).model_copy(
        update={"ts": NOW + timedelta(seconds=number)}
    )


def _reports(root: Path) -> None:
    for number in range(3):
        crashes.write(root, _report(number))
        record.mark(str(number))


def _reports_are_whole(root: Path, promises: tuple[str, ...]) -> str:
    reports, unreadable = crashes.read(root)
    assert unreadable == []
    assert [each.generation for each in reports] == list(range(len(reports)))
    assert len(reports) >= len(promises)
    crashes.write(root, _report(7))
    assert crashes.read(root)[0][-1].generation == 7
    return f"{len(reports) - len(promises)} more"


OUTBOXES: list[OutboxStore] = []


def _outbox(root: Path) -> OutboxStore:
    return OutboxStore.open(root / "outbox.db", keep=timedelta(days=1), keep_rows=100)


def _outbox_made(root: Path) -> None:
    _outbox(root).close()


def _send(root: Path) -> None:
    OUTBOXES.append(outbox := _outbox(root))  # not closed: that would write everything back
    outbox._connection.execute("PRAGMA wal_autocheckpoint = 6")
    for number in range(6):
        assert outbox.dispatch(f"key {number}", b"what") is None
        record.mark(str(number))  # the client may have it
        outbox.settle(f"key {number}", "sent", "{}")


def _never_sent_again(root: Path, promises: tuple[str, ...]) -> str:
    with closing(_outbox(root)) as outbox:
        known = [outbox.dispatch(f"key {number}", b"what") for number in range(6)]
    promised = known[: len(promises)]
    assert all(promised), "a message would be sent twice"
    # Whose result was promised to last a cut: that of each before the newest that was dispatched.
    assert [row.state for row in promised[:-1] if row] == ["sent"] * len(promised[:-1])
    return "unknown" if promised and promised[-1] and promised[-1].state != "sent" else "sent"


def _nothing(root: Path) -> None:
    del root


SHARED_MEMORY = ("-shm",)
SCENARIOS: dict[str, Scenario] = {
    each.name: each
    for each in (
        *map(_operation, OPERATIONS),
        Scenario("first-life", _nothing, _first_life, _still_paired),
        Scenario("second-pairing", _paired_once, _second_pairing, _never_the_old_keys),
        Scenario("journal", _nothing, _rows, _rows_are_there, SHARED_MEMORY),
        Scenario(
            "journal-not-closed",
            _nothing,
            partial(_rows, close=False),
            _rows_are_there,
            SHARED_MEMORY,
        ),
        Scenario("journal-anew", _damaged_journal, _anew, _known_to_be_lost, SHARED_MEMORY),
        Scenario("reserve-made", _nothing, _first_count, _first_counted),
        Scenario("reserve", _reserved, _count, _counted),
        Scenario("outbox", _outbox_made, _send, _never_sent_again, SHARED_MEMORY),
        Scenario("crash-reports", _nothing, _reports, _reports_are_whole),
    )
}


def main() -> None:
    """See the module."""
    logging.disable()
    name = sys.argv[1]
    if name == "--list":
        sys.stdout.write("\n".join(SCENARIOS))
        return
    if "LD_PRELOAD" not in os.environ:
        environment = {**os.environ, **record.preloaded()}
        os.execve(sys.executable, [sys.executable, *sys.argv], environment)
    report = cuts.run(SCENARIOS[name], twice="--twice" in sys.argv)
    sys.stdout.write(json.dumps(asdict(report)))


if __name__ == "__main__":
    main()
