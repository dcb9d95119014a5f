"""Processes die; a crash never costs the pairing."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from e2e.harness import QUICK, quick
from e2e.processes import parent_of, until
from lab.processes import alive
from wa_supervisor import Reason, crashes
from wa_supervisor.store.sqlite.device import is_paired

if TYPE_CHECKING:
    from e2e.harness import World

pytestmark = pytest.mark.e2e


async def test_a_go_panic_costs_a_short_wait_and_no_keys(world: World) -> None:
    run, connection = await world.paired()
    device = connection.device
    assert device is not None
    await connection.panic()
    crashed = await run.reach("Backoff", reason="child_exited")
    assert crashed.fact == "ChildExited"
    detail = run.supervisor.status.detail
    assert "panic" in detail
    again = await run.reach("Connected")
    assert again.generation == 2
    assert run.states == ["Init", "Pairing", "Connected", "Backoff", "Init", "Connected"]
    assert len(run.codes.shown) == 1
    assert (await world.server.wait_connected(device)).device is device


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
async def test_a_killed_client_is_back_with_its_keys(world: World, number: signal.Signals) -> None:
    run, _ = await world.paired()
    run.kill(number)
    await run.reach("Backoff", reason="child_exited")
    await run.reach("Connected")
    assert len(run.codes.shown) == 1
    assert "PurgeSession" not in run.effects


async def test_what_a_bot_printed_is_in_the_report_of_its_crash_and_in_no_fact(
    world: World,
) -> None:
    """Message text has no shape: the canary looks for it wherever else something is written."""
    text, name = "the treaty of Westphalia", "Rosalind Franklin"
    world.canary.learn_message(text, name)
    bot = world.bot(
        """
        import threading

        @client.event(events.MessageEv)
        def heard(client, message):
            text = message.Message.extendedTextMessage.text or message.Message.conversation
            print(f"panic: {message.Info.Pushname} says", text, flush=True)

            def fail():
                raise ValueError(f"what is {text}?")

            thread = threading.Thread(target=fail)
            thread.start()
            thread.join()
            os._exit(70)
        """
    )
    proxy = world.server.endpoint.proxy.replace("http://", "http://me:correct-horse@")
    endpoint = world.endpoint(proxy=SecretStr(proxy))
    run, connection = await world.paired(bot=bot, endpoint=endpoint)
    device = connection.device
    assert device is not None
    world.server.contact(name).say(device.phone, text)
    await run.reach("Backoff")
    await run.reach("Connected")
    await until(lambda: bool(crashes.read(world.files().directory)[0]))
    (report,), _ = crashes.read(world.files().directory)
    assert f"{name} says {text}" in report.printed
    assert f"ValueError: what is {text}?" in report.printed
    for step in run.records:
        assert "treaty" not in str(step)


async def test_a_client_killed_while_its_qr_shows_shows_another(world: World) -> None:
    run = world.start()
    await run.reach("Pairing")
    run.kill()
    await run.reach("Backoff", reason="child_exited")
    await until(lambda: run.codes.showing is None)
    await world.pair(run)
    assert len(run.codes.shown) == 2


async def test_a_dead_fork_server_is_replaced(world: World) -> None:
    run, _ = await world.paired()
    server = parent_of(run.pid)
    os.kill(server, signal.SIGKILL)
    await run.reach("Backoff", reason="child_exited")
    await run.reach("Connected")
    assert server not in world.fork_servers.pids


async def test_a_client_that_keeps_dying_is_given_up_with_its_keys_kept(world: World) -> None:
    policy = quick(backoff=QUICK.model_copy(update={"max_retries": 2}))
    run, _ = await world.paired(policy=policy)
    for _ in range(2):
        run.kill()
        await run.reach("Connected")
    run.kill()
    await run.reach("GaveUp", reason="retries_exhausted")
    assert run.supervisor.status.cause is Reason.CHILD_EXITED
    assert is_paired(world.files().database)
    run.supervisor.resume()
    resumed = await run.reach("Connected")
    assert resumed.retries == 0


async def test_a_client_that_hangs_is_killed_at_the_stop(world: World) -> None:
    run, _ = await world.paired()
    pid = run.pid
    assert pid is not None
    run.kill(signal.SIGSTOP)
    await run.stop()
    await until(lambda: not alive(pid), 1)


# -- files that cannot be cleared away ------------------------------------------------------------


async def test_a_failed_purge_is_told_and_nothing_is_paired_on_top(world: World) -> None:
    run, connection = await world.paired()
    device = connection.device
    assert device is not None
    obstacle = world.files().quarantine
    obstacle.touch(0o600)  # nothing can be set aside in a file
    await device.phone.remove(device)
    await run.reach("Purging")
    await run.reach("GaveUp", reason="purge_failed")
    status = run.supervisor.status
    assert obstacle.name in status.detail
    assert status.hints
    dials = world.server.dials
    obstacle.unlink()
    assert world.server.dials == dials
    assert len(run.codes.shown) == 1
    run.supervisor.resume()
    await run.reach("Purging")
    await world.pair(run)
    assert len(run.codes.shown) == 2


async def test_a_file_that_is_no_database_is_never_paired_over(world: World) -> None:
    files = world.files()
    files.prepare()
    rubbish: Any = b"not a database, " * 100
    files.database.write_bytes(rubbish)
    run = world.start()
    await run.reach("GaveUp", reason="storage_failed")
    assert "session.db" in run.supervisor.status.detail
    assert world.server.dials == 0
    await run.stop()
    assert files.database.read_bytes() == rubbish
