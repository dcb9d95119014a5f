"""The session to test one's own program with: what it plays, and that the same runs on both."""

from __future__ import annotations

import pytest

from wa_supervisor import Hopeless, Restricted, State, Supervisor, facts
from wa_supervisor.testing import FakeSent, FakeSession

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
