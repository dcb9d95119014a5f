"""`wa-supervisor status` and `sessions`, of sessions that run, hang or are gone."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, get_args

import pytest
from pydantic import SecretStr

from journal.rows import make_record
from wa_supervisor.cli.session_options import SessionOptions
from wa_supervisor.cli.status_view import headline, lines
from wa_supervisor.control_server import listening
from wa_supervisor.exit_record import note_exit
from wa_supervisor.health import quick_status
from wa_supervisor.journal import Journal, remember
from wa_supervisor.lifecycle import Phase, Reason, Session
from wa_supervisor.status import Status
from wa_supervisor.status_parts import Device, PairingNow, ProcessState, Received, Running
from wa_supervisor.store import SessionFiles, SessionLock

if TYPE_CHECKING:
    from pathlib import Path

    from cli.calling import Cli

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
NUMBER = "491701234567"
BANNED = Session(phase=Phase.GAVE_UP, reason=Reason.BANNED, given_up=Reason.BANNED)


@pytest.fixture
def files(tmp_path: Path) -> SessionFiles:
    return SessionFiles.open("shop", tmp_path)


def leave(files: SessionFiles, session: Session, fact: str = "Start") -> None:
    wall = datetime.now(UTC)
    journal = Journal.open(files.journal)
    journal.append(make_record(ts=wall, fact=fact), remember(session, 0.0, wall, fact=fact))
    journal.close()


@contextmanager
def answering(files: SessionFiles, status: Callable[[], Status]) -> Iterator[None]:
    """Be a supervisor that answers, on a thread: a command blocks the one it is called on."""
    up, over = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with listening(files, {}, status):
            up.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert up.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()


def a_full_status(phase: Phase = Phase.ONLINE, reason: Reason | None = None) -> Status:
    return Status.of(
        Session(phase=phase, reason=reason, retries=3, not_before=12.0, generation=7),
        "shop",
        now=0.0,
        wall=NOW,
        since=NOW - timedelta(hours=3, minutes=12),
        process=ProcessState(pid=4321, started_at=NOW - timedelta(days=2), memory=62 << 20),
        client=ProcessState(pid=4330, started_at=NOW - timedelta(hours=4), memory=88 << 20),
        versions={"wa-supervisor": "1.0", "neonize": "0.5.2", "whatsmeow": "v0", "python": "3"},
        device=Device(
            paired=True,
            paired_at=NOW - timedelta(days=3),
            number=SecretStr(NUMBER),
            ending="67",
            phone_seen_at=NOW - timedelta(days=3),
            session_ends_without_phone=NOW + timedelta(days=11),
            connected_at=NOW - timedelta(days=1),
            session_ends_unused=NOW + timedelta(days=29),
        ),
        received=Received(
            waiting=2,
            oldest=NOW - timedelta(seconds=9),
            is_full=False,
            trouble=None,
            refused={"unknown_sender": 4},
        ),
        restricted_at=NOW - timedelta(hours=1),
    )


# -- a stopped supervisor --------------------------------------------------------------------------


def test_a_stopped_supervisor_that_gave_up_says_why_who_and_what(
    shop: Cli, files: SessionFiles
) -> None:
    leave(files, BANNED, "Connected")
    with SessionLock(files):
        note_exit(files.directory, 77)
    answer = shop("status")
    assert answer.code == 3
    assert answer.out.startswith("shop: GaveUp, for ")
    for said in (
        "no supervisor runs",
        "WhatsApp banned the account (406). [banned]",
        "The person with the phone must act: appeal in WhatsApp",
        "paired",
        "exit code 77 (ACCOUNT)",
    ):
        assert said in " ".join(answer.out.split()), said
    assert not answer.err


def test_one_that_was_stopped_says_how_it_is_started(
    shop: Cli, files: SessionFiles, tmp_path: Path
) -> None:
    leave(files, Session(phase=Phase.STOPPED, reason=Reason.STOPPED))
    answer = shop("status")
    assert f"`wa-supervisor run --session shop --data-dir {tmp_path}`" in answer.out


def test_one_that_was_killed_says_what_it_was(shop: Cli, files: SessionFiles) -> None:
    leave(files, Session(phase=Phase.ONLINE), "Connected")
    with SessionLock(files):
        pass
    said = " ".join(shop("status").out.split())
    assert "no supervisor runs; it was Connected (online) when that ended" in said
    assert "nobody noted its end" in said


@pytest.mark.parametrize("there", [True, False])
def test_json_is_always_an_object(shop: Cli, tmp_path: Path, *, there: bool) -> None:
    if there:
        leave(SessionFiles.open("shop", tmp_path), BANNED)
    answer = shop("status", "--json")
    assert answer.code == 3
    found = json.loads(answer.out)
    assert found["supervisor"] == ("stopped" if there else "never")
    assert found["state"] == ("GaveUp" if there else "Init")
    assert found["needs_person"] is True
    assert not answer.err


# -- one that runs ---------------------------------------------------------------------------------


def test_a_supervisor_that_runs_says_all_that_is_asked(shop: Cli, files: SessionFiles) -> None:
    with answering(files, a_full_status):
        answer = shop("status")
    assert answer.code == 0
    said = " ".join(answer.out.split())
    for part in (
        "shop: Connected (online), for 3 h 12 min",
        "next dial 2026-11-24",
        "in 12 s",
        "retries 3 since",
        "number ends in 67, paired since",
        "phone last sign 3 d ago; unlinked in 11 d at the earliest if it stays away",
        "device last sign 1 d ago; unlinked in 29 d at the earliest if it stays unused",
        "inbox 2 waiting, the oldest for 9 s",
        "gate refused since the start: 4 unknown_sender",
        "restricted WhatsApp refused a message to a new contact (463) 1 h ago",
        "dials 0 of 30 this hour",
        "supervisor pid 4321, up 2 d, 62 MiB",
        "client pid 4330, up 4 h, 88 MiB, number 7",
        "versions wa-supervisor 1.0, neonize 0.5.2, whatsmeow v0",
    ):
        assert part in said, part
    assert NUMBER not in answer.said


def test_json_is_the_same_line_the_short_way_which_imports_next_to_nothing(
    shop: Cli, files: SessionFiles, tmp_path: Path
) -> None:
    options = ["--json", "--session", "shop", "--data-dir", str(tmp_path)]
    with answering(files, a_full_status):
        long = json.loads(shop("status", "--json").out)
        short = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "wa_supervisor", "status", *options],
            capture_output=True,
            timeout=60,
            check=True,
        )
    assert NUMBER.encode() not in short.stdout
    said = json.loads(short.stdout)
    assert said.keys() == long.keys()
    assert {**said, "process": None, "client": None} == {**long, "process": None, "client": None}
    assert b"wa_supervisor.health" in short.stderr
    assert b"pydantic" not in short.stderr


@pytest.mark.parametrize(
    "more", [[], ["--json", "--number"], ["--json", "--all"], ["--json", "-h"]]
)
def test_what_the_short_way_does_not_know_is_left_to_the_long_one(
    files: SessionFiles, tmp_path: Path, more: list[str]
) -> None:
    with answering(files, a_full_status):
        assert quick_status(["--session", "shop", "--data-dir", str(tmp_path), *more], {}) is None


def test_the_short_way_has_no_answer_where_no_supervisor_has(tmp_path: Path) -> None:
    asked = ["--session", "shop", "--data-dir", str(tmp_path), "--json"]
    assert quick_status(asked, {}) is None


def test_the_number_is_shown_to_who_asks_for_it(shop: Cli, files: SessionFiles) -> None:
    with answering(files, a_full_status):
        assert f"+{NUMBER}" in shop("status", "--number").out
        assert json.loads(shop("status", "--json").out)["device"]["number"] == "**********"
        shown = json.loads(shop("status", "--json", "--number").out)
    assert shown["device"]["number"] == NUMBER


def test_in_pairing_it_says_where_the_code_is_and_how_long(shop: Cli, files: SessionFiles) -> None:
    pairing = PairingNow(
        kind="qr",
        until=NOW + timedelta(seconds=17),
        window_until=NOW + timedelta(seconds=80),
        shown_on=("png:/run/qr.png",),
    )
    status = replace_in(a_full_status(Phase.PAIRING), pairing=pairing, who="phone")
    with answering(files, lambda: status):
        said = " ".join(shop("status").out.split())
    assert "a QR shows for 17 s more on png:/run/qr.png; `wa-supervisor qr --session shop" in said
    assert "in 1 min 20 s" in said
    elsewhere = replace_in(status, pairing=pairing.model_copy(update={"shown_on": ()}))
    with answering(files, lambda: elsewhere):
        said = " ".join(shop("status").out.split())
    assert "a QR shows for 17 s more; `wa-supervisor qr --session shop" in said
    assert "The person with the phone must act: scan the QR, or type the pair code." in said


def replace_in(status: Status, **fields: object) -> Status:
    return status.model_copy(update=fields)


@pytest.mark.parametrize("reason", [None, *Reason])
@pytest.mark.parametrize("phase", [Phase.PAIRING, Phase.RECONNECTING, Phase.GAVE_UP])
def test_no_line_is_longer_than_80_columns(phase: Phase, reason: Reason | None) -> None:
    status = a_full_status(phase, reason)
    for each in lines(status, SessionOptions("shop")):
        assert len(each) <= 80, each


def test_no_command_is_broken_over_two_lines(shop: Cli, files: SessionFiles) -> None:
    leave(files, Session(phase=Phase.STOPPED, reason=Reason.STOPPED))
    (line,) = [line for line in shop("status").out.splitlines() if "wa-supervisor run" in line]
    assert line.count("`") == 2


def test_what_others_wrote_commands_no_terminal() -> None:
    status = replace_in(
        a_full_status(), trouble="\x1b[2J", journal="\x1b[2Jx", versions={"neonize": "\x1b[0m"}
    )
    assert "\x1b" not in "".join(lines(status, SessionOptions("shop")))


@pytest.mark.parametrize("supervisor", get_args(Running))
def test_the_first_line_says_whether_a_supervisor_runs(supervisor: str) -> None:
    said = headline(replace_in(a_full_status(), supervisor=supervisor))
    assert said.startswith("shop: ")
    assert ("Connected" in said) is (supervisor not in {"starting", "never", "elsewhere"})


def test_the_dials_of_a_fleets_session_are_not_told_by_who_cannot_know_them() -> None:
    def told(supervisor: str) -> str:
        status = replace_in(a_full_status(), supervisor=supervisor)
        return "".join(lines(status, SessionOptions("shop")))

    assert "this hour" in told("stopped")
    assert "this hour" not in told("elsewhere")


# -- all of them -----------------------------------------------------------------------------------


def test_all_sessions_are_listed_those_that_need_a_person_first(
    program: Cli, tmp_path: Path
) -> None:
    banned = SessionFiles.open("zoo", tmp_path)
    leave(banned, BANNED)
    up = SessionFiles.open("bar", tmp_path)
    running = replace_in(a_full_status(), session="bar")
    with answering(up, lambda: running):
        listed = program("sessions", "--data-dir", str(tmp_path))
        told = program("status", "--all", "--data-dir", str(tmp_path))
        as_json = program("sessions", "--json", "--data-dir", str(tmp_path))
    assert listed.code == 0
    first, second = listed.out.splitlines()
    assert first.startswith("zoo  GaveUp, for ")
    assert first.endswith("[banned]")
    assert second == "bar  Connected (online), for 3 h 12 min; pid 4321, up 2 d"
    assert told.code == 3
    assert told.out.index("zoo: GaveUp") < told.out.index("bar: Connected")
    assert [json.loads(line)["session"] for line in as_json.out.splitlines()] == ["zoo", "bar"]


def test_where_there_are_no_sessions_that_is_said(program: Cli, tmp_path: Path) -> None:
    answer = program("sessions", "--data-dir", str(tmp_path))
    assert answer.code == 0
    assert f"no sessions in {tmp_path}" in answer.out
    assert program("status", "--all", "--data-dir", str(tmp_path)).code == 0


def test_of_one_that_never_ran_the_others_are_named(shop: Cli, files: SessionFiles) -> None:
    files.directory.mkdir(parents=True, exist_ok=True)
    (files.directory.parent / "club").mkdir()
    answer = shop("status", "--session", "shopp")
    assert "shopp: never run here" in answer.out
    assert f"There are others here: club, {files.name}." in answer.out
    assert "Try: `wa-supervisor sessions --data-dir " in answer.out


def test_watch_wants_a_terminal(shop: Cli) -> None:
    answer = shop("status", "--watch")
    assert answer.code == 2
    assert "this is none" in answer.err
