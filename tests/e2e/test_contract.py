"""What a service manager may rely on: exit codes, notifications, signals."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import shlex
import signal
import sys
import termios
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from contract.conftest import Manager
from contract.test_unit import settings_of
from e2e.processes import marked, until
from e2e.runs import STOP_BOUND
from lab.processes import descendants_of
from wa_supervisor.cli.exits import Exit
from wa_supervisor.cli.unit import service
from wa_supervisor.store.sqlite.device import is_paired

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from e2e.harness import World
    from e2e.runs import Command

    End = Callable[[World, Command], Awaitable[object]]

pytestmark = pytest.mark.e2e


# -- exit codes ------------------------------------------------------------------------------


async def _nobody_scans(_: World, command: Command) -> None:
    await command.reach("Pairing")


async def _nothing_answers(world: World, _: Command) -> None:
    world.server.refuse()


async def _another_takes_over(world: World, command: Command) -> None:
    _, connection = await world.connected(command)
    await connection.stream_error(conflict="replaced")


async def _the_quarantine_is_no_directory(world: World, command: Command) -> None:
    _, connection = await world.connected(command)
    world.files().quarantine.touch(0o600)
    await connection.stream_error("401", conflict="device_removed")


@pytest.mark.parametrize(
    ("end", "numbers", "code", "reason"),
    [
        (
            _nobody_scans,
            {"PAIRING_WINDOW": "1", "WINDOWS__COUNT": "1", "PAIRING_PAUSE": "0.1"},
            Exit.PAIRING,
            "pairing_expired",
        ),
        (_nothing_answers, {"BACKOFF__MAX_RETRIES": "1"}, Exit.RETRIES, "retries_exhausted"),
        (_another_takes_over, {"CONFLICT": "yield"}, Exit.CONFLICT, "replaced"),
        (_the_quarantine_is_no_directory, {}, Exit.STORAGE, "purge_failed"),
    ],
    ids=["pairing", "retries", "conflict", "storage"],
)
async def test_the_exit_code_says_what_only_a_person_can_mend(
    world: World, end: End, numbers: dict[str, str], code: Exit, reason: str
) -> None:
    variables: dict[str, Any] = {
        f"WA_SUPERVISOR_POLICY__{name}": value for name, value in numbers.items()
    }
    command = world.command("--on-give-up", "exit", **variables)
    await end(world, command)
    await command.reach("GaveUp", reason=reason)
    assert await command.exit(within=15) == code


async def test_a_restart_after_giving_up_ends_alike_and_dials_nobody(world: World) -> None:
    first = world.command("--on-give-up", "exit", WA_SUPERVISOR_POLICY__CONFLICT="yield")
    await _another_takes_over(world, first)
    assert await first.exit(within=15) == Exit.CONFLICT
    dials = world.server.dials
    again = world.command("--on-give-up", "exit")
    assert await again.exit(within=15) == Exit.CONFLICT
    assert world.server.dials == dials
    resumed = world.command("--on-give-up", "exit", "--resume")
    await resumed.reach("Connected")


async def test_by_default_it_waits_in_gave_up_for_an_operator(world: World) -> None:
    command = world.command(WA_SUPERVISOR_POLICY__CONFLICT="yield")
    await _another_takes_over(world, command)
    await command.reach("GaveUp")
    await until(lambda: command.pid is None)
    await asyncio.sleep(1)
    assert not command.task.done()
    await command.stop()
    assert is_paired(world.files().database)


# -- systemd's protocol ----------------------------------------------------------------------


@pytest.fixture
async def manager() -> AsyncIterator[Manager]:
    manager = Manager(f"@wa-supervisor-e2e-{uuid.uuid4()}")
    yield manager
    manager.close()


def _words_of_the_unit(world: World) -> list[str]:
    """The arguments of the unit's own command line, as systemd would hand them over."""
    text = service("shop", ("/usr/bin/wa-supervisor",), None, system=True)
    program, run, *words = shlex.split(settings_of(text)["ExecStart"][0])
    assert (program, run) == ("/usr/bin/wa-supervisor", "run")
    directories = {"STATE_DIRECTORY": world.data_dir, "RUNTIME_DIRECTORY": world.directory}
    for name, directory in directories.items():
        words = [word.replace(f"${{{name}}}", str(directory)) for word in words]
    assert "$" not in "".join(words)
    return words


def environment_of(pid: int) -> bytes:
    """What a process was started with."""
    return Path(f"/proc/{pid}/environ").read_bytes()


