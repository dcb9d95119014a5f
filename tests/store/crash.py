"""Kill a process at every step of a deed on a session's files, and look at what is left.

Run as a program: `crash.py SCENARIO DIRECTORY [--all] [--twice]`; it prints one JSON object. A step
is any call into the operating system or SQLite; the process is killed right before it. Calls that
change nothing are left out, unless `--all` asks for them: what is on the disk is the same before
and after. With `--twice` the recovery is killed, too, at each of its steps.
"""

from __future__ import annotations

import io
import json
import logging
import os
import shutil
import signal
import sqlite3
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from store.sessions import Seen, seen, write_session
from wa_supervisor.store import SessionFiles, SqliteVault, expire, quarantined
from wa_supervisor.store.intent import recover

if TYPE_CHECKING:
    from collections.abc import Callable

_STEPS = {"posix", "_sqlite3", "sqlite3", "_io", "io"}
_IDLE = {
    *("fspath", "lstat", "stat", "fstat", "listdir", "scandir", "is_dir", "getpid", "urandom"),
    *("read", "readlines", "seek", "text_encoding", "open_code", "fetchone", "__exit__"),
}


@dataclass(frozen=True)
class Scenario:
    """A session, a deed, and what may be seen once a crash in it was recovered from."""

    prepare: Callable[[SessionFiles], None]
    deed: Callable[[SessionFiles], object]
    allowed: tuple[Seen, ...]
    """From the state before to the state after; each is whole."""


@dataclass
class Report:
    """What came of all the kills."""

    points: int = 0
    twice: int = 0
    calls: dict[str, int] = field(default_factory=dict)
    states: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def _copies(files: SessionFiles, *marks: str) -> None:
    for generation, mark in enumerate(marks, 1):
        write_session(files.database, mark)
        SqliteVault(files).take_snapshot(generation)


def _new(files: SessionFiles) -> None:
    write_session(files.database, "a")


def _full(files: SessionFiles) -> None:
    _copies(files, "a", "b", "c")
    write_session(files.database, "d")


def _refused(files: SessionFiles) -> None:
    _copies(files, "a", "b")
    write_session(files.database, "b", paired=False)


def _torn(files: SessionFiles) -> None:
    """Leave a hot journal: a process died while it deleted the device."""
    _copies(files, "a", "b")
    if os.fork() == 0:
        connection = sqlite3.connect(files.database, isolation_level=None)
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN")
        connection.execute("DELETE FROM whatsmeow_sessions")
        connection.execute("DELETE FROM whatsmeow_device")
        connection.executemany("INSERT INTO mark VALUES (?)", [("x" * 999,)] * 99)
        os.kill(os.getpid(), signal.SIGKILL)
    os.wait()
    assert files.sidecars[2].stat().st_size > 0


def _lost(files: SessionFiles) -> None:
    _copies(files, "a", "b")
    files.database.unlink()


def _two(files: SessionFiles) -> None:
    _copies(files, "a")
    SqliteVault(files).purge("logged_out", 1)
    _copies(files, "b")


def _many(files: SessionFiles) -> None:
    for mark, paired in (("a", True), ("b", False), ("c", True), ("d", True)):
        write_session(files.database, mark, paired=paired)
        SqliteVault(files).purge("operator", 1)
    write_session(files.database, "e")


def _restore(files: SessionFiles) -> None:
    assert SqliteVault(files).restore() is not None


def _restore_oldest(files: SessionFiles) -> None:
    assert SqliteVault(files).restore(quarantined(files)[-1].id) is not None


def _entries(*marks: str) -> tuple[tuple[object, ...], ...]:
    return tuple(("operator", mark) for mark in marks)


_PUT_BACK = ("b", ("b", "a"), (("restored", "-b"),))
_LOGGED_OUT = (("logged_out", "a", "a"),)

