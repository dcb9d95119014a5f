"""Reports of session processes that died: one private file each, beside the journal.

A report says how the process ended, what Go said last, what had happened just before, and on which
versions. What a process printed is redacted where it is read, but of a bot it may hold the text of
messages: hence it is here and nowhere else. Facts are given by name.
"""

from __future__ import annotations

import enum
import platform
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from . import private_files
from .session.shared.neonize_texts import go_died
from .session.shared.spec import ExitCode

if TYPE_CHECKING:
    from .lifecycle.facts import ChildExited

DIRECTORY = "crashes"
KEEP = 20
"""Reports; the oldest are removed."""

_PACKAGES = ("wa-supervisor", "neonize", "python-statemachine")


class Culprit(enum.Enum):
    """What a crash is put down to."""

    GO = "go"  # neonize's Go library panicked: the client's fault
    BOT = "bot"  # the bot ended the process, or could not be started
    NEONIZE = "neonize"  # neonize is missing or not the one we know
    KILLED = "killed"  # a signal from outside, or the kernel out of memory
    UNKNOWN = "unknown"


_CODES: dict[int, Culprit] = {
    ExitCode.UNUSABLE: Culprit.NEONIZE,
    ExitCode.DEFECT: Culprit.UNKNOWN,
    ExitCode.NO_ROOM: Culprit.UNKNOWN,
    ExitCode.ENDED: Culprit.UNKNOWN,
    ExitCode.ORPHANED: Culprit.UNKNOWN,
}


class CrashReport(BaseModel):
    """What is known of one crash."""

    model_config = ConfigDict(frozen=True)

    ts: datetime
    session: str
    generation: int
    culprit: Culprit
    returncode: int | None
    signal: int | None
    printed: str
    """The end of what it printed, redacted; of a Go panic the beginning as well."""
    last_facts: tuple[str, ...]
    """The steps before, oldest first."""
    versions: dict[str, str]

    @classmethod
    def of(cls, exited: ChildExited, session: str, last_facts: Iterable[str], printed: str) -> Self:
        """Report a process that ended without being asked to, and the end of what it printed."""
        versions = {name: metadata.version(name) for name in _PACKAGES}
        versions |= {"python": platform.python_version(), "platform": platform.platform()}
        return cls(
            ts=datetime.now(UTC),
            session=session,
            generation=exited.generation,
            culprit=culprit_of(exited, printed),
            returncode=exited.returncode,
            signal=exited.signal,
            printed=printed,
            last_facts=tuple(last_facts),
            versions=versions,
        )

    @property
    def sentence(self) -> str:
        """What to say of it in a line."""
        return _SENTENCES[self.culprit]

    @property
    def end(self) -> str:
        """How it ended, in the kernel's terms."""
        if self.signal is not None:
            return signal.strsignal(self.signal) or f"signal {self.signal}"
        return "no exit code" if self.returncode is None else f"exit code {self.returncode}"


_SENTENCES = {
    Culprit.GO: "neonize's Go library panicked",
    Culprit.BOT: "the bot ended the process, or could not be started",
    Culprit.NEONIZE: "neonize could not be used",
    Culprit.KILLED: "the process was killed from outside",
    Culprit.UNKNOWN: "the process ended by itself",
}


def culprit_of(exited: ChildExited, printed: str) -> Culprit:
    """Put a crash down to somebody: Go says so itself, and nobody else exits with own codes."""
    if exited.signal == signal.SIGABRT and go_died(printed):
        return Culprit.GO
    if exited.signal is not None:
        return Culprit.KILLED
    if exited.returncode is None:
        return Culprit.UNKNOWN
    return _CODES.get(exited.returncode, Culprit.BOT)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file in the place of a report that is none, or cannot be read."""

    path: Path
    why: str

    def __str__(self) -> str:
        return f"cannot read the crash report {self.path.name}: {self.why}"


def write(directory: Path, report: CrashReport) -> Path:
    """Write a report into `crashes` in the session's directory, and remove the oldest.

    It is there whole or not at all, whenever it is read and whatever happens meanwhile. Raises
    StoreError if that cannot be done, or if the session's directory is gone.
    """
    crashes = directory / DIRECTORY
    path = crashes / f"{report.ts:%Y%m%dT%H%M%S.%fZ}.json"
    with private_files.explained("keep a crash report", directory):
        private_files.make_directory(crashes)
        content = report.model_dump_json(indent=2).encode() + b"\n"
        private_files.replace(path, content, draft=crashes / "report.new")
        for old in _paths(directory)[:-KEEP]:
            old.unlink(missing_ok=True)
    return path


def read(directory: Path) -> tuple[list[CrashReport], list[Unreadable]]:
    """Return the reports of a session, oldest first, and what could not be read as one.

    Raises StoreError if they cannot even be listed.
    """
    reports: list[CrashReport] = []
    unreadable: list[Unreadable] = []
    for path in _paths(directory):
        try:
            reports.append(CrashReport.model_validate_json(private_files.read(path)))
        except FileNotFoundError:
            continue  # a running supervisor removed the oldest just now
        except (OSError, ValidationError) as error:
            why = getattr(error, "strerror", None) or "it is no report of ours"
            unreadable.append(Unreadable(path, why))
    return reports, unreadable


def _paths(directory: Path) -> list[Path]:
    """Name the reports that there are, oldest first. Raises StoreError."""
    with private_files.explained("list the crash reports", directory):
        names = private_files.list_names(directory / DIRECTORY)
    return [directory / DIRECTORY / name for name in sorted(names) if name.endswith(".json")]
