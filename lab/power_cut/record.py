"""Recording: the preloaded library is built, loaded, begun and read."""

from __future__ import annotations

import contextlib
import ctypes
import enum
import hashlib
import os
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).with_name("recorder.c")
_HEADER: Final = struct.Struct("=IIQQqII")


class Kind(enum.IntEnum):
    """What was done; the numbers are the recorder's."""

    CREATE = 1
    MKDIR = 2
    WRITE = 3
    TRUNCATE = 4
    SYNC = 5
    RENAME = 6
    UNLINK = 7
    RMDIR = 8
    LINK = 9
    SYNC_ALL = 10
    MARK = 11
    UNKNOWN = 12


@dataclass(frozen=True, slots=True)
class Call:
    """One recorded call. Which fields mean something depends on its kind."""

    kind: Kind
    mode: int
    inode: int
    """Of the file; of the directory that had the old name, if it was a rename."""
    directory: int
    """That holds the name, or the new one."""
    offset: int
    """Bytes; the new size, if the file was cut."""
    first: bytes
    """The content written, or the name, or the old name."""
    second: bytes
    """The new name."""

    @property
    def name(self) -> str:
        """The name it is about."""
        return os.fsdecode(self.first)

    def __str__(self) -> str:
        match self.kind:
            case Kind.WRITE:
                return f"write {len(self.first)} bytes at {self.offset} of {self.inode}"
            case Kind.TRUNCATE:
                return f"cut {self.inode} at {self.offset}"
            case Kind.SYNC:
                return f"sync {self.inode}"
            case Kind.RENAME:
                return f"rename {self.name} to {os.fsdecode(self.second)}"
            case _:
                return f"{self.kind.name.lower()} {self.name}"


def library() -> Path:
    """Build the recorder, once for each version of it. Raises CalledProcessError, OSError."""
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    built = Path(tempfile.gettempdir()) / f"power-cut-{os.geteuid()}" / f"recorder-{digest}.so"
    if not built.exists():
        built.parent.mkdir(mode=0o700, exist_ok=True)
        draft = built.with_suffix(f".{os.getpid()}")
        flags = ("-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror")
        compiler = os.environ.get("CC", "cc")
        subprocess.run(
            [compiler, *flags, "-o", draft, SOURCE, "-ldl", "-lpthread"], check=True, timeout=60
        )
        draft.replace(built)
    return built


def preloaded() -> dict[str, str]:
    """What a process needs in its environment, so that it can use `recording`."""
    return {"LD_PRELOAD": str(library())}


def recorded(root: Path, log: Path) -> dict[str, str]:
    """What a process needs in its environment to be recorded from its start to its end."""
    return {**preloaded(), "POWER_CUT_LOG": str(log), "POWER_CUT_ROOT": str(root)}


@contextlib.contextmanager
def recording(root: Path, log: Path) -> Iterator[None]:
    """Have this process recorded while this lasts. It must have been started with `preloaded`."""
    log.unlink(missing_ok=True)
    if _loaded().record_start(os.fsencode(log), os.fsencode(root)) != 0:
        raise OSError(f"cannot record into {log}")
    try:
        yield
    finally:
        _loaded().record_stop()


def mark(promise: str) -> None:
    """Note in the record that this was promised by now."""
    _loaded().record_mark(promise.encode())


def read(log: Path) -> tuple[Call, ...]:
    """Read a record. Raises ValueError if the recorder met what it cannot record."""
    content, calls, at = log.read_bytes(), [], 0
    while at < len(content):
        number, mode, inode, directory, offset, first, second = _HEADER.unpack_from(content, at)
        at += _HEADER.size
        texts = content[at : at + first], content[at + first : at + first + second]
        at += first + second
        call = Call(Kind(number), mode, inode, directory, offset, *texts)
        if call.kind is Kind.UNKNOWN:
            raise ValueError(f"the recorder does not know how to record {call.name}")
        calls.append(call)
    return tuple(calls)


def _loaded() -> ctypes.CDLL:
    return ctypes.CDLL(None)
