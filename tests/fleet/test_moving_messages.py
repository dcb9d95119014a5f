"""What a program reads goes on where the session goes: supervisors with a played client."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.processes import until
from fleet.owners import add, take
from wa_supervisor.fleet.report import report
from wa_supervisor.fleet.store import FleetStore
from wa_supervisor.fleet.stranded import Stranded
from wa_supervisor.gate import Phone
from wa_supervisor.lifecycle import facts
from wa_supervisor.settings import Settings
from wa_supervisor.supervisor import Supervisor
from wa_supervisor.testing import PlayedLink
from wa_supervisor.testing.events import OWN, SENDER, message_event, text_content
from wa_supervisor.testing.fake_session import EVERYONE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from wa_supervisor.fleet.database import FleetDatabase
    from wa_supervisor.messages.delivery import Delivery


class Place:
    """A session on one worker, with a played client."""

    def __init__(self, session: Supervisor, link: PlayedLink) -> None:
        self.session = session
        self.link = link

    def receive(self, *texts: str) -> None:
        for text in texts:
            event = message_event(
                text_content(text), at=datetime.now(UTC), id=f"ID-{text}", sender=SENDER
            )
            self.link.receive(event, arrived=time.time_ns())

    async def read(self, count: int, *, acknowledge: int = 0) -> list[Delivery]:
        """Read so many, and acknowledge the first ones of them."""
        found: list[Delivery] = []
        async with (
            asyncio.timeout(20),
            self.session.messages("program", ack="manual") as messages,
        ):
            while len(found) < count:
                found.append(await anext(messages))
            for each in found[:acknowledge]:
                await each.ack()
        return found


class Workers:
    """Workers that have one session, one after the other."""

    def __init__(self, database: FleetDatabase, root: Path, inbox: str) -> None:
        self.database = database
        self.root = root
        self.inbox = inbox

    @contextlib.asynccontextmanager
    async def running_on(self, worker: str) -> AsyncIterator[Place]:
        settings = Settings(
            session="shop",
            data_dir=self.root / worker,
            database=self.database.url,
            gate=EVERYONE,
            fleet={"inbox": self.inbox},
        )
        store = FleetStore(settings, self.database, take(self.database, "shop", worker))
        link = PlayedLink()
        link.connects = True
        async with Supervisor(settings, store=store, link=link.make, sinks=()) as session:
            place = Place(session, link)
            async with session.messages("program"):
                await until(lambda: link.specs)
            yield place

    def stranded_on(self, worker: str) -> Stranded:
        return Stranded(self.database, worker, self.root / worker)


@pytest.fixture(params=["disk", "postgres"])
def workers(fleet: FleetDatabase, tmp_path: Path, request: pytest.FixtureRequest) -> Workers:
    add(fleet, "shop")
    return Workers(fleet, tmp_path, request.param)


def texts(found: list[Delivery]) -> list[str]:
    return [each.text for each in found]


async def test_a_program_goes_on_on_the_next_worker_with_what_it_had_not_acknowledged(
    workers: Workers,
) -> None:
    async with workers.running_on("a") as a:
        a.receive("one", "two", "three")
        before = await a.read(3, acknowledge=1)
    workers.stranded_on("a").give_up("shop")
    async with workers.running_on("b") as b:
        b.receive("four")
        found = await b.read(3, acknowledge=3)
        assert texts(found) == ["two", "three", "four"]
        assert [each.redelivered for each in found] == [True, True, False]
        assert min(each.number for each in found) > max(each.number for each in before)
        received = b.session.status.received
        assert received is not None
        assert received.waiting == 0
        assert received.total == 3
    # Back on the first, nothing comes again.
    async with workers.running_on("a") as a:
        a.receive("five")
        assert texts(await a.read(1)) == ["five"]


async def test_what_a_dead_workers_disk_has_is_counted_and_handed_over_when_it_is_back(
    workers: Workers,
) -> None:
    async with workers.running_on("a") as a:
        a.receive("one", "two")
        await a.read(2)
    # It died: it gives nothing up.
    async with workers.running_on("b") as b:
        b.receive("three")
        if workers.inbox == "postgres":
            assert texts(await b.read(3, acknowledge=3)) == ["one", "two", "three"]
        else:
            assert texts(await b.read(1, acknowledge=1)) == ["three"]
        assert workers.stranded_on("a").look() == 2
        b.receive("four")
        assert report(workers.database).totals.stranded == 0
    async with workers.running_on("b") as b:
        expected = ["four"] if workers.inbox == "postgres" else ["four", "one", "two"]
        assert sorted(texts(await b.read(len(expected)))) == expected


async def test_messages_of_the_account_before_are_handed_to_nobody(workers: Workers) -> None:
    async with workers.running_on("a") as a:
        a.receive("one")
        await a.read(1)
    with workers.database.transaction() as connection:  # the client will say that it is another
        connection.execute(
            "INSERT INTO accounts VALUES ('shop', %s)", (Phone("15559998888").reveal(),)
        )
    async with workers.running_on("b") as b:
        b.link.say(facts.PairSucceeded)
        b.link.say(facts.Connected)
        account = b.session._outgoing._account
        assert account is not None
        await until(lambda: account.changes)
        await until(lambda: account.is_idle)
        store = b.session._store
        assert isinstance(store, FleetStore)
        store._mend_in_place()  # as twice a minute
        with workers.database.transaction() as connection:
            row = connection.execute("SELECT addresses FROM accounts").fetchone()
        assert row == {"addresses": "\n".join(each.reveal() for each in OWN.addresses)}
        workers.stranded_on("a").look()
        b.receive("two")
        assert texts(await b.read(1)) == ["two"]
    async with workers.running_on("b") as b:
        assert texts(await b.read(1)) == ["two"]
        b.receive("three")
        assert texts(await b.read(2)) == ["two", "three"]


@pytest.mark.parametrize(
    ("workers", "moment"),
    [("postgres", "paired"), ("postgres", "known"), ("disk", "known")],
    indirect=["workers"],
)
async def test_what_a_new_account_receives_survives_the_kill_of_its_worker_right_after(
    workers: Workers, moment: str
) -> None:
    async with workers.running_on("a1") as a1:
        a1.receive("one")
        await a1.read(1)
    with workers.database.transaction() as connection:  # the client will say that it is another
        connection.execute(
            "INSERT INTO accounts VALUES ('shop', %s)", (Phone("15559998888").reveal(),)
        )
    here = Path(__file__)
    killed = subprocess.run(  # noqa: ASYNC221 - nothing else happens here meanwhile
        [
            sys.executable,
            here.with_name("account_program.py"),
            *(workers.root, workers.inbox, moment),
        ],
        input=workers.database.url.get_secret_value(),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, here.parents[1:3]))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    async with workers.running_on("b") as b:
        b.link.say(facts.Connected)
        account = b.session._outgoing._account
        assert account is not None
        await until(lambda: account.is_settled)
        for worker in ("a1", "a2"):
            workers.stranded_on(worker).look()
        b.receive("three")
        await b.read(1 if workers.inbox == "disk" else 2)
    async with workers.running_on("b") as b:
        assert sorted(texts(await b.read(2))) == ["three", "two"]
