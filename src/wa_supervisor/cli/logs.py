"""How `run` writes its log: to standard error and into a file beside each session, without secrets.

The library logs with stdlib `logging` and never configures it; only a command does, here.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from rich.text import Text

from ..log_context import SESSION
from ..log_file import LogFile
from ..redaction import printable, redact
from ..store.layout import SessionFiles
from .explain import indented

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from ..settings import Settings

log = logging.getLogger(__name__)

_SPEAKERS: Final = {"wa_supervisor.bot": "bot: ", "wa_supervisor.client": "client: "}
"""Loggers that repeat what others say; without this they would seem to be us."""

_ZONED: Final = "%Y-%m-%d %H:%M:%S%z"

_STYLES: Final = {"ERROR": "bold red", "WARNING": "yellow", "DEBUG": "dim"}


LAST_SECONDS: Final = 0.25
"""For what is not yet in the log files when the program ends."""


@dataclass
class LogFiles:
    """The log file of each session of this program, by its name."""

    typed: Callable[[str], str] = str
    several: bool = False
    _files: dict[str, LogFile] = field(default_factory=dict)

    def add(self, settings: Settings) -> Callable[[object], None]:
        """Keep the log of this session from now on, if its settings say so.

        Returns a listener that is to hear of its steps: nothing is written before the first, as
        the session's lock is another's until then.
        """
        name = settings.session
        if not settings.log.keep:
            return lambda _: None
        if not self._files:
            logging.getLogger("wa_supervisor").addHandler(_FileHandler(self))
        path = SessionFiles.at(name, settings.data_dir).log

        def lost(why: str) -> None:
            log.warning("lines are missing in %s: %s", path, why)

        file = self._files[name] = LogFile(
            path,
            int(settings.log.max_mib * (1 << 20)),
            notice=partial(_notice, "the disk took none for a while"),
            on_loss=lost,
        )
        return lambda _: file.begin()

    def about(self, session: str | None) -> LogFile | None:
        """Return the file for a line about this session; of one alone every line is."""
        if not self.several:
            return next(iter(self._files.values()), None)
        return self._files.get(session) if session is not None else None

    def finish(self) -> None:
        """Wait a moment for what is not yet written."""
        end = time.monotonic() + LAST_SECONDS
        for file in self._files.values():
            file.finish(max(0.0, end - time.monotonic()))


def configure_logging(
    console: Console,
    *,
    as_json: bool,
    verbose: bool = False,
    typed: Callable[[str], str] = str,
    several: bool = False,
) -> LogFiles:
    """Send the package's log to `console`, as JSON lines or for a person, and to what is returned.

    With `several` sessions each line says which one it is about.

    `typed` makes the commands that a line names ones that can be typed as they stand.
    """
    # Its pool would say every failure again, raw and without a time; ours says it once.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    logger = logging.getLogger("wa_supervisor")
    shown = (_JsonHandler if as_json else _Handler)(console, typed, several=several)
    logger.handlers = [shown]
    logger.propagate = False
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    return LogFiles(typed, several)


class _Redacting(logging.Handler):
    """Writes records without secrets."""

    def __init__(self, typed: Callable[[str], str], *, several: bool = False) -> None:
        super().__init__()
        self._several = several
        self._typed = typed

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record. A log line never raises: that is logging's own rule."""
        try:
            message = self._typed(redact(record.getMessage()))
            self.write(record, f"{self._whose(message)}{message}", _traceback(record))
        except Exception:  # noqa: BLE001 - see above
            self.handleError(record)

    def write(self, record: logging.LogRecord, message: str, traceback: str) -> None:
        """Write what is left of it."""
        raise NotImplementedError

    def _whose(self, message: str) -> str:
        name = SESSION.get() if self._several else None
        return f"{name}: " if name and not message.startswith(f"{name}: ") else ""


class _Handler(_Redacting):
    """Writes lines for a person, above a live display instead of through it."""

    def __init__(self, console: Console, typed: Callable[[str], str], *, several: bool) -> None:
        super().__init__(typed, several=several)
        self._console = console

    def write(self, record: logging.LogRecord, message: str, traceback: str) -> None:
        when, level, said = _parts(record, message)
        line = Text.assemble(
            (f"{when:%Y-%m-%d %H:%M:%S} ", "dim"),
            (f"{level:7} ", _STYLES.get(record.levelname, "")),
            said,
        )
        if traceback:
            line.append(f"\n{indented(traceback)}")
        self._console.print(line, soft_wrap=True)


class _FileHandler(_Redacting):
    """Writes the same lines into the session's file, with the zone of their time."""

    def __init__(self, files: LogFiles) -> None:
        super().__init__(files.typed)
        self._files = files

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, if there is a file for it."""
        if self._files.about(SESSION.get()) is not None:
            super().emit(record)

    def write(self, record: logging.LogRecord, message: str, traceback: str) -> None:
        file = self._files.about(SESSION.get())
        assert file is not None, "`emit` asks"
        when, level, said = _parts(record, message)
        more = f"\n{indented(traceback)}" if traceback else ""
        file.write(f"{when:{_ZONED}} {level:7} {said}{more}\n")

    def flush(self) -> None:
        """Wait a moment for what is not yet written: logging asks for that at the end."""
        self._files.finish()


def _parts(record: logging.LogRecord, message: str) -> tuple[datetime, str, str]:
    """Give the time, the level and what is said, as one line."""
    # The time comes after the scrubbing, which takes some times for phone numbers.
    when = datetime.fromtimestamp(record.created, UTC).astimezone()
    said = printable(f"{_SPEAKERS.get(record.name, '')}{message}")
    return when, record.levelname.lower(), said


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
    why = "whoever reads this did not keep up"
    if as_json:
        return _json_line(datetime.now(UTC), "warning", __name__, _missing(why, count))
    return _notice(why, count, form="%Y-%m-%d %H:%M:%S")


def _notice(why: str, count: int, *, form: str = _ZONED) -> str:
    return f"{datetime.now(UTC).astimezone():{form}} warning {_missing(why, count)}\n"


def _missing(why: str, count: int) -> str:
    return f"{count} log lines are missing here: {why}"


def _traceback(record: logging.LogRecord) -> str:
    if not record.exc_info:
        return ""
    return redact(logging.Formatter().formatException(record.exc_info))
