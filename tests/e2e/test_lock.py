"""A session process that outlives its killed supervisor: nobody touches its keys meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from e2e.processes import until
from lab.processes import alive, children_of, stopped
from wa_supervisor.errors import LockHeld
from wa_supervisor.store import SessionLock

if TYPE_CHECKING:
    from e2e.harness import World

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(120),
]

UNKILLABLE = """
    import ctypes
    ctypes.CDLL(None).prctl(1, 0)  # PR_SET_PDEATHSIG: not killed with the fork server
"""
FORKING = """
    pid = os.fork()
    if pid == 0:
        time.sleep(600)
        os._exit(0)
    Path("forked").write_text(str(pid))
"""


def order(world: World, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "wa_supervisor", *words, "--data-dir", str(world.data_dir)],
        env=world.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def orphaned(world: World, bot: str) -> int:
    """A connected, stopped session process whose supervisor and fork server were killed."""
    command, _ = await world.connected(world.command("--bot", world.bot(bot)))
    assert command.process is not None
    (server,) = children_of(command.process.pid)
    (child,) = children_of(server)
    os.kill(child, signal.SIGSTOP)
    await until(lambda: stopped(child))  # or it sees its line cut, and goes
    command.send(signal.SIGKILL)
    await command.task
    await until(lambda: not alive(server))
    command.payload.unlink(missing_ok=True)
    return child


async def test_a_client_that_outlives_its_supervisor_keeps_everybody_from_its_keys(
    world: World,
) -> None:
    child = await orphaned(world, UNKILLABLE)
    assert alive(child)
    before = world.files().database.read_bytes()
    refused = [order(world, "purge", "--yes"), order(world, "run"), order(world, "restore", "-y")]
    for process in refused:
        _, error = process.communicate(timeout=60)
        assert process.returncode == 3, error
        assert f"still used by pid {child}" in error
        assert f"end process {child}" in error
    assert world.files().database.read_bytes() == before
    os.kill(child, signal.SIGCONT)
    await until(lambda: not alive(child))  # its line was cut: it goes by itself
    purge = order(world, "purge", "--yes")
    out, error = purge.communicate(timeout=60)
    assert purge.returncode == 0, error
    assert "It was set aside" in out


async def test_one_that_is_dying_is_waited_for(world: World) -> None:
    child = await orphaned(world, UNKILLABLE)
    with pytest.raises(LockHeld):
        SessionLock(world.files()).acquire()
    again = world.command()
    await until(lambda: again.process is not None)
    os.kill(child, signal.SIGCONT)
    await again.reach("Connected")
    assert not alive(child)


async def test_what_a_bot_forked_off_does_not_keep_the_session(world: World) -> None:
    child = await orphaned(world, FORKING)
    left = int((world.directory / "forked").read_text())
    try:
        await until(lambda: not alive(child))
        assert alive(left)
        SessionLock(world.files()).acquire()
    finally:
        os.kill(left, signal.SIGKILL)
