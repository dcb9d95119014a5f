"""The commands and how their errors are told."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

from ..errors import ConfigError, StoreError, SupervisorError
from .control import relink, resume, status, stop
from .credentials import list_snapshots, purge_session, restore_session
from .demo import demo
from .diagram import diagram
from .exits import Exit
from .faults import faults
from .health import health
from .history import history
from .run import run
from .simulate import simulate
from .unit import unit

app = typer.Typer(
    name="wa-supervisor",
    help="Keeps one WhatsApp Web session alive and tells the truth about it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback with local variables could show a secret
    rich_markup_mode=None,
)
for command in (
    run,
    status,
    resume,
    relink,
    stop,
    history,
    health,
    unit,
    demo,
    diagram,
    simulate,
    faults,
):
    app.command()(command)
app.command("snapshots")(list_snapshots)
app.command("restore")(restore_session)
app.command("purge")(purge_session)


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
    return Exit.STORE if isinstance(error, StoreError) else Exit.FAILED
