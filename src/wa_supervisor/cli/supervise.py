"""What `run` does once it knows what is wanted: a supervisor, its screen, log and signals."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from ..bounds import working_on
from ..exit_record import note_exit
from ..lifecycle import Reason
from ..output import Output
from ..pairing.parse import parse_sink
from ..sdnotify import Notifier
from ..store.layout import SessionFiles
from ..supervisor import Outcome, Supervisor
from .explain import details, explanation
from .logs import configure_logging, notice_of_loss
from .reload import reload
from .screen import Screen
from .service import reporting
from .signals import on_hang_up, stop_on_signals
from .web import address_of, page

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..page_address import Address
    from ..settings import Loaded, Settings
    from ..status import StepRecord
    from .session_options import SessionOptions
    from .workers import Workers

log = logging.getLogger("wa_supervisor")


class OnGiveUp(StrEnum):
    """What `run` does once only a person can help."""

    WAIT = "wait"
    EXIT = "exit"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What is asked of `run` beside its settings."""

    session: SessionOptions
    read: Callable[[], Loaded]
    """Reads the settings again, for SIGHUP."""
    on_give_up: OnGiveUp
    first_order: Callable[[Supervisor], None] | None
    """What is asked of the supervisor before it starts: `resume` or `relink`."""
    as_json: bool
    verbose: bool
    web: bool = False
    """--web was given: the page is served, though the settings do not say where."""


def supervise(loaded: Loaded, options: RunOptions, workers: Workers) -> Outcome:
    """Supervise a session until a signal or an operator ends it. Raises SupervisorError."""
    settings = loaded.settings
    address = address_of(settings.web, wanted=options.web)
    # Standard output belongs to --json; what is for a person goes to standard error.
    console = Console(file=sys.stderr)
    as_lines = options.as_json and not console.is_terminal
    typed = options.session.repeat_in
    files = configure_logging(console, as_json=as_lines, verbose=options.verbose, typed=typed)
    begin_log = files.add(settings)
    for warning in loaded.warnings:
        log.warning("%s", warning)
    screen = Screen(console, command=typed("wa-supervisor run"))
    if isinstance(console.file, Output) and not screen.is_live:
        console.file.notice = partial(notice_of_loss, as_json=as_lines)
    sinks = [parse_sink(text, terminal=screen.in_style) for text in settings.pairing.qr]
    supervisor = Supervisor(settings, sinks=sinks, on_give_up=options.on_give_up.value)
    if options.first_order is not None:
        options.first_order(supervisor)
    supervisor.on_record(begin_log)
    supervisor.on_record(_particulars(supervisor, options.session))
    if options.as_json:
        supervisor.on_record(json_lines(screen))
    # Of a terminal that was closed SIGHUP says just that, and the session must not outlive it.
    hang_up = supervisor.stop if screen.is_live else partial(reload, supervisor, options.read)
    notifier = Notifier.from_environment(os.environ)
    with screen.live(supervisor):
        return asyncio.run(_until_signalled(supervisor, hang_up, notifier, workers, address))


def _particulars(supervisor: Supervisor, options: SessionOptions) -> Callable[[StepRecord], None]:
    """Make a listener that logs what the supervisor's own log leaves out.

    That is what an earlier run gave up, for what and what helps; and, wherever a person is
    notified, the detail that the advice may point to.
    """
    begun = False

    def tell(record: StepRecord) -> None:
        nonlocal begun
        status = supervisor.status
        if not begun and status.reason is not None and record.after == "GaveUp":
            lines = explanation(Reason(status.reason), status.detail, options)
            log.warning("given up before this start: %s", " ".join(map(str.strip, lines)))
        elif "Notify" in record.effects and status.detail:
            log.warning("%s: %s", record.reason, " / ".join(map(str.strip, details(status.detail))))
        begun = True

    return tell


def json_lines(screen: Screen | None) -> Callable[[StepRecord], None]:
    """Make a listener that prints each step that was taken as a JSON object on standard output.

    The first step is printed in any case: it says where the session stands after a restart. A
    reader that is too slow or gone costs steps, not the session: a line `{"missed": 12}` stands
    where twelve are missing. The journal has them all.
    """
    out = sys.stdout
    if isinstance(out, Output):
        out.notice = _missed
        out.on_loss = partial(log.warning, _LOSS)

    begun = False

    def write(record: StepRecord) -> None:
        nonlocal begun
        if begun and not record.taken:
            return
        begun = True
        line = record.model_dump_json(exclude={"taken"})
        if screen is not None and screen.is_live and out.isatty():
            screen.console.print(Text(line), soft_wrap=True)  # above the display
        else:
            out.write(f"{line}\n")

    return write


_LOSS = (
    "steps are missing on standard output: %s. The session goes on; "
    "`wa-supervisor history` has them all"
)


def _missed(count: int) -> str:
    return f"{json.dumps({'missed': count})}\n"


async def _until_signalled(
    supervisor: Supervisor,
    hang_up: Callable[[], object],
    notifier: Notifier | None,
    workers: Workers,
    address: Address | None,
) -> Outcome:
    settings = supervisor.settings
    with working_on(workers), stop_on_signals(supervisor.stop), on_hang_up(hang_up):
        served = page({settings.session: supervisor}, address, settings, workers)
        async with served, reporting(supervisor, notifier):
            return await supervisor.run()


def leave_note(settings: Settings, code: int) -> None:
    """Leave a note of our end for `status`. A disk that takes none costs no more than that."""
    with contextlib.suppress(OSError):
        note_exit(SessionFiles.at(settings.session, settings.data_dir).directory, code)
