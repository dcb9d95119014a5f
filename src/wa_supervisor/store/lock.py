"""One supervisor per session: an operating system lock that dies with its holders.

The kernel's lock alone decides. What is written in the file only explains who holds it, so stale
content and reused process ids do no harm. The file is never removed: a lock on a removed file
would guard nothing.

The lock belongs to the open file, not to a process (flock(2)). The supervisor hands that file to
its session process, so the session is free when both are gone: a client that outlives a killed
supervisor, be it for a moment, keeps everybody else from its keys.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import platform
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .. import private_files
from ..errors import LockHeld, StoreError
from ..hints import Action, Hint
from .pin import Pin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from .layout import SessionFiles

log = logging.getLogger("wa_supervisor")

READER_TIMEOUT = 0.3
"""Seconds to wait for a `read_holder` that is looking."""
DYING_TIMEOUT = 5.0
"""Seconds to wait for the session process of a supervisor that was killed: the kernel kills it."""

_OPEN = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
_RECORD = 1024  # bytes; a fixed size and one write, so that a reader never sees half of it
_POLL = 0.02  # seconds


class Holder(BaseModel):
    """Who holds, or last held, a session's lock."""

    model_config = ConfigDict(frozen=True)

    session: str = Field(max_length=64)
    pid: int
    host: str = Field(max_length=255)
    since: datetime
    command: str = Field(max_length=64)

    def __str__(self) -> str:
        since = self.since.astimezone(UTC)
        return (
            f"pid {self.pid} on host {self.host} since {since:%Y-%m-%d %H:%M} UTC ({self.command})"
        )


class SessionLock:
    """The exclusive right to run one session, as a context manager.

    `command` is what a second starter reads about us. It must not hold arguments of the user:
    they may be phone numbers. No child inherits the lock, forked or executed: it is handed over.
    """

    def __init__(self, files: SessionFiles, *, command: str | None = None) -> None:
        self._files = files
        self._command = (command or Path(sys.argv[0]).name or "python")[:64]
        self._descriptor: int | None = None
        self._pin: Pin | None = None
        self._sharing = threading.Lock()

    def acquire(self) -> None:
        """Take the lock: within `READER_TIMEOUT`, or `DYING_TIMEOUT` if a dead supervisor left it.

        Raises LockHeld, which names the holder, UnsafePermissions if the session is another user's,
        and StoreError if the file cannot be used.
        """
        if self._descriptor is not None:
            raise StoreError(f"this process already holds the lock of {self._files.name!r}")
        self._files.check_owner()
        with contextlib.ExitStack() as undo:
            try:
                descriptor = os.open(self._files.lock, _OPEN, 0o600)
                undo.callback(os.close, descriptor)
                if not _lock_within(descriptor, READER_TIMEOUT):
                    left = _left_behind(descriptor)
                    if not left or not _lock_within(descriptor, DYING_TIMEOUT):
                        raise self._held(descriptor, left)
                pin = Pin(self._files.directory)
                undo.callback(pin.close)
                if not pin.lock():  # the lock's file was deleted, and another made
                    raise self._held(descriptor, ())
                self._write_record(descriptor)
            except OSError as error:
                raise StoreError(
                    f"cannot lock session {self._files.name!r}: lock: {error.strerror}",
                    hint=Hint(Action.CHECK_DISK, str(self._files.lock)),
                ) from error
            undo.pop_all()
        self._descriptor, self._pin = descriptor, pin
        _ours.update((descriptor, pin.descriptor))

    def release(self) -> None:
        """Give our share of the lock back; without the lock this does nothing."""
        with self._sharing:
            if self._descriptor is not None:
                descriptor, self._descriptor = self._descriptor, None
                pin, self._pin = self._pin, None
                if pin is not None and pin.descriptor in _ours:
                    _ours.remove(pin.descriptor)
                    pin.close()
                _close(descriptor)  # not unlocked: a session process that will not die holds it

    @property
    def descriptor(self) -> int:
        """The open file that is the lock, to be handed to a session process.

        Raises StoreError without the lock.
        """
        if self._descriptor is None:
            raise StoreError(f"this process does not hold the lock of {self._files.name!r}")
        return self._descriptor

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        """Keep the session ours for as long as this lasts, though the lock be released meanwhile.

        For work in a thread: no cancellation ends that. Raises StoreError without the lock.
        """
        with self._sharing:
            share = os.dup(self.descriptor)
            _ours.add(share)
        try:
            yield
        finally:
            _close(share)

    def check(self) -> None:
        """See that the directory and the lock's file are still those that we hold.

        A lock's file that was deleted is made anew. Raises Unreachable if the directory is gone,
        LockHeld if another process has locked another file meanwhile, StoreError without the lock.
        """
        with self._sharing:
            descriptor = self.descriptor
            if self._pin is not None:
                self._pin.check()
            with private_files.explained("look at the lock", self._files.directory):
                if not private_files.is_open_file(self._files.lock, descriptor):
                    self._lock_anew(descriptor)

    def _lock_anew(self, descriptor: int) -> None:
        fresh = os.open(self._files.lock, _OPEN, private_files.FILE_MODE)
        try:
            if not _lock_within(fresh, READER_TIMEOUT):
                raise self._held(fresh, ())
            self._write_record(fresh)
            # Under the same number: a session process to come is handed the new one.
            os.dup2(fresh, descriptor, inheritable=False)
        finally:
            os.close(fresh)
        log.warning("the lock of session %s was deleted; it was made anew", self._files.name)

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _write_record(self, descriptor: int) -> None:
        holder = Holder(
            session=self._files.name,
            pid=os.getpid(),
            host=platform.node()[:255] or "unknown",
            since=datetime.now(UTC).replace(microsecond=0),
            command=self._command,
        )
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, holder.model_dump_json().encode().ljust(_RECORD - 1) + b"\n")

    def _held(self, descriptor: int, left: tuple[int, ...]) -> LockHeld:
        holder = _read_record(descriptor)
        if left:
            pids = " ".join(map(str, left))
            return LockHeld(
                f"session {self._files.name!r} is still used by pid {pids}, which the supervisor "
                f"before ({holder or 'nobody knows which'}) left behind",
                hint=Hint(
                    Action.END_PROCESS, pids, first="wait: it should die by itself; look at it"
                ),
            )
        other = f"or end process {holder.pid} on {holder.host}" if holder else ""
        return LockHeld(
            f"session {self._files.name!r} is already supervised by {holder or 'another process'}",
            hint=Hint(Action.STOP, note=other),
        )


