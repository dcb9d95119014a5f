"""Fork servers that are shared, die, hang or are slow: real ones, without a client in the forks."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from e2e.processes import parent_of, until
from lab.processes import alive
from wa_supervisor.errors import Misused, SessionError
from wa_supervisor.lifecycle import facts
from wa_supervisor.session.parent import fork_server
from wa_supervisor.session.parent.fork_servers import ForkServers
from wa_supervisor.session.parent.link import ChildSpec, SessionLink
from wa_supervisor.session.parent.pace import AT_ONCE
from wa_supervisor.session.shared.endpoint import Endpoint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from wa_supervisor.session.parent.fork_server import ForkedProcess

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fork server needs Linux")

_NOWHERE = Path(os.devnull)
LOOPBACK = Endpoint(proxy=SecretStr("http://127.0.0.1:9"))


@pytest.fixture
async def servers() -> AsyncIterator[ForkServers]:
    before = _descriptors()
    async with ForkServers() as servers:
        yield servers
    gc.collect()
    assert _descriptors() <= before


def _descriptors() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


class Fork:
    """A forked process that waits to be told what to run."""

    def __init__(self, process: ForkedProcess, line: socket.socket) -> None:
        self.process, self.line = process, line

    async def end(self) -> None:
        self.line.close()  # it ends by itself
        await asyncio.wait_for(self.process.wait(), 10)


async def fork(servers: ForkServers, endpoint: Endpoint = LOOPBACK) -> Fork:
    await servers.ready(endpoint)
    ours, theirs = socket.socketpair()
    try:
        with theirs, _NOWHERE.open("wb") as output:  # noqa: ASYNC230 - nothing is written
            forked = await servers.launch(endpoint, theirs.fileno(), output.fileno())
    except SessionError:
        ours.close()
        raise
    # Then it has asked the kernel to die with its server, too.
    await until(lambda: Path(f"/proc/{forked.pid}/fd/1").readlink() == _NOWHERE)
    return Fork(forked, ours)


async def test_sessions_share_one_server_whatever_their_proxies_are(servers: ForkServers) -> None:
    other = Endpoint(proxy=SecretStr("socks5://me:hunter2@[::1]:9"))
    forks = [await fork(servers, endpoint) for endpoint in (LOOPBACK, other, Endpoint())]
    assert {parent_of(each.process.pid) for each in forks} == set(servers.pids)
    assert len(servers.pids) == 1
    assert b"hunter2" not in _environment(servers.pids[0])
    for each in forks:
        await each.end()


async def test_a_signal_that_the_supervisor_ignores_is_not_ignored_by_its_session_processes(
    servers: ForkServers,
) -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):  # as under nohup; put back after each test
        signal.signal(number, signal.SIG_IGN)
    forked = await fork(servers)
    ignored = _ignored(forked.process.pid)
    assert [n for n in (signal.SIGTERM, signal.SIGHUP) if ignored >> (n - 1) & 1] == []
    forked.process.send_signal(signal.SIGTERM)
    assert (await asyncio.wait_for(forked.process.wait(), 10)).signal == signal.SIGTERM
    forked.line.close()


def _ignored(pid: int) -> int:
    """A bit for each signal that a process ignores."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1], 16) for line in lines if line.startswith("SigIgn"))


def _environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


async def test_what_is_read_at_exec_has_a_server_of_its_own(
    servers: ForkServers, tmp_path: Path
) -> None:
    trusting = LOOPBACK.model_copy(update={"ca_file": tmp_path / "ca.pem"})
    one, two = await fork(servers), await fork(servers, trusting)
    assert parent_of(one.process.pid) != parent_of(two.process.pid)
    for each in (one, two):
        await each.end()


async def test_a_server_that_died_while_nobody_needed_it_is_replaced(servers: ForkServers) -> None:
    await (await fork(servers)).end()
    (first,) = servers.pids
    os.kill(first, signal.SIGKILL)
    await until(lambda: not alive(first))
    await (await fork(servers)).end()
    assert first not in servers.pids


async def test_all_that_was_forked_is_killed_at_once_and_no_more_is_started(
    servers: ForkServers, tmp_path: Path
) -> None:
    trusting = LOOPBACK.model_copy(update={"ca_file": tmp_path / "ca.pem"})
    forks = [await fork(servers, endpoint) for endpoint in (LOOPBACK, LOOPBACK, trusting)]
    everybody = [*servers.pids, *(each.process.pid for each in forks)]
    servers.kill()
    await until(lambda: not any(map(alive, everybody)), 2)
    with pytest.raises(SessionError, match="starts no more"):
        await servers.ready(LOOPBACK)
    for each in forks:
        await each.end()


