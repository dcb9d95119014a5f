"""The log of received events, as the session process writes it.

neonize tells WhatsApp that a message was received before Python has it, so the first thing that
happens to its bytes is one `write()` here. What that returned for survives every death of this
process; nothing that takes longer may stand before it. Measured with kills in the middle of bursts:
0 of 15,064 messages lost this way, 334 of 1,125 with an fdatasync in the same place.

Of what can go wrong with a write:
- The process is killed in it: a torn record, the last of its segment. The next process begins a
  segment of its own, and readers pass over the torn end.
- Only a part was written, because the disk is full: the same to a reader. The segment is left as it
  is, and the event is written whole at the beginning of a new one.
- There is no room: it is taken from the reserve, a file that holds some for this. What is in
  neonize's hands by then (a hundred events) fits in, and the caller is told to stop the client.
- Neither helps: the caller is told that the event is not in the log. It still holds it.
"""

from __future__ import annotations

import contextlib
import enum
import errno
import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from ..errors import StoreError
from ..private_files import FILE_MODE, make_directory
from .defaults import DURABILITY, Durability
from .errors import LogError
from .record import MAX_EVENT, encode
from .segments import failed, segment_numbers, segment_path
from .sync import Synchroniser

if TYPE_CHECKING:
    from collections.abc import Callable

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_APPEND: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
_RESERVE: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
_ZEROS: Final = bytes(64 << 10)


@dataclass(frozen=True, slots=True)
class LogOptions:
    """How the log is kept."""

    durability: Durability = DURABILITY
    segment_bytes: int = 1 << 20
    """Small, because a read message stays on the disk until its whole segment was read."""
    reserve_bytes: int = 4 << 20
    """Room for the 100 events in neonize's channel, with thumbnails of 40 KB each."""


DEFAULTS: Final = LogOptions()


class Outcome(enum.Enum):
    """What became of an event that was to be appended."""

    WRITTEN = "written"
    RESERVE_USED = "reserve_used"
    """It is in the log, but the disk is full and the reserve is spent: stop the client now."""
    FULL = "full"
    """It is not in the log: no room on the disk, or the quota or a limit is reached."""
    BROKEN = "broken"
    """It is not in the log: the disk does not take it, or it is too long."""

    @property
    def is_kept(self) -> bool:
        """Whether the event is in the log; if it is not, the caller still holds it."""
        return self in {Outcome.WRITTEN, Outcome.RESERVE_USED}


@dataclass(frozen=True, slots=True)
class Trouble:
    """The last thing that went wrong with the log, for a person."""

    task: str
    code: str
    """The system's name of it, such as `ENOSPC`."""

    @classmethod
    def of(cls, task: str, error: OSError) -> Self:
        """Return what to say of an operating system's error."""
        return cls(task, errno.errorcode.get(error.errno or 0, type(error).__name__))

    def __str__(self) -> str:
        return f"cannot {self.task} ({self.code})"


