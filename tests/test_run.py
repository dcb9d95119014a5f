"""`run` does not raise: whoever listens, and whatever of ours fails, the session is kept."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from wa_supervisor import (
    Backoff,
    Endpoint,
    Policy,
    SessionError,
    Settings,
    State,
    Step,
    Supervisor,
)
from wa_supervisor.handlers import Handlers
from wa_supervisor.session.parent.link import SessionLink
from wa_supervisor.store import CredentialKeeper

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def nobody_is_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")


def make(tmp_path: Path, wait: float = 0.05) -> Supervisor:
    """Make one whose client dials a port where nobody listens."""
    settings = Settings(
        data_dir=tmp_path,
        policy=Policy(backoff=Backoff(base=wait, cap=wait, jitter=0)),
        endpoint=Endpoint(proxy=SecretStr("http://127.0.0.1:9")),
    )
    return Supervisor(settings, sinks=[])


@pytest.fixture
def supervisor(tmp_path: Path) -> Supervisor:
    return make(tmp_path)


async def stopped_after(supervisor: Supervisor, retries: int) -> None:
    """Run until so many dials have failed, then stop."""

    def look(step: Step) -> None:
        if step.session.retries >= retries:
            supervisor.stop()

    supervisor.on_step(look)
    outcome = await asyncio.wait_for(supervisor.run(), 30)
    assert outcome.state is State.STOPPED


async def test_listeners_that_raise_or_hang_end_nothing_and_every_other_hears_of_every_step(
    supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    at_once: list[Step] = []
    later: list[Step] = []

    def fail(_: Step) -> None:
        raise LookupError("no such pager")

    async def fail_later(_: Step) -> None:
        await asyncio.sleep(0)
        raise LookupError("no such mail")

    async def listen(step: Step) -> None:
        await asyncio.sleep(0)
        later.append(step)

    for listener in (fail, fail_later, lambda _: asyncio.sleep(3600), at_once.append, listen):
        supervisor.on_step(listener)
    await stopped_after(supervisor, 2)
    assert "no such pager" in caplog.text
    assert "no such mail" in caplog.text
    assert later == at_once


@pytest.mark.parametrize(
    ("owner", "method"),
    [(CredentialKeeper, "before_dial"), (SessionLink, "start"), (Handlers, "_specify")],
)
async def test_a_defect_on_the_way_to_a_client_costs_a_try_and_not_the_supervisor(
    supervisor: Supervisor,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    owner: type[object],
    method: str,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError(method)

    monkeypatch.setattr(owner, method, broken)
    await stopped_after(supervisor, 2)
    assert "StartChild failed, which is a defect of wa-supervisor" in caplog.text
    assert f"KeyError: {method!r}" in caplog.text


async def test_a_defect_in_what_nobody_waits_for_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("reachable")

    monkeypatch.setattr(Handlers, "_watch_network", broken)
    await stopped_after(make(tmp_path, wait=60), 1)
    assert "WatchNetwork failed, which is a defect of wa-supervisor" in caplog.text


async def test_a_session_process_that_does_not_die_is_logged_at_the_end_and_not_raised(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    aclose = SessionLink.aclose

    async def outlived(link: SessionLink) -> None:
        await aclose(link)
        raise SessionError("session process 1 outlived SIGKILL")

    monkeypatch.setattr(SessionLink, "aclose", outlived)
    await stopped_after(supervisor, 1)
    assert "outlived SIGKILL" in caplog.text
