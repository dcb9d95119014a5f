"""`wa-supervisor history`: what a session went through, from its journal."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from ..errors import ConfigError
from ..journal import read
from .explain import explanation
from .session_options import ConfigOption, DataDirOption, SessionOption, SessionOptions

if TYPE_CHECKING:
    from ..journal import Entry, Memory, Past

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"(\d{1,4})\s*([smhdw])", re.ASCII)
_STYLES = {"Connected": "green", "GaveUp": "bold red", "LoggedOut": "yellow"}


def history(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    since: Annotated[
        str | None,
        typer.Option(
            help="Only what is younger: 30m, 2h, 7d, or a time such as 2025-06-01T08:00Z."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many newest steps; 0: all.")] = 20,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object for each step on standard output.")
    ] = False,
) -> None:
    """Show the steps a session took, oldest first, whether it runs now or not."""
    after = None if since is None else moment(since, datetime.now(UTC))
    options = SessionOptions(session, data_dir, config)
    files = options.files()
    with options.advising():
        files.check_owner()
        past = read(files.journal, since=after, limit=limit or None)
    if json:
        for entry in past.entries:
            print(entry.model_dump_json(exclude={"taken"}))
        return
    console = Console(highlight=False)
    for entry in past.entries:
        _print(console, entry)
    for line in _closing(past, files.name, options):
        console.print(Text(line, style="dim"), soft_wrap=True)


def moment(text: str, now: datetime) -> datetime:
    """Read `2h` as so long before `now`, anything else as an ISO 8601 time (UTC if it says none).

    Raises ConfigError.
    """
    if ago := _AGO.fullmatch(text.strip()):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ConfigError(
            f"--since: {text!r} is neither a span nor a time",
            hint="for example --since 2h, or --since 2025-06-01T08:00",
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _print(console: Console, entry: Entry) -> None:
    if entry.missed:
        gap = f"  ... {entry.missed} steps could not be recorded ..."
        console.print(Text(gap, style="yellow"), no_wrap=True, overflow="ellipsis")
    substate = f".{entry.substate}" if entry.substate not in {None, "online"} else ""
    moved = f"{entry.before} -> {entry.after}" if entry.before != entry.after else entry.after
    line = Text(f"{entry.ts.astimezone(UTC):%m-%d %H:%M:%S}  ")
    line.append(f"{moved + substate:24}", style=_STYLES.get(entry.after, ""))
    line.append(f" {entry.fact}")
    if entry.reason:
        line.append(f" ({entry.reason})")
    if entry.retries:
        line.append(f", retry {entry.retries}")
    if entry.not_before and entry.not_before > entry.ts:
        line.append(f", until {entry.not_before.astimezone(UTC):%H:%M:%S}")
    console.print(line, no_wrap=True, overflow="ellipsis")


def _closing(past: Past, session: str, options: SessionOptions) -> list[str]:
    if past.memory is None:
        return [f"{session}: nothing is recorded yet"]
    ignored = f"times are UTC; {past.ignored} facts were ignored"
    lines = [ignored, *_remembered(past.memory, options)]
    if not past.entries:
        lines.insert(0, f"{session}: no step in that time")
    return lines


def _remembered(memory: Memory, options: SessionOptions) -> list[str]:
    times = {
        "last paired": memory.last_pairing,
        "last stable": memory.last_stable,
        "no dial before": memory.time(memory.session.not_before),
        "banned until": memory.time(memory.session.ban_until),
    }
    parts = [f"{name} {at.astimezone(UTC):%Y-%m-%d %H:%M}" for name, at in times.items() if at]
    lines = ["; ".join(parts)] if parts else []
    session = memory.session
    if session.given_up:
        detail = session.detail if session.reason is session.given_up else ""
        first, *more = explanation(session.given_up, detail, options)
        lines += [f"given up: {first}", *(f"  {line}" for line in more)]
    return lines
