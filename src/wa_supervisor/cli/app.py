"""The program: its commands, and how their errors are told."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

from ..errors import ConfigError, ControlError, StoreError, SupervisorError
from .commands import HOMES, TYPER, Commands
from .exits import Exit

app = typer.Typer(
    name="wa-supervisor",
    help="Keeps one WhatsApp Web session alive and tells the truth about it.",
    cls=Commands,
    no_args_is_help=True,
    **TYPER,
)
for name, home in HOMES.items():
    app.command(name, help=home.summary)(lambda: None)  # for the list; see Commands


def main() -> NoReturn:
    """Run a command; an error of ours is a sentence and a hint, not a traceback."""
    try:
        app()
    except SupervisorError as error:
        print(f"wa-supervisor: {error}", file=sys.stderr)
        if error.hint:
            print(f"  try: {error.hint}", file=sys.stderr)
        sys.exit(_EXITS.get(type(error), _exit_of(error)))
    sys.exit(Exit.OK)


_EXITS: dict[type[SupervisorError], Exit] = {ConfigError: Exit.USAGE}


def _exit_of(error: SupervisorError) -> Exit:
    return Exit.STORE if isinstance(error, StoreError | ControlError) else Exit.FAILED
