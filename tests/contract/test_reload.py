"""What SIGHUP changes, and what it only tells."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wa_supervisor.cli.reload import NeedsRestart, reload
from wa_supervisor.lifecycle import facts
from wa_supervisor.settings import load_settings
from wa_supervisor.testing.fake_session import FakeSession

if TYPE_CHECKING:
    from collections.abc import Callable

NUMBER = "15550001234"


class Reloaded:
    """A supervisor of a file, and the file."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "config.toml"
        self.file.write_text("")
        self.read = partial(load_settings, self.file, {"data_dir": directory})
        self.supervisor = FakeSession(self.read().settings, connects=False)

    def reload(self, text: str) -> tuple[NeedsRestart, ...]:
        self.file.write_text(text)
        return reload(self.supervisor, self.read)


@pytest.fixture
def reloaded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Reloaded:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    caplog.set_level(logging.INFO, "wa_supervisor")
    return Reloaded(tmp_path)


async def _wait_after_a_failure(session: FakeSession) -> float:
    """Let the dial fail, and return how long the next one waits."""
    await session.hear(facts.DialFailed, "")
    await session.hear(facts.ChildExited, 3, None)
    return _wait(session)


def _wait(session: FakeSession) -> float:
    until = session.status.not_before
    assert until is not None
    return (until - session.clock.wall()).total_seconds()


async def test_a_number_of_the_policy_takes_effect_at_the_next_decision(
    reloaded: Reloaded,
) -> None:
    async with reloaded.supervisor as session:
        assert reloaded.reload("[policy.backoff]\nbase = 42\njitter = 0\n") == ()
        assert await _wait_after_a_failure(session) == 42


async def test_a_profile_takes_effect_too(
    reloaded: Reloaded, caplog: pytest.LogCaptureFixture
) -> None:
    async with reloaded.supervisor as session:
        assert reloaded.reload('profile = "zeroclaw"') == ()
        assert await _wait_after_a_failure(session) == 3
    assert reloaded.supervisor.settings.profile == "zeroclaw"
    assert "changed: profile, policy.backoff.shape" in caplog.text


async def test_what_is_started_from_now_on_goes_by_the_new_numbers(reloaded: Reloaded) -> None:
    async with reloaded.supervisor as session:
        await session.settle()
        assert session.played.specs[-1].watch.pulse == 30
        reloaded.reload("[watch]\npulse = 7\n")
        await session.advance(await _wait_after_a_failure(session))
        assert session.played.generation == 2
        assert session.played.specs[-1].watch.pulse == 7


async def test_the_gate_judges_by_the_new_list_from_the_next_message_on(
    reloaded: Reloaded, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    reloaded.supervisor = FakeSession(reloaded.read().settings)
    async with reloaded.supervisor as session:
        reading = asyncio.create_task(anext(session.messages()))
        await session.settle()
        assert reloaded.reload("[policy]\nstop_timeout = 9\n") == ()
        await session.receive("is nobody there", sender=f"+{NUMBER}")
        assert session.status.received is not None
        assert session.status.received.refused == {"nobody_listed": 1}
        listed = f'[gate]\nallow = ["+{NUMBER}"]\n[policy]\nstop_timeout = 9\n'
        assert reloaded.reload(listed) == ()
        assert session.settings.policy.stop_timeout == 9
        await session.receive("and now", sender=f"+{NUMBER}")
        assert (await reading).text == "and now"
    assert "changed: gate.allow" in caplog.text
    assert NUMBER not in caplog.text


async def test_a_gate_that_is_given_with_its_defaults_stands_before_a_bot_from_then_on(
    reloaded: Reloaded,
) -> None:
    async with reloaded.supervisor as session:
        await session.settle()
        assert reloaded.reload('[gate]\ndirect = "allowlist"\n') == ()
        assert session.settings.gate.is_given
        reloaded.reload("")
        assert not session.settings.gate.is_given


async def test_a_wait_that_has_begun_keeps_its_end(reloaded: Reloaded) -> None:
    async with reloaded.supervisor as session:
        before = await _wait_after_a_failure(session)
        reloaded.reload("[policy.backoff]\nbase = 42\n")
        assert _wait(session) == before
        await session.advance(before)
        assert session.played.generation == 2


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('session = "other"', "session"),
        ('bot = "mybot:register"', "bot"),
        ('[pairing]\nqr = ["svg:qr.svg"]', "pairing.qr"),
        (f'[pairing]\nphone = "{NUMBER}"', "pairing.phone"),
        ('[endpoint]\nproxy = "http://user:secret@127.0.0.1:9"', "endpoint.proxy"),
        ("[journal]\nkeep_rows = 5", "journal.keep_rows"),
    ],
)
def test_what_takes_a_restart_is_named_and_left(
    reloaded: Reloaded, caplog: pytest.LogCaptureFixture, text: str, key: str
) -> None:
    before = reloaded.supervisor.settings
    assert NeedsRestart(key) in reloaded.reload(text)
    assert f"{key} was changed: that takes a restart" in caplog.text
    assert reloaded.supervisor.settings == before
    assert NUMBER not in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.write_text("[policy.backoff]\nbase = -1\n"),
        lambda file: file.write_text("polcy = 1\n"),
        lambda file: file.write_text("no toml"),
        Path.unlink,
    ],
)
def test_wrong_settings_leave_the_old_ones_and_are_logged(
    reloaded: Reloaded, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], object]
) -> None:
    before = reloaded.supervisor.settings
    spoil(reloaded.file)
    assert reload(reloaded.supervisor, reloaded.read) == ()
    assert "the settings are wrong, the old ones stay" in caplog.text
    assert reloaded.supervisor.settings is before


def test_nothing_changed_is_said_too(reloaded: Reloaded, caplog: pytest.LogCaptureFixture) -> None:
    reloaded.reload("")
    assert "changed: nothing" in caplog.text
