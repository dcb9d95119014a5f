"""The outbox: a key's message is sent once, whatever dies in between."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from messages.events import MEMORY
from messages.killed_sender import MESSAGES
from messages.writers import KILLS, TESTS
from wa_supervisor.messages.errors import (
    SEND_ERRORS,
    ClientGone,
    KeyReused,
    NotConnected,
    NotOnWhatsApp,
    OutboxError,
    RateLimited,
    Refused,
    Restricted,
    SendError,
    SendTimeout,
    SendUnknown,
    error_of_server,
)
from wa_supervisor.messages.outbox import (
    Outbox,
    OutboxOptions,
    SendState,
    Sent,
    fingerprint,
)
from wa_supervisor.messages.outbox_store import OutboxStore

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
WHAT = fingerprint("to", "text")


class Client:
    """What dispatches: it counts, and does what it was told to."""

    def __init__(self, *ends: Sent | BaseException) -> None:
        self.ends = list(ends)
        self.dispatched = 0

    async def __call__(self) -> Sent:
        self.dispatched += 1
        end = self.ends.pop(0)
        if isinstance(end, BaseException):
            raise end
        return end


class Hanging(Client):
    """It has the message, and does not answer before it is let."""

    def __init__(self) -> None:
        super().__init__(Sent("3EB0", AT))
        self.has_it, self.answers = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> Sent:
        self.has_it.set()
        await self.answers.wait()
        return await super().__call__()


@asynccontextmanager
async def opened(path: Path, options: OutboxOptions | None = None) -> AsyncIterator[Outbox]:
    async with aclosing(await Outbox.open(path, options or OutboxOptions())) as outbox:
        yield outbox


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


async def test_the_same_key_has_the_first_result_also_after_a_restart(path: Path) -> None:
    client = Client(Sent("3EB0", AT))
    for _ in range(2):
        async with opened(path) as outbox:
            for _ in range(2):
                assert await outbox.send("key", WHAT, client) == Sent("3EB0", AT)
            assert await outbox.state("key") is SendState.SENT
    assert client.dispatched == 1


@pytest.mark.parametrize(
    "error", [Restricted("463"), NotOnWhatsApp("nobody"), Refused("500"), SendTimeout("75 s")]
)
async def test_an_error_that_is_a_result_comes_again_with_its_words_and_is_not_sent_again(
    path: Path, error: SendError
) -> None:
    client = Client(error)
    for _ in range(2):
        async with opened(path) as outbox:
            for _ in range(2):
                with pytest.raises(type(error), match=str(error)):
                    await outbox.send("key", WHAT, client)
    assert client.dispatched == 1


@pytest.mark.parametrize("error", [NotConnected("no"), RateLimited("429"), ClientGone("gone")])
async def test_an_error_that_is_retriable_is_tried_again_under_the_same_key(
    path: Path, error: SendError
) -> None:
    client = Client(error, error, Sent("3EB0", AT))
    for _ in range(2):
        async with opened(path) as outbox:
            with pytest.raises(type(error)):
                await outbox.send("key", WHAT, client)
            assert await outbox.state("key") is SendState.FAILED
    async with opened(path) as outbox:
        assert await outbox.send("key", WHAT, client) == Sent("3EB0", AT)
    assert client.dispatched == 3


async def test_two_calls_at_once_are_one_message(path: Path) -> None:
    client = Hanging()
    async with opened(path) as outbox:
        calls = [asyncio.create_task(outbox.send("key", WHAT, client)) for _ in range(3)]
        await client.has_it.wait()
        assert await outbox.state("key") is SendState.DISPATCHED
        client.answers.set()
        assert await asyncio.gather(*calls) == [Sent("3EB0", AT)] * 3
    assert client.dispatched == 1


async def test_a_key_is_of_one_message_only(path: Path) -> None:
    client = Client(Sent("3EB0", AT))
    async with opened(path) as outbox:
        first = asyncio.create_task(outbox.send("key", WHAT, client))
        await asyncio.sleep(0)
        with pytest.raises(KeyReused):
            await outbox.send("key", fingerprint("to", "another"), client)
        await first
        with pytest.raises(KeyReused) as caught:
            await outbox.send("key", fingerprint("to", "another"), client)
        assert not caught.value.retriable
    assert fingerprint("a", "bc") != fingerprint("ab", "c")
    assert client.dispatched == 1


async def test_what_was_dispatched_and_not_answered_is_unknown_and_never_sent_again(
    path: Path,
) -> None:
    client = Hanging()
    outbox = await Outbox.open(path)
    call = asyncio.create_task(outbox.send("key", WHAT, client))
    await client.has_it.wait()
    async with opened(path) as after:  # as if this process had died
        with pytest.raises(SendUnknown, match="may have been sent"):
            await after.send("key", WHAT, client)
        assert await after.state("key") is SendState.UNKNOWN
    client.answers.set()
    with pytest.raises(OutboxError):
        await call
    await outbox.aclose()
    async with opened(path) as again:
        with pytest.raises(SendUnknown) as caught:
            await again.send("key", WHAT, client)
        assert not caught.value.retriable
    assert client.dispatched == 1


def test_keys_of_messages_that_an_earlier_version_had_not_dispatched_are_free(path: Path) -> None:
    with closing(OutboxStore.open(path, keep=timedelta(days=1), keep_rows=10)) as store:
        assert store.dispatch("sent", WHAT) is None
        store.settle("sent", "sent", "{}")
        assert store.dispatch("reserved", WHAT) is None
        store._connection.execute("UPDATE sends SET state = 'reserved' WHERE state = 'dispatched'")
        store._connection.execute("PRAGMA user_version = 1")
    with closing(OutboxStore.open(path, keep=timedelta(days=1), keep_rows=10)) as store:
        assert store.get("sent") is not None
        assert store.dispatch("reserved", WHAT) is None


async def test_a_late_answer_settles_what_was_unknown(path: Path) -> None:
    async with opened(path) as outbox:
        with pytest.raises(SendTimeout):
            await outbox.send("key", WHAT, Client(SendTimeout("75 s")))
        assert await outbox.state("key") is SendState.UNKNOWN
        await outbox.answered("key", Sent("3EB0", AT))
        assert await outbox.send("key", WHAT, Client()) == Sent("3EB0", AT)
        with pytest.raises(OutboxError):
            await outbox.answered("key", Sent("other", AT))
        with pytest.raises(OutboxError):
            await outbox.answered("nobody's", Sent("other", AT))


async def test_a_caller_that_is_cancelled_does_not_stop_a_message_on_its_way(path: Path) -> None:
    client = Hanging()
    async with opened(path) as outbox:
        call = asyncio.create_task(outbox.send("key", WHAT, client))
        await client.has_it.wait()
        call.cancel()
        await asyncio.wait({call})
        client.answers.set()
        assert await outbox.send("key", WHAT, client) == Sent("3EB0", AT)
    assert client.dispatched == 1


async def test_closing_leaves_what_is_on_its_way_unknown(path: Path) -> None:
    client = Hanging()
    async with opened(path) as outbox:
        call = asyncio.create_task(outbox.send("key", WHAT, client))
        await client.has_it.wait()
    with pytest.raises(asyncio.CancelledError):
        await call
    with pytest.raises(OutboxError, match="closed"):
        await outbox.send("key", WHAT, client)
    async with opened(path) as after:
        assert await after.state("key") is SendState.UNKNOWN


async def test_a_defect_in_the_dispatch_is_raised_and_leaves_it_unknown(path: Path) -> None:
    client = Client(ZeroDivisionError())
    async with opened(path) as outbox:
        with pytest.raises(ZeroDivisionError):
            await outbox.send("key", WHAT, client)
        with pytest.raises(SendUnknown):
            await outbox.send("key", WHAT, client)
    assert client.dispatched == 1


async def test_nothing_is_dispatched_whose_key_cannot_be_kept(path: Path) -> None:
    client = Client(Sent("3EB0", AT))
    async with opened(path) as outbox:
        store = outbox._store
        assert isinstance(store, OutboxStore)
        await outbox._worker.run(lambda: store._connection.execute("PRAGMA busy_timeout = 10"))
        other = sqlite3.connect(path)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OutboxError, match="locked") as caught:
            await outbox.send("key", WHAT, client)
        assert caught.value.retriable
        other.rollback()
        other.close()
        assert client.dispatched == 0
        assert await outbox.send("key", WHAT, client) == Sent("3EB0", AT)


def test_an_unreadable_outbox_is_an_error_because_to_forget_could_send_twice(
    path: Path,
) -> None:
    path.touch(0o600)
    path.write_bytes(b"no database" * 200)
    with pytest.raises(OutboxError, match="not a database"):
        asyncio.run(Outbox.open(path))
    assert path.read_bytes() == b"no database" * 200


def test_others_may_not_read_it(path: Path) -> None:
    path.touch(0o644)
    path.chmod(0o644)
    with pytest.raises(OutboxError, match="others could open"):
        asyncio.run(Outbox.open(path))


async def test_an_empty_key_is_refused(path: Path) -> None:
    async with opened(path) as outbox:
        with pytest.raises(OutboxError, match="empty"):
            await outbox.send("", WHAT, Client())


def test_old_results_are_forgotten_and_what_is_under_way_never_is(path: Path) -> None:
    store = OutboxStore.open(path, keep=timedelta(days=30), keep_rows=50)
    with closing(store):
        store._connection.execute("PRAGMA synchronous = OFF")  # no power cut comes in a test
        store.dispatch("under way", WHAT)
        store.dispatch("old", WHAT)
        store.settle("old", "sent", "{}")
        store._connection.execute("UPDATE sends SET changed = ?", (time.time() - 31 * 86400,))
        for number in range(300):
            store.dispatch(f"key {number}", WHAT)
            store.settle(f"key {number}", "sent", "{}")
        assert store.get("old") is None
        assert store.get("under way") is not None
        assert store.get("key 299") is not None
        (count,) = store._connection.execute("SELECT count(*) FROM sends").fetchone()
        assert count <= 50 + 100 + 1


def test_nothing_of_a_message_is_kept_and_an_address_in_an_error_is_not(path: Path) -> None:
    error = Refused("cannot send to 4915112345678@s.whatsapp.net")

    async def send() -> None:
        async with opened(path) as outbox:
            with pytest.raises(Refused):
                await outbox.send("canary 4915112345678", fingerprint("canary"), Client(error))
            with pytest.raises(Refused, match="<jid>"):
                await outbox.send("canary 4915112345678", fingerprint("canary"), Client(error))

    asyncio.run(send())
    content = path.read_bytes()
    assert b"canary" not in content
    assert b"4915112345678" not in content
    assert "3EB0" not in repr(Sent("3EB0", AT))


@pytest.mark.parametrize(
    ("number", "kind", "retriable"),
    [
        (463, Restricted, False),
        (429, RateLimited, True),
        (479, RateLimited, True),
        (500, Refused, False),
        (404, Refused, False),
    ],
)
def test_a_number_of_the_server_is_an_error_that_says_whether_to_try_again(
    number: int, kind: type[SendError], *, retriable: bool
) -> None:
    error = error_of_server(number)
    assert type(error) is kind
    assert error.retriable is retriable
    assert str(number) in str(error)


def test_every_end_of_a_send_has_a_code_and_can_be_kept() -> None:
    for code, kind in SEND_ERRORS.items():
        error = kind("why")
        assert error.code == code
        assert isinstance(error.retriable, bool)
    with pytest.raises(TypeError):
        SendError("why")


# -- against a model ------------------------------------------------------------------------------


class Died(BaseException):
    """The process is gone: nothing is kept any more."""


ENDS: dict[str, tuple[bool, BaseException | None]] = {
    "sent": (True, None),
    "refused": (False, Refused("500")),
    "limited": (False, RateLimited("429")),
    "timeout": (True, SendTimeout("75 s")),
    "dies between": (False, Died()),
    "dies after": (True, Died()),
}
"""How a dispatch ends: whether WhatsApp has the message then, and what is raised."""

FINAL = {"sent", "refused", "send_timeout", "send_unknown"}


class OutboxMachine(RuleBasedStateMachine):
    """Sends with every end, deaths at every step, and one count of what WhatsApp has."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = TemporaryDirectory(dir=MEMORY)
        self.path = Path(self.directory.name) / "outbox.db"
        self.at_whatsapp: Counter[str] = Counter()
        self.results: dict[str, str] = {}

    def teardown(self) -> None:
        self.directory.cleanup()

    @rule(key=st.sampled_from("abc"), end=st.sampled_from(sorted(ENDS)))
    def send(self, key: str, end: str) -> None:
        result = asyncio.run(self._send(key, *ENDS[end]))
        if self.results.get(key) in FINAL:
            assert result == self.results[key]
        self.results[key] = result

    @rule(key=st.sampled_from("abc"))
    def die_as_it_is_dispatched(self, key: str) -> None:
        store = OutboxStore.open(self.path, keep=timedelta(days=1), keep_rows=100)
        with closing(store):
            if store.dispatch(key, WHAT) is None:
                self.results[key] = "send_unknown"

    async def _send(self, key: str, arrives: bool, error: BaseException | None) -> str:
        async def dispatch() -> Sent:
            self.at_whatsapp[key] += arrives
            if error is not None:
                raise error
            return Sent("3EB0", AT)

        outbox = await Outbox.open(self.path)
        if isinstance(error, Died):
            outbox._keep = never  # type: ignore[method-assign, assignment]
        try:
            await outbox.send(key, WHAT, dispatch)
        except Died:
            return "send_unknown"
        except SendError as raised:
            return raised.code
        else:
            return "sent"
        finally:
            await outbox.aclose()

    @invariant()
    def nothing_is_sent_twice(self) -> None:
        assert all(count <= 1 for count in self.at_whatsapp.values())

    @invariant()
    def what_is_said_to_be_sent_is_there(self) -> None:
        for key, result in self.results.items():
            if result == "sent":
                assert self.at_whatsapp[key] == 1
            if result in {"refused", "rate_limited"}:
                assert self.at_whatsapp[key] == 0


