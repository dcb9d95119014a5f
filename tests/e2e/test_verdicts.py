"""What WhatsApp answers to a login, and what becomes of the session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from e2e.harness import quick
from e2e.processes import until
from wa_loopback import Failure, Silence, StreamError
from wa_loopback.observations import LoginAnswered
from wa_supervisor.lifecycle import facts
from wa_supervisor.lifecycle.policy import Conflict, Limit
from wa_supervisor.session.parent.session_process import SessionProcess
from wa_supervisor.session.shared import protocol
from wa_supervisor.store import CredentialKeeper

if TYPE_CHECKING:
    from e2e.harness import World
    from e2e.runs import Run
    from wa_loopback.answers import LoginAnswer
    from wa_supervisor import StepRecord

# Left open: of a last word and a close behind it whatsmeow may see only the close.
REPLACED = StreamError(conflict="replaced", close=False)

pytestmark = pytest.mark.e2e


def _refusal(reason: int, code: int | None = None, expire: int | None = None) -> Failure:
    return Failure(reason, code, expire, close=False)


async def _answered(world: World, *answers: LoginAnswer, **settings: Any) -> Run:
    """A paired session whose next logins, by a process of their own, are answered so."""
    run, _ = await world.paired(**settings)
    for answer in answers:
        world.server.on_login(answer)
    run.kill()
    await run.reach("Init")
    return run


def _wait(record: StepRecord) -> float:
    assert record.not_before is not None
    return (record.not_before - record.ts).total_seconds()


def _went_after_login(run: Run) -> list[str]:
    assert run.states[:5] == ["Init", "Pairing", "Connected", "Backoff", "Init"]
    return run.states[5:]


async def test_a_login_rejected_once_is_tried_again_with_the_snapshot(world: World) -> None:
    run = await _answered(world, _refusal(401))
    await run.reach("LoggedOut", reason="login_rejected")
    await run.reach("Backoff", reason="restored")
    await run.reach("Connected")
    assert "PurgeSession" not in run.effects
    assert len(run.codes.shown) == 1


async def test_a_login_rejected_twice_purges_and_pairs_afresh(world: World) -> None:
    run = await _answered(world, _refusal(401), _refusal(401))
    await run.reach("Backoff", reason="restored")
    await run.reach("LoggedOut", reason="login_rejected")
    await run.reach("Purging")
    await world.pair(run)
    assert run.effects.count("RestoreSession") == 1
    assert run.effects.count("PurgeSession") == 1


def _rejections(world: World, before: int) -> int:
    seen = world.server.log[before:]
    return sum(isinstance(each, LoginAnswered) for each in seen)


def _lose_logouts_of(generation: int, world: World) -> None:
    """Have what this process says of the keys lost on the way."""
    take = SessionProcess._take

    def lossy(process: SessionProcess, frame: protocol.Up) -> None:
        lost = isinstance(frame, protocol.FactFrame) and isinstance(frame.fact, facts.LoggedOut)
        if not (lost and frame.generation == generation):
            take(process, frame)

    world.monkeypatch.setattr(SessionProcess, "_take", lossy)


@pytest.mark.parametrize("again", ["at once", "after a restart"])
async def test_dead_keys_are_presented_twice_though_the_first_rejection_is_lost(
    world: World, again: str
) -> None:
    """whatsmeow has deleted the keys; the supervisor replaced, or stopped, a mute client."""
    policy = quick(start_timeout=3.0, stop_timeout=15.0)
    run, _ = await world.paired(policy=policy)
    await run.stop()
    for _ in range(4):
        world.server.on_login(_refusal(401))
    before = len(world.server.log)
    _lose_logouts_of(2, world)
    run = world.start(policy=policy)
    await until(lambda: _rejections(world, before) == 1)
    if again == "after a restart":
        await run.stop()
        run = world.start(policy=policy)
    else:
        await run.reach("Backoff", reason="start_timeout")
    unheard = await run.fact("LoggedOut")
    assert (unheard.reason, unheard.effects) == ("login_rejected", ("StopChild",))
    await run.fact("StartRefused")
    await run.reach("Backoff", reason="restored")
    await run.fact("LoggedOut")
    await run.reach("Purging")
    await run.reach("Pairing")
    assert _rejections(world, before) == 2


async def test_a_rejected_login_without_a_snapshot_purges_and_pairs_afresh(
    world: World,
) -> None:
    world.monkeypatch.setattr(CredentialKeeper, "restore", lambda _: False)
    run = await _answered(world, _refusal(401))
    await run.reach("LoggedOut", reason="login_rejected")
    await world.pair(run)
    assert _went_after_login(run) == [
        "LoggedOut",
        "Purging",
        "Backoff",
        "Init",
        "Pairing",
        "Connected",
    ]
    assert run.effects.count("RestoreSession") == 1
    assert run.effects.count("PurgeSession") == 1


@pytest.mark.parametrize(
    ("code", "reason"),
    [(403, "locked"), (405, "outdated"), (406, "banned"), (409, "bad_user_agent")],
)
async def test_what_only_a_person_can_mend_is_left_alone(
    world: World, code: int, reason: str
) -> None:
    run = await _answered(world, _refusal(code))
    await run.reach("GaveUp", reason=reason)
    await until(lambda: run.pid is None)
    assert run.effects.count("Notify") == 1
    dials = world.server.dials
    assert len(run.codes.shown) == 1
    assert "PurgeSession" not in run.effects
    assert world.files().database.exists()
    assert run.supervisor.status.hints
    await run.stop()
    assert world.server.dials == dials


async def test_a_temporary_ban_is_waited_out(world: World) -> None:
    policy = quick(ban_margin=0.1)
    run = await _answered(world, _refusal(402, code=101, expire=2), policy=policy)
    banned = await run.reach("Backoff", reason="temporary_ban")
    assert 1.9 < _wait(banned) <= 2.1
    back = await run.reach("Init")
    assert banned.not_before is not None
    assert back.ts >= banned.not_before
    await run.reach("Connected")
    assert "PurgeSession" not in run.effects


@pytest.mark.parametrize("expire", [0, None])
async def test_a_ban_without_an_end_is_a_long_wait(world: World, expire: int | None) -> None:
    run = await _answered(world, _refusal(402, code=106, expire=expire))
    banned = await run.reach("Backoff", reason="temporary_ban")
    assert 86_399 < _wait(banned) <= 86_460


async def test_a_ban_too_many_is_held_for_an_operator(world: World) -> None:
    policy = quick(ban_margin=0.1, bans=Limit(count=1, window=3600))
    ban = _refusal(402, code=101, expire=1)
    run = await _answered(world, ban, ban, policy=policy)
    await run.reach("Backoff", reason="temporary_ban")
    await run.reach("GaveUp", reason="banned_again")
    run.supervisor.resume()
    await run.reach("Connected")


@pytest.mark.parametrize("code", [400, 501, 418])
async def test_another_refusal_is_retried(world: World, code: int) -> None:
    run = await _answered(world, _refusal(code))
    await run.reach("Backoff", reason="connect_refused", retries=2)
    await run.reach("Connected")
    assert len(run.codes.shown) == 1


@pytest.mark.parametrize("code", [500, 503])
async def test_a_server_that_is_busy_is_redialled_by_the_client_itself(
    world: World, code: int
) -> None:
    run = await _answered(world, Failure(code))
    connected = await run.reach("Connected")
    assert connected.generation == 2
    assert _went_after_login(run) == ["Connected"]


@pytest.mark.parametrize("answer", [Failure(503, close=False), Silence()], ids=["503", "silence"])
async def test_a_login_left_hanging_is_ended_by_our_clock(world: World, answer: Any) -> None:
    run = await _answered(world, answer, policy=quick(start_timeout=3))
    hung = await run.reach("Backoff", reason="start_timeout")
    connected = await run.reach("Connected")
    assert connected.generation == hung.generation + 1
    assert len(run.codes.shown) == 1


# -- somebody else has the session ----------------------------------------------------------------


async def test_a_replaced_session_holds_back_for_half_a_minute(world: World) -> None:
    run, connection = await world.paired()
    await connection.finish_with(REPLACED)
    assert _wait(await run.reach("Backoff", reason="replaced")) > 29.5
    dials = world.server.dials
    await run.stop()
    assert world.server.dials == dials


async def test_a_replaced_session_comes_back_a_few_times_and_then_gives_up(world: World) -> None:
    run, connection = await world.paired(policy=quick(conflict_wait=0.2))
    device = connection.device
    assert device is not None
    for _ in range(2):
        await connection.finish_with(REPLACED)
        await run.reach("Backoff", reason="replaced")
        await run.reach("Connected")
        connection = await world.server.wait_connected(device)
    await connection.finish_with(REPLACED)
    await run.reach("GaveUp", reason="replaced")
    assert "PurgeSession" not in run.effects


async def test_a_yielding_session_gives_up_at_once(world: World) -> None:
    run, connection = await world.paired(policy=quick(conflict=Conflict.YIELD))
    await connection.finish_with(REPLACED)
    await run.reach("GaveUp", reason="replaced")
    assert "Backoff" not in run.states


async def test_a_login_that_is_replaced_at_once_holds_back_too(world: World) -> None:
    run = await _answered(world, REPLACED)
    assert _wait(await run.reach("Backoff", reason="replaced")) > 29.5


def _rejected(world: World) -> int:
    answers = [seen.answer for seen in world.server.log if isinstance(seen, LoginAnswered)]
    return sum(isinstance(answer, Failure) for answer in answers)


async def test_dead_keys_are_presented_twice_though_a_spent_budget_replaces_the_client(
    world: World,
) -> None:
    run, connection = await world.paired(policy=quick(flaps=Limit(count=1, window=60)))
    await connection.drop()
    await run.fact("Disconnected")
    await run.fact("Connected")
    world.server.on_login(Failure(401), times=None)
    await world.server.connections[-1].drop()
    await run.reach("Purging")
    await run.reach("Pairing")
    assert _rejected(world) == 2


async def test_dead_keys_are_presented_twice_though_an_operator_stops_in_between(
    world: World,
) -> None:
    run, connection = await world.paired()
    world.server.on_login(Failure(401), times=None)
    await connection.drop()
    await run.fact("Disconnected")
    await run.stop()
    assert _rejected(world) == 1
    again = world.start()
    await again.reach("Pairing")
    assert _rejected(world) == 2
