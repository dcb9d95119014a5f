"""The server itself, in its thread: what it cannot do to a session, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from wa_supervisor.cli.workers import Workers
from wa_supervisor.errors import ConfigError
from wa_supervisor.page_address import Address
from wa_supervisor.testing import PlayedLink
from wa_supervisor.web.access import Scope, Tokens
from wa_supervisor.web.server import STOP_BOUND, UNHEARD, _Impatient
from wa_supervisor.web.serving import serving
from web.conftest import played

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def served(
    tmp_path: Path, workers: Workers | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """A session and its page, asked by a program with the token to view."""
    session = played(tmp_path, PlayedLink())
    address = Address.parse(f"127.0.0.1:{free_port()}")
    async with (
        serving({"shop": session}, address, tmp_path / "web", workers=workers),
        session,
    ):
        token = Tokens.read(tmp_path / "web").by_scope[Scope.VIEW]
        client = httpx.AsyncClient(
            base_url=address.url, headers={"authorization": f"Bearer {token}"}, timeout=5
        )
        async with client:
            yield client


async def test_a_blocked_session_is_not_alive_and_the_page_still_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(tmp_path) as client:
        assert (await client.get("/livez")).status_code == 200
        with monkeypatch.context() as patched:
            patched.setattr("wa_supervisor.web.watched.ANSWER_BOUND", 0.1)
            patched.setattr("wa_supervisor.web.watched.FRESH", 0.0)
            # This blocks the session's loop for as long as it takes, as a bad listener may.
            answer = httpx.get(f"{client.base_url}/livez", timeout=10)  # noqa: ASYNC210
        assert answer.status_code == 503
        assert "did not answer" in answer.text
        assert (await client.get("/livez")).status_code == 200


async def test_a_port_that_is_taken_is_said_before_anything_begins(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = Address.parse(f"127.0.0.1:{other.getsockname()[1]}")
        link = PlayedLink()
        with pytest.raises(ConfigError, match="cannot be listened on"):
            async with serving({"shop": played(tmp_path, link)}, address, tmp_path / "web"):
                pass
        assert not link.specs


async def test_a_stop_waits_for_no_reader(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One follows events, one has asked for nothing yet, one does not read what it asked for."""
    workers = Workers()
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(served(tmp_path, workers))
        follower = await stack.enter_async_context(client.stream("GET", "/events"))
        assert follower.status_code == 200
        lines = follower.aiter_lines()
        assert await anext(lines) == "event: change"
        silent = stack.enter_context(socket.create_connection(_of(client)))
        silent.sendall(b"GET / HTTP/1.1\r\n")
        deaf = stack.enter_context(socket.create_connection(_of(client)))
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        request = (
            f"GET /static/page.css HTTP/1.1\r\nHost: {client.base_url.netloc.decode()}\r\n\r\n"
        )
        deaf.sendall(request.encode() * 100)
        await asyncio.sleep(0.2)
        began = time.monotonic()
    assert time.monotonic() - began < STOP_BOUND + 9  # the session's own stop is in it
    assert not [each for each in caplog.records if each.levelname in {"ERROR", "CRITICAL"}]
    assert workers.submit(int, "7").result(timeout=5) == 7  # they serve the sessions still


def _of(client: httpx.AsyncClient) -> tuple[str, int]:
    assert client.base_url.port is not None
    return client.base_url.host, client.base_url.port


async def test_an_answer_waits_for_nothing_and_a_machine_that_is_gone_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[socket.socket] = []
    original = _Impatient.connection_made

    def noting(connection: _Impatient, transport: asyncio.Transport) -> None:
        original(connection, transport)
        made.append(transport.get_extra_info("socket"))

    monkeypatch.setattr(_Impatient, "connection_made", noting)
    async with served(tmp_path) as client:
        await client.get("/livez")
        (own,) = made
        assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == UNHEARD * 1000
        assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)  # else 40 ms an answer


async def test_steps_come_as_they_are_taken_with_the_journals_numbers(tmp_path: Path) -> None:
    async with (
        served(tmp_path) as client,
        client.stream("GET", "/api/v1/sessions/shop/steps?after=0") as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        seen = []
        async with asyncio.timeout(5):
            async for line in stream.aiter_lines():
                seen.append(line)
                if not line:
                    break
        assert "event: step" in seen
        assert "id: 1" in seen
        assert any('"session":"shop"' in line for line in seen)
