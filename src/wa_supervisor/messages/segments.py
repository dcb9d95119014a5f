"""The files of the log, and how they are read.

A segment's name is its number, and a higher number is newer. Rules that its reader may count on:
1. A segment only grows; what stands in it is never changed.
2. After anything but a whole record nothing is ever added to it: its writer begins a new one.
3. So a segment beside which there is a newer one grows no more, and what is left at its end is a
   torn record.
4. No number is used twice, not even after a power cut that took a segment away: see `LogWriter`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypeAlias

from ..hints import Action, Hint
from .errors import LogError
from .record import HEADER, MAX_EVENT, Flaw, Record, is_whole, read_header

INDEX: Final = "index.db"
"""The file of what is remembered of the log, beside it."""

_NAME: Final = re.compile(r"(\d{16})\.log")
_HANDED_OVER: Final = re.compile(r"handed-over-(\d{16})\.log")
_CHUNK: Final = 256 << 10  # bytes
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the log."""

    segment: int
    offset: int


BEGINNING: Final = Position(0, 0)


def segment_path(directory: Path, number: int) -> Path:
    """Return where the segment of this number lies.

    Those of a negative number are no part of the log: they hold what another machine has received.
    """
    if number < 0:
        return directory / f"handed-over-{-number:016d}.log"
    return directory / f"{number:016d}.log"


def segment_numbers(directory: Path) -> list[int]:
    """List the numbers of the segments there are, the oldest first. Raises LogError."""
    try:
        names = os.listdir(directory)  # noqa: PTH208 - only names, and often
    except FileNotFoundError:
        return []
    except OSError as error:
        raise failed("list the log", directory, error) from error
    return sorted(int(match[1]) for match in map(_NAME.fullmatch, names) if match)


def handed_over_numbers(directory: Path) -> list[int]:
    """List the segments that another machine has received. Raises OSError."""
    matches = map(_HANDED_OVER.fullmatch, os.listdir(directory))  # noqa: PTH208 - as above
    return sorted(-int(match[1]) for match in matches if match)


def identity(directory: Path) -> tuple[int, int] | None:
    """Return what tells a directory from another that takes its place; None if there is none."""
    try:
        found = directory.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def failed(task: str, directory: Path, error: OSError) -> LogError:
    """Return the error that says what could not be done with the log, and why."""
    return LogError(
        f"cannot {task} of received messages: {error.strerror or type(error).__name__}",
        hint=Hint(
            Action.CHECK_DISK, str(directory), note="what was received before stays in the log"
        ),
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """A record, or the flaw in its place; the next begins at `end`, if that is known."""

    record: Record | None
    flaw: Flaw | None
    end: int


class Segment:
    """One file of the log, opened to read. Its end is looked for anew each time."""

    def __init__(self, directory: Path, number: int, descriptor: int) -> None:
        self.number = number
        self._directory = directory
        self._descriptor = descriptor
        self._buffer = b""
        self._begin = 0

    @classmethod
    def open(cls, directory: Path, number: int) -> Self | None:
        """Open a segment; None if there is none of that number. Raises LogError."""
        try:
            return cls(directory, number, os.open(segment_path(directory, number), _READ))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise failed("open the log", directory, error) from error

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def size(self) -> int:
        """How many bytes there are now."""
        return os.fstat(self._descriptor).st_size

    def read(self, offset: int) -> Reading:
        """Read the record at a place. Raises LogError if the disk does not let us."""
        start = self._have(offset, HEADER)
        if start is None:
            return Reading(None, Flaw.SHORT, offset)
        header = read_header(self._buffer, start)
        if header is None or header.length > MAX_EVENT:
            return Reading(None, Flaw.HEADER, offset)
        start = self._have(offset, HEADER + header.length)
        if start is None:
            return Reading(None, Flaw.SHORT, offset)
        end = HEADER + header.length
        data = self._buffer[start + HEADER : start + end]
        if not is_whole(header, data):
            return Reading(None, Flaw.PAYLOAD, offset + end)
        return Reading(Record(header, data), None, offset + end)

    def _have(self, offset: int, length: int) -> int | None:
        """Have so many bytes of the file in the buffer; return where, None if there are fewer."""
        if not (self._begin <= offset and offset + length <= self._begin + len(self._buffer)):
            try:
                self._buffer = os.pread(self._descriptor, max(length, _CHUNK), offset)
            except OSError as error:
                raise failed("read the log", self._directory, error) from error
            self._begin = offset
            if len(self._buffer) < length:
                return None
        return offset - self._begin


Place: TypeAlias = tuple[Position, Record]


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of the log that held no whole record, and were passed over."""

    position: Position
    flaw: Flaw
    size: int


@dataclass(frozen=True, slots=True)
class Piece:
    """What was read of the log in one go."""

    records: list[Place]
    damages: list[Damage]
    position: Position
    """Where to go on."""
    blocked: bool
    """The newest segment cannot be read on, though it has more: see `Tail`."""


class Tail:
    """Reads the log from a place to its end, and later on from there.

    Where a header is spoiled in the newest segment nothing can be read until there is a newer one,
    because nobody knows where the next record begins; `Piece.blocked` says so.
    """

    def __init__(self, directory: Path, position: Position) -> None:
        self.position = position
        self._directory = directory
        self._segment: Segment | None = None

    def read(self, limit: int) -> Piece:
        """Read up to `limit` records. Raises LogError; the next call goes on where this began."""
        records: list[Place] = []
        damages: list[Damage] = []
        at = self.position
        blocked = False
        while len(records) < limit:
            segment = self._open(at)
            reading = segment.read(at.offset) if segment else Reading(None, Flaw.SHORT, at.offset)
            if reading.record is not None:
                records.append((at, reading.record))
            elif reading.flaw is Flaw.PAYLOAD:
                damages.append(Damage(at, Flaw.PAYLOAD, reading.end - at.offset))
            else:
                newer = self._newer(at.segment)
                if newer is None:
                    blocked = reading.flaw is Flaw.HEADER
                    break
                # It grows no more now; but it may have grown since it was read.
                if segment is not None:
                    again = segment.read(at.offset)
                    if again.flaw is not reading.flaw:
                        continue
                    if (left := segment.size() - at.offset) > 0:
                        damages.append(Damage(at, again.flaw or Flaw.SHORT, left))
                at = Position(newer, 0)
                continue
            at = Position(at.segment, reading.end)
        self.position = at
        return Piece(records, damages, at, blocked)

    def close(self) -> None:
        """Close the file that was read last."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def _open(self, at: Position) -> Segment | None:
        if self._segment is not None and self._segment.number != at.segment:
            self.close()
        if self._segment is None:
            self._segment = Segment.open(self._directory, at.segment)
        return self._segment

    def _newer(self, number: int) -> int | None:
        return next((each for each in segment_numbers(self._directory) if each > number), None)
