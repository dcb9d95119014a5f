"""`wa-supervisor run`: supervise one session until a signal or an operator ends it."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import ConfigError
from ..lifecycle import PROFILES, State
from ..output import take_over
from ..settings import Loaded, load_sessions, load_settings
from ..supervisor import Supervisor
from .exits import Exit, gave_up
from .explain import explanation
from .session_options import SessionOptions
from .supervise import OnGiveUp, RunOptions, leave_note, supervise
from .supervise_many import ManyOptions, supervise_many
from .workers import Workers


def run(
    session: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="The session's name. Repeatable: all in one program."),
    ] = None,
    all_: Annotated[
        bool,
        typer.Option("--all", help="Every session that the settings have a table for."),
    ] = False,
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
            metavar="NUMBER",
            help="Pair by a code typed on the phone with this number, not by QR; - asks for it.",
        ),
    ] = None,
    qr: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SINK",
            help="Where to show the QR: terminal, png:PATH, svg:PATH, payload:PATH. Repeatable. "
            "terminal:half, :sextant or :octant chooses what it is drawn with, :kitty, :iterm2 or "
            ":sixel the kind of image.",
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
    web: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST:PORT]",
            help="Serve a page and an API (default: `web.listen`, or 127.0.0.1:8765), see "
            "docs/web.md.",
        ),
    ] = None,
    web_origin: Annotated[
        str | None,
        typer.Option(metavar="URL", help="What browsers call it behind a proxy: https://NAME."),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what was ignored.")] = False,
) -> None:
    """Supervise a session: pair it, keep it connected, and know when to stop."""
    if phone == "-":
        phone = _ask_for_phone()
    pairing: dict[str, Any] = {"phone": phone, "qr": qr or None}
    if phone is not None:
        pairing["mode"] = "code"
    given = {
        "data_dir": data_dir,
        "profile": profile,
        "pairing": pairing,
        "bot": bot,
        "web": {"listen": web or None, "origin": web_origin},
    }

    def read(name: str | None) -> Loaded:
        return load_settings(config, {**given, "session": name})

    def read_all() -> dict[str, Loaded]:
        found = load_sessions(config, given, None if all_ else session)
        if not found:
            raise ConfigError(
                "--all takes the sessions that the settings file has tables for, and it has none",
                hint="write [sessions.NAME] for each, or name them by --session",
            )
        return found

    first_order = Supervisor.relink if relink else Supervisor.resume if resume else None
    take_over()  # nothing that is printed from here on may wait for its reader
    workers, code = Workers(), Exit.OK
    if all_ or len(session or ()) > 1:
        many = ManyOptions(
            of=SessionOptions(None, data_dir, config),
            read=read_all,
            on_give_up=on_give_up,
            first_order=first_order,
            as_json=json,
            verbose=verbose,
            web=web is not None,
        )
        with many.of.advising():
            code = supervise_many(many, workers)
        workers.leave(code)
        raise typer.Exit(code)
    name = session[0] if session else None
    options = RunOptions(
        session=SessionOptions(name, data_dir, config),
        read=partial(read, name),
        on_give_up=on_give_up,
        first_order=first_order,
        as_json=json,
        verbose=verbose,
        web=web is not None,
    )
    with options.session.advising():
        loaded = options.read()
        outcome = supervise(loaded, options, workers)
    if outcome.state is State.GAVE_UP and outcome.reason is not None:
        lines = explanation(outcome.reason, outcome.detail, options.session)
        print("wa-supervisor: gave up: " + "\n  ".join(lines), file=sys.stderr)
        code = gave_up(outcome.reason)
    workers.submit(leave_note, loaded.settings, code)
    workers.leave(code)
    raise typer.Exit(code)


def _ask_for_phone() -> str:
    """Read the number from the terminal or, where there is none, from standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt("The phone's number, with its country code", err=True))
    return sys.stdin.readline().strip()
