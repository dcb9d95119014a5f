"""What can be done to the programs themselves and to the machine they run on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import resource
import signal
import sqlite3
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

from . import limits, waits
from .disk import SmallDisk
from .fault import Act
from .rig import Rig, RigFailed

_TIMES = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|\+00:00)")

# -- processes ------------------------------------------------------------------------------------


def kill(number: signal.Signals = signal.SIGKILL) -> Act:
    """Send the client's process a signal."""

    async def act(rig: Rig) -> None:
        os.kill(await rig.client(), number)

    return act


async def begin(rig: Rig) -> None:
    """Start the program."""
    await rig.program.start()


def _supervised(rig: Rig) -> int:
    program = rig.supervised
    if program is None or program.process is None:
        raise RigFailed("only the supervisor has this part")
    return program.process.pid


def supervisor_gets(number: signal.Signals, *, times: int = 1) -> Act:
    """Send the supervisor's own process a signal."""

    async def act(rig: Rig) -> None:
        for _ in range(times):
            with contextlib.suppress(ProcessLookupError):
                os.kill(_supervised(rig), number)
            await asyncio.sleep(0.01)

    return act


async def _fork_server(rig: Rig) -> int:
    _supervised(rig)
    program = rig.supervised
    assert program is not None
    return await rig.until(lambda: program.fork_server, what="a fork server")


def fork_server_gets(number: signal.Signals) -> Act:
    """Send the fork server a signal."""

    async def act(rig: Rig) -> None:
        os.kill(await _fork_server(rig), number)

    return act


async def ends(rig: Rig) -> None:
    """Wait for the end of the supervisor's process, and of all it started."""
    program = rig.supervised
    assert program is not None
    assert program.process is not None
    pids = program.pids
    await asyncio.wait_for(program.process.wait(), 10)
    await rig.until(lambda: not set(pids) & set(program.pids), what="the end of every process")


def suspend(seconds: float) -> Act:
    """Stop every process of the program for a while, as a laptop's lid does."""

    async def act(rig: Rig) -> None:
        pids = rig.program.pids
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        for pid in reversed(pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        rig.mended()

    return act


async def upgrade_neonize(rig: Rig) -> None:
    """Let the next start find a neonize of a release that nobody has tried."""
    upgraded = rig.program.directory / "upgraded"
    _copy_neonize(upgraded, version="99.0.0")
    rig.program.variables["PYTHONPATH"] = str(upgraded)


def _copy_neonize(into: Path, *, version: str) -> None:
    """Make a copy of the installed one, of links, which says that it is of another release."""
    spec = find_spec("neonize")
    assert spec is not None
    assert spec.origin is not None
    init = Path(spec.origin)
    copy = into / init.parent.name
    copy.mkdir(parents=True)
    for entry in init.parent.iterdir():
        if entry != init:
            (copy / entry.name).symlink_to(entry)
    (copy / init.name).write_text(f'{init.read_text()}\n__version__ = "{version}"\n')


# -- the host -------------------------------------------------------------------------------------


async def no_descriptors(rig: Rig) -> None:
    """Let the client open no more descriptors."""
    pid = await rig.client()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, 3))


async def no_descriptors_to_fork(rig: Rig) -> None:
    """Let the fork server open no more descriptors."""
    resource.prlimit(await _fork_server(rig), resource.RLIMIT_NOFILE, (3, 3))


def without_forks(*during: Act) -> Act:
    """Let the kernel start no process and no thread for the program during these acts."""

    async def act(rig: Rig) -> None:
        with limits.no_forks(_supervised(rig), await _fork_server(rig)):
            await waits.in_turn(*during)(rig)
        rig.mended()

    return act


def without_memory(*during: Act) -> Act:
    """Give the fork server, and what it forks, no more memory during these acts."""

    async def act(rig: Rig) -> None:
        with limits.no_memory(await _fork_server(rig)):
            await waits.in_turn(*during)(rig)
        rig.mended()

    return act


def _disk(rig: Rig) -> SmallDisk:
    if rig.program.disk is None:
        raise RigFailed("the session is on no disk of its own")
    return rig.program.disk


async def fill_disk(rig: Rig) -> None:
    """Use up the last byte of the session's disk."""
    _disk(rig).fill()


async def free_disk(rig: Rig) -> None:
    """Make room on it again."""
    _disk(rig).free()
    rig.mended()


def locks_database(seconds: float) -> Act:
    """Let another program lock the client's database for so long."""

    async def act(rig: Rig) -> None:
        with contextlib.closing(sqlite3.connect(rig.program.database, timeout=5)) as other:
            other.isolation_level = None
            other.execute("BEGIN EXCLUSIVE")
            os.kill(await rig.client(), signal.SIGKILL)
            await asyncio.sleep(seconds)
        rig.mended()

    return act


async def disk_full(rig: Rig) -> None:
    """Let the client's files grow no more (a file size limit: writes fail as on a full disk)."""
    resource.prlimit(await rig.client(), resource.RLIMIT_FSIZE, (0, 0))


async def spoil_database(rig: Rig) -> None:
    """Overwrite the client's database with what is none."""
    rig.program.database.write_bytes(b"this is no database. " * 500)


def clock_was(days: float) -> Act:
    """Move all that is remembered, as if the wall clock had jumped since: ahead if positive."""

    async def act(rig: Rig) -> None:
        program = rig.supervised
        assert program is not None
        shift_memory(program.files.journal, days)

    return act


def shift_memory(journal: os.PathLike[str], days: float) -> None:
    """Shift the times in a journal's memory into the past by so many days."""

    def shifted(match: re.Match[str]) -> str:
        moment = datetime.fromisoformat(match[0]) - timedelta(days=days)
        return moment.isoformat()

    with contextlib.closing(sqlite3.connect(journal)) as database, database:
        (text,) = database.execute("SELECT json FROM memory").fetchone()
        database.execute("UPDATE memory SET json = ?", (_TIMES.sub(shifted, text),))
