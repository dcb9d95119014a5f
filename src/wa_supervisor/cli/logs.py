"""How the CLI writes its log: to standard error, in one line a record, with secrets scrubbed.

The library logs with stdlib `logging` and never configures it; only a command does, here.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import structlog
from rich.text import Text

from ..redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console
    from structlog.types import EventDict, WrappedLogger


class _ConsoleHandler(logging.Handler):
    """Writes above a live display instead of through it."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
            self._console.print(Text.from_ansi(line), soft_wrap=True)
        except Exception:  # noqa: BLE001 - logging's own rule: a log line never raises
            self.handleError(record)


def _scrub(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {key: redact(value) if isinstance(value, str) else value for key, value in event.items()}


def configure_logging(
    console: Console,
    *,
    as_json: bool,
    verbose: bool = False,
    typed: Callable[[str], str] = str,
) -> None:
    """Send the package's log to `console`, as JSON lines or for a person.

    `typed` makes the commands that a line names ones that can be typed as they stand.
    """

    def repeat_options(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["event"] = typed(event["event"])
        return event

    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=console.is_terminal and not console.no_color, pad_event_to=0
        )
    )
    handler = _ConsoleHandler(console)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.stdlib.add_log_level,
                structlog.processors.format_exc_info,
                _scrub,
                repeat_options,
                # After the scrubbing, which would take a date and a "T" for a phone number.
                structlog.processors.TimeStamper(fmt="iso" if as_json else "%H:%M:%S", utc=as_json),
                renderer,
            ],
        )
    )
    logger = logging.getLogger("wa_supervisor")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
