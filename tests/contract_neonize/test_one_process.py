"""What several clients in one process do to it: why each session has a process of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from contract_neonize.conftest import QUIET
from wa_loopback import Failure, Step

if TYPE_CHECKING:
    from contract_neonize.conftest import Program
    from wa_loopback import LoopbackServer

pytestmark = pytest.mark.e2e

GENERATIONS = 5


async def test_a_client_that_was_stopped_leaves_its_database_open_and_no_thread(
    server: LoopbackServer, program: Program
) -> None:
    """Measured: 1 to 2 descriptors a generation, 1.2 on average; 61 after 50 of them."""
    await program.pair(server, "client0")
    at_work = await program.do("census")
    for number in range(1, GENERATIONS + 1):
        await program.do(f"call client{number - 1} stop")
        await program.expect("returned", client=f"client{number - 1}")
        await program.connect(f"client{number}")
    later = await program.do("census")
    assert at_work["foreground"] == ["MainThread", "client0"]
    assert later["foreground"] == ["MainThread", f"client{GENERATIONS}"]
    assert later["database"] >= at_work["database"] + GENERATIONS
    assert later["kernel_threads"] <= at_work["kernel_threads"] + GENERATIONS


async def test_a_client_that_was_stopped_while_pairing_leaves_a_thread_for_good(
    program: Program,
) -> None:
    for number in range(3):
        await program.do(f"connect client{number}")
        await program.expect("qr", client=f"client{number}")
        await program.do(f"call client{number} stop")
    assert [line["kind"] for line in await program.silence(2 * QUIET)] == []
    foreground = (await program.do("census"))["foreground"]
    assert foreground == ["MainThread", "client0", "client1", "client2"]


@pytest.mark.parametrize("stopped", [False, True], ids=["unstopped", "stopped"])
async def test_a_program_cannot_end_once_a_qr_has_shown(program: Program, stopped: bool) -> None:
    await program.do("connect client")
    await program.expect("qr")
    if stopped:
        await program.do("call client stop")
    program.tell("leave")
    await program.expect("leaving")
    await asyncio.sleep(2 * QUIET)
    assert program.process.returncode is None


async def test_neonize_itself_starts_daemon_threads_only(program: Program) -> None:
    assert (await program.do("census"))["foreground"] == ["MainThread"]


async def test_the_collection_of_an_old_client_stops_its_successor_of_the_same_uuid(
    server: LoopbackServer, program: Program
) -> None:
    await program.pair(server, "twin")
    await program.do("call twin stop")
    await program.expect("returned")
    await program.connect("twin")
    program.tell("collect")
    await program.expect("returned", client="twin")


async def test_a_stop_before_connect_is_lost(server: LoopbackServer, program: Program) -> None:
    await program.pair(server, "client0")
    await program.do("stop client1")
    await program.do("call client0 stop")
    await program.expect("returned")
    await program.connect("client1")


async def test_a_question_to_a_stopped_client_aborts_the_process(
    server: LoopbackServer, program: Program
) -> None:
    await program.pair(server, "client")
    await program.do("call client stop")
    await program.expect("returned")
    program.tell("call client get_me")
    assert await program.exit() == -6


async def test_handlers_run_one_at_a_time_on_the_thread_that_connects(
    server: LoopbackServer, program: Program
) -> None:
    await program.pair(server, "client")
    await program.do("slow 3")
    await server.connections[-1].stream_error("500")  # and closes: two more events to come
    first = await program.expect("event", name="StreamError")
    assert first["thread"] == "client"
    assert await program.silence(QUIET) == []
    await program.expect("event", name="Disconnected", thread="client")


async def test_what_a_handler_raises_is_lost_even_a_system_exit(
    server: LoopbackServer, program: Program
) -> None:
    await program.pair(server, "client")
    await program.do("raise")
    await server.connections[-1].drop()
    await program.expect("event", name="Disconnected")
    await program.expect("event", name="Connected")


async def test_an_event_that_cannot_be_encoded_leaves_a_connection_that_nobody_owns(
    server: LoopbackServer, program: Program
) -> None:
    await program.pair(server, "client")
    server.on_login(Failure(418, close=False))
    await server.connections[-1].drop()
    await program.expect("raised")
    await asyncio.sleep(QUIET)
    assert len(server.connections) == 1


async def test_while_a_handshake_hangs_stop_and_is_connected_hang_and_is_logged_in_does_not(
    server: LoopbackServer, program: Program
) -> None:
    server.stall(Step.HANDSHAKE)
    await program.do("connect client")
    assert await program.silence(QUIET) == []
    assert server.dials == 1
    program.tell("call client is_connected")
    program.tell("call client stop")
    assert await program.silence(2 * QUIET) == []
    assert await program.do("call client is_logged_in") is False


async def test_is_logged_in_outlives_the_connection_but_not_a_stream_error(
    server: LoopbackServer, program: Program
) -> None:
    await program.pair(server, "client")
    assert await program.do("call client is_logged_in") is True
    connection = server.connections[-1]
    server.proxy_status = 502
    await connection.drop()
    await program.expect("event", name="Disconnected")
    assert await program.do("call client is_logged_in") is True
    server.proxy_status = None
    await program.expect("event", name="Connected")
    await server.connections[-1].stream_error(conflict="replaced", close=False)
    await program.expect("event", name="StreamReplaced")
    assert await program.do("call client is_logged_in") is False


async def test_go_prints_on_standard_output(server: LoopbackServer, program: Program) -> None:
    await program.pair(server, "client")
    assert "success" in program.printed()
