"""How a session stands whose supervisor does not answer: read from what it left, and in time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from journal.rows import make_record
from wa_supervisor import control
from wa_supervisor.cli import offline
from wa_supervisor.disk_store import DiskStore
from wa_supervisor.errors import JournalError, StoreError
from wa_supervisor.exit_record import note_exit
from wa_supervisor.gate import Lid, Phone
from wa_supervisor.gate.identity import Identity
from wa_supervisor.hints import Action
from wa_supervisor.journal import Journal, Memory, read, remember
from wa_supervisor.journal.amend import amend
from wa_supervisor.lifecycle import Budget, Phase, Reason, Session, State
from wa_supervisor.messages.inbox import Inbox
from wa_supervisor.messages.log import LogWriter
from wa_supervisor.messages.own import keep_own
from wa_supervisor.messages.schema import MESSAGE_EVENT
from wa_supervisor.report import look, look_at_all, sessions_beside
from wa_supervisor.setting_groups import JournalSettings
from wa_supervisor.settings import Settings
from wa_supervisor.standing import PHONE_AWAY
from wa_supervisor.store import SessionFiles, SessionLock
from wa_supervisor.store.fleet_note import FleetNote, write_note
from wa_supervisor.testing.events import message_event, text_content

if TYPE_CHECKING:
    from pathlib import Path

    from wa_supervisor.journal.memory import Order

NUMBER = "491701234567"
BANNED = Session(
    phase=Phase.STOPPED, reason=Reason.STOPPED, cause=Reason.BANNED, given_up=Reason.BANNED
)


@pytest.fixture
def files(tmp_path: Path) -> SessionFiles:
    return SessionFiles.open("shop", tmp_path)


def leave(files: SessionFiles, session: Session, *facts: str, ago: float = 0.0) -> Memory:
    """Leave the journal of a supervisor that stood so, after these facts."""
    journal = Journal.open(files.journal)
    wall, memory = datetime.now(UTC) - timedelta(seconds=ago), journal.memory()
    for fact in facts or ("Start",):
        memory = remember(session, 0.0, wall, last=memory, fact=fact)
        journal.append(make_record(ts=wall, fact=fact), memory)
    journal.close()
    assert memory is not None
    return memory


def test_what_was_given_up_is_said_though_no_supervisor_runs(files: SessionFiles) -> None:
    leave(files, replace(BANNED, phase=Phase.GAVE_UP), ago=90)
    left = leave(files, BANNED)
    status = look(files)
    assert (status.supervisor, status.state, status.reason) == (
        "stopped",
        State.GAVE_UP,
        Reason.BANNED,
    )
    assert status.since is not None
    assert (left.written_at - status.since).total_seconds() > 80
    assert status.who == "phone"
    assert "ppeal" in status.advice
    assert status.sentence == "WhatsApp banned the account (406)."
    assert status.needs_person
    assert not status.is_ready


def test_a_session_that_was_stopped_is_to_be_started(files: SessionFiles) -> None:
    leave(files, Session(phase=Phase.STOPPED, reason=Reason.STOPPED), "Connected")
    status = look(files)
    assert [each.action for each in status.hints] == [Action.RUN]
    assert status.who == "operator"
    assert status.device.paired is True


@pytest.mark.parametrize(("order", "note"), [("resume", "resumes"), ("relink", "pairs afresh")])
def test_an_order_that_was_kept_is_said(files: SessionFiles, order: Order, note: str) -> None:
    leave(files, BANNED)
    assert amend(files, JournalSettings(), "X", order=order)
    status = look(files)
    assert status.order == order
    (hint,) = status.hints
    assert hint.action is Action.RUN
    assert note in hint.note


def test_a_session_that_never_ran_is_said_to_be_so_and_nothing_is_made(tmp_path: Path) -> None:
    status = look(SessionFiles.at("shop", tmp_path))
    assert (status.supervisor, status.since, status.trouble) == ("never", None, None)
    assert not list(tmp_path.iterdir())


def test_reading_makes_no_file_and_changes_none(files: SessionFiles) -> None:
    leave(files, BANNED)
    with SessionLock(files):
        pass

    def found() -> dict[str, int]:
        return {each.name: each.stat().st_mtime_ns for each in files.directory.iterdir()}

    before = found()
    assert look(files).reason is Reason.BANNED
    assert found() == before


def test_the_exit_code_of_the_last_run_is_known_and_of_one_that_was_killed_it_is_not(
    files: SessionFiles,
) -> None:
    leave(files, replace(BANNED, phase=Phase.GAVE_UP))
    with SessionLock(files):
        note_exit(files.directory, 77)
    last = look(files).last_run
    assert last is not None
    assert (last.pid, last.exit_code) == (os.getpid(), 77)
    assert last.ended_at is not None
    time.sleep(1.0)  # the lock's record has seconds
    with SessionLock(files):
        pass
    last = look(files).last_run
    assert last is not None
    assert (last.exit_code, last.ended_at) == (None, None)


def test_a_supervisor_that_has_the_lock_and_takes_no_orders_yet_is_starting(
    files: SessionFiles,
) -> None:
    with SessionLock(files):
        status = look(files)
    assert status.supervisor == "starting"
    assert status.process is not None
    assert status.process.pid == os.getpid()
    assert not status.needs_person


async def test_one_that_hangs_is_waited_for_a_second_and_what_it_left_is_said(
    files: SessionFiles,
) -> None:
    leave(files, Session(phase=Phase.ONLINE), "Connected")
    with SessionLock(files), socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(files.directory / "control.sock"))
        deaf.listen()
        began = time.monotonic()
        status = await asyncio.to_thread(look, files)
        took = time.monotonic() - began
    assert took < 5  # a bound on hanging, not a measurement
    assert (status.supervisor, status.state) == ("silent", State.CONNECTED)
    assert "did not answer" in (status.trouble or "")
    (hint,) = status.hints
    assert hint.action is Action.END_PROCESS
    assert hint.subject == str(os.getpid())


def test_waits_and_budgets_have_gone_on_since(files: SessionFiles) -> None:
    session = Session(
        phase=Phase.BACKOFF,
        reason=Reason.TEMPORARY_BAN,
        not_before=7200.0,
        ban_until=7200.0,
        spent={Budget.DIALS: (-10.0, -1.0), Budget.WINDOWS: (-10.0,)},
    )
    left = leave(files, session, ago=3595)
    status = look(files)
    assert status.not_before == status.ban_until == left.written_at + timedelta(hours=2)
    assert status.budgets["dials"].spent == 1  # the older one is an hour old
    assert (status.budgets["windows"].spent, status.budgets["windows"].left) == (1, 19)


def test_the_countdowns_run_from_the_last_sign_of_phone_and_device(files: SessionFiles) -> None:
    paired = leave(files, Session(phase=Phase.LINKING), "PairSucceeded", ago=7200)
    leave(files, Session(phase=Phase.ONLINE), "Connected", ago=3600)
    gone = leave(files, Session(phase=Phase.BACKOFF), "Disconnected", ago=60)
    device = look(files).device
    assert device.paired_at == device.phone_seen_at == paired.written_at
    assert device.session_ends_without_phone == paired.written_at + timedelta(days=14)
    assert device.connected_at == gone.written_at
    assert device.session_ends_unused == gone.written_at + timedelta(days=30)


def test_the_number_is_shown_to_nobody_who_does_not_ask_for_it(files: SessionFiles) -> None:
    leave(files, Session(phase=Phase.STOPPED), "Connected")
    (files.directory / "inbox").mkdir(0o700)
    own = Identity(Lid("123456789012345"), Phone(NUMBER))
    keep_own(files.directory / "inbox", own)
    status = look(files)
    assert status.device.number is not None
    assert status.device.number.get_secret_value() == NUMBER
    assert status.device.ending == "67"
    for text in (repr(status), str(status), status.model_dump_json()):
        assert NUMBER not in text
        assert NUMBER[4:] not in text


def test_a_journal_that_cannot_be_read_is_no_error_but_said(files: SessionFiles) -> None:
    files.journal.write_bytes(b"nothing of ours" * 100)
    files.journal.chmod(0o600)
    status = look(files)
    assert "cannot read journal.db" in (status.trouble or "")
    assert status.who == "operator"


def test_those_that_need_a_person_come_first(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        one = SessionFiles.open(name, tmp_path)
        leave(one, replace(BANNED, phase=Phase.GAVE_UP) if name == "c" else Session())
    (tmp_path / "sessions" / ".hidden").mkdir()
    everything = sessions_beside(SessionFiles.at("b", tmp_path))
    assert [each.name for each in everything] == ["a", "b", "c"]
    with SessionLock(everything[0]):  # one that starts
        found = look_at_all(everything)
    assert [each.session for each in found] == ["b", "c", "a"]


def test_a_process_that_is_stopped_holds_nobody_up(files: SessionFiles) -> None:
    leave(files, Session(phase=Phase.ONLINE), "Connected")
    program = (
        "import socket, sys\n"
        "from wa_supervisor.store import SessionFiles, SessionLock\n"
        "from pathlib import Path\n"
        f"files = SessionFiles.at('shop', Path({str(files.directory.parents[1])!r}))\n"
        "line = socket.socket(socket.AF_UNIX)\n"
        "with SessionLock(files):\n"
        "    line.bind(str(files.directory / 'control.sock')); line.listen()\n"
        "    print('up', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as hung:
        try:
            assert hung.stdout is not None
            assert hung.stdout.readline() == b"up\n"
            hung.send_signal(signal.SIGSTOP)
            status = look(files)
        finally:
            hung.kill()
    assert status.supervisor == "silent"
    assert status.process is not None
    assert status.process.pid == hung.pid


async def test_what_waits_for_whom_and_when_the_phone_wrote_is_known_of_one_that_is_gone(
    files: SessionFiles,
) -> None:
    leave(files, Session(phase=Phase.STOPPED, reason=Reason.STOPPED), "Connected")
    inbox = files.directory / "inbox"
    wrote = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
    async with contextlib.aclosing(await Inbox.open(inbox, readers=("bot", "audit"))) as opened:
        with contextlib.closing(LogWriter.open(inbox, generation=1, after=0)) as writer:
            for number, mine in enumerate((False, True, False)):
                event = message_event(text_content("hello"), at=wrote, id=str(number), from_me=mine)
                writer.append(MESSAGE_EVENT, event, flags=0, connected=0)
        opened.notify()
        reader = await opened.read("bot", ack="manual")
        await reader.acknowledge(await anext(reader))
    before = sorted(each.name for each in inbox.iterdir())
    status = look(files)
    assert status.received is not None
    assert (status.received.total, status.received.waiting) == (3, 3)
    assert status.received.readers == {"audit": 3, "bot": 2}
    assert status.received.oldest is not None
    assert status.device.phone_seen_at == wrote
    assert status.device.session_ends_without_phone == wrote + PHONE_AWAY
    assert sorted(each.name for each in inbox.iterdir()) == before


def test_an_inbox_that_cannot_be_read_is_said_and_the_rest_is_too(files: SessionFiles) -> None:
    leave(files, BANNED)
    (files.directory / "inbox").mkdir()
    (files.directory / "inbox" / "index.db").write_bytes(b"x" * 4096)
    status = look(files)
    assert status.reason is Reason.BANNED
    assert status.received is not None
    assert "cannot read index.db" in str(status.received.trouble)


# -- a session of a fleet --------------------------------------------------------------------------


def test_of_a_fleets_session_nothing_is_said_that_only_the_fleet_knows(files: SessionFiles) -> None:
    leave(files, replace(BANNED, phase=Phase.GAVE_UP))  # of a time before the fleet
    write_note(files, FleetNote(worker="node-3", epoch=7))
    with SessionLock(files):
        pass  # a worker that had it, and has handed it over
    status = look(files)
    assert status.last_run is None
    assert (status.supervisor, status.reason, status.since) == ("elsewhere", None, None)
    assert status.who == "nobody"
    assert status.trouble is not None
    assert "'node-3'" in status.trouble
    assert "fleet's database" in status.trouble
    assert status.hints[0].action is Action.FLEET_STATUS
    with pytest.raises(JournalError, match="in the fleet's database"):
        read(files.journal)
    with SessionLock(files):
        assert look(files).supervisor == "starting"


@pytest.mark.parametrize("order", ["resume", "start"])
def test_a_fleets_session_is_not_begun_afresh_in_its_directory(
    files: SessionFiles, order: str
) -> None:
    write_note(files, FleetNote(worker="node-3", epoch=7))
    settings = Settings(session="shop", data_dir=files.directory.parents[1])
    start = DiskStore(settings).acquire
    resume = partial(offline.leave, control.Order.RESUME, files, settings)
    with pytest.raises(StoreError, match="is a fleet's"):
        (start if order == "start" else resume)()


def test_a_note_that_is_spoilt_is_an_error_and_no_fresh_start(files: SessionFiles) -> None:
    files.fleet_note.write_text("{}")
    assert "content is not what was written" in (look(files).trouble or "")
    with pytest.raises(StoreError):
        DiskStore(Settings(session="shop", data_dir=files.directory.parents[1])).acquire()
