"""What cannot be used is named, and told apart: neonize, the bot beside it, the database."""

from __future__ import annotations

import importlib.util
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.harness import quick
from e2e.processes import until
from wa_loopback.nodes import Node
from wa_supervisor import Reason
from wa_supervisor.crashes import Culprit, read
from wa_supervisor.lifecycle.policy import Limit
from wa_supervisor.session.child import loopback_patch
from wa_supervisor.session.parent.launch import SpawnLauncher

if TYPE_CHECKING:
    from collections.abc import Callable

    from e2e.harness import World
    from wa_supervisor.session.parent.launch import Launcher

pytestmark = pytest.mark.e2e


# -- neonize --------------------------------------------------------------------------------------


@pytest.fixture
def neonize(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the installed neonize, made of links, which the session's processes import."""
    spec = importlib.util.find_spec("neonize")
    assert spec is not None
    assert spec.origin is not None
    copy = tmp_path / "neonize"
    copy.mkdir()
    for entry in Path(spec.origin).parent.iterdir():
        (copy / entry.name).symlink_to(entry)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return copy


def _without_its_library(neonize: Path) -> None:
    for library in neonize.glob("neonize-*"):
        library.unlink()


def _with_another_root_key(neonize: Path) -> None:
    library = next(neonize.glob("neonize-linux-*.so"))
    code = library.read_bytes()
    library.unlink()
    library.write_bytes(code.replace(loopback_patch.WHATSAPP_ROOT, bytes(32)))


def _of_a_release_nobody_knows(neonize: Path) -> None:
    init = neonize / "__init__.py"
    text = init.read_text()
    init.unlink()
    init.write_text(text.replace('__version__ = "0.', '__version__ = "99.'))


@pytest.mark.parametrize("launcher", [None, SpawnLauncher()], ids=["fork", "spawn"])
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_without_its_library, ("is not installed", "install neonize anew")),
        (_with_another_root_key, ("root key was found 0 times", "install neonize==")),
        (_of_a_release_nobody_knows, ("neonize 99.5.2 is not", "allow_unknown_neonize")),
    ],
)
async def test_an_unusable_neonize_is_given_up_at_once_with_what_to_do(
    world: World,
    neonize: Path,
    damage: Callable[[Path], None],
    said: tuple[str, str],
    launcher: Launcher | None,
) -> None:
    damage(neonize)
    run = world.start(options={"launcher": launcher})
    gave_up = await run.reach("GaveUp", reason="client_unusable")
    assert gave_up.generation == 1
    assert all(words in run.supervisor.status.detail for words in said)
    assert world.server.dials == 0


async def test_an_unknown_release_runs_when_it_is_allowed(world: World, neonize: Path) -> None:
    _of_a_release_nobody_knows(neonize)
    run, _ = await world.paired(allow_unknown_neonize=True)
    assert run.states == ["Init", "Pairing", "Connected"]


# -- the bot --------------------------------------------------------------------------------------


async def _blamed(world: World) -> Culprit:
    """Whom the newest report of a crash blames."""
    await until(lambda: bool(read(world.files().directory)[0]))
    return read(world.files().directory)[0][-1].culprit


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("raise LookupError('no such token')", "LookupError: no such token"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("os._exit(1)", "the bot ended the process with exit code 1"),
        ("os._exit(0)", "the bot ended the process with exit code 0"),
    ],
)
async def test_a_bot_that_fails_before_it_connects_is_named_and_counted_as_a_crash(
    world: World, source: str, said: str
) -> None:
    once = quick(crashes=Limit(count=1, window=60))
    run = world.start(bot=world.bot(source), policy=once)
    failed = await run.reach("Backoff", reason="bot_failed")
    assert failed.fact == "BotFailed"
    assert said in run.supervisor.status.detail
    await run.reach("GaveUp", reason="crash_loop")
    assert run.supervisor.status.cause is Reason.BOT_FAILED
    assert world.server.dials == 0
    assert await _blamed(world) is Culprit.BOT


