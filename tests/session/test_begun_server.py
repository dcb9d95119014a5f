"""A fork server that is begun before it is known what for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from lab.processes import alive, children_of
from wa_supervisor.session.parent.begun_server import begin_early
from wa_supervisor.session.parent.fork_servers import ForkServers
from wa_supervisor.session.shared.endpoint import Endpoint

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fork server needs Linux")

PROXY = SecretStr("http://127.0.0.1:9")


def _begun(environment: dict[str, str]) -> int:
    before = children_of(os.getpid())
    begin_early(environment)
    (pid,) = set(children_of(os.getpid())) - set(before)
    return pid


def _environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


async def test_the_one_that_was_begun_early_serves_the_sessions_that_it_suits() -> None:
    pid = _begun(dict(os.environ))
    async with ForkServers() as servers:
        await servers.ready(Endpoint(proxy=PROXY))
        assert servers.pids == [pid]
    assert not alive(pid)


async def test_an_authority_named_in_the_environment_suits_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pid = _begun({**os.environ, "WA_SUPERVISOR_ENDPOINT__CA_FILE": "ca.pem"})
    async with ForkServers() as servers:
        await servers.ready(Endpoint(proxy=PROXY, ca_file=tmp_path / "ca.pem"))
        assert servers.pids == [pid]


async def test_one_that_does_not_suit_is_ended_and_another_serves(tmp_path: Path) -> None:
    pid = _begun(dict(os.environ))
    async with ForkServers() as servers:
        await servers.ready(Endpoint(proxy=PROXY, ca_file=tmp_path / "ca.pem"))
        assert not alive(pid)
        assert servers.pids != [pid]


async def test_what_sets_the_supervisor_is_not_in_its_environment() -> None:
    pid = _begun({**os.environ, "wa_supervisor_pairing__phone": "15550001111"})
    try:
        assert b"15550001111" not in _environment(pid)
    finally:
        async with ForkServers() as servers:
            await servers.ready(Endpoint(proxy=PROXY))
