"""The program: its commands, and how their errors are told."""

from __future__ import annotations

import errno
import sys
from typing import Annotated, NoReturn

import typer

from ..errors import BotUnusable, ConfigError, ControlError, StoreError, SupervisorError
from ..output import finish, is_of_a_stream, open_standard_streams
from ..redaction import printable
from .arguments import hide_private
from .commands import HOMES, TYPER, Commands
from .exits import Exit

app = typer.Typer(
    name="wa-supervisor",
    help="Keeps one WhatsApp Web session alive and tells the truth about it.",
    cls=Commands,
    no_args_is_help=True,
    **TYPER | {"add_completion": True},
)
for name, home in HOMES.items():
    app.command(name, help=home.summary)(lambda: None)  # for the list; see Commands


def _print_versions(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        from ..versions import versions  # noqa: PLC0415 - the list needs none

        for name, number in versions().items():
            print(f"{name} {number}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the versions and exit.",
            is_eager=True,
            callback=_print_versions,
        ),
    ] = False,
) -> None:
    """Keeps one WhatsApp Web session alive and tells the truth about it."""
    del version  # its callback has answered


def main() -> NoReturn:
    """Run a command; an error of ours is a sentence and a hint, not a traceback."""
    open_standard_streams()
    if not hide_private():
        print(
            "warning: what was typed is in the list of processes; - asks for it, or reads it",
            file=sys.stderr,
        )
    code = _call()
    trouble = finish()
    if trouble is not None:
        code = code or _unwritable(trouble)
    sys.exit(code)


def _call() -> int:
    """Run the command that the arguments name, and return its exit code."""
    try:
        app()
    except SystemExit as ended:
        return int(ended.code or Exit.OK)
    except SupervisorError as error:
        print(f"wa-supervisor: {_lines(str(error))}", file=sys.stderr)
        if error.hint:
            from .session_options import SessionOptions  # noqa: PLC0415 - the list needs none

            print(f"  try: {_lines(SessionOptions().advice(error.hint))}", file=sys.stderr)
        return _EXITS.get(type(error), _exit_of(error))
    except OSError as error:
        if not is_of_a_stream(error):
            raise
        return _unwritable(error)
    return Exit.OK


def _lines(text: str) -> str:
    """Keep the line breaks, of which an error may have some; whom it quotes commands nothing."""
    return "\n".join(map(printable, text.split("\n")))


def _unwritable(error: OSError) -> Exit:
    if error.errno != errno.EPIPE:  # a reader that has seen enough (`| head`) is no trouble
        why = error.strerror
        print(f"wa-supervisor: standard output cannot be written: {why}", file=sys.stderr)
    return Exit.FAILED


_EXITS: dict[type[SupervisorError], Exit] = {
    ConfigError: Exit.USAGE,
    BotUnusable: Exit.USAGE,
}


def _exit_of(error: SupervisorError) -> Exit:
    return Exit.STORE if isinstance(error, StoreError | ControlError) else Exit.FAILED