SCENARIOS: dict[str, Scenario] = {
    "first-snapshot": Scenario(
        _new, lambda files: SqliteVault(files).take_snapshot(1), (("a", (), ()), ("a", ("a",), ()))
    ),
    "snapshot-and-rotate": Scenario(
        _full,
        lambda files: SqliteVault(files).take_snapshot(4),
        (
            ("d", ("c", "b", "a"), ()),
            ("d", ("d", "c", "b", "a"), ()),
            ("d", ("d", "c", "b"), ()),
        ),
    ),
    "purge": Scenario(
        _full,
        lambda files: SqliteVault(files).purge("logged_out", 4),
        (("d", ("c", "b", "a"), ()), (None, (), (("logged_out", "d", "c", "b", "a"),))),
    ),
    "purge-of-refused-keys": Scenario(
        _refused,
        lambda files: SqliteVault(files).purge("login_rejected", 3),
        (("-b", ("b", "a"), ()), (None, (), (("login_rejected", "-b", "b", "a"),))),
    ),
    "purge-with-hot-journal": Scenario(
        _torn,
        lambda files: SqliteVault(files).purge("logged_out", 3),
        (("b", ("b", "a"), ()), (None, (), (("logged_out", "b", "b", "a"),))),
    ),
    "restore": Scenario(_refused, _restore, (("-b", ("b", "a"), ()), _PUT_BACK)),
    "restore-of-a-lost-file": Scenario(
        _lost, _restore, ((None, ("b", "a"), ()), ("b", ("b", "a"), ()))
    ),
    "restore-from-quarantine": Scenario(
        _two,
        _restore_oldest,
        (
            ("b", ("b",), _LOGGED_OUT),
            ("a", (), (("restored", "b", "b"), *_LOGGED_OUT)),
        ),
    ),
    "expire": Scenario(
        _many,
        lambda files: expire(files, keep=2),
        (
            ("e", (), _entries("d", "c", "-b", "a")),
            ("e", (), _entries("d", "c", "-b")),
            ("e", (), _entries("d", "c")),
        ),
    ),
}


def _killing_at(step: int, deed: Callable[[], object], idle: set[str]) -> tuple[bool, str]:
    """Run the deed in a process that dies right before a step; False if it has no such step."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        count = 0

        def watch(_: object, event: str, function: Any) -> None:
            nonlocal count
            if event != "c_call":
                return
            owner = getattr(function, "__self__", None)
            module = getattr(function, "__module__", None) or type(owner).__module__
            if module not in _STEPS or function.__name__ in idle:
                return
            if isinstance(owner, io.StringIO):
                return
            count += 1
            if count == step:
                sys.setprofile(None)
                os.write(writing, f"{module}.{function.__name__}".encode())
                os.kill(os.getpid(), signal.SIGKILL)

        code = 70
        try:
            sys.setprofile(watch)
            deed()
            code = 0
        finally:
            sys.setprofile(None)
            os._exit(code)
    os.close(writing)
    call = os.read(reading, 200).decode()
    os.close(reading)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status not in {0, -signal.SIGKILL}:
        raise RuntimeError(f"the deed failed by itself, before step {step}")
    return status != 0, call


def _recover(files: SessionFiles) -> None:
    """As the supervisor starts: it prepares the files before it knows of the crash."""
    files.prepare()
    recover(files)


def _look(files: SessionFiles, scenario: Scenario, report: Report, where: str) -> None:
    try:
        _recover(files)
        now = seen(files)
        if now not in scenario.allowed:
            report.failures.append(f"{where}: {now}")
        else:
            name = f"state {scenario.allowed.index(now)}"
            report.states[name] = report.states.get(name, 0) + 1
    except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
        report.failures.append(f"{where}: {type(error).__name__}: {error}")


def _fresh(template: Path, directory: Path) -> SessionFiles:
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(template, directory)
    return SessionFiles.at("shop", directory)


def run(scenario: Scenario, directory: Path, *, everything: bool, twice: bool) -> Report:
    """Kill at every step there is."""
    report = Report()
    template, case, second = directory / "template", directory / "case", directory / "second"
    scenario.prepare(SessionFiles.open("shop", template))
    idle = set() if everything else _IDLE
    scenario.deed(_fresh(template, case))  # what is looked up once for all is none of the steps
    step = 0
    while True:
        step += 1
        files = _fresh(template, case)
        died, call = _killing_at(step, lambda files=files: scenario.deed(files), idle)  # type: ignore[misc]
        if not died:
            break
        report.points += 1
        report.calls[call] = report.calls.get(call, 0) + 1
        if twice and (files.intent.exists() or files.staging.exists()):
            again = 0
            while True:
                again += 1
                torn = _fresh(case, second)
                died, inner = _killing_at(again, lambda torn=torn: _recover(torn), idle)  # type: ignore[misc]
                if not died:
                    break
                report.twice += 1
                _look(torn, scenario, report, f"{step} {call}, then {again} {inner}")
        _look(files, scenario, report, f"{step} {call}")
    now = seen(files)
    if now != scenario.allowed[-1]:
        report.failures.append(f"undisturbed: {now}")
    return report


def main() -> None:
    """See the module."""
    name, directory, *options = sys.argv[1:]
    logging.disable()
    report = run(
        SCENARIOS[name],
        Path(directory),
        everything="--all" in options,
        twice="--twice" in options,
    )
    sys.stdout.write(json.dumps(vars(report)))


if __name__ == "__main__":
    main()