async def test_a_bot_that_never_begins_is_named_before_the_start_is_given_up(world: World) -> None:
    run = world.start(bot=world.bot("time.sleep(60)"), policy=quick(start_timeout=2))
    failed = await run.reach("Backoff", reason="bot_failed")
    assert failed.fact == "BotFailed"
    detail = run.supervisor.status.detail
    assert "mybot:register did not return within 1.4 s" in detail
    assert f"it is at {world.directory}/mybot.py, line 5" in detail


async def test_a_mended_bot_is_taken_at_the_next_try(world: World) -> None:
    bot = world.bot("raise LookupError('no such token')")
    run = world.start(bot=bot)
    await run.reach("Backoff", reason="bot_failed")
    assert world.bot("pass") == bot
    await run.reach("Pairing")


async def test_a_bot_that_ends_a_connected_process_is_told_apart_from_a_go_panic(
    world: World,
) -> None:
    bot = world.bot(
        """
        @client.event(events.ChatPresenceEv)
        def typing(client, event):
            os._exit(70)
        """
    )
    run, connection = await world.paired(bot=bot)
    device = connection.device
    assert device is not None
    connection.typing(device.phone.jid)
    failed = await run.reach("Backoff", reason="bot_failed")
    assert failed.fact == "BotFailed"
    assert "exit code 70" in run.supervisor.status.detail
    await run.reach("Connected")
    assert await _blamed(world) is Culprit.BOT
    await (await world.server.wait_connected(device)).panic()
    assert (await run.reach("Backoff", reason="child_exited")).fact == "ChildExited"
    await until(lambda: len(read(world.files().directory)[0]) == 2)
    assert await _blamed(world) is Culprit.GO


# -- events that neonize cannot hand over ---------------------------------------------------------

_LISTENING = """
    seen = Path("seen")

    @client.event(events.ReceiptEv)
    def receipt(client, event):
        seen.write_text("receipt")

    @client.event(events.ChatPresenceEv)
    def presence(client, event):
        seen.write_text("presence")

    @client.event(events.MessageEv)
    def message(client, event):
        seen.write_text(event.Message.extendedTextMessage.text or event.Message.conversation)
"""


@pytest.mark.parametrize("name", ["Receipt", "ChatPresence"])
async def test_an_event_that_neonize_cannot_hand_over_costs_the_bot_that_event_and_no_more(
    world: World, name: str
) -> None:
    """It may come again at the next login: without more ado that would be a loop of crashes."""
    run, connection = await world.paired(bot=world.bot(_LISTENING))
    device = connection.device
    assert device is not None
    ann = world.server.contact("Rosalind")

    def send() -> None:
        if name == "Receipt":
            # Unacknowledged it comes again at each login, as it may at WhatsApp.
            device.mailbox.lose_receipts = True
            receipt = Node("receipt", {"from": ann.lid, "id": "A1B2", "t": "1", "type": "novel"})
            device.mailbox.post(receipt)
        else:
            ann.chat_state(device.phone, "recording")

    send()
    ended = await run.reach("Backoff", reason="bot_event_unusable")
    assert ended.fact == "BotEventUnusable"
    assert run.supervisor.status.detail == name
    await run.reach("Connected")
    assert f"The bot gets no {name}" in world.caplog.text
    await world.server.wait_connected(device)
    send()
    ann.say(device.phone, "still here")
    seen = world.directory / "seen"
    await until(lambda: seen.exists() and seen.read_text() == "still here")
    assert run.pid is not None
    assert [record.fact for record in run.taken].count("BotEventUnusable") == 1


# -- the database ---------------------------------------------------------------------------------


async def test_a_locked_database_is_waited_for(world: World) -> None:
    run, _ = await world.paired()
    await run.stop()
    with closing(sqlite3.connect(world.files().database, isolation_level=None)) as other:
        again = world.start()
        await again.reach("Init")
        other.execute("BEGIN EXCLUSIVE")
        await again.reach("Backoff", reason="storage_unavailable")
    await again.reach("Connected")
    assert "PurgeSession" not in again.effects
