"""`wa-supervisor history`: what a session went through, from its journal."""

from __future__ import annotations

import re
import shutil
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..errors import ConfigError
from ..journal.reader import FileReading
from ..redaction import printable
from ..step_words import in_words
from ..times import local
from .explain import explanation
from .session_options import ConfigOption, DataDirOption, SessionOption, SessionOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..journal import Entry, Memory, Past
    from ..journal.reader import Reading

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"(\d{1,4})\s*([smhdw])", re.ASCII)
_COLOURS = {"Connected": "green", "GaveUp": "red", "LoggedOut": "yellow"}
_EVERY: Final = 1.0  # seconds between two looks of --follow
_INTERRUPTED: Final = 130  # as a shell says of Ctrl-C

_AT_ONCE: Final = 1000
"""Steps in one look of --follow."""

SinceOption = Annotated[
    str | None,
    typer.Option(help="Only what is younger: 30m, 2h, 7d, or a time such as 2025-06-01T08:00Z."),
]
LimitOption = Annotated[int, typer.Option(min=0, help="At most so many newest steps; 0: all.")]
FollowOption = Annotated[
    bool, typer.Option("--follow", "-f", help="Go on with each new step, until Ctrl-C.")
]
JsonStepsOption = Annotated[
    bool, typer.Option("--json", help="One JSON object for each step on standard output.")
]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which steps are shown, and how."""

    since: datetime | None
    limit: int
    """Of the newest; 0: all."""
    follow: bool
    json: bool

    @classmethod
    def of(cls, since: str | None, limit: int, *, follow: bool, json: bool) -> Wanted:
        """Read what was typed. Raises ConfigError."""
        after = None if since is None else moment(since, datetime.now(UTC))
        return cls(after, limit, follow, json)


def history(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    since: SinceOption = None,
    limit: LimitOption = 20,
    follow: FollowOption = False,
    json: JsonStepsOption = False,
) -> None:
    """Show the steps a session took, oldest first, whether it runs now or not."""
    wanted = Wanted.of(since, limit, follow=follow, json=json)
    options = SessionOptions(session, data_dir, config)
    files = options.files()
    with options.advising():
        files.check_owner()
        show(FileReading(files.journal), files.name, options, wanted)


def show(reading: Reading, session: str, options: SessionOptions, wanted: Wanted) -> None:
    """Show a journal, wherever it is. Raises JournalError."""
    past = reading.read(since=wanted.since, limit=wanted.limit or None)
    show_step = _print_json if wanted.json else _printer()
    for entry in past.entries:
        show_step(entry)
    if wanted.follow:
        _follow(reading, past.last, show_step)
    if not wanted.json:
        for line in _closing(past, session, options):
            typer.secho(line, dim=True)


def _follow(reading: Reading, last: int, show_step: Callable[[Entry], None]) -> None:
    """Show what is recorded from now on, until Ctrl-C."""
    try:
        while True:
            found = reading.read_after(last, _AT_ONCE)
            for each in found:
                show_step(each.entry)
                last = each.number
            sys.stdout.flush()
            if len(found) < _AT_ONCE:
                time.sleep(_EVERY)
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None


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


def _print_json(entry: Entry) -> None:
    print(entry.model_dump_json(exclude={"taken"}))


def _printer() -> Callable[[Entry], None]:
    """Make what prints a step: on a terminal in one row of it, elsewhere whole, with the zone."""
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None

    def show(entry: Entry) -> None:
        if entry.missed:
            gap = f"  ... {entry.missed} steps could not be recorded ..."
            typer.secho(gap, fg="yellow")
        line = _line(entry, written=short if columns else local, named=columns is None)
        if columns and len(line) > columns:
            line = f"{line[: columns - 3]}..."
        typer.secho(line, fg=_COLOURS.get(entry.after))

    return show


def short(moment: datetime) -> str:
    """Write a time as `local` does, without the year and the zone."""
    return f"{moment.astimezone():%m-%d %H:%M:%S}"


def _line(entry: Entry, *, written: Callable[[datetime], str], named: bool) -> str:
    substate = f".{entry.substate}" if entry.substate not in {None, "online"} else ""
    moved = f"{entry.before} -> {entry.after}" if entry.before != entry.after else entry.after
    line = f"{written(entry.ts)}  {moved + substate:24} {in_words(entry.fact)}"
    if named:  # where there is room, and somebody may search for it
        line += f" [{entry.fact}]"
    if entry.reason:
        line += f" ({entry.reason})"
    if entry.retries:
        line += f", retry {entry.retries}"
    if entry.not_before and entry.not_before > entry.ts:
        line += f", until {written(entry.not_before)}"
    detail = " / ".join(entry.detail.split("\n")) if entry.detail else ""
    return printable(f"{line}: {detail}" if detail else line)


def _closing(past: Past, session: str, options: SessionOptions) -> list[str]:
    if past.memory is None:
        return [f"{session}: nothing is recorded yet"]
    zone = f"{datetime.now(UTC).astimezone():%Z, UTC%z}"
    ignored = f"times are of this machine ({zone}); {past.ignored} facts were ignored"
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
    parts = [f"{name} {local(at)}" for name, at in times.items() if at]
    lines = ["; ".join(parts)] if parts else []
    session = memory.session
    if session.given_up:
        detail = session.detail if session.reason is session.given_up else ""
        first, *more = explanation(session.given_up, detail, options)
        lines += [f"given up: {first}", *(f"  {line}" for line in more)]
    return lines
