"""The look at the network, against the loopback server: it is no login and no client."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from wa_loopback import Impostor, LoopbackServer, Step
from wa_supervisor.session.parent.network_probe import reachable, wait_until_back
from wa_supervisor.session.shared.endpoint import Endpoint


@pytest.fixture
async def server() -> AsyncIterator[LoopbackServer]:
    async with LoopbackServer() as running:
        yield running


def endpoint(server: LoopbackServer) -> Endpoint:
    told = server.endpoint
    return Endpoint(proxy=SecretStr(told.proxy), ca_file=told.ca_file)


async def test_an_open_way_is_seen_and_nobody_logs_in(server: LoopbackServer) -> None:
    assert await reachable(endpoint(server))
    assert server.connections == ()
    assert server.logins == 0


async def test_a_refused_connection_is_no_way(server: LoopbackServer) -> None:
    server.refuse()
    assert not await reachable(endpoint(server))


@pytest.mark.parametrize("status", [407, 502])
async def test_a_proxy_that_refuses_is_no_way(server: LoopbackServer, status: int) -> None:
    server.proxy_status = status
    assert not await reachable(endpoint(server))


@pytest.mark.parametrize("impostor", [Impostor.EXPIRED, Impostor.UNTRUSTED])
async def test_a_certificate_that_nobody_would_trust_is_no_way(
    server: LoopbackServer, impostor: Impostor
) -> None:
    server.impostor = impostor
    assert not await reachable(endpoint(server))


@pytest.mark.parametrize("step", [Step.CONNECT, Step.TLS])
async def test_silence_is_no_way(server: LoopbackServer, step: Step) -> None:
    server.stall(step)
    assert not await reachable(endpoint(server), within=0.2)


async def test_the_way_is_told_open_once_and_only_after_it_was_shut() -> None:
    told: list[int] = []
    answers = iter([False, False, True, True])

    async def probe() -> bool:
        return next(answers)

    await wait_until_back(probe, every=0.001, back=lambda: told.append(1))
    assert told == [1]
    assert list(answers) == [True]


async def test_a_way_that_is_open_at_the_first_look_is_not_what_is_wrong() -> None:
    told: list[int] = []

    async def probe() -> bool:
        return True

    await wait_until_back(probe, every=0.001, back=lambda: told.append(1))
    assert told == []
