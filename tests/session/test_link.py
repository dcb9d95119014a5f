"""The link against processes that misbehave as neonize would not: small scripts, no Go."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Never

import pytest
from pydantic import SecretStr

from wa_supervisor.errors import SessionError
from wa_supervisor.lifecycle import facts
from wa_supervisor.session.parent.fork_servers import ForkServers
from wa_supervisor.session.parent.launch import SpawnLauncher
from wa_supervisor.session.parent.link import ChildSpec, Endpoint, SessionLink, StopBounds
from wa_supervisor.session.parent.process import OwnProcess
from wa_supervisor.session.shared import protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from wa_supervisor.session.parent.launch import Launcher

BOUNDS = StopBounds(ask=0.3, term=0.2, kill=1.0)
PREAMBLE = """
import json, os, signal, socket, sys, time
line = socket.socket(fileno=int(sys.argv[1]))
def say(**frame):
    line.sendall(json.dumps({"generation": 1, **frame}).encode() + b"\\n")
def fact(name, **data):
    say(kind=name, **data)
def hear():
    heard = b""
    while not heard.endswith(b"\\n"):
        heard += line.recv(1)
    return json.loads(heard)
run = hear()
"""


class ScriptLauncher(SpawnLauncher):
    """Starts a script in place of the session process."""

    def __init__(self, script: str) -> None:
        super().__init__()
        self._script = PREAMBLE + textwrap.dedent(script)

    async def launch(
        self, endpoint: Endpoint, line: int, output: int, *lock_descriptors: int
    ) -> OwnProcess:
        del endpoint
        return OwnProcess(
            subprocess.Popen(  # noqa: ASYNC220 - as the launchers do
                [sys.executable, "-I", "-c", self._script, str(line)],
                stdout=output,
                stderr=output,
                pass_fds=(line, *lock_descriptors),
            )
        )


class Bench:
    def __init__(self) -> None:
        self.facts: asyncio.Queue[facts.ChildFact] = asyncio.Queue()
        self.use(ForkServers())
        self.spec = ChildSpec("s", Path("s.db"), 1, phone=SecretStr("15550001111"))

    def use(self, launcher: Launcher) -> None:
        self.launcher = launcher
        self.link = SessionLink(self.facts.put_nowait, launcher=launcher, bounds=BOUNDS)

    async def start(self, script: str) -> None:
        self.use(ScriptLauncher(script))
        await self.link.start(self.spec)

    async def next(self) -> facts.ChildFact:
        return await asyncio.wait_for(self.facts.get(), 10)

    async def exit(self) -> facts.ChildExited:
        fact = await self._last()
        assert isinstance(fact, facts.ChildExited), fact
        return fact

    async def refusal(self) -> facts.StartRefused:
        fact = await self._last()
        assert isinstance(fact, facts.StartRefused), fact
        return fact

    async def _last(self) -> facts.ChildFact:
        fact = await self.next()
        await asyncio.sleep(0)
        assert self.facts.empty()
        assert self.link.pid is None
        return fact


def _descriptors() -> set[str]:
    if sys.platform != "linux":
        return set()
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    before = _descriptors()
    yield bench
    await bench.link.aclose()
    await bench.launcher.aclose()
    gc.collect()
    if before:
        assert _descriptors() <= before
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_all_it_said_is_posted_before_its_exit(bench: Bench) -> None:
    await bench.start("""
        for errors in range(500):
            fact("KeepAliveTimeout", errors=errors)
        print("the end", flush=True)
        os._exit(3)
    """)
    for errors in range(500):
        assert await bench.next() == facts.KeepAliveTimeout(1, errors)
    assert await bench.exit() == facts.ChildExited(1, 3, None)
    assert bench.link.printed(1) == "the end"
    assert bench.link.printed(2) == ""


async def test_it_is_told_what_to_run_on_the_line_and_not_in_its_arguments(bench: Bench) -> None:
    await bench.start("""
        assert run["phone"] == "15550001111"
        assert not any("5550001111" in word for word in sys.argv)
        assert not any("5550001111" in word for word in os.environ.values())
        print("called +15550001111")
    """)
    assert await bench.exit() == facts.ChildExited(1, 0, None)
    assert bench.link.printed(1) == "called +<secret>"


@pytest.mark.parametrize(
    "garbage",
    [
        'line.sendall(b"Press Ctrl+C to exit\\n")',
        'fact("ChildExited", returncode=0, signal=None, detail="")',
        'fact("Connected", generation=2)',
        'say(kind="run", session="s", database="d")',
        'line.sendall(b"x" * 100_000)',
    ],
)
async def test_who_breaks_the_protocol_is_killed(bench: Bench, garbage: str) -> None:
    await bench.start(f"fact('Connected')\n{garbage}\nfact('Connected')\ntime.sleep(60)")
    assert await bench.next() == facts.Connected(1)
    gone = await bench.exit()
    assert gone.signal == signal.SIGKILL
    assert "broke the protocol" in gone.detail


async def test_who_only_closes_the_line_is_not_left_unheard(bench: Bench) -> None:
    await bench.start("line.close(); time.sleep(60)")
    assert (await bench.exit()).signal == signal.SIGKILL


@pytest.mark.parametrize(
    ("script", "ended_by"),
    [
        ("fact('Connected'); hear(); sys.exit(0)", None),
        ("fact('Connected'); time.sleep(60)", signal.SIGTERM),
        (
            "signal.signal(signal.SIGTERM, signal.SIG_IGN); fact('Connected'); time.sleep(60)",
            signal.SIGKILL,
        ),
        ("fact('Connected'); os.kill(os.getpid(), signal.SIGSTOP)", signal.SIGKILL),
    ],
)
async def test_the_ladder_goes_as_far_as_it_must(
    bench: Bench, script: str, ended_by: signal.Signals | None
) -> None:
    await bench.start(script)
    await bench.next()
    begun = time.monotonic()
    await asyncio.gather(bench.link.stop(drain=0), bench.link.stop(drain=0))
    assert time.monotonic() - begun < BOUNDS.ask + BOUNDS.term + BOUNDS.kill
    assert (await bench.exit()).signal == ended_by


async def test_while_pairing_the_ladder_has_one_rung(bench: Bench) -> None:
    await bench.start("fact('Connected'); time.sleep(60)")
    await bench.next()
    begun = time.monotonic()
    await bench.link.stop(pairing=True)
    assert time.monotonic() - begun < BOUNDS.ask
    assert (await bench.exit()).signal == signal.SIGKILL


async def test_a_stop_before_a_process_began_is_a_refused_start(bench: Bench) -> None:
    await bench.start("time.sleep(60)")
    await bench.link.stop()
    assert await bench.refusal() == facts.StartRefused(1, "stopped before it was started")


async def test_stopping_nothing_does_nothing(bench: Bench) -> None:
    await bench.link.stop()
    assert bench.link.pid is None
    assert bench.link.hello is None


async def test_a_second_start_is_misuse(bench: Bench) -> None:
    await bench.start("time.sleep(60)")
    with pytest.raises(SessionError, match="generation 1 still runs"):
        await bench.link.start(bench.spec)


async def test_secrets_it_has_shown_are_scrubbed_from_all_it_says_later(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await bench.start("""
            fact("QrOffered", payload="an oddly shaped payload", lifetime=60.0)
            say(kind="log", level=30, logger="whatsmeow", message="saw an oddly shaped payload")
            print("panic: an oddly shaped payload of 15550001111", flush=True)
            os.abort()
        """)
        await bench.next()
        gone = await bench.exit()
    assert gone.signal == signal.SIGABRT
    assert bench.link.printed(1) == "panic: <secret> of <secret>"
    assert gone.detail == "neonize's Go library panicked"
    assert "whatsmeow: saw <secret>" in caplog.text
    assert "shaped" not in caplog.text


async def test_what_it_says_and_prints_is_logged_as_no_terminal_would_obey_it(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await bench.start(r"""
            say(kind="log", level=30, logger="whatsmeow", message="one\x1b[2J\nforged")
            print("two\x1b[2J", flush=True)
        """)
        await bench.exit()
    assert r"whatsmeow: one\x1b[2J\nforged" in caplog.text
    assert r"two\x1b[2J" in caplog.text
    assert "\x1b" not in caplog.text


@pytest.mark.parametrize(
    ("given", "url", "secrets"),
    [
        ("proxy", "http://me:hunter2@127.0.0.1:1", ["hunter2"]),
        ("proxy", "http://me:hun%20ter2@127.0.0.1:1", ["hun%20ter2", "hun ter2"]),
        ("postgres", "postgres://me:hunter2@db.example/wa", ["hunter2"]),
        ("postgres", "postgres://me@db.example/wa?password=hunter2", ["hunter2"]),
    ],
)
async def test_no_password_is_in_what_is_said_printed_or_logged(
    bench: Bench,
    caplog: pytest.LogCaptureFixture,
    given: str,
    url: str,
    secrets: list[str],
) -> None:
    endpoint = Endpoint(proxy=SecretStr(url)) if given == "proxy" else Endpoint()
    postgres = SecretStr(url) if given == "postgres" else None
    bench.spec = dataclasses.replace(bench.spec, endpoint=endpoint, postgres=postgres)
    with caplog.at_level(logging.DEBUG):
        # As the very words, too: out of their URL nothing tells that they are passwords.
        for text in (url, *secrets):
            await bench.start(f"""
                fact('DialFailed', detail={f"{text} is gone"!r})
                say(kind="log", level=30, logger="pq", message={f"no {text}"!r})
                print({f"saw {text}"!r}, flush=True)
            """)
            assert await bench.next() == facts.DialFailed(1, "<secret> is gone")
            await bench.exit()
            assert bench.link.printed(1) == "saw <secret>"
    for secret in (url, *secrets):
        assert secret not in caplog.text


async def test_what_somebody_else_prints_later_is_not_waited_for(bench: Bench) -> None:
    await bench.start("""
        if os.fork() == 0:
            time.sleep(20)
        print("bye", flush=True)
        os._exit(0)
    """)
    begun = time.monotonic()
    await bench.exit()
    assert bench.link.printed(1) == "bye"
    assert time.monotonic() - begun < 10


@pytest.mark.skipif(sys.platform != "linux", reason="the fork server needs Linux")
async def test_a_fork_server_that_cannot_import_neonize_is_a_fact_and_a_refused_start(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "neonize.py").write_text("raise ImportError('it is broken')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    await bench.link.start(bench.spec)
    unusable = await bench.next()
    assert isinstance(unusable, facts.ClientUnusable)
    assert "it is broken" in unusable.detail
    assert "it is broken" in (await bench.refusal()).detail
    with pytest.raises(SessionError, match="it is broken"):
        await bench.link.prestart()


async def test_an_interpreter_that_is_not_there_is_a_refused_start(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    for launcher in (SpawnLauncher(), ForkServers()):
        bench.use(launcher)
        await bench.link.start(bench.spec)
        assert "/nowhere/python" in (await bench.refusal()).detail


async def test_a_defect_of_ours_is_an_exit_too(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def defective(*_: object, **_more: object) -> Never:
        raise LookupError("of ours")

    monkeypatch.setattr(protocol.Run, "of", defective)
    await bench.start("time.sleep(60)")
    assert (await bench.exit()).detail == "a defect of wa-supervisor: LookupError"
    assert "of ours" in caplog.text


async def test_a_process_is_ended_if_what_it_said_could_not_be_taken(bench: Bench) -> None:
    """What was said after it would be of a session that nobody knows the state of."""

    def post(fact: facts.ChildFact) -> None:
        if fact.name == "Connected":
            raise LookupError("of ours")
        bench.facts.put_nowait(fact)

    launcher = ScriptLauncher("fact('Connected'); fact('Disconnected'); time.sleep(60)")
    bench.link = SessionLink(post, launcher=launcher, bounds=BOUNDS)
    await bench.link.start(bench.spec)
    assert await bench.exit() == facts.ChildExited(
        1, None, signal.SIGKILL, "killed for a defect of wa-supervisor: LookupError"
    )


def test_the_supervisors_side_imports_no_neonize() -> None:
    script = "import sys, wa_supervisor.session.parent.link; sys.exit('neonize' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], timeout=60, check=False).returncode == 0


def test_windows_is_refused_as_the_package_is_imported() -> None:
    script = "import sys, typing; sys.platform = 'win32'; import wa_supervisor"
    run = subprocess.run(
        [sys.executable, "-c", script], timeout=60, check=False, capture_output=True, text=True
    )
    assert run.returncode == 1
    assert "ImportError: wa-supervisor needs a POSIX system" in run.stderr


def test_a_loop_that_just_ends_leaves_no_process() -> None:
    pids: list[int | None] = []

    async def main() -> None:
        bench = Bench()
        await bench.start("fact('Connected'); time.sleep(60)")
        await bench.next()
        pids.append(bench.link.pid)

    asyncio.run(main())
    assert pids[0] is not None
    with pytest.raises(ChildProcessError):
        os.waitpid(pids[0], 0)
