"""A late write keeps the session from the next supervisor, which would write before it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from e2e.processes import until
from journal.rows import make_record
from wa_supervisor.clock import RealClock
from wa_supervisor.errors import LockHeld
from wa_supervisor.journal import Journal, Recorder, Reserve, read, recorder
from wa_supervisor.lifecycle import Policy
from wa_supervisor.store import SessionFiles, SessionLock

if TYPE_CHECKING:
    from pathlib import Path


async def test_the_session_is_ours_until_a_late_write_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, go_on = SessionFiles.open("shop", tmp_path), threading.Event()
    append = Journal.append

    def slow_disk(*what: Any) -> None:
        assert go_on.wait(30)
        append(*what)

    monkeypatch.setattr(Journal, "append", slow_disk)
    monkeypatch.setattr(recorder, "WRITE_TIMEOUT", 0.1)
    with SessionLock(files) as lock:
        journal = Journal.open(files.journal)
        kept = await Recorder.open(
            lambda: (journal, Reserve(files.reserve)), clock=RealClock(), holding_lock=lock.shared
        )
        session = kept.recall(Policy())
        await kept.keep(make_record(), session, 0.0)
        assert kept.trouble is not None
    with pytest.raises(LockHeld):
        SessionLock(files).acquire()
    go_on.set()
    await until(lambda: read(files.journal).entries)
    with SessionLock(files):
        journal.close()
