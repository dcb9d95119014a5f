"""The session to test one's own program with: what it plays, and that the same runs on both."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from wa_supervisor import (
    Hopeless,
    Identity,
    Kind,
    Lid,
    Message,
    Misused,
    Phone,
    Restricted,
    Settings,
    State,
    Supervisor,
    facts,
)
from wa_supervisor.testing import FakeSent, FakeSession, MemoryStore
from wa_supervisor.testing.events import message_event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytest_plugins = ["wa_supervisor.testing.pytest_plugin"]


async def greet(session: Supervisor) -> None:
    """A program as a user writes it."""
    await session.wait_for(State.CONNECTED, timeout=120)
    await session.send_text("+4915112345678", "good morning", key="today")


async def test_a_program_is_given_what_it_is_given_in_production(wa_session: FakeSession) -> None:
    async with wa_session as session:
        await greet(session)
        assert wa_session.sent == [FakeSent("4915112345678@s.whatsapp.net", "good morning")]


async def test_a_broken_connection_comes_back_by_itself(wa_session: FakeSession) -> None:
    async with wa_session as session:
        await session.wait_for(State.CONNECTED, timeout=10)
        wa_session.drop()
        await wa_session.settle()
        assert session.status.substate == "reconnecting"
        await wa_session.advance(3600)
        assert session.status.substate == "online"
        assert wa_session.played.generation == 2


async def test_an_unlinked_session_wants_to_be_scanned(wa_session: FakeSession) -> None:
    async with wa_session as session:
        await session.wait_for(State.CONNECTED, timeout=10)
        wa_session.log_out()
        await wa_session.advance(60)
        assert session.status.state is State.PAIRING
        wa_session.scan()
        await session.wait_for(State.CONNECTED, timeout=10)
        assert wa_session.store.keys.purged == ["logged_out"]


async def test_a_restriction_is_an_error_and_shown(wa_session: FakeSession) -> None:
    async with wa_session as session:
        wa_session.restrict()
        with pytest.raises(Restricted):
            await greet(session)
        assert session.status.restricted_at is not None
        wa_session.restrict(on=False)
        await session.send_text("+4915112345678", "again")
        assert [each.text for each in wa_session.sent] == ["again"]


async def test_what_only_a_person_can_mend_is_hopeless_at_once(wa_session: FakeSession) -> None:
    async with wa_session as session:
        await wa_session.hear(facts.ClientOutdated)
        with pytest.raises(Hopeless):
            await greet(session)


async def test_a_week_takes_no_time(wa_session: FakeSession) -> None:
    async with wa_session as session:
        await session.wait_for(State.CONNECTED, timeout=10)
        await wa_session.advance(7 * 86_400)
        assert session.status.state is State.CONNECTED


# -- messages --------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def reading(session: Supervisor, *, dies_over: str = "") -> AsyncIterator[list[Message]]:
    """A program that takes what comes, and does not get further than one of them."""
    taken: list[Message] = []

    async def read() -> None:
        async for message in session.messages():
            taken.append(message)
            if message.text == dies_over:
                return

    task = asyncio.create_task(read())
    try:
        yield taken
    finally:
        task.cancel()
        await asyncio.wait({task})


async def answer(session: Supervisor) -> None:
    """A program as a user writes it."""
    async for message in session.messages():
        if message.text == "ping":
            await session.reply(message, "pong", key=message.id)


async def test_a_message_is_answered_before_the_test_goes_on(wa_session: FakeSession) -> None:
    async with wa_session as session:
        program = asyncio.create_task(answer(session))
        await wa_session.receive("ping", id="3EB0", sender="+4915112345678")
        await wa_session.receive("thanks")
        assert wa_session.sent == [FakeSent("4915112345678@s.whatsapp.net", "pong", "3EB0")]
    await asyncio.wait_for(program, 5)  # the end of the session is the end of its messages


async def test_what_is_written_while_the_session_is_away_comes_late(
    wa_session: FakeSession,
) -> None:
    async with wa_session as session, reading(session) as taken:
        await wa_session.receive("one")
        wa_session.drop()
        await wa_session.receive("two")
        assert [message.text for message in taken] == ["one"]
        await wa_session.advance(3600)
        assert [(message.text, message.late) for message in taken] == [
            ("one", False),
            ("two", True),
        ]
        first, second = taken
        assert first.at == second.at == datetime(2026, 1, 1, tzinfo=UTC)
        assert second.received_at > second.at


async def test_a_program_that_is_started_again_gets_what_it_had_not_finished() -> None:
    store = MemoryStore(paired=True)
    async with FakeSession(store=store) as session, reading(session, dies_over="two") as taken:
        await session.receive("one")
        await session.receive("two")
        await session.receive("three")
        assert len(taken) == 2
    async with FakeSession(store=store) as session, reading(session) as taken:
        await session.settle()
        assert [message.text for message in taken] == ["two", "three"]


async def test_a_key_sends_once_even_after_a_restart() -> None:
    store = MemoryStore(paired=True)
    sent = []
    for _ in range(2):
        async with FakeSession(store=store) as session:
            await greet(session)
            await greet(session)
            sent += session.sent
    assert len(sent) == 1


async def test_the_gate_is_the_one_of_the_settings() -> None:
    known = Phone("4915112345678")
    gate = {"allow": [f"+{known.user}", "12036300@g.us"], "groups": "mention"}
    async with FakeSession(Settings(gate=gate)) as session, reading(session) as taken:
        await session.receive("from a stranger", sender="+4915100000000")
        await session.receive("from a LID nobody knows", sender="777@lid")
        session.played.phones["888@lid"] = known.reveal()
        await session.receive("from a LID", sender="888@lid")
        await session.receive("by both", sender=Identity(Lid("888"), known))
        await session.receive("not to me", sender=f"+{known.user}", group="12036300@g.us")
        await session.receive(
            "to me", sender=f"+{known.user}", group="12036300@g.us", mentions_me=True
        )
        await session.receive(
            "an answer", sender=f"+{known.user}", group="12036300@g.us", reply_to="FAKE1"
        )
        assert [message.text for message in taken] == [
            "from a LID",
            "by both",
            "to me",
            "an answer",
        ]
        received = session.status.received
        assert received is not None
        assert received.refused == {"not_listed": 1, "unresolved_lid": 1, "not_mentioned": 1}


async def test_a_duplicate_comes_once(wa_session: FakeSession) -> None:
    async with wa_session as session, reading(session) as taken:
        for id_ in ("A", "A", "B"):
            await wa_session.receive("hello", id=id_)
        assert [message.id for message in taken] == ["A", "B"]


async def test_every_kind_of_message_can_be_received(wa_session: FakeSession) -> None:
    async with wa_session as session, reading(session) as taken:
        picture = {"imageMessage": {"mimetype": "image/png", "caption": "look", "fileLength": 9}}
        await wa_session.receive_event(message_event(picture, at=wa_session.clock.wall()))
        await wa_session.receive("from the phone", from_me=True)
        # The gate's `own` is off, so what we wrote ourselves is no message to answer.
        (message,) = taken
        assert (message.kind, message.text) == (Kind.IMAGE, "look")
        assert message.media is not None
        assert (message.media.mime, message.media.size) == ("image/png", 9)


async def test_a_file_is_downloaded_before_the_test_goes_on(
    wa_session: FakeSession, tmp_path: Path
) -> None:
    async def keep(session: Supervisor) -> None:
        async for message in session.messages():
            assert message.media is not None
            await message.media.download(tmp_path / "picture.png")

    wa_session.played.file = b"a picture"
    wa_session.restrict()  # which is of messages to new contacts
    async with wa_session as session:
        program = asyncio.create_task(keep(session))
        digest = hashlib.sha256(b"a picture").digest()
        picture = {"mimetype": "image/png", "fileLength": 9, "fileSHA256": digest}
        event = message_event({"imageMessage": picture}, at=wa_session.clock.wall())
        await wa_session.receive_event(event)
        assert (tmp_path / "picture.png").read_bytes() == b"a picture"
    await program


async def test_a_message_that_nobody_would_ever_see_is_an_error(wa_session: FakeSession) -> None:
    async with wa_session:
        with pytest.raises(Misused, match="nobody has begun to read"):
            await wa_session.receive("hello")


async def test_any_method_of_the_client_can_be_called(wa_session: FakeSession) -> None:
    wa_session.played.results["get_joined_groups"] = ["12036300@g.us"]
    async with wa_session as session:
        await session.wait_for(State.CONNECTED, timeout=10)
        assert await session.call("get_joined_groups") == ["12036300@g.us"]
        assert await session.call("get_blocklist") is None


async def test_nothing_is_left_on_the_disk() -> None:
    store = MemoryStore(paired=True)
    async with FakeSession(store=store) as session:
        await greet(session)
    directory = store.inbox.parent
    assert directory.is_dir()
    del session, store
    gc.collect()
    assert not directory.exists()