def read_holder(files: SessionFiles) -> Holder | None:
    """Say who supervises the session now, or None if nobody does.

    The lock is tried for an instant. Raises StoreError if the file cannot be used, or if the
    lock is held but its content is not readable.
    """
    holder, held = look_at_lock(files)
    if held and holder is None:
        raise StoreError(f"session {files.name!r} is locked by a process that left no name")
    return holder if held else None


def look_at_lock(files: SessionFiles) -> tuple[Holder | None, bool]:
    """Say who holds the lock or held it last, if that can be read, and whether it is held now.

    The lock is tried for an instant. Raises StoreError if the file cannot be used.
    """
    files.check_owner()
    try:
        descriptor = os.open(files.lock, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None, False
    except OSError as error:
        raise StoreError(f"cannot read the lock of {files.name!r}: {error.strerror}") from error
    try:
        held = not _try_lock(descriptor)
        if not held:
            _unlock(descriptor)
        return _read_record(descriptor, READER_TIMEOUT if held else 0.0), held
    except OSError as error:
        raise StoreError(f"cannot read the lock of {files.name!r}: {error.strerror}") from error
    finally:
        os.close(descriptor)


def _left_behind(descriptor: int) -> tuple[int, ...]:
    """Name the processes that share the lock of a holder which is gone; none if it lives.

    On Linux only, and of those that we may look at: elsewhere nobody is named.
    """
    holder = _read_record(descriptor)
    inode = f":{os.fstat(descriptor).st_ino} "
    found = set()
    for info in Path("/proc").glob("[0-9]*/fdinfo/*"):
        with contextlib.suppress(OSError):  # it ended, or is another user's
            text = info.read_text()  # proc(5): `lock:  1: FLOCK  ADVISORY  WRITE 16 fe:00:2147 ...`
            if any("FLOCK" in line and inode in line for line in text.splitlines()):
                found.add(int(info.parts[2]))
    return () if holder is None or holder.pid in found else tuple(sorted(found))


def _read_record(descriptor: int, within: float = READER_TIMEOUT) -> Holder | None:
    # A new holder writes right after it locks: give it that moment.
    end = time.monotonic() + within
    while True:
        os.lseek(descriptor, 0, os.SEEK_SET)
        try:
            return Holder.model_validate_json(os.read(descriptor, _RECORD))
        except ValidationError:
            if time.monotonic() >= end:
                return None
        time.sleep(_POLL)


def _lock_within(descriptor: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not _try_lock(descriptor):
        if time.monotonic() >= end:
            return False
        time.sleep(_POLL)
    return True


_ours: set[int] = set()


def _close(descriptor: int) -> None:
    if descriptor in _ours:  # not in a process that was forked off since
        _ours.remove(descriptor)
        os.close(descriptor)


def _let_go() -> None:
    """Close, in a process that was forked off, what it must not keep alive."""
    for descriptor in _ours:
        os.close(descriptor)
    _ours.clear()


os.register_at_fork(after_in_child=_let_go)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _unlock(descriptor: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_UN)
