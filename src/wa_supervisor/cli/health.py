"""`wa-supervisor health`: does a supervisor answer, is the session connected, as an exit code.

Most calls do not come here, see `wa_supervisor.health`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from .. import health as quick
from .session_options import ConfigOption, DataDirOption, SessionOption, SessionOptions


def health(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    ready: Annotated[
        bool, typer.Option("--ready/--live", help="Is it connected; or: does a supervisor answer?")
    ] = True,
) -> None:
    """Exit 0 if the session is connected now, else 1; one line says why. For health checks.

    With --live: 0 if its supervisor answers, whatever the session waits for.
    """
    files = SessionOptions(session, data_dir, config).files()
    what = quick.READY if ready else quick.LIVE
    code, line = quick.answer(what, files.name, str(files.directory))
    print(line)
    raise typer.Exit(code)
