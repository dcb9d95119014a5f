"""How a fleet reads on a terminal of 80 columns: what is wrong first, then who does what."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ...lifecycle import State
from ...redaction import printable
from ...times import span
from ..session_options import SessionOptions
from ..wrap import WIDTH, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from ...fleet.report import FleetReport, SessionReport, WorkerReport

Line = tuple[str, str | None]
"""What is said, and its colour."""

_COLOURS: Final = {"alive": "green", "late": "yellow", "draining": "yellow", "dead": "red"}
_WHO: Final = {"operator": "You", "phone": "The person with the phone"}
_MOST: Final = 20
"""Sessions that are told one by one; how many more there are is said."""
_GAP: Final = 2


def overview(report: FleetReport) -> Iterator[Line]:
    """Say how the fleet stands, then its workers, then whatever is not as it should be."""
    totals = report.totals
    good = totals.ready == len(report.sessions)
    fg = "green" if good else "red" if totals.need_person else "yellow"
    for line in wrapped(_headline(report), ""):
        yield line, fg
    for hold in report.holds:
        yield from _plain(wrapped(f"Sessions wait: {hold}."))
    if report.workers:
        yield "", None
        yield from _workers(report.workers, report.ts)
    yield from _part("Needs a person", [each for each in report.sessions if each.needs_person])
    yield from _part(
        "Waits", [each for each in report.sessions if each.waits and not each.needs_person]
    )
    yield from _stranded(report.workers)


def listing(report: FleetReport) -> Iterator[Line]:
    """Say each session in a line, those that need a person first."""
    rows = [(each.session, each.owner or "-", _where(each, report.ts)) for each in report.sessions]
    first, *lines = _columns(rows, "SESSION", "WORKER", "STATE")
    yield first, None
    yield from zip(lines, map(colour, report.sessions), strict=True)


def colour(session: SessionReport) -> str:
    """Return the colour of its line: green is heard, red needs a person."""
    if session.needs_person:
        return "red"
    return "green" if session.is_ready and session.waits is None else "yellow"


def _headline(report: FleetReport) -> str:
    totals = report.totals
    workers = ", ".join(f"{count} {state}" for state, count in sorted(totals.workers.items()))
    said = f"{_count(len(report.workers), 'worker')} ({workers})" if workers else "no worker"
    who = "needs a person" if totals.need_person == 1 else "need a person"
    need = f", {totals.need_person} {who}" if totals.need_person else ""
    return f"{said}; {totals.ready} of {_count(len(report.sessions), 'session')} connected{need}."


def _workers(workers: Iterable[WorkerReport], now: datetime) -> Iterator[Line]:
    rows = [
        (
            each.name,
            each.state,
            f"{each.load} of {each.capacity}",
            _heartbeat(each, now),
            each.version,
            f"{each.host}, pid {each.pid}",
        )
        for each in workers
    ]
    first, *lines = _columns(rows, "WORKER", "STATE", "SESSIONS", "HEARTBEAT", "VERSION", "HOST")
    yield first, None
    yield from zip(lines, (_COLOURS[each.state] for each in workers), strict=True)


def _heartbeat(worker: WorkerReport, now: datetime) -> str:
    if worker.heartbeat_age is not None:
        return f"{span(timedelta(seconds=worker.heartbeat_age))} ago"
    return "none" if worker.died_at is None else f"died {span(now - worker.died_at)} ago"


def _where(session: SessionReport, now: datetime) -> str:
    if session.state is None:
        return session.waits or "not begun"
    said = session.state + (f" ({session.substate})" if session.substate else "")
    if session.waits:
        return f"{said if session.has_owner else f'was {said}'}; {session.waits}"
    why = f" [{session.reason}]" if session.reason else ""
    length = f" for {span(now - session.since)}" if session.since else ""
    return f"{said}{length}{why}"


def _part(title: str, sessions: Sequence[SessionReport]) -> Iterator[Line]:
    if not sessions:
        return
    yield "", None
    yield f"{title}:", None
    for each in sessions[:_MOST]:
        yield from _plain(_told(each))
    if len(sessions) > _MOST:
        more = len(sessions) - _MOST
        yield from _plain(wrapped(f"... and {more} more; `wa-supervisor fleet list` has all"))


def _told(session: SessionReport) -> Iterator[str]:
    at = f" on {session.owner}" if session.owner else ""
    was = "was " if session.state and session.owner and not session.has_owner else ""
    state = f"{was}{session.state or 'not begun'}{at}"
    why = f": {session.sentence} [{session.reason}]" if session.sentence else ""
    yield from wrapped(f"{session.session}: {state}{why}", "  ", "    ")
    if session.waits:
        yield from wrapped(f"{session.waits[0].upper()}{session.waits[1:]}.", "    ", "    ")
    if session.hints and session.needs_person:
        options = SessionOptions(session.session)
        advice = options.advice(*session.hints)
        if session.state == State.PAIRING.value:
            advice += f", which {options.repeat_in('`wa-supervisor qr`')} shows"
        there = f", on the worker {session.owner}" if session.owner else ""
        who = _WHO.get(session.who, "Somebody")
        yield from wrapped(f"{who} must act: {advice}{there}.", "    ", "    ")


def _stranded(workers: Iterable[WorkerReport]) -> Iterator[Line]:
    for each in (each for each in workers if each.stranded):
        back = "; they are read once it is back" if each.state == "dead" else ""
        messages = _count(each.stranded, "message")
        said = f"{messages} lie unread on the disk of {each.name}{back}."
        yield "", None
        yield from _plain(wrapped(said, "", "  "))


def _columns(rows: Sequence[tuple[str, ...]], *titles: str) -> Iterator[str]:
    """Write a table; its last column is cut where the terminal ends."""
    table = [titles, *(tuple(map(printable, row)) for row in rows)]
    widths = [max(map(len, column)) + _GAP for column in zip(*table, strict=True)]
    for row in table:
        line = "".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        yield line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}..."


def _plain(lines: Iterable[str]) -> Iterator[Line]:
    return ((line, None) for line in lines)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
