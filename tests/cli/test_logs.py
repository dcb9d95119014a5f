"""The log beside a session: bounded, private, and harmless where the disk is not."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from wa_supervisor.cli.logs import LogFiles, configure_logging
from wa_supervisor.log_context import SESSION
from wa_supervisor.log_file import LogFile, older
from wa_supervisor.setting_groups import LogSettings
from wa_supervisor.settings import Settings
from wa_supervisor.store import SessionFiles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cli.calling import Cli

log = logging.getLogger("wa_supervisor")

LINE = "x" * 99 + "\n"


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    handlers, propagate, level = log.handlers[:], log.propagate, log.level
    yield
    log.handlers, log.propagate = handlers, propagate
    log.setLevel(level)


@pytest.fixture
def losses() -> list[str]:
    return []


@pytest.fixture
def file(tmp_path: Path, losses: list[str]) -> LogFile:
    """One that begins anew after ten lines, and has the lock."""
    made = LogFile(tmp_path / "run.log", 1000, notice="{} missing\n".format, on_loss=losses.append)
    made.begin()
    return made


def test_it_keeps_so_many_bytes_and_as_many_older_ones(tmp_path: Path, file: LogFile) -> None:
    for number in range(25):
        file.write(f"{number:099}\n")
    assert file.finish(10)
    text = older(tmp_path / "run.log").read_text() + (tmp_path / "run.log").read_text()
    assert [int(line) for line in text.splitlines()] == list(range(10, 25))


def test_nobody_else_may_read_it(tmp_path: Path, file: LogFile) -> None:
    old = os.umask(0)
    try:
        for _ in range(15):
            file.write(LINE)
        assert file.finish(10)
    finally:
        os.umask(old)
    for path in (tmp_path / "run.log", older(tmp_path / "run.log")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("planted", ["link", "open to others", "pipe"])
def test_what_was_planted_in_its_place_is_neither_followed_nor_written_to(
    tmp_path: Path, file: LogFile, losses: list[str], planted: str
) -> None:
    path, victim = tmp_path / "run.log", tmp_path / "victim"
    victim.touch()
    if planted == "link":
        path.symlink_to(victim)
    elif planted == "pipe":
        os.mkfifo(path, 0o600)
    else:
        path.touch(0o644)
        path.chmod(0o644)
    file.write(LINE)
    assert not file.finish(10)
    assert len(losses) == 1
    assert victim.read_bytes() == b""
    if planted == "open to others":
        assert path.read_bytes() == b""


def test_a_directory_that_is_gone_is_not_made_and_costs_lines_alone(
    tmp_path: Path, losses: list[str]
) -> None:
    home = tmp_path / "session"
    home.mkdir()
    file = LogFile(home / "run.log", 1000, notice="{} missing\n".format, on_loss=losses.append)
    file.begin()
    file.write("first\n")
    assert file.finish(10)
    home.rename(tmp_path / "elsewhere")
    for _ in range(3):
        file.write("lost\n")
    assert not file.finish(10)
    assert losses == ["No such file or directory"]
    assert not home.exists()
    (tmp_path / "elsewhere").rename(home)
    file.write("last\n")
    assert file.finish(10)
    assert (home / "run.log").read_text() == "first\n3 missing\nlast\n"


def test_a_full_disk_costs_lines_which_are_counted(tmp_path: Path) -> None:
    """The disk is a file of at most 150 bytes, in a process of its own (RLIMIT_FSIZE)."""
    script = f"""
import resource, signal, sys
from pathlib import Path
from wa_supervisor.log_file import LogFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path({str(tmp_path / "run.log")!r})
file = LogFile(path, 1000, notice="{{}} missing\\n".format, on_loss=print)
file.begin()
for room in (150, resource.RLIM_INFINITY):
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    for name in "ab":
        file.write(name * 99 + "\\n")
        file.finish(10)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "File too large\n"
    lines = (tmp_path / "run.log").read_text().splitlines()
    assert lines[0] == "a" * 99
    assert lines[2:] == ["1 missing", "a" * 99, "b" * 99]


