"""`wa-supervisor run --json` as another program sees it."""

from __future__ import annotations

import asyncio
import json
import platform
import signal
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.processes import marked, parent_of, until
from e2e.runs import STOP_BOUND
from e2e.tty import CTRL_C, on_terminal, run_arguments, said_by
from wa_loopback import Failure

if TYPE_CHECKING:
    from e2e.harness import World

pytestmark = pytest.mark.e2e


async def test_it_pairs_by_the_payload_file_and_says_each_step_in_json(world: World) -> None:
    command = world.command("--session", "shop")
    await command.reach("Pairing")
    code = await command.code()
    assert stat.S_IMODE(command.payload.stat().st_mode) == 0o600
    await world.server.phone().scan(code)
    await command.reach("Connected", substate="online", session="shop")
    assert not command.payload.exists()
    assert "starting the client" in await said_by(world, "logs", "-n0", "--session", "shop")
    await command.stop()
    assert command.states == ["Init", "Pairing", "Connected", "Stopped"]
    assert [record.fact for record in command.records[:2]] == ["Start", "QrOffered"]
    for line in command.stderr.splitlines():
        said = json.loads(line)
        assert {"event", "level", "timestamp"} <= said.keys()
        assert said["timestamp"].endswith("Z")
        assert "<" not in said["timestamp"]


async def test_an_unlinked_session_is_shown_a_fresh_payload(world: World) -> None:
    command = world.command()
    _, connection = await world.connected(command)
    assert connection.device is not None
    await connection.device.phone.remove(connection.device)
    await command.reach("Purging")
    await world.pair(command)
    command.kill()
    await command.reach("Backoff", reason="child_exited")
    await command.reach("Connected")
    await command.stop(signal.SIGINT)


async def test_it_pairs_by_code_and_tells_nobody_the_number(world: World) -> None:
    number = "15550007777"
    phone = world.server.phone(number)
    command = world.command("--phone", f"+{number}")
    await command.reach("Pairing", effects=("ShowPairCode",))
    await phone.enter_code(await command.code())
    await command.reach("Connected")
    await command.stop()
    assert "pair code" in world.canary.kinds


async def test_a_second_command_on_a_session_is_refused_by_name(world: World) -> None:
    first = world.command()
    await first.reach("Pairing")
    second = world.command()
    assert await second.exit(within=30) == 3
    assert first.process is not None
    assert f"pid {first.process.pid} on host {platform.node()}" in second.stderr
    assert "try: `wa-supervisor stop --" in second.stderr
    assert f"end process {first.process.pid}" in second.stderr
    assert second.records == []
    assert first.showing is not None


async def test_a_killed_command_leaves_no_process_and_no_lock(world: World) -> None:
    command = world.command()
    await world.connected(command)
    command.send(signal.SIGKILL)
    await asyncio.wait({command.task}, timeout=15)
    await until(lambda: marked(command.mark) == [], 5)
    again = world.command()
    await again.reach("Connected")
    assert "Pairing" not in again.states


async def test_a_command_killed_while_its_payload_shows_leaves_it_to_the_next(
    world: World,
) -> None:
    command = world.command()
    await command.reach("Pairing")
    stale = await command.code()
    command.send(signal.SIGKILL)
    await asyncio.wait({command.task}, timeout=15)
    await until(lambda: marked(command.mark) == [], 5)
    assert command.payload.exists()
    again = world.command("--qr", f"payload:{command.payload}")
    await again.reach("Pairing")
    await until(command.payload.exists, 5)
    assert command.payload.read_text() != stale.get_secret_value()
    await again.stop()
    assert not command.payload.exists()


@pytest.mark.parametrize(("failure", "code"), [(403, 77), (405, 78), (406, 77), (409, 78)])
async def test_it_can_exit_with_a_code_that_says_what_only_a_person_can_mend(
    world: World, failure: int, code: int
) -> None:
    command = world.command("--on-give-up", "exit")
    await world.pair(command)
    world.server.on_login(Failure(failure, close=False))
    command.kill()
    await command.reach("GaveUp")
    assert await command.exit(within=15) == code
    assert "gave up: " in command.stderr
    assert "must act: " in command.stderr


async def test_what_was_given_up_before_is_the_first_line_after_a_restart(world: World) -> None:
    first = world.command()
    await world.pair(first)
    world.server.on_login(Failure(406, close=False))
    first.kill()
    await first.reach("GaveUp")
    await first.stop()
    again = world.command()
    await again.reach("GaveUp", reason="banned", fact="Start", before="GaveUp")
    await again.stop()
    assert "given up before this start: WhatsApp banned the account (406)." in again.stderr
    assert "appeal in WhatsApp on the phone" in again.stderr


