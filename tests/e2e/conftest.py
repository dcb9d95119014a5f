from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from e2e.canary import SecretLeaked
from e2e.fork_servers import CA_FILE, fork_servers
from e2e.harness import World
from lab.bare import fast_directory
from wa_loopback import LoopbackServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from wa_supervisor.session.parent.fork_servers import ForkServers


__all__ = ["fork_servers", "world"]


@pytest.fixture
async def world(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    fork_servers: ForkServers,
) -> AsyncIterator[World]:
    # Should an endpoint ever be forgotten, nothing is reached all the same.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.DEBUG, "wa_supervisor")
    caplog.set_level(logging.DEBUG, "whatsmeow")
    with fast_directory(tmp_path) as data_dir:
        async with LoopbackServer(ca_file=CA_FILE) as server:
            world = World(server, data_dir, tmp_path, monkeypatch, caplog, capfd, fork_servers)
            try:
                yield world
            finally:
                await world.finish()
        world.gather_output()
    if world.leak is None:
        world.canary.check()
    else:
        with pytest.raises(SecretLeaked, match=world.leak):
            world.canary.check()
