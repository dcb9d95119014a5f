"""The real neonize, in the real session process, against the loopback server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from e2e.link_world import LinkWorld as World
from e2e.link_world import link_world
from e2e.processes import parent_of
from wa_loopback import Failure, Refs, Silence, StreamError
from wa_supervisor.lifecycle import Logout, facts
from wa_supervisor.session.parent.launch import SpawnLauncher
from wa_supervisor.session.parent.link import ExitCode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from wa_supervisor.session.parent.fork_servers import ForkServers

pytestmark = pytest.mark.e2e


@pytest.fixture
async def world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fork_servers: ForkServers
) -> AsyncIterator[World]:
    async with link_world(tmp_path, monkeypatch, fork_servers) as world:
        yield world


def _maps_neonize(pid: int) -> bool:
    return "neonize-linux" in Path(f"/proc/{pid}/maps").read_text()


def _entries(directory: str) -> int:
    return sum(1 for _ in Path(directory).iterdir())


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


async def _until(condition: Callable[[], bool], within: float = 5.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - other processes have no events
            await asyncio.sleep(0.01)


# -- pairing and logging in ----------------------------------------------------------------------


@pytest.mark.parametrize("spawns", [False, True], ids=["fork", "spawn"])
async def test_a_new_device_pairs_and_a_killed_one_logs_in_again(
    world: World, *, spawns: bool
) -> None:
    if spawns:
        world.use(launcher=SpawnLauncher())
    qr = await world.pair()
    assert qr.lifetime == 60
    assert qr.payload.get_secret_value().startswith("https://wa.me/settings/linked_devices#")
    assert world.link.pid is not None
    assert world.link.hello is not None
    assert world.link.hello.pid == world.link.pid

    os.kill(world.link.pid, signal.SIGKILL)
    gone = await world.expect(facts.ChildExited)
    assert (gone.returncode, gone.signal) == (None, signal.SIGKILL)
    assert world.link.pid is None

    await world.start()
    await world.expect(facts.Connected)
    assert (await world.stop()).returncode == ExitCode.STOPPED


async def test_go_is_in_the_session_process_and_nowhere_else(world: World) -> None:
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    await world.start()
    await world.expect(facts.QrOffered)
    assert world.link.pid is not None
    server = parent_of(world.link.pid)
    assert _maps_neonize(world.link.pid)
    assert not _maps_neonize(server)
    assert not _maps_neonize(os.getpid())
    assert _entries(f"/proc/{server}/task") == 1
    assert (logging.getLogger().handlers, logging.getLogger().level) == (handlers, level)


async def test_a_pair_code_is_offered_in_place_of_qrs(world: World) -> None:
    phone = world.server.phone("15550002222")
    await world.start(phone=SecretStr("+1 555 000 2222"))
    offer = await world.expect(facts.PairCodeOffered)
    assert offer.lifetime == 160
    await phone.enter_code(offer.code)
    await world.expect(facts.PairSucceeded)
    await world.expect(facts.Connected)


async def test_a_refused_pair_code_is_a_fact_that_knows_the_limit(world: World) -> None:
    world.server.rate_limit_pair_codes = True
    await world.start(phone=SecretStr("15550002222"))
    assert (await world.expect(facts.PairCodeRefused)).limited


async def test_a_database_path_with_uri_characters_is_that_very_file(world: World) -> None:
    await world.pair(name="we?ird #%41&mode=ro")
    await world.stop()
    assert [path.name for path in world.directory.iterdir()] == ["we?ird #%41&mode=ro.db"]


async def test_pairing_that_runs_out_is_told_though_connect_never_returns(world: World) -> None:
    world.server.on_registration(Refs(0))
    await world.start()
    await world.expect(facts.PairingTimedOut)
    assert (await world.stop(pairing=True)).signal == signal.SIGKILL


async def test_pairing_facts_follow_what_the_server_answers(world: World) -> None:
    answers: list[tuple[Any, facts.ChildFact]] = [
        (Failure(405, close=False), facts.ClientOutdated(0)),
        (Failure(403, close=False), facts.PairingFailed(0, status="err-unexpected-state")),
    ]
    for generation, (answer, expected) in enumerate(answers, 1):
        world.server.on_registration(answer)
        await world.start(f"fresh-{generation}")
        told = await world.expect(type(expected))
        assert told == type(expected)(
            generation, *(getattr(expected, name) for name in expected.__slots__)
        )
        await world.stop(pairing=True)


# -- what the server decides -----------------------------------------------------------------------

_AT_LOGIN: dict[str, tuple[Any, Callable[[int], facts.ChildFact]]] = {
    "rejected": (Failure(401, close=False), lambda g: facts.LoggedOut(g, Logout.REJECTED)),
    "locked": (Failure(403, close=False), lambda g: facts.LoggedOut(g, Logout.LOCKED)),
    "banned": (Failure(406, close=False), lambda g: facts.LoggedOut(g, Logout.BANNED)),
    "outdated": (Failure(405, close=False), facts.ClientOutdated),
    "user-agent": (Failure(409, close=False), facts.BadUserAgent),
    "generic": (Failure(400, close=False), lambda g: facts.ConnectFailure(g, 400)),
    "experimental": (Failure(501, close=False), lambda g: facts.ConnectFailure(g, 501)),
    "unknown": (Failure(418, close=False), lambda g: facts.ConnectFailure(g, None)),
    "ban": (
        Failure(402, code=101, expire=3600, close=False),
        lambda g: facts.TemporaryBan(g, 101, 3600.0),
    ),
    "ban-forever": (
        Failure(402, code=106, expire=0, close=False),
        lambda g: facts.TemporaryBan(g, 106, None),
    ),
    "ban-unknown": (
        Failure(402, code=105, expire=60, close=False),
        lambda g: facts.TemporaryBan(g, None, None),
    ),
    "replaced": (StreamError(conflict="replaced", close=False), facts.StreamReplaced),
}


async def test_every_answer_to_a_login_is_its_own_fact(world: World) -> None:
    await world.pair()
    await world.stop()
    for generation, (name, (answer, expected)) in enumerate(_AT_LOGIN.items(), 2):
        # A logout deletes the device: each case has its own copy.
        shutil.copy(world.directory / "session.db", world.directory / f"{name}.db")
        world.server.on_login(answer)
        await world.start(name, paired=True)
        assert await world.expect(facts.ChildFact) == expected(generation), name
        await world.stop()
        while not world._inbox.empty():
            world._inbox.get_nowait()


# A server that closes at once makes whatsmeow drop, now and then, what it had said before
# ("Closing handler queue loop in the middle of handling"): hence close=False.


async def test_unlinking_on_the_phone_is_a_removal(world: World) -> None:
    connection = await world.paired_connection()
    await connection.stream_error(code="401", conflict="device_removed", close=False)
    assert (await world.expect(facts.LoggedOut)).how is Logout.REMOVED


async def test_a_dropped_link_comes_back_by_itself(world: World) -> None:
    connection = await world.paired_connection()
    await connection.stream_error(code="500", close=False)
    assert (await world.expect(facts.StreamError)).code == "500"
    await connection.close()
    await world.expect(facts.Disconnected)
    await world.expect(facts.Connected)


async def test_missed_keepalives_are_counted_and_their_return_is_told(world: World) -> None:
    connection = await world.paired_connection(keepalive=0.03)
    connection.mute()
    assert (await world.expect(facts.KeepAliveTimeout)).errors == 1
    connection.unmute()
    fact = await world.expect(facts.ChildFact)
    while isinstance(fact, facts.KeepAliveTimeout):
        fact = await world.expect(facts.ChildFact)
    assert isinstance(fact, facts.KeepAliveRestored)


async def test_a_refused_dial_is_a_fact_and_ends_the_process(world: World) -> None:
    world.server.refuse()
    await world.start()
    failed = await world.expect(facts.DialFailed)
    assert "refused" in failed.detail
    assert (await world.expect(facts.ChildExited)).returncode == ExitCode.ENDED


@pytest.mark.parametrize("paired", [False, True])
async def test_a_dial_that_is_redirected_in_circles_is_ended(world: World, *, paired: bool) -> None:
    """Left alone it made 2,630 connections in 8 s."""
    if paired:
        await world.pair()
        await world.stop()
    before = world.server.dials
    world.server.upgrade_status = 302
    await world.start(paired=paired)
    failed = await world.expect(facts.DialFailed)
    assert "redirected in circles" in failed.detail
    assert (await world.expect(facts.ChildExited)).returncode == ExitCode.ENDED
    assert world.server.dials - before < 1000


async def test_a_redial_that_is_redirected_in_circles_is_ended(world: World) -> None:
    connection = await world.paired_connection()
    world.server.upgrade_status = 302
    await connection.drop()
    await world.expect(facts.Disconnected)
    assert "redirected in circles" in (await world.expect(facts.DialFailed)).detail
    assert (await world.expect(facts.ChildExited)).returncode == ExitCode.ENDED


async def test_a_file_that_is_no_database_is_a_storage_failure(world: World) -> None:
    (world.directory / "session.db").write_bytes(b"not a database, " * 100)
    await world.start()
    await world.expect(facts.StorageFailed)
    assert (await world.expect(facts.ChildExited)).returncode == ExitCode.ENDED


# -- dying -----------------------------------------------------------------------------------------


async def test_a_go_panic_is_an_exit_that_says_why_and_no_secret(world: World) -> None:
    await world.start()
    qr = await world.expect(facts.QrOffered)
    connection = await world.server.next_connection()
    await connection.panic()
    gone = await world.expect(facts.ChildExited)
    assert gone.signal == signal.SIGABRT
    assert gone.detail == "neonize's Go library panicked"
    printed = world.link.printed(gone.generation)
    assert "panic:" in printed
    assert "goroutine" in printed
    for secret in (payload := qr.payload.get_secret_value(), *payload.partition("#")[2].split(",")):
        assert len(secret) < 4 or secret not in printed


async def test_the_supervisors_death_leaves_no_process(world: World, tmp_path: Path) -> None:
    endpoint = world.endpoint()
    assert endpoint.proxy is not None
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent(f"""
            import asyncio
            from pathlib import Path
            from wa_supervisor.session.parent.link import ChildSpec, Endpoint, SessionLink

            async def main():
                facts = asyncio.Queue()
                link = SessionLink(facts.put_nowait)
                endpoint = Endpoint(
                    proxy={endpoint.proxy.get_secret_value()!r},
                    ca_file=Path({str(endpoint.ca_file)!r}),
                    noise_root={endpoint.noise_root!r},
                )
                database = Path({str(tmp_path / "s.db")!r})
                await link.start(ChildSpec("s", database, 1, endpoint=endpoint))
                fact = await facts.get()
                print(fact.name, link.pid, *link._launcher.pids, flush=True)
                await asyncio.sleep(60)

            asyncio.run(main())
        """)
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, str(script), stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    said = (await asyncio.wait_for(parent.stdout.readline(), 20)).decode().split()
    assert said[0] == "QrOffered"
    pids = [int(pid) for pid in said[1:]]
    assert all(map(_alive, pids))
    parent.kill()
    await parent.wait()
    await _until(lambda: not any(map(_alive, pids)))


async def test_the_fork_servers_death_is_one_exit_and_no_more(world: World) -> None:
    await world.start()
    await world.expect(facts.QrOffered)
    pid = world.link.pid
    server = parent_of(pid)
    os.kill(server, signal.SIGKILL)
    gone = await world.expect(facts.ChildExited)
    assert (gone.returncode, gone.signal) == (None, None)
    assert pid is not None
    assert not _alive(pid)

    await world.start()
    await world.expect(facts.QrOffered)
    assert server not in world.fork_servers.pids
    assert parent_of(world.link.pid) in world.fork_servers.pids


async def test_many_starts_leave_no_descriptor_no_task_and_no_zombie(world: World) -> None:
    await world.start()
    await world.expect(facts.QrOffered)
    server = parent_of(world.link.pid)
    await world.stop(pairing=True)

    def held() -> tuple[int, int, int]:
        ours, servers = (_entries(f"/proc/{pid}/fd") for pid in ("self", server))
        return ours, servers, len(asyncio.all_tasks())

    await _until(lambda: not world.server.connections)
    before = held()
    for _ in range(5):
        await world.start()
        await world.expect(facts.QrOffered)
        await world.stop(pairing=True)
    with contextlib.suppress(TimeoutError):  # the server's own end takes a moment
        await _until(lambda: held() == before, 3)
    assert held() == before
    assert _children(server) == []


# -- stopping --------------------------------------------------------------------------------------


async def _before_it_began(_: World) -> None:
    pass


async def _while_dialling(world: World) -> None:
    await _until(lambda: world.server.dials > 0)


async def _while_pairing(world: World) -> None:
    await world.expect(facts.QrOffered)


@pytest.mark.parametrize(
    ("stalled", "reach", "log_out"),
    [
        (None, _before_it_began, False),
        ("upgrade", _while_dialling, True),
        ("handshake", _while_dialling, False),
        ("pairing", _while_dialling, False),
        (None, _while_pairing, True),
    ],
    ids=["starting", "upgrade", "handshake", "no-refs", "qr"],
)
async def test_a_stop_is_bounded_in_every_state(
    world: World, stalled: str | None, reach: Callable[[World], Awaitable[None]], *, log_out: bool
) -> None:
    if stalled is not None:
        world.server.stall(stalled)
    await world.start()
    await reach(world)
    await world.stop_early(log_out=log_out)
    assert world.link.pid is None


async def test_stop_of_a_silent_login_is_bounded(world: World) -> None:
    await world.pair()
    await world.stop()
    world.server.on_login(Silence())
    await world.start()
    await world.server.next_connection()
    await world.stop_early()


async def test_stopping_with_logout_unlinks_the_device(world: World) -> None:
    connection = await world.paired_connection()
    assert world.server.phone("15550001111").devices == (connection.device,)
    assert (await world.stop(log_out=True)).returncode == ExitCode.STOPPED
    assert world.server.phone("15550001111").devices == ()


# -- the bot ---------------------------------------------------------------------------------------


async def test_a_bots_handlers_run_beside_ours(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mybot.py").write_text(
        textwrap.dedent("""
            from pathlib import Path
            from neonize.events import ConnectedEv

            def register(client):
                @client.event(ConnectedEv)
                def connected(client, event):
                    Path("seen").write_text(type(event).__name__)
                    raise ValueError(" ".join(["the", "text", "of", "a", "message"]))
        """)
    )
    with caplog.at_level(logging.DEBUG):
        await world.pair(bot="mybot:register")
        await _until(lambda: "ValueError" in caplog.text)
    assert (tmp_path / "seen").read_text() == "Connected"
    assert "mybot.py" in caplog.text
    assert "the text of a message" not in caplog.text


_BROKEN_BOTS = [
    ("bot0:register", "import absent_dependency", "absent_dependency"),
    ("bot1:register", "def register(client): raise SystemExit('no')", "SystemExit: no"),
    ("bot2:register", "def register(c): raise OSError('+1 555 000 ' + '1111')", "OSError: <num"),
]
_NO_BOTS = [
    ("absent:register", "", "there is no module 'absent'; looked in "),
    ("bot3.absent:register", "", "there is no module 'bot3.absent'; looked in "),
    (
        "bot4:registre",
        "def register(client): ...",
        "has no 'registre'; did you mean bot4:register?",
    ),
    ("bot5:register", "register = 5", "'register' in the module bot5 ("),
    ("bot6:register", "async def register(client): ...", "is async, which nobody awaits"),
    (
        "bot7:register",
        "async def begin(client): ...\ndef register(client): return begin(client)",
        "returned an awaitable",
    ),
    ("bot8", "", "a bot is written module:function, not 'bot8'"),
    ("__main__:register", "", "__main__ is another program in the session process"),
    (
        "bot9:register",
        "from wa_supervisor.session.parent.link import SessionLink\nSessionLink(print)",
        "the bot's module starts a supervisor when it is imported",
    ),
]


async def _fails(world: World, bot: str, source: str) -> tuple[str, str]:
    """Start a bot that fails; return what is reported of it, and what it printed."""
    module = bot.partition(":")[0].partition(".")[0]
    if module.startswith("bot"):
        (world.directory / f"{module}.py").write_text(source)
    await world.start(bot=bot)
    detail = (await world.expect(facts.BotFailed)).detail
    gone = await world.expect(facts.ChildExited)
    assert (gone.returncode, gone.detail) == (ExitCode.BOT_FAILED, "")
    return detail, world.link.printed(gone.generation)


async def test_a_broken_bot_is_reported_and_its_traceback_kept(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for bot, source, said in _BROKEN_BOTS:
        detail, printed = await _fails(world, bot, source)
        assert said in detail
        assert "Traceback" in printed
        assert said in printed


async def test_what_is_no_bot_is_reported_with_what_was_looked_for_and_where(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for bot, source, said in _NO_BOTS:
        detail, printed = await _fails(world, bot, source)
        assert said in detail
        if "looked in" in said:
            assert f"looked in {tmp_path}, " in detail
        assert "Traceback" not in printed


async def test_a_bot_that_never_begins_is_named_with_the_place_where_it_is(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = "import time\ndef register(client):\n    time.sleep(60)\n"
    (tmp_path / "botx.py").write_text(source)
    await world.start(bot="botx:register", bot_start=0.5)
    detail = (await world.expect(facts.BotFailed)).detail
    assert detail.startswith(
        f"botx:register did not return within 0.5 s; it is at {tmp_path}/botx.py, line 3."
    )
    gone = await world.expect(facts.ChildExited)
    assert gone.returncode == ExitCode.BOT_FAILED
    assert "time.sleep(60)" in world.link.printed(gone.generation)
