"""How the CLI writes its log: to standard error, in one line a record, with secrets scrubbed.

The library logs with stdlib `logging` and never configures it; only a command does, here.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from rich.text import Text

from ..log_context import SESSION
from ..redaction import printable, redact
from .explain import indented

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

_SPEAKERS: Final = {"wa_supervisor.bot": "bot: ", "wa_supervisor.client": "client: "}
"""Loggers that repeat what others say; without this they would seem to be us."""

_STYLES: Final = {"ERROR": "bold red", "WARNING": "yellow", "DEBUG": "dim"}


def configure_logging(
    console: Console,
    *,
    as_json: bool,
    verbose: bool = False,
    typed: Callable[[str], str] = str,
    several: bool = False,
) -> None:
    """Send the package's log to `console`, as JSON lines or for a person.

    With `several` sessions each line says which one it is about.

    `typed` makes the commands that a line names ones that can be typed as they stand.
    """
    logger = logging.getLogger("wa_supervisor")
    logger.handlers = [(_JsonHandler if as_json else _Handler)(console, typed, several=several)]
    logger.propagate = False
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)


class _Handler(logging.Handler):
    """Writes lines for a person, above a live display instead of through it."""

    def __init__(self, console: Console, typed: Callable[[str], str], *, several: bool) -> None:
        super().__init__()
        self._several = several
        self._console = console
        self._typed = typed

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record. A log line never raises: that is logging's own rule."""
        try:
            message = self._typed(redact(record.getMessage()))
            self.write(record, f"{self._whose(message)}{message}", _traceback(record))
        except Exception:  # noqa: BLE001 - see above
            self.handleError(record)

    def _whose(self, message: str) -> str:
        name = SESSION.get() if self._several else None
        return f"{name}: " if name and not message.startswith(f"{name}: ") else ""

    def write(self, record: logging.LogRecord, message: str, traceback: str) -> None:
        # The time comes after the scrubbing, which takes some times for phone numbers.
        when = datetime.fromtimestamp(record.created, UTC).astimezone()
        line = Text.assemble(
            (f"{when:%Y-%m-%d %H:%M:%S} ", "dim"),
            (f"{record.levelname.lower():7} ", _STYLES.get(record.levelname, "")),
            printable(f"{_SPEAKERS.get(record.name, '')}{message}"),
        )
        if traceback:
            line.append(f"\n{indented(traceback)}")
        self._console.print(line, soft_wrap=True)


class _JsonHandler(_Handler):
    """Writes one JSON object a line, in ASCII."""

    def write(self, record: logging.LogRecord, message: str, traceback: str) -> None:
        when = datetime.fromtimestamp(record.created, UTC)
        more = {"exception": traceback} if traceback else {}
        line = _json_line(when, record.levelname.lower(), record.name, message, **more)
        self._console.file.write(line)


def _json_line(when: datetime, level: str, logger: str, event: str, **more: str) -> str:
    stamp = when.replace(tzinfo=None).isoformat(timespec="milliseconds")
    line = {"timestamp": f"{stamp}Z", "level": level, "logger": logger, "event": event, **more}
    return f"{json.dumps(line)}\n"


def notice_of_loss(count: int, *, as_json: bool) -> str:
    """Say in the log's own form that lines of it are missing, as nobody took them."""
    notice = f"{count} log lines are missing here: whoever reads this did not keep up"
    when = datetime.now(UTC)
    if as_json:
        return _json_line(when, "warning", __name__, notice)
    return f"{when.astimezone():%Y-%m-%d %H:%M:%S} warning {notice}\n"


def _traceback(record: logging.LogRecord) -> str:
    if not record.exc_info:
        return ""
    return redact(logging.Formatter().formatException(record.exc_info))
