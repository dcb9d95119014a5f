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

from .fault import Act
from .stage import Stage, StageBroke

_TIMES = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|\+00:00)")

# -- processes ------------------------------------------------------------------------------------


def kill(number: signal.Signals = signal.SIGKILL) -> Act:
    """Send the client's process a signal."""

    async def act(stage: Stage) -> None:
        os.kill(await stage.client(), number)

    return act


async def begin(stage: Stage) -> None:
    """Start the program."""
    await stage.patient.start()


def _supervised(stage: Stage) -> int:
    patient = stage.supervised
    if patient is None or patient.process is None:
        raise StageBroke("only the supervisor has this part")
    return patient.process.pid


def supervisor_gets(number: signal.Signals, *, times: int = 1) -> Act:
    """Send the supervisor's own process a signal."""

    async def act(stage: Stage) -> None:
        for _ in range(times):
            with contextlib.suppress(ProcessLookupError):
                os.kill(_supervised(stage), number)
            await asyncio.sleep(0.01)

    return act


def fork_server_gets(number: signal.Signals) -> Act:
    """Send the fork server a signal."""

    async def act(stage: Stage) -> None:
        _supervised(stage)
        patient = stage.supervised
        assert patient is not None
        os.kill(await stage.until(lambda: patient.fork_server, what="a fork server"), number)

    return act


async def ends(stage: Stage) -> None:
    """Wait for the end of the supervisor's process, and of all it started."""
    patient = stage.supervised
    assert patient is not None
    assert patient.process is not None
    pids = patient.pids
    await asyncio.wait_for(patient.process.wait(), 10)
    await stage.until(lambda: not set(pids) & set(patient.pids), what="the end of every process")


def suspend(seconds: float) -> Act:
    """Stop every process of the program for a while, as a laptop's lid does."""

    async def act(stage: Stage) -> None:
        pids = stage.patient.pids
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        for pid in reversed(pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        stage.mended()

    return act


# -- the host -------------------------------------------------------------------------------------


async def no_descriptors(stage: Stage) -> None:
    """Let the client open no more descriptors."""
    pid = await stage.client()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, 3))


async def no_descriptors_to_fork(stage: Stage) -> None:
    """Let the fork server open no more descriptors."""
    _supervised(stage)
    patient = stage.supervised
    assert patient is not None
    server = await stage.until(lambda: patient.fork_server, what="a fork server")
    resource.prlimit(server, resource.RLIMIT_NOFILE, (3, 3))


async def disk_full(stage: Stage) -> None:
    """Let the client's files grow no more (a file size limit: writes fail as on a full disk)."""
    resource.prlimit(await stage.client(), resource.RLIMIT_FSIZE, (0, 0))


async def spoil_database(stage: Stage) -> None:
    """Overwrite the client's database with what is none."""
    stage.patient.database.write_bytes(b"this is no database. " * 500)


def clock_was(days: float) -> Act:
    """Move all that is remembered, as if the wall clock had jumped since: ahead if positive."""

    async def act(stage: Stage) -> None:
        patient = stage.supervised
        assert patient is not None
        shift_memory(patient.files.journal, days)

    return act


def shift_memory(journal: os.PathLike[str], days: float) -> None:
    """Shift the times in a journal's memory into the past by so many days."""

    def shifted(match: re.Match[str]) -> str:
        moment = datetime.fromisoformat(match[0]) - timedelta(days=days)
        return moment.isoformat()

    with contextlib.closing(sqlite3.connect(journal)) as database, database:
        (text,) = database.execute("SELECT json FROM memory").fetchone()
        database.execute("UPDATE memory SET json = ?", (_TIMES.sub(shifted, text),))
