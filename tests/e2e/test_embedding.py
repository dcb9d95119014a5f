"""A supervisor inside somebody else's program: it owns nothing there and leaves nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from e2e.processes import until
from lab.processes import alive, descendants_of, holds_neonize
from wa_supervisor import LockHeld, State, Supervisor
from wa_supervisor.session.parent.launch import SpawnLauncher
from wa_supervisor.session.parent.link import SessionLink
from wa_supervisor.store import CredentialKeeper, read_holder
from wa_supervisor.supervisor import LEAVING_BOUND

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from e2e.harness import World
    from wa_supervisor.lifecycle.facts import Fact

pytestmark = pytest.mark.e2e


async def test_go_is_mapped_by_the_session_process_alone(world: World) -> None:
    run, _ = await world.paired()
    mapped = [pid for pid in descendants_of(os.getpid()) if holds_neonize(pid)]
    assert mapped == [run.pid]
    assert not holds_neonize(os.getpid())


async def test_logging_and_signals_are_left_alone(world: World) -> None:
    root = logging.getLogger()

    def settings() -> tuple[object, ...]:
        ours = logging.getLogger("wa_supervisor")
        handled = tuple(signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM))
        return root.handlers[:], root.level, ours.handlers[:], ours.propagate, handled

    before = settings()
    run, _ = await world.paired()
    assert settings() == before
    await run.stop()
    assert settings() == before
    assert "neonize" not in sys.modules


async def test_a_cancelled_run_leaves_nothing_behind(world: World) -> None:
    def held() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks())

    async def one_run() -> None:
        run, _ = await world.paired(session=f"s{len(world.runs)}")
        run.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run.end(within=5)
        assert world.started() == []
        await until(lambda: not world.server.connections)

    await one_run()  # opens what is opened once
    before = held()
    await one_run()
    with contextlib.suppress(TimeoutError):
        await until(lambda: held() == before, 3)
    assert held() == before


@pytest.mark.parametrize("moment", [0.0, 0.01, 0.02, 0.03, 0.05, 0.08, 0.3, 1.0])
async def test_a_run_cancelled_at_any_moment_of_its_start_leaves_nothing(
    world: World, moment: float
) -> None:
    run = world.start(options={"launcher": None})  # the start of its fork server, too
    await asyncio.sleep(moment)
    run.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run.end(within=5)
    assert world.started() == []


async def test_a_cancelled_run_keeps_the_session_until_the_work_on_its_files_is_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread cannot be cancelled, and what it does must not meet another supervisor's."""
    begun, go_on = threading.Event(), threading.Event()
    run, _ = await world.paired()

    def slow_disk(*_: object) -> None:
        begun.set()
        assert go_on.wait(30)

    monkeypatch.setattr(CredentialKeeper, "_copy", slow_disk)
    run.kill()
    await until(begun.is_set)
    try:
        run.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run.end(within=5)
        with pytest.raises(LockHeld):
            await asyncio.wait_for(Supervisor(world.settings(), sinks=[]).run(), 10)
    finally:
        go_on.set()
    await until(lambda: read_holder(world.files()) is None)
    again = world.start()
    await again.reach("Connected")


async def test_a_timeout_around_a_run_ends_it(world: World) -> None:
    supervisor = Supervisor(world.settings(), sinks=[])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2):
            await supervisor.run()
    assert world.started() == []


async def test_a_context_is_left_within_its_bound_though_its_client_is_frozen(
    world: World,
) -> None:
    """By a cancellation, in the body of `async for`, and by another one while it is left."""
    run, _ = await world.paired()
    await run.stop()
    links: list[SessionLink] = []

    def make(post: Callable[[Fact], None], **options: Any) -> SessionLink:
        links.append(SessionLink(post, launcher=world.fork_servers, **options))
        return links[-1]

    settings = world.settings()

    async def program() -> None:
        async with Supervisor(settings, sinks=[], link=make) as session:
            await session.wait_for(State.CONNECTED, timeout=30)
            pid = links[0].pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            frozen.set()
            async for _ in session.messages():
                raise AssertionError("nobody has written")

    frozen = asyncio.Event()
    task = asyncio.create_task(program())
    await asyncio.wait_for(frozen.wait(), 30)
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0.1)
    await asyncio.wait({task}, timeout=LEAVING_BOUND + settings.stop.drain + 1.0)
    assert task.cancelled()
    assert world.started() == []


async def test_it_is_steered_from_any_thread(world: World) -> None:
    run, _ = await world.paired()
    thread = threading.Thread(target=run.supervisor.stop)
    thread.start()
    await run.end(within=5)
    thread.join(1)
    run.supervisor.resume()  # too late to mean anything, and no error