async def test_what_a_bot_says_commands_no_terminal(world: World) -> None:
    bot = world.bot(r"""raise RuntimeError("\x1b]0;owned\x07\n2026-11-24 12:00:00 error forged")""")
    async with on_terminal(world, 160, 50, *run_arguments(world, "-v", "--bot", bot)) as tty:
        text = await tty.shows(lambda text: r"\x1b]0;owned" in text and "bot_failed" in text)
        assert "\x1b]0;" not in tty.written
        assert not [line for line in text.splitlines() if line.startswith("2026-11-24 12:00:00")]
        for command in ("status", "crashes"):
            said = await said_by(world, command)
            assert "\x1b" not in said
            assert r"\x1b]0;owned" in said
        tty.type(CTRL_C)
        assert await tty.exit(within=STOP_BOUND) == 0


async def test_a_bot_runs_in_the_session_process(world: World) -> None:
    bot = world.bot(
        """
        @client.event(events.ConnectedEv)
        def connected(client, event):
            Path("seen").write_text(f"{type(event).__name__} {os.getpid()}")
        """
    )
    command = world.command("--bot", bot)
    await world.connected(command)
    seen = world.directory / "seen"
    await until(seen.exists)
    assert seen.read_text() == f"Connected {command.pid}"


async def test_a_bot_that_crashes_costs_a_retry_and_no_keys(world: World) -> None:
    bot = world.bot(
        """
        @client.event(events.ConnectedEv)
        def connected(client, event):
            if not Path("crashed").exists():
                Path("crashed").touch()
                os.abort()
        """
    )
    command = world.command("--bot", bot)
    await command.reach("Pairing")
    await world.server.phone().scan(await command.code())
    # Whether the client could still say that it was connected is open.
    await command.reach("Backoff", reason="child_exited")
    await command.reach("Connected")
    assert command.effects.count("ShowQr") == 1


async def test_the_countdown_of_a_wait_is_in_the_steps(world: World) -> None:
    world.server.refuse()
    command = world.command(backoff=2)
    waits = await command.reach("Backoff", reason="dial_failed", retries=1)
    assert waits.not_before is not None
    assert 1.5 < (waits.not_before - waits.ts).total_seconds() <= 2


async def test_a_mistyped_bot_is_a_usage_error_before_anything_is_dialled(world: World) -> None:
    world.bot("pass")
    for bot, said in (
        ("mybto:register", f"there is no module 'mybto'; looked in {world.directory}, "),
        ("mybot:registre", "did you mean mybot:register?"),
        ("mybot", "--bot: write it as module:function"),
    ):
        command = world.command("--bot", bot)
        assert await command.exit(within=20) == 2
        assert said in command.stderr.replace("\n", "")
        assert command.records == []
    assert world.server.dials == 0


async def test_what_a_bot_prints_is_shown_as_it_cannot_be_obeyed(world: World) -> None:
    bot = world.bot("print('hello\\x1b[2J', flush=True)")
    command = world.command("--bot", bot)
    await command.reach("Pairing")
    await until(lambda: "hello" in command.stderr)
    assert r"hello\\x1b[2J" in command.stderr  # as JSON
    assert "Ctrl+C" not in command.stderr
    await command.stop()


def _environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


async def test_what_a_bot_starts_inherits_no_number_and_no_password(world: World) -> None:
    """Nor a core file of the session process its keys."""
    bot = world.bot(
        """
        import resource, subprocess
        seen = subprocess.run(["cat", "/proc/self/environ"], capture_output=True, check=True)
        Path("seen").write_bytes(seen.stdout)
        Path("core").write_text(str(resource.getrlimit(resource.RLIMIT_CORE)))
        """
    )
    proxy = world.server.endpoint.proxy.replace("http://", "http://me:hunter2@")
    command = world.command(
        "--bot",
        bot,
        WA_SUPERVISOR_ENDPOINT__PROXY=proxy,
        WA_SUPERVISOR_PAIRING__MODE="code",
        WA_SUPERVISOR_PAIRING__PHONE="15550002222",
        TOKEN_OF_THE_BOT="kept",
    )
    await command.reach("Pairing")
    assert command.process is not None
    assert command.pid is not None
    own = _environment(command.process.pid)
    assert b"hunter2" in own
    assert b"15550002222" in own
    server = parent_of(command.pid)
    for environment in (
        (world.directory / "seen").read_bytes(),
        *map(_environment, (command.pid, server)),
    ):
        assert b"TOKEN_OF_THE_BOT=kept" in environment
        assert b"hunter2" not in environment
        assert b"15550002222" not in environment
    assert (world.directory / "core").read_text() == "(0, 0)"
    await command.stop()
