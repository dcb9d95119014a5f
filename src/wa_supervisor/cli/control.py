"""`status`, `resume`, `relink` and `stop`: orders to a running supervisor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..control import Order, ask
from ..errors import NotRunning
from ..store import SessionFiles
from .session_options import Chosen, ConfigOption, DataDirOption, JsonOption, SessionOption

if TYPE_CHECKING:
    from ..status import Status


def status(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say how a session stands, why, who must act and what to type."""
    chosen = Chosen(session, data_dir, config)
    with chosen.telling():
        found = ask(chosen.files(), Order.STATUS)
    print(found.model_dump_json() if json else chosen.typed(_told(found)))


def resume(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Try again now, with a fresh budget: after GaveUp, or instead of a long wait.

    Where no supervisor runs, the next one does so when it is started.
    """
    chosen = Chosen(session, data_dir, config)
    if _order(Order.RESUME, chosen):
        print(chosen.typed("Resuming; `wa-supervisor status` says how it goes."))
    else:
        print("No supervisor runs; the next one resumes when it is started,")
        print(chosen.typed("by its service or by `wa-supervisor run`."))


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
    chosen = Chosen(session, data_dir, config)
    if _order(Order.RELINK, chosen):
        print(chosen.typed("Relinking; a fresh QR will appear where `wa-supervisor run` shows it."))
    else:
        print("No supervisor runs, so WhatsApp is not told now. The next one sets the keys aside")
        print("and pairs afresh when it is started,")
        print(chosen.typed("by its service or by `wa-supervisor run`."))
        print("If the phone lists the old device after that, remove it there.")


def stop(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Stop a session's supervisor, keeping the session."""
    chosen = Chosen(session, data_dir, config)
    with chosen.telling():
        ask(chosen.files(), Order.STOP)
    print("Stopping.")


def _order(order: Order, chosen: Chosen) -> bool:
    """Give an order to the supervisor, or leave it for the next one: then the answer is False."""
    with chosen.telling():
        settings = chosen.settings()
        files = SessionFiles.at(settings.session, settings.data_dir)
        try:
            ask(files, order)
        except NotRunning:
            from .offline import leave  # noqa: PLC0415 - of the journal only who needs it knows

            if not leave(order, files, settings):
                raise
            return False
        return True


def _told(status: Status) -> str:
    state = f"{status.state} ({status.shade})" if status.shade else status.state
    lines = [f"{status.session}: {state}"]
    if status.sentence:
        lines.append(f"  {status.sentence}")
    if status.cause and status.cause != status.reason:
        lines.append(f"  It began with: {status.cause}.")
    if status.detail:
        lines.append(f"  {status.detail.strip().splitlines()[0]}")
    if status.action:
        lines.append(f"  What to do: {status.action}")
    if status.not_before:
        lines.append(f"  Next dial: {status.not_before.astimezone():%Y-%m-%d %H:%M:%S %Z}")
    if status.retries:
        lines.append(f"  Retries without a stable connection since: {status.retries}")
    if status.journal:
        lines.append(f"  Steps cannot be recorded: {status.journal}")
    return "\n".join(lines)
