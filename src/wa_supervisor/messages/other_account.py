"""Puts aside what was received for another account. For the inbox's thread."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from .errors import LogError
from .index import Index
from .segments import Segment, failed, segment_numbers, segment_path

_BATCH: Final = 256


def set_aside(index: Index, directory: Path, generation: int, target: Path) -> int:
    """Have no reader get what session processes before this generation have received.

    The segments that hold some of it stay in `target`. Return the number of the last such item.
    Raises InboxError, LogError.
    """
    while index.ingest(_BATCH).more:
        pass
    older = [
        number for number in segment_numbers(directory) if _is_older(directory, number, generation)
    ]
    try:
        for number in older:
            os.link(segment_path(directory, number), segment_path(target, number))
    except OSError as error:
        raise failed("set aside the log", directory, error) from error
    index.set_aside_elsewhere(generation, target)
    last = index.last_in(max(older, default=0))
    index.pass_over(last)
    return last


def _is_older(directory: Path, number: int, generation: int) -> bool:
    """Tell whether a segment, which one process alone has written, is of an earlier generation."""
    segment = Segment.open(directory, number)
    if segment is None:
        return False
    try:
        record = segment.read(0).record
    except LogError:
        return False
    finally:
        segment.close()
    return record is not None and record.header.generation < generation
