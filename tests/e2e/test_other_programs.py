"""A program in any language holds a session: by the commands `listen`, `send` and `gate`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from e2e.processes import ends_within, until
from wa_loopback import Addressing, Manner
from wa_loopback.answers import RefuseMessage
from wa_supervisor.cli.exits import Exit
from wa_supervisor.control import Order, Talk, ask
from wa_supervisor.remote.replies import converse
from wa_supervisor.remote.wire import GateReply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from e2e.harness import World
    from e2e.runs import Command
    from wa_loopback.contact import Contact
    from wa_loopback.device import Owner
    from wa_supervisor.status_parts import Received

pytestmark = pytest.mark.e2e

README = Path(__file__).parents[2] / "README.md"

BOT = """
    @client.event(events.MessageEv)
    def message(client, message):
        with Path("handled.txt").open("a") as file:
            file.write(message.Message.conversation + "\\n")
"""

NO_JQ = """\
import json, sys
value = json.load(sys.stdin)[sys.argv[-1].removeprefix(".")]
print(value)
"""
"""What the README uses of jq, for where there is none."""


class Shell:
    """Calls the commands about the world's session, as a script does."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        own = ["--data-dir", str(self.world.data_dir)]
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "wa_supervisor",
            *words,
            *own,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=self.world.environment(),
            cwd=self.world.directory,
        )

    async def call(self, *words: str, typed: str = "", code: int = 0) -> str:
        """Return what a command printed; what it says on standard error names nobody."""
        process = await self.start(*words)
        out, err = await asyncio.wait_for(process.communicate(typed.encode()), 60)
        self.world.canary.hear(f"stderr of {words[0]}", err.decode())
        assert process.returncode == code, f"{words}: {process.returncode} {err.decode()}"
        return out.decode()

    @contextlib.asynccontextmanager
    async def listening(self, *words: str) -> AsyncIterator[Listening]:
        process = await self.start("listen", "--json", *words)
        listening = Listening(process)
        try:
            yield listening
        finally:
            await listening.kill()
            assert process.stderr is not None
            said = (await process.stderr.read()).decode()
            listening.said += said
            self.world.canary.hear("stderr of listen", listening.said)


