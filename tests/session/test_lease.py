"""What a fork server does when its lease ends: real ones, without a client in the forks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from e2e.processes import until
from lab.processes import alive
from session.test_fork_servers import fork
from wa_supervisor.errors import Misused, SessionError
from wa_supervisor.multi.sessions import Sessions
from wa_supervisor.session.forkserver.main import _ForkServer
from wa_supervisor.session.parent.fork_servers import ForkServers
from wa_supervisor.session.parent.launch import SpawnLauncher
from wa_supervisor.session.shared import fork_protocol

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fork server needs Linux")


def now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


async def test_a_lease_that_ends_ends_every_process_and_one_that_follows_lets_fork_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with ForkServers() as servers:
        forks = [await fork(servers) for _ in range(2)]
        servers.renew(now() + 60)
        servers.renew(now() + 1)  # the last word counts
        ends = [await asyncio.wait_for(each.process.wait(), 20) for each in forks]
        assert [end.signal for end in ends] == [signal.SIGKILL] * 2
        for each in forks:
            each.line.close()
        with pytest.raises(SessionError, match="the lease has ended"):
            await fork(servers)
        assert "killed 2 session processes" in caplog.text
        servers.renew(now() + 60)
        again = await fork(servers)
        assert len(servers.pids) == 1
        await again.end()


async def test_a_server_that_is_begun_later_has_the_lease_too() -> None:
    async with ForkServers() as servers:
        servers.renew(now() - 1)
        with pytest.raises(SessionError, match="the lease has ended"):
            await fork(servers)


async def test_a_frozen_supervisor_holds_no_process_beyond_its_lease(tmp_path: Path) -> None:
    supervisor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{_SUPERVISOR}"),
        stdout=asyncio.subprocess.PIPE,
        cwd=tmp_path,
    )
    assert supervisor.stdout is not None
    lines = supervisor.stdout
    try:
        pids = json.loads(await asyncio.wait_for(lines.readline(), 60))
        await asyncio.sleep(2.5)  # longer than one lease
        assert all(map(alive, pids))
        supervisor.send_signal(signal.SIGSTOP)
        await until(lambda: not any(map(alive, pids)), 30)
        supervisor.send_signal(signal.SIGCONT)
        ends, again = json.loads(await asyncio.wait_for(lines.readline(), 60))
        assert ends == [signal.SIGKILL] * 2
        assert alive(again)
    finally:
        supervisor.kill()
        await supervisor.wait()


_SUPERVISOR = """
import asyncio, json
from session.test_lease import *

async def main():
    async with ForkServers() as servers:
        async def renew():
            while True:
                servers.renew(now() + 2)
                await asyncio.sleep(0.3)

        renewing = asyncio.create_task(renew())
        forks = [await fork(servers) for _ in range(2)]
        print(json.dumps([each.process.pid for each in forks]), flush=True)
        ends = [(await each.process.wait()).signal for each in forks]
        again = await fork(servers)
        print(json.dumps([ends, again.process.pid]), flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def test_a_supervisor_that_reads_nothing_holds_up_no_end_of_a_lease() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs, subprocess.Popen(["sleep", "60"]) as child:
        server = _ForkServer(theirs)
        pidfd = os.pidfd_open(child.pid)
        server._selector.register(pidfd, select.EPOLLIN, child.pid)
        server._lease_until = now() + 0.3
        theirs.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                theirs.send(b"x" * 1000)
        theirs.setblocking(True)
        packet = fork_protocol.Exited(pid=1, status=0)
        telling = threading.Thread(target=server._tell, args=(packet,), daemon=True)
        telling.start()
        assert child.wait(20) == -signal.SIGKILL
        while telling.is_alive():
            ours.recv(2000)
        os.close(pidfd)


async def test_without_fork_servers_a_lease_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Misused, match="needs fork servers"):
        SpawnLauncher().renew(now() + 1)
    monkeypatch.delattr(os, "pidfd_open")
    with pytest.raises(Misused, match="needs fork servers"):
        Sessions().renew(now() + 1)
