"""Clients that are not ours, against the loopback server: what works, and what is known not to.

A fault of a client's own is an expected failure with its reason; when a newer version has mended it
the test says so by passing.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from lab.clients import faults
from lab.clients.install import Unavailable
from lab.clients.program import CLIENTS, Client
from lab.clients.session import Observer, paired, served
from lab.clients.steps import STEPS
from wa_loopback import PairFault, StreamError
from wa_loopback.observations import Dialled, UnknownRequest, Violation

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
ALONE = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
"""What starts a program where there is no network but loopback."""
FAULTS = {fault.name: fault for fault in faults.FAULTS}
BY_NAME = {client.name: client for client in CLIENTS}


@pytest.fixture(params=list(BY_NAME))
def client(request: pytest.FixtureRequest) -> Client:
    return have(request.param)


def have(name: str) -> Client:
    try:
        BY_NAME[name].command()
    except Unavailable as error:
        pytest.skip(str(error))
    return BY_NAME[name]


@pytest.fixture(scope="session")
def alone() -> list[str]:
    try:
        subprocess.run([*ALONE, "true"], check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("no network namespace here")
    return ALONE


@pytest.mark.long
def test_a_client_pairs_by_qr_and_by_code_and_talks_with_no_network_but_loopback(
    client: Client, alone: list[str]
) -> None:
    walked = subprocess.run(
        [*alone, sys.executable, "-m", "lab.clients.steps", client.name],
        check=False,
        capture_output=True,
        cwd=ROOT,
        text=True,
        timeout=100,
    )
    assert walked.returncode == 0, walked.stderr
    took = json.loads(walked.stdout)
    assert set(took) == set(STEPS)
    assert (took["code to login"] == "has none") == (not client.pairs_by_code)


@pytest.mark.long
async def test_a_client_asks_nothing_unknown_comes_back_and_is_unlinked(
    client: Client, tmp_path: Path
) -> None:
    async with served() as server, paired(client, server, tmp_path) as session:
        await session.writable()
        if client.comes_back:
            seen = Observer(server, session.running, session.device)
            await session.drop()
            assert await seen.back(within=15) is not None
        await asyncio.sleep(0.3)
        before = session.connection
        session.phone.revoke(session.device, by_phone=True)
        before.end(StreamError("401", "device_removed"))
        await before.wait_closed()
        await session.running.expect("closed" if client.comes_back else "exit")
        strange = Dialled | Violation | UnknownRequest
        assert [each for each in server.log if isinstance(each, strange)] == []
        assert all(not each.ready for each in server.connections_of(session.device))


@pytest.mark.long
@pytest.mark.parametrize("name", ["zapo-js", "pyaileys"])
async def test_a_client_refuses_an_account_that_did_not_sign_it(name: str) -> None:
    assert (await faults.forged(have(name), PairFault.BAD_SIGNATURE)).right


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "fault"),
    [
        pytest.param(
            "pyaileys",
            "removed",
            marks=pytest.mark.xfail(reason="pyaileys 0.1.5 dials on after its device is removed"),
        ),
        pytest.param(
            "baileys",
            "upgrade-503",
            marks=[
                pytest.mark.matrix,
                pytest.mark.xfail(
                    reason="Baileys 7.0.0-rc14 hangs for ever on an HTTP 503 at the upgrade"
                ),
            ],
        ),
    ],
)
async def test_a_known_fault_of_a_client_is_mended(name: str, fault: str) -> None:
    outcome = await faults.play(have(name), FAULTS[fault])
    assert outcome.right, outcome.words
