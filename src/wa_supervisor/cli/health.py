"""`wa-supervisor health`: is the session connected, as an exit code."""

from __future__ import annotations

import typer

from ..control import Order, ask
from ..errors import ControlError
from .exits import Exit
from .service import summary
from .session_options import ConfigOption, DataDirOption, SessionOption, SessionOptions


def health(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Exit 0 if the session is connected now, else 1; one line says why. For health checks."""
    files = SessionOptions(session, data_dir, config).files()
    try:
        status = ask(files, Order.STATUS)
    except ControlError as error:
        print(error)
        raise typer.Exit(Exit.FAILED) from None
    print(f"{status.session}: {summary(status)}")
    raise typer.Exit(Exit.OK if status.substate == "online" else Exit.FAILED)
