"""What the bot's handlers get of what is written to the session: at least once, and by the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from e2e.processes import until
from wa_loopback.addressing import Addressing
from wa_loopback.copies import Manner
from wa_supervisor.gate import GatePolicy

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.harness import World
    from e2e.runs import Run

pytestmark = pytest.mark.e2e

BOT = """
    from wa_supervisor.bot import current_delivery

    log = Path("handled.txt")

    @client.event(events.MessageEv)
    def message(client, message):
        text = message.Message.conversation
        delivery = current_delivery()
        marks = "plain" if delivery is None else f"{delivery.redelivered:d}{delivery.late:d}"
        with log.open("a") as file:
            file.write(f"{text} {marks}\\n")
        if text == "hangs" and marks[0] == "0":
            time.sleep(60)
        if text == "poison":
            raise LookupError("the bot has a bug")
        if text == "deadly":
            os._exit(70)
        if text.startswith("echo"):
            client.reply_message("echoed", message)
"""


def handled(directory: Path) -> list[str]:
    file = directory / "handled.txt"
    return file.read_text().splitlines() if file.exists() else []


def aside(run: Run) -> int:
    received = run.supervisor.status.received
    assert received is not None
    return received.set_aside


def waiting(run: Run) -> int:
    received = run.supervisor.status.received
    assert received is not None
    return received.waiting


async def test_what_handlers_had_not_finished_when_the_process_was_killed_comes_again_in_order(
    world: World,
) -> None:
    bot = world.bot(BOT)
    settings: dict[str, Any] = {
        "bot": bot,
        "inbox": {"bot_delivery": "inbox", "bot_tries": 2},
    }
    run, connection = await world.paired(**settings)
    assert connection.device is not None
    phone, ann = connection.device.phone, world.server.contact("Ann")
    for text in ("echo 1", "hangs", "echo 2", "echo 3"):
        ann.say(phone, text)
    await until(lambda: handled(world.directory) == ["echo 1 00", "hangs 00"])
    mailbox = connection.device.mailbox
    await until(lambda: not len(mailbox))
    run.kill()
    await run.reach("Connected")
    expected = ["echo 1 00", "hangs 00", "hangs 10", "echo 2 00", "echo 3 00"]
    await until(lambda: handled(world.directory) == expected)
    await until(lambda: len(ann.heard) == 3)

    # A message on which the handlers fail each time holds the others up for so long and no longer.
    for text in ("poison", "echo 4"):
        ann.say(phone, text)
    expected += ["poison 00", "poison 10", "echo 4 00"]
    await until(lambda: handled(world.directory) == expected)
    assert aside(run) == 1
    await until(lambda: len(ann.heard) == 4)

    # A stop waits for the handlers that are at work, and what is left over is for the next run.
    await run.stop()
    ann.say(phone, "echo 5")
    again = world.start(**settings)
    await until(lambda: handled(world.directory) == [*expected, "echo 5 01"], within=30)
    assert aside(again) == 1
    await until(lambda: waiting(again) == 0)

    # Nor is one over which the process dies each time a loop of crashes.
    for text in ("deadly", "echo 6"):
        ann.say(phone, text)
    expected += ["echo 5 01", "deadly 00", "deadly 10", "echo 6 00"]
    await until(lambda: handled(world.directory) == expected, within=30)
    assert aside(again) == 2


async def test_what_the_gate_refuses_reaches_no_handler_and_the_gate_changes_while_it_runs(
    world: World,
) -> None:
    ann, eve = world.server.contact("Ann"), world.server.contact("Eve")
    bot = world.bot(BOT)
    run, connection = await world.paired(bot=bot, gate={"allow": [f"+{ann.jid.user}"]})
    assert connection.device is not None
    phone = connection.device.phone

    def refused() -> dict[str, int]:
        received = run.supervisor.status.received
        return received.refused if received is not None else {}

    ann.say(phone, "by number and LID")
    eve.say(phone, "let me in")
    # Her number is known by now, though this message does not say it.
    ann.say(phone, "by LID alone", manner=Manner(addressing=Addressing.LID_ALONE))
    expected = ["by number and LID plain", "by LID alone plain"]
    await until(lambda: handled(world.directory) == expected)
    await until(lambda: refused() == {"not_listed": 1})
    received = run.supervisor.status.received
    assert received is not None
    assert len(received.refused_lately) == 1

    run.supervisor.update_gate(GatePolicy(allow=[str(eve.lid)]))
    ann.say(phone, "still?")
    eve.say(phone, "at last")
    await until(lambda: handled(world.directory) == [*expected, "at last plain"])
    await until(lambda: refused() == {"not_listed": 2})

    # The next process goes by the gate of now, not by that of the settings.
    run.kill()
    await run.reach("Connected")
    ann.say(phone, "and now?")
    eve.say(phone, "again")
    await until(lambda: handled(world.directory)[2:] == ["at last plain", "again plain"])
    await until(lambda: refused() == {"not_listed": 3})


async def test_the_gate_stands_before_a_bot_that_is_fed_from_the_inbox(world: World) -> None:
    ann, eve = world.server.contact("Ann"), world.server.contact("Eve")
    run, connection = await world.paired(
        bot=world.bot(BOT),
        inbox={"bot_delivery": "inbox"},
        gate={"allow": [f"+{ann.jid.user}"]},
    )
    assert connection.device is not None
    eve.say(connection.device.phone, "let me in")
    ann.say(connection.device.phone, "hello")
    await until(lambda: handled(world.directory) == ["hello 00"])
    received = run.supervisor.status.received
    assert received is not None
    assert received.refused == {"not_listed": 1}
