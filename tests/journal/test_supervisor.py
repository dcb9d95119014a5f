"""The real supervisor with the real neonize in its child, dialling a port where nobody listens."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from wa_supervisor import (
    Endpoint,
    JournalError,
    Outcome,
    PairingSettings,
    Reason,
    Settings,
    State,
    StepRecord,
    Supervisor,
)
from wa_supervisor.journal import Journal, read, schema
from wa_supervisor.journal.amend import amend
from wa_supervisor.lifecycle.policy import Backoff, Limit, Policy
from wa_supervisor.store import SessionFiles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.e2e

LONG = Policy(backoff=Backoff(base=60.0, jitter=0))
NO_RETRY = Policy(backoff=Backoff(max_retries=0))
BROKEN = "CREATE TRIGGER full BEFORE INSERT ON steps BEGIN SELECT RAISE(ABORT, 'no room'); END"


@pytest.fixture(autouse=True)
def nobody_is_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")


def settings(tmp_path: Path, policy: Policy) -> Settings:
    return Settings(
        session="shop",
        data_dir=tmp_path,
        policy=policy,
        pairing=PairingSettings(qr=[]),
        endpoint=Endpoint(proxy=SecretStr("http://127.0.0.1:9")),
    )


class Life:
    """One run of a supervisor."""

    def __init__(self, chosen: Settings, **options: Any) -> None:
        self.files = SessionFiles.at(chosen.session, chosen.data_dir)
        self.supervisor = Supervisor(chosen, jitter=lambda: 0.5, **options)
        self.steps: list[StepRecord] = []
        self._news = asyncio.Event()
        self.supervisor.on_record(self._note)

    def _note(self, record: StepRecord) -> None:
        self.steps.append(record)
        self._news.set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.supervisor.run())
        try:
            yield
        finally:
            self.supervisor.stop()
            await asyncio.wait_for(task, 10)

    async def run(self) -> Outcome:
        return await asyncio.wait_for(self.supervisor.run(), 20)

    async def reach(self, state: str) -> StepRecord:
        async with asyncio.timeout(20):
            while not self.steps or self.steps[-1].after != state:
                self._news.clear()
                await self._news.wait()
        return self.steps[-1]

    @property
    def dials(self) -> int:
        return sum("StartChild" in record.effects for record in self.steps)


async def test_a_restart_in_the_middle_of_a_wait_goes_on_with_it(tmp_path: Path) -> None:
    first, second = (Life(settings(tmp_path, LONG)) for _ in range(2))
    async with first.running():
        before = await first.reach("Backoff")
    async with second.running():
        after = await second.reach("Backoff")
        retries = second.supervisor.status.retries
    assert (first.dials, second.dials) == (1, 0)
    assert (after.fact, after.reason, retries) == ("Start", "dial_failed", 1)
    assert before.not_before is not None
    assert after.not_before is not None
    assert abs((after.not_before - before.not_before).total_seconds()) < 0.1


async def test_what_was_given_up_stays_so_until_an_operator_says_otherwise(tmp_path: Path) -> None:
    chosen = settings(tmp_path, NO_RETRY)
    first = Life(chosen, on_give_up="exit")
    outcome = await first.run()
    assert (outcome.state, outcome.reason) == (State.GAVE_UP, Reason.RETRIES_EXHAUSTED)
    again = Life(chosen, on_give_up="exit")
    begun = time.monotonic()
    assert await again.run() == outcome
    assert time.monotonic() - begun < 5
    assert again.dials == 0
    resumed = Life(chosen, on_give_up="exit")
    resumed.supervisor.resume()  # as `run --resume` does
    assert (await resumed.run()).state is State.GAVE_UP
    assert resumed.dials == 1


async def test_every_step_is_in_the_journal_before_its_listeners_hear_of_it(tmp_path: Path) -> None:
    life = Life(settings(tmp_path, LONG))
    seen: list[bool] = []
    life.supervisor.on_record(
        lambda record: seen.append(
            not record.taken or read(life.files.journal).entries[-1].ts == record.ts
        )
    )
    async with life.running():
        await life.reach("Backoff")
    assert seen
    assert all(seen)
    taken = [record for record in life.steps if record.taken]
    entries = read(life.files.journal).entries
    assert [entry.model_dump(exclude={"missed"}) for entry in entries] == [
        record.model_dump() for record in taken
    ]


async def test_dials_that_the_journal_cannot_take_keep_the_budget_over_restarts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    files = SessionFiles.open("shop", tmp_path)
    Journal.open(files.journal).close()
    policy = Policy(
        backoff=Backoff(base=0.05, cap=0.05, jitter=0), dials=Limit(count=3, window=900)
    )
    with closing(sqlite3.connect(files.journal)) as disk:
        disk.execute(BROKEN)
    for made in (1, 2, 3, 3):
        life = Life(settings(tmp_path, policy))
        async with life.running():
            if made != caplog.text.count("starting the client"):
                async with asyncio.timeout(20):
                    while caplog.text.count("starting the client") < made:  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
            else:
                await life.reach("Backoff")
                assert life.supervisor.status.reason is Reason.DIAL_BUDGET
            assert "no room" in (life.supervisor.status.journal or "")
    assert caplog.text.count("starting the client") == 3


async def test_a_dial_that_cannot_be_counted_anywhere_waits_and_happens_when_it_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    files = SessionFiles.open("shop", tmp_path)
    Journal.open(files.journal).close()
    files.reserve.mkdir(mode=0o700)
    with closing(sqlite3.connect(files.journal)) as disk:
        disk.execute(BROKEN)
        policy = Policy(
            backoff=Backoff(base=0.2, cap=0.2, jitter=0), dials=Limit(count=9, window=900)
        )
        life = Life(settings(tmp_path, policy))
        async with life.running():
            await life.reach("Backoff")
            assert "no room" in (life.supervisor.status.journal or "")
            assert "could not be recorded" in life.supervisor.status.detail
            assert caplog.text.count("starting the client") == 0
            disk.execute("DROP TRIGGER full")
            async with asyncio.timeout(10):
                while "starting the client" not in caplog.text:  # noqa: ASYNC110 - a log line
                    await asyncio.sleep(0.05)
            assert life.supervisor.status.journal is None
    assert caplog.text.count("steps cannot be recorded") == 1


async def test_without_a_readable_memory_the_start_is_careful(tmp_path: Path) -> None:
    files = SessionFiles.open("shop", tmp_path)
    files.journal.write_bytes(b"\xffnonsense" * 700)
    files.journal.chmod(0o600)
    for _ in range(2):
        life = Life(settings(tmp_path, Policy()))
        async with life.running():
            record = await life.reach("Backoff")
        assert (record.reason, life.dials) == ("memory_lost", 0)
    assert len(list(files.directory.glob("journal.db.corrupt-*"))) == 1


async def test_a_newer_journal_keeps_the_supervisor_from_starting(tmp_path: Path) -> None:
    files = SessionFiles.open("shop", tmp_path)
    Journal.open(files.journal).close()
    with closing(sqlite3.connect(files.journal)) as newer:
        newer.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    with pytest.raises(JournalError, match="newer"):
        await Life(settings(tmp_path, LONG)).run()


async def test_the_journal_holds_no_secret(tmp_path: Path) -> None:
    phone = "4915112345678"
    chosen = settings(tmp_path, LONG).model_copy(
        update={"pairing": PairingSettings(qr=[], mode="code", phone=SecretStr(phone))}
    )
    life = Life(chosen)
    async with life.running():
        await life.reach("Backoff")
    for file in life.files.directory.glob("journal.db*"):
        assert phone.encode() not in file.read_bytes()


async def test_an_order_that_was_left_is_obeyed_by_the_next_run_and_only_by_that(
    tmp_path: Path,
) -> None:
    """A unit with --on-give-up exit is mended by `wa-supervisor resume` and a start."""
    chosen = settings(tmp_path, NO_RETRY)
    first = Life(chosen, on_give_up="exit")
    assert (await first.run()).state is State.GAVE_UP
    assert amend(first.files, chosen.journal, "OperatorResumed", order="resume")
    resumed, after = (Life(chosen, on_give_up="exit") for _ in range(2))
    assert (await resumed.run()).state is State.GAVE_UP
    assert resumed.dials == 1
    memory = read(resumed.files.journal).memory
    assert memory is not None
    assert memory.order is None
    assert (await after.run()).state is State.GAVE_UP
    assert after.dials == 0


@pytest.mark.parametrize("left", [True, False], ids=["left before the run", "given with it"])
async def test_a_relink_starts_no_client_on_keys_that_are_to_go(
    tmp_path: Path, *, left: bool
) -> None:
    """No wait is left that would keep a start from dialling at once."""
    chosen = settings(tmp_path, Policy(backoff=Backoff(base=0.01, cap=0.01, jitter=0)))
    life = Life(chosen)
    async with life.running():
        await life.reach("Backoff")
    again = Life(chosen)
    if left:
        assert amend(life.files, chosen.journal, "OperatorRelinked", order="relink")
    else:
        again.supervisor.relink()
    async with again.running():
        await again.reach("Init")
    asked = [effect for record in again.steps for effect in record.effects]
    assert asked.index("PurgeSession") < asked.index("StartChild")


async def test_an_order_that_meant_nothing_is_not_given_again(tmp_path: Path) -> None:
    chosen = settings(tmp_path, LONG)
    life = Life(chosen)
    async with life.running():
        await life.reach("Backoff")
    assert amend(life.files, chosen.journal, "OperatorRelinked", order="relink")
    again = Life(chosen)
    async with again.running():
        await again.reach("Purging")
        await again.reach("Backoff")
    memory = read(again.files.journal).memory
    assert memory is not None
    assert memory.order is None
