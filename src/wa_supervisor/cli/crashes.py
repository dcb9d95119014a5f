"""`wa-supervisor crashes`: how a session's processes died, newest last."""

from __future__ import annotations

import sys
import textwrap
from datetime import UTC
from typing import TYPE_CHECKING, Annotated

import typer

from .. import crashes as reports
from ..errors import StoreError
from ..hints import Action, Hint
from .explain import indented
from .session_options import ConfigOption, DataDirOption, JsonOption, SessionOption, SessionOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..crashes import CrashReport


def crashes(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many newest reports.")] = 3,
    json: JsonOption = False,
) -> None:
    """Show the reports of session processes that died, newest last."""
    options = SessionOptions(session, data_dir, config)
    files = options.files()
    with options.advising():
        files.check_owner()
        if not files.directory.is_dir():
            raise StoreError(f"session {files.name!r} was never run", hint=Hint(Action.SESSIONS))
        found, unreadable = reports.read(files.directory)
    for each in unreadable:
        print(f"warning: {each}; look at {each.path}, or remove it", file=sys.stderr)
    for report in found[-limit:]:
        print(report.model_dump_json() if json else "\n".join(_lines(report)))
    if not json:
        print(_closing(len(found), limit, files.name))


def _lines(report: CrashReport) -> Iterator[str]:
    yield f"{report.ts.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC: {report.sentence} ({report.end})"
    yield indented(report.printed or "it printed nothing")
    if report.last_facts:
        before = f"before it: {', '.join(report.last_facts)}"
        yield textwrap.fill(before, 80, initial_indent="  ", subsequent_indent="    ")
    versions = ", ".join(f"{name} {number}" for name, number in report.versions.items())
    yield textwrap.fill(f"on {versions}", 80, initial_indent="  ", subsequent_indent="    ")
    yield ""


def _closing(count: int, limit: int, session: str) -> str:
    if not count:
        return f"{session}: no session process has died"
    closing = f"{count} report{'s' * (count != 1)}, redacted; times are UTC"
    return f"{closing}; --limit {count} shows all" if count > limit else closing
