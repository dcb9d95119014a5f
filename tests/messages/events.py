"""Events for the log that need no neonize: their bytes are numbers, or as random as they like."""

from __future__ import annotations

from pathlib import Path

from wa_supervisor.messages.log import LogOptions, LogWriter, Outcome
from wa_supervisor.messages.record import Record
from wa_supervisor.messages.segments import BEGINNING, Damage, Position, Tail, segment_numbers

MESSAGE = 17
"""neonize's number of a MessageEv."""

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where files cost no disk, for tests that make thousands."""

SMALL = LogOptions(segment_bytes=1 << 12, reserve_bytes=1 << 12)


def writer(
    directory: Path, generation: int = 1, after: int = 0, options: LogOptions = SMALL
) -> LogWriter:
    return LogWriter.open(directory, generation=generation, after=after, options=options)


def append(log: LogWriter, *events: bytes) -> None:
    for event in events:
        assert log.append(MESSAGE, event) is Outcome.WRITTEN


def read_all(
    directory: Path, position: Position = BEGINNING, limit: int = 1000
) -> tuple[list[bytes], list[Damage]]:
    """What a reader finds from a place on, however often it must be asked."""
    records, damages = read_records(directory, position, limit)
    return [record.data for record in records], damages


def read_records(
    directory: Path, position: Position = BEGINNING, limit: int = 1000
) -> tuple[list[Record], list[Damage]]:
    tail = Tail(directory, position)
    records: list[Record] = []
    damages: list[Damage] = []
    try:
        while (piece := tail.read(limit)).records:
            records += [record for _, record in piece.records]
            damages += piece.damages
        damages += piece.damages
    finally:
        tail.close()
    return records, damages


def newest(directory: Path) -> Path:
    return directory / f"{segment_numbers(directory)[-1]:016d}.log"