async def test_two_sessions_run_side_by_side(world: World) -> None:
    (one, _), (two, _) = [await world.paired(session=name) for name in ("one", "two")]
    assert one.pid != two.pid
    await one.stop()
    assert two.supervisor.status.state is State.CONNECTED


async def test_a_second_supervisor_of_a_session_is_refused(world: World) -> None:
    run, _ = await world.paired()
    second = Supervisor(world.settings(), sinks=[])
    with pytest.raises(LockHeld, match=rf"pid {os.getpid()} on host"):
        await asyncio.wait_for(second.run(), 30)
    assert run.supervisor.status.state is State.CONNECTED
    await run.stop()
    again = world.start()
    await again.reach("Connected")


async def test_without_fork_it_works_just_the_same(world: World) -> None:
    run, _ = await world.paired(options={"launcher": SpawnLauncher()})
    run.kill()
    await run.reach("Connected")
    assert len(run.codes.shown) == 1


async def test_a_sink_that_fails_costs_no_session(world: World) -> None:
    class Broken:
        def show_qr(self, *_: object) -> None:
            raise OSError("no such screen")

        def show_code(self, *_: object) -> None: ...

        def hide(self) -> None: ...

        def close(self) -> None: ...

    run = world.start(options={"sinks": [Broken()]})
    await world.pair(run)
    assert "no such screen" in world.caplog.text


# -- a program of its own --------------------------------------------------------------------------

PROGRAM = """
import json, logging, os, sys, threading
from pathlib import Path
from wa_supervisor import Endpoint, PairingSettings, Settings, State, Supervisor

class Sink:
    def show_qr(self, payload, lifetime): Path("qr").write_text(payload.get_secret_value())
    def show_code(self, code, lifetime): ...
    def hide(self): Path("qr").unlink(missing_ok=True)
    def close(self): self.hide()

environ = os.environ.get
supervisor = Supervisor(
    Settings(
        data_dir=Path(environ("DATA")),
        endpoint=Endpoint(
            proxy=environ("PROXY"), ca_file=Path(environ("CA")), noise_root=environ("ROOT")
        ),
    ),
    sinks=[Sink()],
)

def step(step):
    print(step.after.value, flush=True)
    if step.after is State.CONNECTED and "stop" in sys.argv:
        supervisor.stop()

supervisor.on_step(step)
outcome = supervisor.run_forever()
root = logging.getLogger()
print(json.dumps({
    "phase": outcome.state.value,
    "root": [len(root.handlers), root.level],
    "neonize": "neonize" in sys.modules,
    "threads": [t.name for t in threading.enumerate()],
}))
"""


@contextlib.asynccontextmanager
async def _program(world: World, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the program until its session is connected; at the end it is gone, whatever happened."""
    (world.directory / "program.py").write_text(textwrap.dedent(PROGRAM))
    endpoint = world.server.endpoint
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "program.py",
        *arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=world.directory,
        env={
            "PATH": os.environ["PATH"],
            "HTTPS_PROXY": endpoint.proxy,
            "DATA": str(world.data_dir),
            "PROXY": endpoint.proxy,
            "CA": str(endpoint.ca_file),
            "ROOT": endpoint.noise_root,
        },
    )

    qr = world.directory / "qr"
    try:
        await until(
            lambda: program.returncode is not None or (qr.exists() and "#" in qr.read_text()), 60
        )
        assert program.returncode is None, (await program.communicate())[1].decode()
        world.canary.learn_qr(qr.read_text())
        device = await world.server.phone().scan(qr.read_text())
        if "stop" not in arguments:
            await world.server.wait_connected(device)
        yield program
    finally:
        with contextlib.suppress(ProcessLookupError):
            program.kill()
        await program.wait()


async def _end(world: World, program: asyncio.subprocess.Process) -> tuple[str, str]:
    """Wait for its end and return what it said."""
    out, error = await asyncio.wait_for(program.communicate(), 15)
    world.canary.hear("the program's output", (out + error).decode())
    return out.decode(), error.decode()


async def test_run_forever_serves_a_program_without_asyncio(world: World) -> None:
    async with _program(world, "stop") as program:
        out, error = await _end(world, program)
        assert program.returncode == 0, error
    *states, last = out.splitlines()
    assert states[-1] == "Stopped"
    assert json.loads(last) == {
        "phase": "Stopped",
        "root": [0, logging.WARNING],
        "neonize": False,
        "threads": ["MainThread"],
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_a_program_that_is_ended_takes_its_processes_with_it(
    world: World, number: signal.Signals
) -> None:
    async with _program(world) as program:
        started = descendants_of(program.pid)
        assert sum(map(holds_neonize, started)) == 1
        program.send_signal(number)
        await _end(world, program)
        assert program.returncode == -number
    await until(lambda: not any(map(alive, started)), 5)
