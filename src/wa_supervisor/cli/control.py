"""`status`, `resume`, `relink` and `stop`: orders to a running supervisor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..control import Order, ask
from ..settings import load_settings
from ..store import SessionFiles

if TYPE_CHECKING:
    from ..records import Status

SessionOption = Annotated[str | None, typer.Option(metavar="NAME", help="The session's name.")]
DataDirOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where sessions are kept (default: the state directory)."),
]
ConfigOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A TOML file with settings.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object instead of words.")]


def status(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say how a session stands, why, who must act and what to type."""
    found = _ask(Order.STATUS, session, data_dir, config)
    print(found.model_dump_json() if json else _told(found))


def resume(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Try again now, with a fresh budget: after GaveUp, or instead of a long wait."""
    _ask(Order.RESUME, session, data_dir, config)
    print("Resuming; `wa-supervisor status` says how it goes.")


def relink(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Log the device out, clear its session away and pair afresh."""
    if not yes:
        typer.confirm("This unlinks the device; somebody must scan a new QR. Go on?", abort=True)
    _ask(Order.RELINK, session, data_dir, config)
    print("Relinking; a fresh QR will appear where `wa-supervisor run` shows it.")


def stop(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Stop a session's supervisor, keeping the session."""
    _ask(Order.STOP, session, data_dir, config)
    print("Stopping.")


def _ask(order: Order, session: str | None, data_dir: Path | None, config: Path | None) -> Status:
    settings = load_settings(config, {"session": session, "data_dir": data_dir}).settings
    return ask(SessionFiles.at(settings.session, settings.data_dir), order)


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
