"""`wa-supervisor run`: supervise one session until a signal or an operator ends it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ..lifecycle import PROFILES, Phase
from ..pairing.parse import parse_sink
from ..sdnotify import Notifier
from ..settings import load_settings
from ..supervisor import Outcome, Supervisor
from .exits import GIVE_UP, Exit
from .logs import configure_logging
from .reload import reload
from .screen import Screen
from .service import reporting
from .session_options import Chosen
from .workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..settings import Loaded
    from ..status import StepRecord


class OnGiveUp(StrEnum):
    """What `run` does once only a person can help."""

    WAIT = "wait"
    EXIT = "exit"


def run(
    session: Annotated[str | None, typer.Option(metavar="NAME", help="The session's name.")] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where sessions are kept (default: the state directory)."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A TOML file with settings.")
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"How to back off: {' or '.join(PROFILES)}."),
    ] = None,
    phone: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER", help="Pair by a code typed on the phone with this number, not by QR."
        ),
    ] = None,
    qr: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SINK",
            help="Where to show the QR: terminal, png:PATH, svg:PATH, payload:PATH. Repeatable.",
        ),
    ] = None,
    bot: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="Your bot: called with the neonize client before it connects.",
        ),
    ] = None,
    on_give_up: Annotated[
        OnGiveUp, typer.Option(help="Once only a person can help: wait for one, or exit.")
    ] = OnGiveUp.WAIT,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Try again what was given up, with fresh budgets."),
    ] = False,
    relink: Annotated[
        bool,
        typer.Option("--relink", help="Log out, clear the session away and pair afresh."),
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object for each step on standard output.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what was ignored.")] = False,
) -> None:
    """Supervise a session: pair it, keep it connected, and know when to stop."""
    pairing: dict[str, Any] = {"phone": phone, "qr": qr or None}
    if phone is not None:
        pairing["mode"] = "code"
    read = partial(
        load_settings,
        config,
        {
            "session": session,
            "data_dir": data_dir,
            "profile": profile,
            "pairing": pairing,
            "bot": bot,
        },
    )
    word = Supervisor.relink if relink else Supervisor.resume if resume else None
    chosen, workers, code = Chosen(session, data_dir, config), Workers(), Exit.OK
    with chosen.telling():
        outcome = _supervise(
            workers,
            read(),
            chosen,
            word,
            read,
            on_give_up=on_give_up,
            as_json=json,
            verbose=verbose,
        )
    if outcome.phase is Phase.GAVE_UP and outcome.reason is not None:
        told = outcome.reason.explanation
        print(f"wa-supervisor: gave up: {told.sentence}", file=sys.stderr)
        if told.action:
            print(f"  {told.who.value} must act: {chosen.typed(told.action)}", file=sys.stderr)
        code = GIVE_UP.get(outcome.reason, Exit.FAILED)
    workers.leave(code)
    raise typer.Exit(code)


def _supervise(
    workers: Workers,
    loaded: Loaded,
    chosen: Chosen,
    word: Callable[[Supervisor], None] | None,
    read: Callable[[], Loaded],
    *,
    on_give_up: OnGiveUp,
    as_json: bool,
    verbose: bool,
) -> Outcome:
    settings = loaded.settings
    # Standard output belongs to --json; what is for a person goes to standard error.
    console = Console(stderr=True)
    as_lines = as_json and not console.is_terminal
    configure_logging(console, as_json=as_lines, verbose=verbose, typed=chosen.typed)
    for warning in loaded.warnings:
        console.print(f"warning: {warning}", markup=False, highlight=False)
    screen = Screen(console, command=chosen.typed("wa-supervisor run"))
    sinks = [parse_sink(text, terminal=screen) for text in settings.pairing.qr]
    supervisor = Supervisor(settings, sinks=sinks, on_give_up=on_give_up.value)
    if word is not None:
        word(supervisor)
    if as_json:
        supervisor.on_step(_print_json)
    # Of a terminal that was closed SIGHUP says just that, and the session must not outlive it.
    hang_up = supervisor.stop if screen.is_live else partial(reload, supervisor, read)
    notifier = Notifier.from_environment(os.environ)
    with screen.live(supervisor):
        return asyncio.run(_until_signalled(supervisor, hang_up, notifier, workers))


def _print_json(record: StepRecord) -> None:
    if record.taken:
        print(record.model_dump_json(exclude={"taken"}), flush=True)


async def _until_signalled(
    supervisor: Supervisor,
    hang_up: Callable[[], object],
    notifier: Notifier | None,
    workers: Workers,
) -> Outcome:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(workers)
    try:
        with stop_on_signals(supervisor.stop), on_hang_up(hang_up):
            async with reporting(supervisor, notifier):
                return await supervisor.run()
    finally:
        loop.set_default_executor(ThreadPoolExecutor(1))  # asyncio waits for this one, not for ours


@contextlib.contextmanager
def on_hang_up(deed: Callable[[], object]) -> Iterator[None]:
    """Have SIGHUP call `deed` on the loop while this lasts, unless it is ignored (nohup).

    Afterwards it is ignored, as the others are.
    """
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, deed)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


@contextlib.contextmanager
def stop_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Have Ctrl-C and SIGTERM call `stop` while this lasts; they interrupt nothing.

    Afterwards they are ignored: the command is ending, and an impatient second Ctrl-C must not
    spoil its exit code.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop())
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