class LogWriter:
    """Appends events for one session process. One thread at a time may use it."""

    def __init__(
        self, directory: Path, *, generation: int, number: int, options: LogOptions
    ) -> None:
        self.trouble: Trouble | None = None
        """What went wrong last; None if nothing did."""
        self._directory = directory
        self._generation = generation
        self._number = number
        self._options = options
        self._synchroniser: Synchroniser | None = None
        self._descriptor = -1
        self._size = 0
        self._reserve = -1

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        generation: int,
        after: int,
        options: LogOptions = DEFAULTS,
        on_trouble: Callable[[Trouble], None] | None = None,
    ) -> Self:
        """Begin a new segment; those of earlier processes are never written to.

        `after` is the highest number the inbox knows of (`Inbox.floor`): after a power cut it may
        have read a segment that is gone now, and must not take a new one for it. `on_trouble` is
        told, on another thread, when what was written could not be made to survive a power cut.
        Raises LogError if the segment cannot be made, or if there is no room for the reserve: a
        client that could not keep what it receives must not connect. Also if others may enter the
        directory.
        """
        try:
            make_directory(directory, durable=options.durability == "power")
            newest = max([after, *segment_numbers(directory)])
            writer = cls(directory, generation=generation, number=newest, options=options)
            try:
                if options.durability == "power":
                    writer._synchroniser = Synchroniser(
                        directory, functools.partial(writer._tell, on_trouble)
                    )
                writer._take_reserve()
                writer._begin_segment()
            except BaseException:
                writer.close()
                raise
        except OSError as error:
            raise failed("begin the log", directory, error) from error
        except StoreError as error:
            raise LogError(str(error), hint=error.hint) from error
        return writer

    def append(
        self,
        event: int,
        data: bytes,
        *,
        flags: int = 0,
        connected: int = 0,
        arrived: int | None = None,
    ) -> Outcome:
        """Append an event that neonize hands over; never raises for what the disk does.

        `event` is neonize's number of it, `connected` when the connection was made (nanoseconds
        since 1970; 0 if there is none), `arrived` when it came if that is not now.
        """
        if len(data) > MAX_EVENT:
            self.trouble = Trouble("keep an event that long", "EMSGSIZE")
            return Outcome.BROKEN
        record = encode(
            event,
            data,
            flags=flags,
            generation=self._generation,
            connected=connected,
            arrived=arrived,
        )
        try:
            written = os.write(self._descriptor, record)
        except OSError as error:
            return self._append_anew(record, error, torn=error.errno not in _FULL)
        if written != len(record):
            return self._append_anew(record, None, torn=True)
        self._size += written
        if self._synchroniser is not None:
            self._synchroniser.wrote(self._descriptor)
        if self._size >= self._options.segment_bytes:
            self._roll()
        return Outcome.WRITTEN if self._reserve >= 0 else Outcome.RESERVE_USED

    def take_reserve(self) -> bool:
        """Try to have the reserve again after it was spent; not to be called in a callback."""
        try:
            self._take_reserve()
        except OSError as error:
            self.trouble = Trouble.of("keep room for messages", error)
            return False
        return True

    def close(self) -> None:
        """Close the files; what survives power cuts does so when this returns, within 2 s."""
        self._leave_segment()
        if self._synchroniser is not None:
            self._synchroniser.close()
            self._synchroniser = None
        if self._reserve >= 0:
            os.close(self._reserve)
            self._reserve = -1

    def _tell(self, on_trouble: Callable[[Trouble], None] | None, error: OSError) -> None:
        self.trouble = trouble = Trouble.of("make the log survive a power cut", error)
        if on_trouble is not None:
            on_trouble(trouble)

    def _append_anew(self, record: bytes, error: OSError | None, *, torn: bool) -> Outcome:
        """Write an event that the segment did not take, or not whole, once more."""
        # A file takes less than all it is given when there is no room for the rest.
        error = error or OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.trouble = Trouble.of("write the log", error)
        if torn:
            self._leave_segment()
        if error.errno in _FULL:
            self._spend_reserve()
        try:
            if self._descriptor < 0:
                self._begin_segment()
            written = os.write(self._descriptor, record)
        except OSError as again:
            self.trouble = Trouble.of("write the log", again)
            return Outcome.FULL if again.errno in _FULL else Outcome.BROKEN
        if written != len(record):
            self._leave_segment()
            self.trouble = Trouble("write the log", "ENOSPC")
            return Outcome.FULL
        self._size += written
        if self._synchroniser is not None:
            self._synchroniser.wrote(self._descriptor)
        return Outcome.WRITTEN if self._reserve >= 0 else Outcome.RESERVE_USED

    def _roll(self) -> None:
        """Go on in a new segment; if none can be made now, in this one."""
        old = self._descriptor
        try:
            self._begin_segment()
        except OSError as error:
            self.trouble = Trouble.of("begin a segment of the log", error)
        else:
            self._finish(old)

    def _begin_segment(self) -> None:
        self._number += 1
        self._descriptor = os.open(segment_path(self._directory, self._number), _APPEND, FILE_MODE)
        self._size = 0
        if self._synchroniser is not None:
            self._synchroniser.began()

    def _leave_segment(self) -> None:
        if self._descriptor >= 0:
            self._finish(self._descriptor)
            self._descriptor = -1

    def _finish(self, descriptor: int) -> None:
        if self._synchroniser is not None:
            self._synchroniser.finished(descriptor)
        else:
            with contextlib.suppress(OSError):  # what was written is written
                os.close(descriptor)

    def _take_reserve(self) -> None:
        if self._reserve >= 0:
            return
        descriptor = os.open(self._directory / "reserve", _RESERVE, FILE_MODE)
        try:
            _allocate(descriptor, self._options.reserve_bytes)
        except BaseException:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, 0)
            os.close(descriptor)
            raise
        self._reserve = descriptor

    def _spend_reserve(self) -> None:
        if self._reserve >= 0:
            descriptor, self._reserve = self._reserve, -1
            with contextlib.suppress(OSError):  # the write says whether it has helped
                os.ftruncate(descriptor, 0)
                os.close(descriptor)


def _allocate(descriptor: int, size: int) -> None:
    """Give a file that many bytes on the disk, if it has fewer."""
    if hasattr(os, "posix_fallocate"):
        if size:
            os.posix_fallocate(descriptor, 0, size)
        return
    left = size - os.lseek(descriptor, 0, os.SEEK_END)
    while left > 0:
        left -= os.write(descriptor, _ZEROS[:left])
