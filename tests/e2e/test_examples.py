"""Every program of examples/ runs as it stands, on the real client over the loopback server.

They read their settings from the environment, as a user's do; so nothing of them is changed here.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib.util
import json
import shutil
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, ClassVar

import httpx
import pytest

from e2e.processes import until
from lab.bare import environment
from wa_supervisor import RateLimited, SendError, State, Supervisor, SyncSupervisor, facts
from wa_supervisor.session.parent.link import SessionLink
from wa_supervisor.store import SessionFiles
from wa_supervisor.testing import FakeSent, FakeSession, MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator

    from e2e.harness import World
    from wa_loopback.contact import Contact
    from wa_loopback.phone import Phone

pytestmark = pytest.mark.e2e

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(name: str) -> Any:
    """Import an example afresh."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


@contextlib.asynccontextmanager
async def running(program: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run a program, and end it as Ctrl-C does."""
    task = asyncio.create_task(program)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=10)
    assert task.cancelled(), task


@pytest.fixture
async def people(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[Contact, Phone]:
    """A contact, and the phone of a session that is paired; the environment says where it is."""
    told = world.environment()
    settings = {
        "DATA_DIR": str(world.data_dir),
        "PAIRING__QR": f"payload:{world.directory / 'qr'}",
        "GATE__DIRECT": "open",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    for name, value in settings.items():
        monkeypatch.setenv(f"WA_SUPERVISOR_{name}", value)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(world.directory))
    # One fork server for all tests, or each would import neonize once more.
    defaults = Supervisor.__init__.__kwdefaults__
    assert defaults is not None
    make = functools.partial(SessionLink, launcher=world.fork_servers)
    monkeypatch.setitem(defaults, "link", make)
    ann = world.server.contact("Ann")
    run, connection = await world.paired()
    await run.stop()
    assert connection.device is not None
    return ann, world.server.phone(connection.device.phone.number)


async def heard(contact: Contact) -> str | None:
    return (await contact.next_message(timeout=30)).text


async def test_the_echo_bot_echoes(world: World) -> None:
    shutil.copy(EXAMPLES / "echo_bot.py", world.directory)
    run, connection = await world.paired(bot="echo_bot:register")
    assert connection.device is not None
    ann = world.server.contact("Ann")
    ann.say(connection.device.phone, "hello")
    assert await heard(ann) == "hello"
    await run.stop()


async def test_the_assistant_answers_what_came_while_it_was_away(
    people: tuple[Contact, Phone],
) -> None:
    ann, phone = people
    assistant = load("assistant")
    async with running(assistant.main()):
        ann.say(phone, "what a fine day")
        assert await heard(ann) == "You said 4 words."
    ann.say(phone, "help")
    async with running(assistant.main()):
        assert await heard(ann) == "Ask me for the time, or say anything at all."


async def test_the_web_service_sends_once_for_a_key_and_says_how_it_is(
    people: tuple[Contact, Phone],
) -> None:
    ann, _ = people
    app = load("fastapi_app").app
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://service") as client,
    ):
        await app.state.session.wait_for(State.CONNECTED, timeout=30)
        assert (await client.get("/health")).json()["state"] == "Connected"
        order = {"to": f"+{ann.jid.user}", "text": "It is on its way.", "key": "order-7"}
        first, second = [await client.post("/messages", json=order) for _ in range(2)]
        assert first.status_code == 200, first.text
        assert first.json() == second.json()
        other = await client.post("/messages", json=order | {"text": "something else"})
        nobody = await client.post("/messages", json=order | {"to": "49151", "key": "order-8"})
        assert (other.status_code, nobody.status_code) == (409, 422)
        assert await heard(ann) == "It is on its way."
        app.state.session.stop()
        await until(lambda: app.state.session.status.state is State.STOPPED)
        assert (await client.get("/health")).status_code == 503
        late = await client.post("/messages", json=order | {"key": "order-9"})
        assert late.status_code == 503


class Receiver(BaseHTTPRequestHandler):
    """A web server that takes a message at the second try, and answers it."""

    posted: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.posted.append(json.loads(body))
        taken = len(self.posted) != 1
        self.send_response(200 if taken else 503)
        self.end_headers()
        self.wfile.write(b"taken" if taken else b"")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[str]:
    Receiver.posted.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


async def test_the_channel_forwards_until_it_is_taken_and_lets_no_stranger_in(
    world: World,
    people: tuple[Contact, Phone],
    receiver: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (ann, phone), eve = people, world.server.contact("Eve")
    monkeypatch.setenv("FORWARD_TO", receiver)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("WA_SUPERVISOR_GATE__DIRECT", "allowlist")
    monkeypatch.setenv("WA_SUPERVISOR_GATE__ALLOW", json.dumps([f"+{ann.jid.user}"]))
    async with running(load("channel").main()):
        eve.say(phone, "let me in")
        ann.say(phone, "a question")
        assert await heard(ann) == "taken"
    first, second = Receiver.posted
    assert first == second
    assert first["text"] == "a question"
    assert not eve.heard


async def test_the_notifier_sends_and_exits(people: tuple[Contact, Phone]) -> None:
    ann, _ = people
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        *(str(EXAMPLES / "notifier.py"), f"+{ann.jid.user}", "The backup is done.", "monday"),
        stderr=asyncio.subprocess.PIPE,
    )
    _, error = await asyncio.wait_for(program.communicate(), 60)
    assert (program.returncode, error) == (0, b"")
    assert await heard(ann) == "The backup is done."


def test_the_notifier_says_by_its_exit_code_whether_to_try_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    notifier, store = load("notifier"), MemoryStore(paired=True)
    sent: list[FakeSent] = []

    def notify(text: str, key: str, error: SendError | None = None) -> int:
        fake = FakeSession(store=store)
        fake.played.refusal = error
        monkeypatch.setattr(notifier, "SyncSupervisor", lambda _: SyncSupervisor(fake))
        code: int = notifier.notify("+4915112345678", text, key)
        sent.extend(fake.sent)
        return code

    assert [notify("done", "monday") for _ in range(2)] == [0, 0]
    assert [each.text for each in sent] == ["done"]
    assert notify("failed", "monday") == 69
    assert notify("done", "tuesday", RateLimited("asked too often")) == 75
    assert notify("done", "tuesday") == 0

    async def be_outdated() -> None:
        async with FakeSession(store=store) as session:
            await session.hear(facts.ClientOutdated)

    asyncio.run(be_outdated())
    assert notify("done", "wednesday") == 69
    said = capsys.readouterr().err
    assert "used for another message" in said
    assert "WhatsApp no longer" in said


BARE = """
import runpy, sys
from pathlib import Path
from neonize.client import NewClient
from wa_supervisor.session.child.loopback_patch import swap_noise_root
from neonize._binder import gocode

class Client(NewClient):
    def connect(self):
        self.event.qr(lambda _, payload: Path("payload").write_bytes(payload))
        super().connect()

import neonize.client
neonize.client.NewClient = Client
swap_noise_root(gocode._name, sys.argv[1])
runpy.run_path(sys.argv[2])
"""
"""What a script of bare neonize needs to reach a test's server, and its QR to reach the test."""


async def test_the_migrated_bot_keeps_its_pairing(world: World) -> None:
    ann, phone = world.server.contact("Ann"), world.server.phone()
    before = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", BARE, world.server.endpoint.noise_root, EXAMPLES / "migration/before.py"),
        env=environment(world.server.endpoint),
        cwd=world.directory,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        payload = world.directory / "payload"
        await until(lambda: payload.exists() and b"#" in payload.read_bytes(), 60)
        world.canary.learn_qr(payload.read_text())
        device = await phone.scan(payload.read_text())
        await world.server.wait_connected(device)
        payload.unlink()
        ann.say(phone, "When are you open?")
        assert await heard(ann) == "We are open from 9 to 18."
    finally:
        with contextlib.suppress(ProcessLookupError):
            before.kill()
        await before.wait()

    shutil.copy(EXAMPLES / "migration/after.py", world.directory)
    files = SessionFiles.open("shop", world.data_dir)
    old = world.directory / "shop.sqlite3"
    shutil.copyfile(old, files.database)
    old.unlink()  # the keys lie in one place, where nobody else may read them
    run = world.start(session="shop", bot="after:register")
    await run.reach("Connected")
    assert run.codes.shown == []
    ann.say(phone, "Open today?")
    assert await heard(ann) == "We are open from 9 to 18."


def test_the_page_lists_every_example() -> None:
    page = (EXAMPLES / "README.md").read_text("utf-8")
    there = {path.name for path in EXAMPLES.iterdir()} - {"README.md", "__pycache__"}
    assert {name for name in there if f"[{name}" in page} == there
