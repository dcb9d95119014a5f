"""`wa-supervisor status` and `sessions`: how sessions stand, whether a supervisor runs or not."""

from __future__ import annotations

import dataclasses
import sys
import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..errors import ConfigError
from ..report import look, look_at_all, sessions_beside
from ..session.shared.secret import ON_THE_WIRE
from ..times import span
from .exits import Exit
from .session_options import ConfigOption, DataDirOption, SessionOption, SessionOptions
from .status_view import colour, headline, lines

if TYPE_CHECKING:
    from ..lifecycle import Policy
    from ..status import Status

_EVERY: Final = 1.0  # seconds between two looks of --watch
_INTERRUPTED: Final = 130  # as a shell says of Ctrl-C
_UP: Final = {"running", "starting"}


def status(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    every: Annotated[
        bool, typer.Option("--all", help="All sessions; those that need a person first.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again each second.")] = False,
    number: Annotated[
        bool, typer.Option("--number", help="Show the account's phone number.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object a session, and no words.")
    ] = False,
) -> None:
    """Say how a session stands, why, who must act and what to type.

    Exits with 0 if its supervisor runs and answers, else with 3: what that left is shown then.
    """
    options = SessionOptions(session, data_dir, config)
    with options.advising():
        if watch:
            _watch(options, every=every, number=number, json=json)
        found = _look(options, every=every)
    if json:
        for each in found:
            print(_json(each, number=number))
    else:
        _print(found, options, every=every, number=number)
    raise typer.Exit(Exit.OK if all(each.supervisor in _UP for each in found) else Exit.STORE)


def sessions(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object a session, and no words.")
    ] = False,
) -> None:
    """List the sessions of the data directory in a line each, those that need a person first."""
    options = SessionOptions(session, data_dir, config)
    with options.advising():
        found = _look(options, every=True)
    if json:
        for each in found:
            print(_json(each, number=False))
        return
    if not found:
        print(f"There are no sessions in {options.files().directory.parent}.")
    width = max((len(each.session) for each in found), default=0)
    for each in found:
        where = headline(each).removeprefix(f"{each.session}: ")
        up = each.uptime
        running = f"; pid {each.process.pid}, up {span(up)}" if each.process and up else ""
        why = f" [{each.reason.value}]" if each.reason else ""
        typer.secho(f"{each.session:{width}}  {where}{why}{running}", fg=colour(each))


def _look(options: SessionOptions, *, every: bool) -> tuple[Status, ...]:
    def policy() -> Policy:
        return options.settings().policy

    files = options.files()
    if every:
        if not files.directory.parent.is_dir():
            return ()
        return look_at_all(sessions_beside(files), policy)
    return (look(files, policy),)


def _json(found: Status, *, number: bool) -> str:
    return found.model_dump_json(context=ON_THE_WIRE if number else None)


def _print(
    found: tuple[Status, ...], options: SessionOptions, *, every: bool, number: bool
) -> None:
    for line, fg in _coloured(found, options, every=every, number=number):
        typer.secho(line, fg=fg, bold=fg is not None)
    if not found:
        print("There are no sessions here.")
    elif not every and found[0].supervisor == "never":
        _name_others(options)


def _name_others(options: SessionOptions) -> None:
    """Who asks for one that never ran may mean another."""
    files = options.files()
    if not files.directory.parent.is_dir():
        return
    others = [each.name for each in sessions_beside(files) if each.name != files.name]
    if others:
        print(f"There are others here: {', '.join(others)}.")
        anywhere = dataclasses.replace(options, session=None)
        print(anywhere.repeat_in("Try: `wa-supervisor sessions`"))


def _coloured(
    found: tuple[Status, ...], options: SessionOptions, *, every: bool, number: bool
) -> list[tuple[str, str | None]]:
    shown: list[tuple[str, str | None]] = []
    for each in found:
        about = dataclasses.replace(options, session=each.session) if every else options
        first, *more = lines(each, about, full=not every, number=number)
        shown += [(first, colour(each)), *((line, None) for line in more)]
    return shown


def _watch(options: SessionOptions, *, every: bool, number: bool, json: bool) -> None:
    """Show it until Ctrl-C: on a terminal in place, as JSON a line whenever something changes."""
    try:
        if json:
            _watch_as_lines(options, every=every, number=number)
        elif not sys.stdout.isatty():
            raise ConfigError(
                "--watch draws on a terminal, and this is none", hint="wa-supervisor status --json"
            )
        else:
            _watch_on_terminal(options, every=every, number=number)
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None


def _watch_as_lines(options: SessionOptions, *, every: bool, number: bool) -> None:
    shown: dict[str, Status] = {}
    while True:
        for each in _look(options, every=every):
            before = shown.get(each.session)
            if before is None or (before.summary, before.supervisor) != (
                each.summary,
                each.supervisor,
            ):
                print(_json(each, number=number), flush=True)
            shown[each.session] = each
        time.sleep(_EVERY)


def _watch_on_terminal(options: SessionOptions, *, every: bool, number: bool) -> None:
    from rich.live import Live  # noqa: PLC0415 - only this draws
    from rich.text import Text  # noqa: PLC0415

    with Live(auto_refresh=False) as display:
        while True:
            found = _look(options, every=every)
            drawn = Text(no_wrap=True, overflow="ellipsis")
            for line, fg in _coloured(found, options, every=every, number=number):
                drawn.append(f"{line}\n", style=f"bold {fg}" if fg else "")
            drawn.append("Ctrl-C ends this; the session goes on.", style="dim")
            display.update(drawn, refresh=True)
            time.sleep(_EVERY)
