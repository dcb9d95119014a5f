"""What must hold after every kill, read from the server, the disk and the journal."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from wa_loopback import Device, LoopbackServer
from wa_loopback.observations import Dialled, LoginAnswered, Violation
from wa_supervisor.journal import read
from wa_supervisor.journal.memory import Memory
from wa_supervisor.lifecycle import Budget
from wa_supervisor.private_files import sha256
from wa_supervisor.store import SessionFiles, SqliteVault, quarantined
from wa_supervisor.store.intent import read_intent

from .program import Broken, Program

_OTHERS = 0o077
_TARGET = "web.whatsapp.com:443"
_READ_SECONDS = 5.0
_NOT_RECORDED = "steps cannot be recorded"  # in the log, when the disk does not answer
_AS_TOLD = 0.1  # seconds


class Evidence:
    """Looks at one session from outside; raises Broken at what must not be."""

    def __init__(
        self,
        server: LoopbackServer,
        files: SessionFiles,
        where: Path,
        program: Program,
        held: Counter[str],
    ) -> None:
        self.generation = 0
        self._server = server
        self._files = files
        self._where = where
        self._program = program
        self._held = held
        self._memory: Memory | None = None
        self._checked = 0  # of the steps that the program acknowledged
        self._keys: dict[Device, bytes] = {}
        self._purged: dict[Device, float] = {}

    def paired(self, device: Device) -> None:
        """Note the keys of a device that has just connected for the first time."""
        (key,) = keys_in(self._files.database)
        if key in self._keys.values():
            raise Broken("two devices have one key")
        self._keys[device] = key

    def after_a_strike(self) -> str:
        """Check the server, the modes of the files and the journal; return its last state."""
        if self._server.overlaps:
            raise Broken(f"two clients of one device: {self._server.overlaps}")
        if any(isinstance(seen, Violation) for seen in self._server.log):
            raise Broken("the client broke the protocol")
        targets = {seen.target for seen in self._server.log if isinstance(seen, Dialled)}
        if targets - {_TARGET}:
            raise Broken(f"another host was dialled: {targets}")
        self._held["never two clients of a device"] += 1
        for path in self._files.directory.rglob("*"):
            try:
                mode = path.lstat().st_mode
            except FileNotFoundError:  # a session that lives moves its files
                continue
            if mode & _OTHERS:
                raise Broken(f"others may use {path.name}")
        self._held["every file private"] += 1
        return self._journal()

    def half_done(self) -> str:
        """Say what a dead supervisor left half done with the files; empty if nothing."""
        if self._files.intent.exists():
            return f"{read_intent(self._files).operation.value} declared, not carried out"
        if not self._files.staging.exists():
            return ""
        copying = (self._files.staging / "snapshot.db").exists()
        return "a copy being made" if copying else "files being rig"

    def purged_once(self, device: Device) -> None:
        """See that the keys of an unlinked device are in one complete entry, and nowhere else."""
        key = self._keys[device]
        entries = [
            entry
            for entry in quarantined(self._files)
            if any(path.exists() and key in keys_in(path) for path in entry.copies(".db"))
        ]
        if len(entries) != 1:
            raise Broken(f"the keys of an unlinked device are in {len(entries)} purged sessions")
        (entry,) = entries
        if entry.manifest is None or not entry.manifest.files:
            raise Broken("a purged session has no manifest")
        for file in entry.manifest.files:
            if sha256(entry.directory / file.name) != file.sha256:
                raise Broken(f"{file.name} of a purged session is not what it was")
        kept = [self._files.database, *(copy.path for copy in SqliteVault(self._files).snapshots())]
        if any(key in keys_in(path) for path in kept):
            raise Broken("the keys of an unlinked device are still there")
        self._purged[device] = time.monotonic()
        self._held["unlinked: purged once, and completely"] += 1

    def waited(self, device: Device | None, ban_at: float, seconds: float) -> None:
        """See that nobody logged in before a ban was over that began at `ban_at`."""
        logins = [
            seen.at
            for seen in self._server.log
            if isinstance(seen, LoginAnswered) and seen.device is device and seen.at > ban_at
        ]
        if len(logins) < 2 or logins[1] - logins[0] < seconds - _AS_TOLD:
            raise Broken(f"a ban of {seconds} s was not waited out")
        self._held["a ban outlived a kill"] += 1

    def at_the_end(self) -> None:
        """Check what only the whole run can tell."""
        self.after_a_strike()
        for seen in self._server.log:
            if isinstance(seen, LoginAnswered) and seen.device in self._purged:
                if seen.at > self._purged[seen.device]:
                    raise Broken("a login with keys that had been purged")
                self._held["logins of a device that was purged later"] += 1

    def _journal(self) -> str:
        steps = self._program.steps
        new, self._checked = steps[self._checked :], len(steps)
        past = read(self._files.journal, since=new[0].ts if new else None)
        kept = {(row.ts, row.fact, row.before, row.after, row.generation) for row in past.entries}
        slow = any(_NOT_RECORDED in line for line in self._program.log)
        for step in new:
            if (step.fact, step.before, step.after) == ("Start", "GaveUp", "GaveUp"):
                continue  # no step that was taken: `run` says what it remembers
            if (step.ts, step.fact, step.before, step.after, step.generation) in kept:
                self._held["acknowledged rows found in the journal"] += 1
            elif slow:
                self._held["rows a slow disk had no time for, and that was said"] += 1
            else:
                raise Broken(f"an acknowledged step is not in the journal: {step}")
        memory = past.memory
        if memory is None:
            if self._memory is not None:
                raise Broken("the memory is gone")
            return "starting"
        if self._memory is not None:
            _never_back(self._memory, memory)
        self._held["memory never back"] += 1
        self._memory, self.generation = memory, memory.session.generation
        return memory.session.phase.state.value


def _never_back(before: Memory, after: Memory) -> None:
    if after.session.generation < before.session.generation:
        raise Broken("the generation went back")
    dials = [len(memory.session.spent.get(Budget.DIALS, ())) for memory in (before, after)]
    if dials[1] - dials[0] != after.session.generation - before.session.generation:
        raise Broken(f"{dials[0]} dials were counted before, {dials[1]} after")


def keys_in(database: Path) -> set[bytes]:
    """The private noise keys in a database; they tell devices apart."""
    live = database.name == "session.db" and "quarantine" not in database.parts
    mode = "mode=ro" if live else "mode=ro&immutable=1"
    if not database.exists() or not database.stat().st_size:
        return set()
    with closing(
        sqlite3.connect(f"file:{database}?{mode}", uri=True, timeout=_READ_SECONDS)
    ) as connection:
        rows = connection.execute("SELECT noise_key FROM whatsmeow_device").fetchall()
    return {bytes(row[0]) for row in rows}