class Listening:
    """A running `listen --json`, and the program at its pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""

    async def next(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), 30)
        message: dict[str, Any] = json.loads(line)
        return message

    async def text(self) -> str:
        return str((await self.next())["text"])

    async def ack(self, name: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{name}\n".encode())
        await self.process.stdin.drain()

    async def says(self, text: str) -> None:
        assert self.process.stderr is not None
        async with asyncio.timeout(30):
            while text not in self.said:
                line = await self.process.stderr.readline()
                assert line, f"it said {self.said!r}"
                self.said += line.decode()

    async def kill(self) -> None:
        if self.process.returncode is None:
            os.kill(self.process.pid, signal.SIGKILL)
        await self.process.wait()


class Scene:
    """A paired session that runs as a service does, and people who write to it."""

    def __init__(self, world: World, command: Command, phone: Owner) -> None:
        self.world, self.command, self.phone = world, command, phone
        self.shell = Shell(world)
        self.ann = self.contact("Ann")

    def contact(self, name: str) -> Contact:
        person = self.world.server.contact(name)
        self.world.canary.learn_message(person.number, person.lid.user)
        return person

    def say(self, who: Contact, text: str, **how: Any) -> None:
        self.world.canary.learn_message(text, text)
        who.say(self.phone, text, **how)

    def received(self) -> Received:
        received = ask(self.world.files(), Order.STATUS).received
        assert received is not None
        return received


async def _scene(world: World, **variables: str) -> Scene:
    command = world.command(backoff=0.1, **variables)
    device = await world.pair(command)
    return Scene(world, command, device.phone)


async def _begun(scene: Scene, reader: str) -> None:
    """Wait until messages are kept for this reader."""
    await until(lambda: reader in scene.received().readers, 30)


async def test_a_killed_listener_gets_again_what_it_did_not_acknowledge_and_nothing_else(
    world: World,
) -> None:
    scene = await _scene(world, WA_SUPERVISOR_GATE__DIRECT="open")
    async with scene.shell.listening("--ack", "manual") as first:
        await _begun(scene, "listen")
        for text in ("message one", "message two", "message three"):
            scene.say(scene.ann, text)
        one, two, three = [await first.next() for _ in range(3)]
        assert [each["text"] for each in (one, two, three)] == [
            "message one",
            "message two",
            "message three",
        ]
        assert (one["version"], one["redelivered"]) == (1, False)
        assert one["sender"]["phone"] == f"+{scene.ann.number}"
        await first.ack(two["id"])
        await first.ack("no such id")
        await first.says("no message of this id")
        await until(lambda: scene.received().readers == {"listen": 2}, 30)
    async with scene.shell.listening("--ack", "manual") as second:
        again = [await second.next() for _ in range(2)]
        assert [(each["text"], each["redelivered"]) for each in again] == [
            ("message one", True),
            ("message three", True),
        ]
        for each in again:
            await second.ack(each["number"])
        await until(lambda: scene.received().readers == {"listen": 0}, 30)
    scene.say(scene.ann, "message four")
    assert (
        json.loads(await scene.shell.call("listen", "--json", "--once"))["text"] == "message four"
    )
    await until(lambda: scene.received().readers == {"listen": 0}, 30)


async def test_a_listener_outlives_the_supervisor_and_one_that_stops_holds_nobody_up(
    world: World,
) -> None:
    scene = await _scene(world, WA_SUPERVISOR_GATE__DIRECT="open")
    async with (
        scene.shell.listening("--reader", "stopped") as stopped,
        scene.shell.listening() as listener,
    ):
        await _begun(scene, "stopped")
        await _begun(scene, "listen")
        os.kill(stopped.process.pid, signal.SIGSTOP)
        for number in range(20):
            scene.say(scene.ann, f"message number {number}")
        for number in range(20):
            assert await listener.text() == f"message number {number}"
        assert scene.received().readers["stopped"] > 10
        await scene.command.stop()  # within its bound, whoever hangs at the socket
        await listener.says("waiting for it")
        scene.say(scene.ann, "while it was away")
        again = world.command(WA_SUPERVISOR_GATE__DIRECT="open")
        await again.reach("Connected")
        # The last one was not acknowledged, but it was printed by this very listener.
        assert await listener.text() == "while it was away"
        await listener.says("the supervisor is there")
        # Whoever reads the output is gone, which no message has to tell it.
        listener.process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
        ended = asyncio.create_task(listener.process.wait())
        assert await ends_within(ended, 10, listener.process.pid)
        assert listener.process.returncode == Exit.FAILED
        os.kill(stopped.process.pid, signal.SIGCONT)
        assert await stopped.text() == "message number 0"


@pytest.mark.long
async def test_a_text_is_sent_once_for_its_key_and_every_failure_has_its_exit_code(
    world: World,
) -> None:
    scene = await _scene(world, WA_SUPERVISOR_GATE__DIRECT="open")
    to, call = f"+{scene.ann.number}", scene.shell.call
    world.canary.learn_message("the first order", "the second order")
    first = await call("send", to, "-", "--key", "order-1", typed="the first order\n")
    again = await call("send", to, "-", "--key", "order-1", typed="the first order\n")
    assert first == again
    heard = await scene.ann.next_message()
    assert (heard.id, heard.text) == (first.strip(), "the first order")
    await call("send", to, "-", "--key", "order-1", typed="the second order", code=Exit.USAGE)
    await call("send", to, "a third order", "--key", "", code=Exit.USAGE)

    # An answer that quotes what was received.
    async with scene.shell.listening("--limit", "1") as listener:
        await _begun(scene, "listen")
        scene.say(scene.ann, "a question of mine")
        question = await listener.next()
        assert await asyncio.wait_for(listener.process.wait(), 30) == 0
    answer = ["send", question["chat"], "-", "--reply-to", question["id"], "--json"]
    sent = json.loads(await call(*answer, typed="the second order"))
    heard = await scene.ann.next_message()
    assert (heard.id, heard.text) == (sent["id"], "the second order")
    assert heard.content.quoted == question["id"]
    await call("send", to, "-", "--reply-to", "ABSENT", typed="the first order", code=Exit.FAILED)

    await call("send", "+19990000000", "anybody?", code=Exit.NOBODY)
    for code, exit_code in ((463, Exit.RESTRICTED), (429, Exit.RATE_LIMITED), (500, Exit.REFUSED)):
        world.server.on_message(RefuseMessage(code))
        failed = json.loads(await call("send", to, "psst", "--json", code=exit_code))
        assert failed["error"]["message"]
    world.server.refuse()
    scene.command.kill()
    await scene.command.reach("Backoff")
    await call("send", to, "now?", "--when-offline", "raise", code=Exit.OFFLINE)
    world.server.accept()
    await scene.command.reach("Connected")

    # The supervisor dies before the answer: nobody knows, and it is never sent again.
    world.server.withhold_acks()
    process = await scene.shell.start("send", to, "perhaps", "--key", "order-2")
    assert (await scene.ann.next_message()).text == "perhaps"
    scene.command.send(signal.SIGKILL)
    await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == Exit.UNKNOWN
    world.server.send_acks()
    await asyncio.wait({scene.command.task}, timeout=10)
    world.commands.remove(scene.command)
    await call("send", to, "now?", code=Exit.STORE)
    await scene.command.clear_away()
    again_run = world.command(WA_SUPERVISOR_GATE__DIRECT="open")
    await again_run.reach("Connected")
    await call("send", to, "perhaps", "--key", "order-2", code=Exit.UNKNOWN)
    last = await call("send", to, "the last")
    assert (await scene.ann.next_message()).id == last.strip()


@pytest.mark.long
async def test_the_gate_is_changed_without_a_reconnect_and_stays_so_after_a_restart(
    world: World,
) -> None:
    other = "+4915100000042"
    scene = await _scene(world, WA_SUPERVISOR_GATE__ALLOW=json.dumps([other]))
    call, ann = scene.shell.call, f"+{scene.ann.number}"
    eve = scene.contact("Eve")
    dials = len(world.server.connections)
    async with scene.shell.listening() as listener:
        await _begun(scene, "listen")
        scene.say(scene.ann, "is nobody there")
        scene.say(eve, "without a number", manner=Manner(Addressing.LID_ALONE))
        await until(lambda: sum(scene.received().refused.values()) == 2, 30)
        received = scene.received()
        assert received.refused == {"not_listed": 1, "unresolved_lid": 1}
        assert received.total == 2
        assert received.admitted == 0
        newest = received.refused_lately[0]
        assert newest.reason == "unresolved_lid"
        entry = newest.remedies[0].entry
        assert entry is not None
        assert entry.get_secret_value() == f"{eve.lid.user}@lid"
        assert eve.lid.user not in received.model_dump_json()

        assert "refused" in await call("gate", "explain", ann, code=Exit.FAILED)
        # The client has learnt the number of this LID from the message.
        told = await call("gate", "explain", f"{scene.ann.lid.user}@lid", code=Exit.FAILED)
        assert ann in told
        await call("gate", "allow", ann)
        await call("gate", "allow", f"{eve.lid.user}@lid")
        scene.say(scene.ann, "and now, please")
        scene.say(eve, "as well, please", manner=Manner(Addressing.LID_ALONE))
        assert sorted([await listener.text(), await listener.text()]) == [
            "and now, please",
            "as well, please",
        ]
        assert not scene.received().refused_lately
        await call("gate", "deny", f"{eve.lid.user}@lid")
        await call("gate", "deny", other)
        assert len(world.server.connections) == dials
    shown = json.loads(await call("gate", "show", "--json"))
    assert shown["is_live"]
    assert [(each["entry"], each["source"], each["holds"]) for each in shown["entries"]] == [
        (other, "settings", False),
        (ann, "command", True),
    ]
    await scene.command.stop()
    assert "refused" in await call("gate", "explain", other, code=Exit.FAILED)
    assert "admitted" in await call("gate", "explain", ann)
    again = world.command(WA_SUPERVISOR_GATE__ALLOW=json.dumps([other]))
    await again.reach("Connected")
    async with scene.shell.listening("--limit", "1") as listener:
        await until(lambda: scene.received().readers.get("listen") is not None, 30)
        scene.say(eve, "once more, please")
        scene.say(scene.ann, "it is me again")
        assert await listener.text() == "it is me again"
    await call("listen", "--forget")
    assert scene.received().readers == {}


async def test_the_loop_of_the_readme_answers_and_whom_the_gate_admits_reaches_the_bot_too(
    world: World,
) -> None:
    told = re.findall(r"```bash\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    (loop,) = (each for each in told if "listen --json" in each)
    # A setting of the gate: it stands before the bot as well.
    own = {"WA_SUPERVISOR_BOT": world.bot(BOT), "WA_SUPERVISOR_GATE__DIRECT": "allowlist"}
    scene = await _scene(world, **own)
    ann, eve, handled = scene.ann, scene.contact("Eve"), world.directory / "handled.txt"
    scene.say(ann, "far too early")
    await until(lambda: scene.received().refused == {"nobody_listed": 1}, 30)
    dials = len(world.server.connections)

    def told_bot() -> list[str]:
        return handled.read_text().splitlines() if handled.exists() else []

    async with _script(world, loop.replace("+4915112345678", f"+{ann.number}")):
        await _begun(scene, "listen")
        scene.say(ann, "let in by command")
        assert (await ann.next_message(timeout=30)).text == "pong"
        scene.say(eve, "nobody knows me")
        await until(lambda: scene.received().refused.get("not_listed") == 1, 30)
        assert told_bot() == ["let in by command"]

        with (world.directory / "quick.toml").open("a") as config:
            config.write(f'[gate]\nallow = ["+{eve.number}"]\n')
        scene.command.send(signal.SIGHUP)
        await until(lambda: _admitted(scene) == {f"+{ann.number}", f"+{eve.number}"}, 30)
        scene.say(eve, "let in by the file")
        assert (await eve.next_message(timeout=30)).text == "pong"
        scene.say(ann, "let in as before")
        assert (await ann.next_message(timeout=30)).text == "pong"
        expected = ["let in by command", "let in by the file", "let in as before"]
        await until(lambda: told_bot() == expected, 30)
    assert len(world.server.connections) == dials
    for own_file in (handled, world.directory / "quick.toml"):
        own_file.unlink()  # this test itself has written there what the canary looks for


def _admitted(scene: Scene) -> set[str]:
    """Whom the list of the running supervisor names."""
    reply = converse(scene.world.files(), Talk.GATE, {"action": "show"}, GateReply, within=10)
    assert reply is not None
    assert reply.standing is not None
    return {each.entry.get_secret_value() for each in reply.standing.entries if each.holds}


@contextlib.asynccontextmanager
async def _script(world: World, text: str) -> AsyncIterator[None]:
    """Run a script of the shell, about the world's session, and end all of it."""
    commands = world.directory / "bin"
    commands.mkdir()
    (commands / "wa-supervisor").symlink_to(Path(sys.executable).with_name("wa-supervisor"))
    if shutil.which("jq") is None:
        (commands / "jq").write_text(f"#!{sys.executable}\n{NO_JQ}")
        (commands / "jq").chmod(0o755)
    process = await asyncio.create_subprocess_exec(
        *("bash", "-e", "-c", text),
        stdout=PIPE,
        stderr=PIPE,
        env=world.environment(
            PATH=f"{commands}:{os.environ['PATH']}", WA_SUPERVISOR_DATA_DIR=str(world.data_dir)
        ),
        cwd=world.directory,
        start_new_session=True,
    )
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        _, said = await process.communicate()
        world.canary.hear("stderr of a script", said.decode())
