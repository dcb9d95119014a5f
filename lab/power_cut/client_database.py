"""What a power cut takes of the client's own database, in each way in which it could be kept.

whatsmeow opens its SQLite file as neonize tells it to. The modes differ in what is synced at a
commit, and so in what a cut can take back, and in what a pairing costs.
"""

from __future__ import annotations

import copy
import hashlib
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wa_loopback import LoopbackServer

from ..bare import bare_client
from . import record
from .cuts import cuts, lay_out_afresh, verify_record
from .disk import Disk, Tree
from .record import Call, Kind

_WITHOUT_LOCKS: Final = ("-shm",)


@dataclass(frozen=True)
class Mode:
    """One way to keep the database."""

    name: str
    made_in_wal: bool = False
    """Whether the empty file is put into WAL mode before the client opens it."""
    parameters: str = ""
    """What is added to the name that neonize is given; it repeats what neonize needs."""


def _parameters(*pragmas: str) -> str:
    return "?" + "&".join(("_foreign_keys=on", *pragmas, "_x="))


MODES: Final = (
    Mode("as whatsmeow leaves it"),
    Mode("made in WAL beforehand", made_in_wal=True),
    Mode("DELETE, FULL", parameters=_parameters("_synchronous=FULL")),
    Mode("WAL, FULL", parameters=_parameters("_journal_mode=WAL", "_synchronous=FULL")),
    Mode("DELETE, EXTRA", parameters=_parameters("_synchronous=EXTRA")),
)


@dataclass(frozen=True)
class Result:
    """What was measured of a mode."""

    mode: str
    syncs: int
    """Of a first start, a pairing, and the first login."""
    seconds: float
    """From the start to Connected, on the disk of the temporary directory, with its real fsyncs."""
    commits: int
    disks: int
    damaged: int
    """Disks on which the database is not what it was after some commit."""
    most_lost: int
    """Commits that a cut takes back at worst."""
    pairing_lost_for: int
    """Of the commits after the one with the device, how many leave it open to be taken back."""


async def measure(mode: Mode) -> Result:
    """Pair a bare client in this mode, play the power cuts, and time it once more unrecorded."""
    with tempfile.TemporaryDirectory(prefix="client-database-") as directory:
        where = Path(directory)
        seconds = await _pair(mode, _made(mode, where / "timed"), {})
        root, log = _made(mode, where / "recorded"), where / "log"
        begun = Disk(root)
        await _pair(mode, root, record.recorded(root, log))
        calls = record.read(log)
        playing = copy.deepcopy(begun)
        for call in calls:
            playing.play(call)
        verify_record(playing.tree(), root, _WITHOUT_LOCKS)
        return _judge(mode, calls, seconds, where, begun)


def _made(mode: Mode, root: Path) -> Path:
    root.mkdir(mode=0o700)
    database = root / "session.db"
    database.touch(0o600)
    if mode.made_in_wal:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
    return root


async def _pair(mode: Mode, root: Path, more: dict[str, str]) -> float:
    database = Path(f"{root / 'session.db'}{mode.parameters}")
    async with LoopbackServer() as server:
        began = time.monotonic()
        async with bare_client(server.endpoint, database, more=more) as client:
            code = await client.expect("qr")
            await server.phone().scan(code["payload"])
            await client.event("Connected")
            took = time.monotonic() - began
            await client.silence(1.0)  # what it writes after the login
    return took


class _Contents:
    """What was in the database after each commit, in order."""

    def __init__(self, case: Path) -> None:
        self.known: dict[str, int] = {}
        self.paired_from = 0
        """The first commit with a device."""
        self._case = case

    def add(self, tree: Tree) -> int:
        """Note what is there now; say after how many commits."""
        found, paired = self._look(tree)
        number = self.known.setdefault(found, len(self.known))
        if paired and not self.paired_from:
            self.paired_from = number
        return number

    def find(self, tree: Tree) -> int | None:
        """Say after how many commits it was so; None if it never was."""
        try:
            found, _ = self._look(tree)
        except sqlite3.Error:
            return None
        return self.known.get(found)

    def _look(self, tree: Tree) -> tuple[str, bool]:
        lay_out_afresh(tree, self._case)
        digest, paired = hashlib.sha256(), False
        with closing(sqlite3.connect(self._case / "session.db")) as connection:
            (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
            tables = connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
            ).fetchall()
            for (table,) in tables:
                rows = connection.execute(f'SELECT * FROM "{table}"').fetchall()  # noqa: S608
                paired |= table == "whatsmeow_device" and bool(rows)
                digest.update(repr((table, rows)).encode())
        return digest.hexdigest(), paired


def _judge(mode: Mode, calls: Sequence[Call], seconds: float, where: Path, begun: Disk) -> Result:
    contents = _Contents(where / "case")
    marked = list(_with_commits(calls, copy.deepcopy(begun), contents))
    disks, damaged, most_lost, open_until = 0, 0, 0, 0
    for cut in cuts(begun, marked):
        disks += 1
        found, current = contents.find(cut.tree), len(cut.promises)
        if found is None:
            damaged += 1
            continue
        most_lost = max(most_lost, current - found)
        if found < contents.paired_from <= current:
            open_until = max(open_until, current + 1)
    return Result(
        mode=mode.name,
        syncs=sum(call.kind is Kind.SYNC for call in calls),
        seconds=seconds,
        commits=len(contents.known) - 1,
        disks=disks,
        damaged=damaged,
        most_lost=most_lost,
        pairing_lost_for=max(0, open_until - contents.paired_from),
    )


def _with_commits(calls: Sequence[Call], playing: Disk, contents: _Contents) -> Iterator[Call]:
    """Mark each commit where it has returned: before the next call, but for what it syncs."""
    returned = visible = contents.add(playing.tree())
    for call in calls:
        if call.kind is not Kind.SYNC:
            yield from (Call(Kind.MARK, 0, 0, 0, 0, b"", b"") for _ in range(returned, visible))
            returned = max(returned, visible)
        yield call
        playing.play(call)
        if call.kind is not Kind.SYNC:
            visible = contents.add(playing.tree())