async def never(*_: object) -> None:
    return


TestOutbox = OutboxMachine.TestCase
TestOutbox.settings = settings(stateful_step_count=15)


# -- real deaths ----------------------------------------------------------------------------------


def test_no_kill_has_a_message_sent_twice_and_what_is_said_to_be_sent_is(tmp_path: Path) -> None:
    outbox, whatsapp = tmp_path / "outbox.db", tmp_path / "whatsapp"
    dice = random.Random()
    said: list[bytes] = []
    for life in range(KILLS + 1):
        sender = subprocess.Popen(
            [sys.executable, str(TESTS / "messages/killed_sender.py"), str(outbox), str(whatsapp)],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(TESTS)},
        )
        assert sender.stdout is not None
        assert sender.stdout.readline() == b"ready\n"
        if life < KILLS:
            time.sleep(dice.uniform(0, 0.3))
            sender.kill()
        out, _ = sender.communicate(timeout=60)
        said += [line for line in out.splitlines(keepends=True) if line[-1:] == b"\n"]
    assert said[-1] == b"all\n"
    there = Counter(whatsapp.read_bytes().split())
    assert set(there.values()) == {1}
    ends = {number: code for line in said if line != b"all\n" for code, number in [line.split()]}
    for number in (b"%d" % each for each in range(MESSAGES)):
        if ends[number] == b"sent":
            assert there[number] == 1
        else:
            assert ends[number] == b"send_unknown"
