"""`wa-supervisor playground`: try everything, with no account and no network."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import subprocess
import sys
import tempfile
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from pydantic import SecretStr
from rich.console import Console

from wa_loopback import LoopbackError, LoopbackServer

from ...control import ask_code
from ...errors import ConfigError, SupervisorError
from ...lifecycle import Reason, State
from ...pairing.view import PairingView
from ...session.shared.endpoint import Endpoint
from ...setting_groups import PairingSettings
from ...settings import Settings
from ...store import SessionFiles
from ...supervisor import Supervisor
from ..demo.bot import __name__ as demo_bot
from ..exits import Exit
from ..signals import stop_on_signals
from .phone import ACTS, Neighbourhood
from .prompt import Prompt

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from wa_loopback import Contact

    from ...status import StepRecord

SESSION: Final = "playground"
NO_REAL_PHONE: Final = "No real phone can scan this code: it leads to this machine alone."

_VERBS: Final = {  # of `wa-supervisor`, which may be typed here, too
    "status": "how the session stands, why, and what to type",
    "history": "every step it took",
    "crashes": "how its processes died",
    "resume": "try again now",
    "restart": "end the session process and start a new one",
    "relink": "unlink, clear away, pair afresh",
}
_BY_THEMSELVES: Final = {"relink": ("--yes",)}
_VERB_SECONDS: Final = 30.0


def playground(
    bot: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION", help="Your bot; by default one that repeats what it hears."
        ),
    ] = None,
    only_phone: Annotated[
        bool,
        typer.Option(
            "--only-phone", help="Start no session here: `run` is typed in another terminal."
        ),
    ] = False,
) -> None:
    """Try everything on this machine: a session, a phone, and what can go wrong.

    Type what the phone, a friend or WhatsApp does (`scan`, `message`, `unlink`, `ban`), and see
    what the session makes of it. Input may be piped. Nothing is dialled but this machine.
    """
    # What goes wrong is what one is here for, and it is told as it comes.
    logging.getLogger("wa_supervisor").setLevel(logging.CRITICAL)
    raise typer.Exit(asyncio.run(_play(bot or f"{demo_bot}:register", only_phone=only_phone)))


async def _play(bot: str, *, only_phone: bool) -> Exit:
    prompt = Prompt()
    with tempfile.TemporaryDirectory(prefix="wa-playground-") as directory:
        async with LoopbackServer() as server:
            settings = _settings(server, Path(directory), bot)
            config = _written(settings, Path(directory))
            files = SessionFiles.at(SESSION, settings.data_dir)
            around = Neighbourhood(server, files, server.contact("Ann"), "15550000001")
            _welcome(prompt, config, around.friend, only_phone=only_phone)
            with stop_on_signals(prompt.close):
                async with (
                    _supervised(settings, prompt, only_phone=only_phone),
                    _hearing(around, prompt),
                ):
                    async for line in prompt.lines():
                        if line in {"quit", "exit"}:
                            break
                        await _obey(line, around, prompt, config)
            print("\nThe playground is closed; nothing of it is left.")
    return Exit.OK


def _settings(server: LoopbackServer, directory: Path, bot: str) -> Settings:
    """Lead the session to the server here, and read nothing else: no variable may lead it away."""
    endpoint = server.endpoint
    return Settings(
        session=SESSION,
        bot=bot,
        data_dir=directory,
        pairing=PairingSettings(qr=[]),
        endpoint=Endpoint(
            proxy=SecretStr(endpoint.proxy),
            ca_file=Path(endpoint.ca_file),
            noise_root=endpoint.noise_root,
        ),
    )


def _written(settings: Settings, directory: Path) -> Path:
    """Write the settings for the commands that are typed here or in another terminal."""
    endpoint = settings.endpoint
    assert endpoint.proxy is not None
    lines = {
        "session": SESSION,
        "data_dir": str(directory),
        "bot": settings.bot,
        "endpoint.proxy": endpoint.proxy.get_secret_value(),
        "endpoint.ca_file": str(endpoint.ca_file),
        "endpoint.noise_root": endpoint.noise_root,
    }
    file = directory / "playground.toml"
    file.write_text("".join(f"{key} = {dumps(value)}\n" for key, value in lines.items()))
    return file


def _welcome(prompt: Prompt, config: Path, friend: Contact, *, only_phone: bool) -> None:
    prompt.say("A WhatsApp of its own, on this machine only. No real phone can scan its codes.")
    if only_phone:
        prompt.say("Start the session in another terminal:")
        prompt.say(f"  wa-supervisor run --config {config}")
    else:
        prompt.say("In another terminal, the same session:")
        prompt.say(f"  wa-supervisor status --config {config}")
    prompt.say(f"{friend.name}, a friend, has the number +{friend.number}.")
    prompt.say("Type `help` for what can be done, for example: scan")
    prompt.say()


@contextlib.asynccontextmanager
async def _supervised(
    settings: Settings, prompt: Prompt, *, only_phone: bool
) -> AsyncIterator[None]:
    """Keep the session for as long as this lasts."""
    if only_phone:
        yield
        return
    supervisor = Supervisor(settings, sinks=[])
    supervisor.on_record(lambda record: _tell(record, prompt))
    running = asyncio.create_task(supervisor.run())
    running.add_done_callback(lambda _: prompt.close())
    try:
        yield
    finally:
        supervisor.stop()
        await running


@contextlib.asynccontextmanager
async def _hearing(around: Neighbourhood, prompt: Prompt) -> AsyncIterator[None]:
    """Say what the friend hears."""

    async def hear() -> None:
        while True:
            with contextlib.suppress(LoopbackError):  # nobody wrote for a while
                heard = await around.friend.next_message(timeout=3600)
                prompt.say(f"  {around.friend.name} hears: {heard.text}")

    hearing = asyncio.create_task(hear())
    try:
        yield
    finally:
        hearing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await hearing


def _tell(record: StepRecord, prompt: Prompt) -> None:
    """Say where the session went, and why."""
    if record.before == record.after:
        return
    why = f" - {Reason(record.reason).explanation.sentence}" if record.reason else ""
    prompt.say(f"  {record.before} -> {record.after}{why}")
    if record.after == State.PAIRING.value:
        prompt.say("  A code shows: `qr` draws it, `scan` has the phone scan it.")
    elif record.after == State.GAVE_UP.value:
        prompt.say("  Only a person can help now: `status` says how, `resume` tries again.")


async def _obey(line: str, around: Neighbourhood, prompt: Prompt, config: Path) -> None:
    """Do what was typed, and say how it went."""
    word, _, rest = line.partition(" ")
    try:
        if not word:
            return
        if word in {"help", "?"}:
            prompt.say("\n".join(_help()))
        elif word == "qr":
            await asyncio.to_thread(_draw, around.files)
        elif word in ACTS:
            prompt.say(await ACTS[word].do(around, rest.strip()))
        elif word in _VERBS:
            await asyncio.to_thread(_run, word, rest.split(), config)
        else:
            prompt.say(f"`{word}` is not known here; `help` says what is.")
    except (SupervisorError, LoopbackError) as error:
        prompt.say(f"That does not go now: {error}")


def _help() -> list[str]:
    acts = {act.typed: act.meaning for act in ACTS.values()}
    own = {"qr": "draw the QR that shows", "quit": "end all of it (so does Ctrl-C)"}
    return [
        "What happens to the session:",
        *(f"  {typed:16} {meaning}" for typed, meaning in acts.items()),
        "What you do, as `wa-supervisor ...` would:",
        *(f"  {typed:16} {meaning}" for typed, meaning in (_VERBS | own).items()),
    ]


def _draw(files: SessionFiles) -> None:
    """Draw the code that shows once, in this terminal."""
    _, code = ask_code(files)
    if code is None:
        raise ConfigError("no code shows now; `status` says why")
    view = PairingView(command=None, reserve=3, menu=NO_REAL_PHONE)
    (view.show_qr if code.kind == "qr" else view.show_code)(code.text, code.left)
    console = Console()
    if console.is_terminal:
        console.print(view)
    else:
        print("A code shows, but this is no terminal to draw it on; `scan` has the phone scan it.")


def _run(verb: str, options: list[str], config: Path) -> None:
    """Run a command of ours about the session; it prints here."""
    words = [*_BY_THEMSELVES.get(verb, ()), "--config", str(config), *options]
    command = [sys.executable, "-m", "wa_supervisor", verb, *words]
    try:
        subprocess.run(command, stdin=subprocess.DEVNULL, timeout=_VERB_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise ConfigError(f"`{verb}` was not over within {_VERB_SECONDS:g} s") from None