def test_a_disk_that_hangs_holds_nobody_up(
    tmp_path: Path, losses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = LogFile(tmp_path / "run.log", 1000, notice=str, on_loss=losses.append)
    monkeypatch.setattr(file, "deliver", lambda _: time.sleep(3600))  # the thread is a daemon
    file.begin()
    began = time.process_time()
    for _ in range(10_000):
        file.write(LINE)
    assert losses == ["its reader does not keep up"]
    assert not file.finish(0.01)
    assert time.process_time() - began < 5


def test_nothing_is_written_before_the_session_is_ours(tmp_path: Path, losses: list[str]) -> None:
    file = LogFile(tmp_path / "run.log", 1000, notice=str, on_loss=losses.append)
    file.write("early\n")
    assert not file.finish(0.0)
    assert not (tmp_path / "run.log").exists()
    file.begin()
    assert file.finish(10)
    assert (tmp_path / "run.log").read_text() == "early\n"


def configured(tmp_path: Path, *names: str) -> tuple[LogFiles, io.StringIO]:
    screen = io.StringIO()
    files = configure_logging(
        Console(file=screen, width=80, _environ={}), as_json=False, several=len(names) > 1
    )
    for name in names:
        SessionFiles.open(name, tmp_path)
        files.add(Settings(session=name, data_dir=tmp_path))(None)
    return files, screen


def kept(tmp_path: Path, name: str) -> list[str]:
    return SessionFiles.at(name, tmp_path).log.read_text().splitlines()


def test_it_holds_what_the_screen_shows_with_the_zone(tmp_path: Path) -> None:
    files, screen = configured(tmp_path, "shop")
    log.warning("call %s", "+1 555 000 1111")
    log.error("it broke", exc_info=ValueError("for 15550001111@s.whatsapp.net"))
    files.finish()
    lines = kept(tmp_path, "shop")
    assert [line[:19] + line[24:] for line in lines[:2]] == screen.getvalue().splitlines()[:2]
    assert "555" not in "".join(lines)
    assert lines[2:] == screen.getvalue().splitlines()[2:]


async def test_each_session_has_the_lines_about_it(tmp_path: Path) -> None:
    files, _ = configured(tmp_path, "shop", "club")

    async def say(name: str) -> None:
        SESSION.set(name)
        log.info("here is %s", name)
        await asyncio.to_thread(log.info, "a thread of %s", name)

    await asyncio.gather(asyncio.create_task(say("shop")), asyncio.create_task(say("club")))
    log.info("about none")
    files.finish()
    for name in ("shop", "club"):
        assert [line[33:] for line in kept(tmp_path, name)] == [
            f"here is {name}",
            f"a thread of {name}",
        ]


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    files, _ = configured(tmp_path)
    SessionFiles.open("shop", tmp_path)
    files.add(Settings(session="shop", data_dir=tmp_path, log=LogSettings(keep=False)))(None)
    log.warning("on the screen alone")
    files.finish()
    assert not SessionFiles.at("shop", tmp_path).log.exists()


def line(number: int) -> str:
    return f"2026-11-24 23:00:{number:02}+0000 warning {'.' * 58} {number}\n"


@pytest.fixture
def written(tmp_path: Path) -> SessionFiles:
    """A session whose log has begun anew once."""
    files = SessionFiles.open("shop", tmp_path)
    made = LogFile(files.log, 1000, notice=str, on_loss=print)
    made.begin()
    for number in range(15):
        made.write(line(number))
    assert made.finish(10)
    return files


@pytest.mark.parametrize(("wanted", "first"), [("3", 12), ("12", 3), ("0", 0)])
def test_logs_shows_the_newest_lines_across_both_files(
    shop: Cli, written: SessionFiles, wanted: str, first: int
) -> None:
    assert older(written.log).exists()
    answer = shop("logs", "-n", wanted)
    assert answer.code == 0
    assert [int(line.split()[-1]) for line in answer.out.splitlines()] == list(range(first, 15))


def test_logs_says_so_where_nothing_is_logged(shop: Cli) -> None:
    answer = shop("logs")
    assert answer.code == 0
    assert "Nothing is logged yet: `wa-supervisor run --session shop" in answer.out


def test_logs_goes_on_with_new_lines_also_after_the_file_began_anew(
    tmp_path: Path, written: SessionFiles
) -> None:
    command = [sys.executable, "-m", "wa_supervisor", "logs", "-f", "-n", "1"]
    command += ["--session", "shop", "--data-dir", str(tmp_path)]
    made = LogFile(written.log, 1000, notice=str, on_loss=print)
    made.begin()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        try:
            assert program.stdout.readline().split()[-1] == "14"
            for batch in (range(15, 20), range(20, 30)):
                for number in batch:
                    made.write(line(number))
                made.finish(10)
                said = [program.stdout.readline().split()[-1] for _ in batch]
                assert list(map(int, said)) == list(batch)
        finally:
            program.kill()  # a test before this may have left SIGTERM ignored
