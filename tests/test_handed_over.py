"""What a program hands over that cannot be taken: it is said so, and nothing was begun."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

import pytest

from wa_supervisor import Misused, SendError
from wa_supervisor.messages.errors import SendTimeout
from wa_supervisor.testing import FakeSession

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ANN = "+4915112345678"


@pytest.fixture
async def session() -> AsyncIterator[FakeSession]:
    async with FakeSession() as session:
        yield session


@pytest.mark.parametrize("name", ["", "@bot", "\ud800", "x" * 257, 5, None])
async def test_a_readers_name_is_a_text(session: FakeSession, name: Any) -> None:
    with pytest.raises(Misused, match="a reader's name"):
        session.messages(name)
    assert session.status.received is not None
    assert dict(session.status.received.readers) == {}


@pytest.mark.parametrize("key", ["", "\ud800", "x" * 257, 17])
async def test_a_key_is_a_text(session: FakeSession, key: Any) -> None:
    with pytest.raises(Misused, match="an idempotency key"):
        await session.send_text(ANN, "x", key=key)
    assert session.sent == []


@pytest.mark.parametrize("seconds", [0, -1, math.nan])
async def test_a_message_that_has_no_time_is_not_an_unknown_one(
    session: FakeSession, seconds: float
) -> None:
    with pytest.raises(Misused, match="more than 0 seconds"):
        await session.send_text(ANN, "x", key="k", timeout=seconds)
    await session.send_text(ANN, "x", key="k")
    assert len(session.sent) == 1


async def test_what_is_too_long_for_the_session_process_keeps_its_key(
    session: FakeSession,
) -> None:
    with pytest.raises(Misused, match="8 MiB at most"):
        await session.send_text(ANN, "x" * (9 << 20), key="k")
    with pytest.raises(Misused, match="8 MiB at most"):
        await session.call("set_profile_photo", b"x" * (9 << 20))
    await session.send_text(ANN, "short", key="k")
    assert [each.text for each in session.sent] == ["short"]


async def test_typing_that_cannot_be_ended_hides_no_error_and_makes_none(
    session: FakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[bool, float]] = []

    async def request(what: str, arguments: dict[str, Any], *, within: float) -> None:
        assert what == "typing"
        asked.append((arguments["on"], within))
        if not arguments["on"]:
            raise SendTimeout("no answer")

    monkeypatch.setattr(session._outgoing, "request", request)
    async with session.typing(ANN):
        pass
    with pytest.raises(ZeroDivisionError):
        async with session.typing(ANN):
            raise ZeroDivisionError
    with pytest.raises(asyncio.CancelledError):
        async with session.typing(ANN):
            raise asyncio.CancelledError
    assert [on for on, _ in asked] == [True, False] * 3
    assert all(within <= 2.0 for on, within in asked if not on)


async def test_typing_that_cannot_begin_says_so(
    session: FakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def request(*_: object, **__: object) -> None:
        raise SendTimeout("no answer")

    monkeypatch.setattr(session._outgoing, "request", request)
    with pytest.raises(SendError):
        async with session.typing(ANN):
            pass