async def test_the_units_command_line_reports_a_whole_life(world: World, manager: Manager) -> None:
    heard: list[str] = []
    # Its queue holds ten (net.unix.max_dgram_qlen).
    asyncio.get_running_loop().add_reader(manager, lambda: heard.extend(manager.all_heard()))
    variables: dict[str, Any] = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "400000"}
    command = world.command(*_words_of_the_unit(world), **variables)
    shown = world.directory / "pairing"
    await world.pair(command)
    await until(lambda: not shown.exists())
    assert command.process is not None
    for pid in descendants_of(command.process.pid):
        environment = environment_of(pid)
        assert b"E2E_MARK" in environment
        assert b"NOTIFY_SOCKET" not in environment
        assert b"WATCHDOG" not in environment
    await asyncio.sleep(1)
    await command.stop()
    asyncio.get_running_loop().remove_reader(manager)
    heard += manager.all_heard()
    signs = [text for text in heard if text.endswith("WATCHDOG=1")]
    assert len(signs) >= 5
    assert [text for text in heard if text not in signs] == [
        "READY=1\nSTATUS=Init",
        "READY=1\nSTATUS=Pairing",
        "READY=1\nSTATUS=Pairing (linking)",
        "READY=1\nSTATUS=Connected (online)",
        "READY=1\nSTATUS=Stopped: stopped: An operator stopped the supervisor.",
        "STOPPING=1",
    ]
    for text in heard:
        world.canary.hear("the service manager", text)


async def test_a_start_on_a_locked_session_is_never_ready(world: World, manager: Manager) -> None:
    first = world.command()
    await first.reach("Pairing")
    second = world.command(NOTIFY_SOCKET=manager.address)
    assert await second.exit(within=30) == Exit.STORE
    assert manager.all_heard() == []


# -- signals ---------------------------------------------------------------------------------


async def test_sighup_takes_over_new_numbers_and_survives_wrong_ones(world: World) -> None:
    command = world.command()
    await world.connected(command)
    config = world.directory / "quick.toml"
    config.write_text("[policy.backoff]\nbase = 2\njitter = 0\n[journal]\nkeep_rows = 7\n")
    command.send(signal.SIGHUP)
    await until(lambda: "changed: policy.backoff.base" in command.stderr)
    assert "journal.keep_rows was changed: that takes a restart" in command.stderr
    config.write_text("[policy.backoff]\nbase = -2\n")
    command.send(signal.SIGHUP)
    await until(lambda: "the settings are wrong, the old ones stay" in command.stderr)
    command.kill()
    waits = await command.reach("Backoff", reason="child_exited")
    assert waits.not_before is not None
    assert 1.5 < (waits.not_before - waits.ts).total_seconds() <= 2


async def test_closing_the_terminal_stops_the_session(world: World) -> None:
    mark, (master, slave) = uuid.uuid4().hex, pty.openpty()
    payload = world.directory / "pairing"
    options = ["--data-dir", str(world.data_dir), "--qr", f"payload:{payload}"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wa_supervisor", "run", *options),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=world.environment(E2E_MARK=mark, TERM="xterm"),
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(slave)
    drain = asyncio.get_running_loop().run_in_executor(None, _drain, master)
    try:
        await until(payload.exists, 30)
        os.kill(process.pid, signal.SIGHUP)
        async with asyncio.timeout(STOP_BOUND):
            assert await process.wait() == Exit.OK
        assert not payload.exists()
        assert marked(mark) == []
    finally:
        for pid in marked(mark):
            os.kill(pid, signal.SIGKILL)
        await drain
        os.close(master)


def _drain(master: int) -> None:
    """Read what is drawn until nobody draws any more."""
    try:
        while os.read(master, 65536):
            pass
    except OSError:  # EIO: the other end is closed
        return


async def test_a_storm_of_signals_is_one_stop(world: World) -> None:
    command = world.command()
    await world.connected(command)
    assert command.process is not None
    for number in range(200):
        # Not by the process object: that one polls, and takes the exit code from its watcher.
        with contextlib.suppress(ProcessLookupError):
            os.kill(command.process.pid, signal.SIGTERM if number % 2 else signal.SIGINT)
        if command.process.returncode is not None:
            break
        await asyncio.sleep(0.005)
    assert await command.exit(within=STOP_BOUND) == Exit.OK
    assert [record.fact for record in command.records if record.taken].count("Stop") == 1
    assert "Traceback" not in command.stderr


@pytest.mark.parametrize("after", [0.05, 0.25, 0.5, 0.8, 1.3])
async def test_a_signal_while_it_starts_leaves_nothing_behind(world: World, after: float) -> None:
    command = world.command()
    await asyncio.sleep(after)
    await until(lambda: command.process is not None, 5)
    command.send(signal.SIGTERM)
    # Before there is anything to stop, the signal itself ends it.
    assert await command.exit(within=STOP_BOUND) in {Exit.OK, -signal.SIGTERM}
    again = world.command()
    await again.reach("Pairing")