async def test_a_server_that_hangs_fails_one_start_and_ends_no_session(
    servers: ForkServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives = await fork(servers)
    (hanging,) = servers.pids
    monkeypatch.setattr(fork_server, "_FORK_SECONDS", 0.3)
    os.kill(hanging, signal.SIGSTOP)
    with pytest.raises(SessionError, match="did not fork within"):
        await fork(servers)
    monkeypatch.undo()

    another = await fork(servers)
    assert parent_of(another.process.pid) != hanging
    assert alive(lives.process.pid)
    await another.end()

    # What is dead and not reaped is not waited for; then nothing needs the one that hangs.
    await lives.end()
    await servers.ready(LOOPBACK)
    assert not alive(hanging)


async def test_a_fork_that_comes_too_late_is_ended(
    servers: ForkServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives = await fork(servers)
    (server,) = servers.pids
    monkeypatch.setattr(fork_server, "_FORK_SECONDS", 0.3)
    os.kill(server, signal.SIGSTOP)
    with pytest.raises(SessionError, match="did not fork within"):
        await fork(servers)
    os.kill(server, signal.SIGCONT)
    children = Path(f"/proc/{server}/task/{server}/children")
    await until(lambda: children.read_text().split() == [str(lives.process.pid)])
    await lives.end()


async def test_a_server_that_leaves_one_request_unanswered_keeps_its_place(
    servers: ForkServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow machine is no reason for a second import of neonize."""
    script = str(Path(__file__).with_name("deaf_fork_server.py"))
    real: Any = subprocess.Popen
    monkeypatch.setattr(
        subprocess,
        "Popen",
        lambda command, **options: real([command[0], script, *command[4:]], **options),
    )
    monkeypatch.setattr(fork_server, "_FORK_SECONDS", 1.0)
    await servers.ready(LOOPBACK)
    unanswered = asyncio.create_task(fork(servers))
    await asyncio.sleep(0.1)
    with pytest.raises(SessionError, match="not today"):
        await fork(servers)
    with pytest.raises(SessionError, match="did not fork within"):
        await unanswered
    (server,) = servers.pids
    with pytest.raises(SessionError, match="not today"):
        await fork(servers)
    assert servers.pids == [server]


def test_an_idle_server_serves_the_next_event_loop() -> None:
    servers = ForkServers()

    async def use() -> list[int]:
        await (await fork(servers)).end()
        return servers.pids

    first, second = asyncio.run(use()), asyncio.run(use())
    asyncio.run(servers.aclose())
    assert first == second
    assert not any(map(alive, first))


async def test_a_server_at_work_is_refused_to_another_event_loop(servers: ForkServers) -> None:
    at_work = await fork(servers)
    refused: list[Misused] = []

    def elsewhere() -> None:
        try:
            asyncio.run(fork(servers))
        except Misused as error:
            refused.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    await asyncio.to_thread(thread.join, 10)
    assert len(refused) == 1
    await at_work.end()


class Watching(ForkServers):
    """Counts how many processes are between their launch and their coming up."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[SessionLink] = []
        self.most = 0

    async def launch(self, *arguments: Any) -> ForkedProcess:
        forked = await super().launch(*arguments)
        starting = [link for link in self.links if link.pid is not None and link.hello is None]
        self.most = max(self.most, len(starting) + 1)
        return forked


async def test_no_more_than_so_many_start_at_once(tmp_path: Path) -> None:
    posted: asyncio.Queue[facts.ChildFact] = asyncio.Queue()
    async with Watching() as servers:
        links = servers.links
        links += [SessionLink(posted.put_nowait, launcher=servers) for _ in range(6)]
        for number, link in enumerate(links):
            spec = ChildSpec(f"s{number}", tmp_path / f"{number}.db", 1, endpoint=LOOPBACK)
            await link.start(spec)
        for _ in range(2 * len(links)):  # nobody listens at their proxy
            fact = await asyncio.wait_for(posted.get(), 30)
            assert isinstance(fact, facts.DialFailed | facts.ChildExited), fact
        assert servers.most == AT_ONCE


async def test_a_stopped_process_dies_with_its_fork_server(servers: ForkServers) -> None:
    """It cannot see that its line has ended: only the kernel's own signal gets at it."""
    stopped = await fork(servers)
    (server,) = servers.pids
    os.kill(stopped.process.pid, signal.SIGSTOP)
    os.kill(server, signal.SIGKILL)
    await until(lambda: not alive(stopped.process.pid), 5)
    await stopped.end()


async def test_stopped_processes_die_with_their_supervisor(tmp_path: Path) -> None:
    script = f"""
import asyncio, os, signal, socket, sys
sys.path[:0] = {[str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]!r}
from session.test_fork_servers import ForkServers, fork

async def main():
    servers = ForkServers()
    forked = await fork(servers)
    pids = [forked.process.pid, *servers.pids]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    print(*pids, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE, cwd=tmp_path
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in (await asyncio.wait_for(parent.stdout.readline(), 30)).split()]
    assert len(pids) == 2
    assert all(map(alive, pids))
    parent.kill()
    await parent.wait()
    try:
        await until(lambda: not any(map(alive, pids)), 5)
    finally:
        for pid in filter(alive, pids):
            os.kill(pid, signal.SIGKILL)
