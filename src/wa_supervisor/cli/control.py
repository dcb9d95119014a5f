"""`resume`, `restart`, `relink` and `stop`: orders to a running supervisor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..control import Order, ask
from ..errors import NotRunning
from ..lifecycle import State
from ..store import SessionFiles
from .exits import Exit
from .session_options import ConfigOption, DataDirOption, SessionOption, SessionOptions
from .status_view import headline

if TYPE_CHECKING:
    from ..status import Status

_RESTARTABLE = {State.INIT, State.PAIRING, State.CONNECTED}
_RESUMABLE = {State.BACKOFF, State.GAVE_UP}


def resume(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Try again now, with a fresh budget: after GaveUp, or instead of a long wait.

    Where no supervisor runs, the next one does so when it is started.
    """
    options = SessionOptions(session, data_dir, config)
    status = _order(Order.RESUME, options)
    if status is not None and status.state not in _RESUMABLE:
        print(f"There is nothing to resume: {headline(status)}.")
    elif status is not None:
        print(options.repeat_in("Resuming; `wa-supervisor status` says how it goes."))
    else:
        print("No supervisor runs; the next one resumes when it is started,")
        print(options.repeat_in("by its service or by `wa-supervisor run`."))


def restart(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """End the session process and start a new one, for example after the bot's code changed.

    The session stays paired, and messages wait meanwhile. No retry is counted and no wait is cut
    short: where nothing runs that could be restarted, it says so, and fails if nothing will.
    """
    options = SessionOptions(session, data_dir, config)
    with options.advising():
        status = ask(options.files(), Order.RESTART)
    if status.client is not None and status.state in _RESTARTABLE:
        print(options.repeat_in("Restarting; `wa-supervisor status` says how it goes."))
        return
    print(f"There is nothing to restart: {headline(status)}.")
    if status.state in _RESUMABLE:
        print(options.repeat_in("`wa-supervisor resume` starts a new process now."))
    raise typer.Exit(Exit.FAILED if status.state is State.GAVE_UP else Exit.OK)


def relink(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Log the device out, clear its session away and pair afresh.

    Where no supervisor runs, the next one clears it away and pairs when it is started; the phone
    may then list the old device until somebody removes it there.
    """
    if not yes:
        typer.confirm("This unlinks the device; somebody must scan a new QR. Go on?", abort=True)
    options = SessionOptions(session, data_dir, config)
    if _order(Order.RELINK, options) is not None:
        print(
            options.repeat_in(
                "Relinking; a fresh QR will appear where `wa-supervisor run` shows it."
            )
        )
    else:
        print("No supervisor runs, so WhatsApp is not told now. The next one sets the keys aside")
        print("and pairs afresh when it is started,")
        print(options.repeat_in("by its service or by `wa-supervisor run`."))
        print("If the phone lists the old device after that, remove it there.")


def stop(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Stop a session's supervisor, keeping the session."""
    options = SessionOptions(session, data_dir, config)
    with options.advising():
        ask(options.files(), Order.STOP)
    print("Stopping.")


def _order(order: Order, options: SessionOptions) -> Status | None:
    """Give an order to the supervisor, and say how it stood then; None if it waits for the next."""
    with options.advising():
        settings = options.settings()
        files = SessionFiles.at(settings.session, settings.data_dir)
        try:
            return ask(files, order)
        except NotRunning:
            from .offline import leave  # noqa: PLC0415 - of the journal only who needs it knows

            if not leave(order, files, settings):
                raise
            return None
