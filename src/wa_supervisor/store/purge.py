"""Take a dead session's files away.

Only after a confirmed logout or an operator's relink, and only when no session process lives:
whatsmeow's pool opens further connections by path and would make the file anew.

The order is sidecars first, database last. A crash in between leaves a database without its
journal: perhaps torn, but dead anyway, and still there, so the purge is seen to be unfinished
and is done again. The other order could leave a journal without its database, beside which a new
one of the same name would be made. SQLite throws such a journal away while the new database is
empty (a test pins that), but one with pages in it would be damaged
(https://sqlite.org/howtocorrupt.html, 1.4).
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from ..errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .layout import SessionFiles


def unlink(path: Path) -> None:
    """Remove one file for good; one that is not there is fine."""
    path.unlink(missing_ok=True)


def purge(files: SessionFiles, *, dispose: Callable[[Path], None] = unlink) -> None:
    """Clear the database and its sidecars away, and make sure they are gone, also on the disk.

    `dispose` says what becomes of each file. It stops at the first failure, so the database is
    only touched once its sidecars are gone. Raises StoreError, and may then be called again.
    """
    for path in (*files.sidecars, files.database):
        try:
            dispose(path)
        except OSError as error:
            raise _not_gone(path, error.strerror or type(error).__name__) from error
        if os.path.lexists(path):
            raise _not_gone(path, "it is still there")
    try:
        _sync(files.directory)
    except OSError as error:
        raise _not_gone(files.database, f"fsync of its directory: {error.strerror}") from error


def _sync(directory: Path) -> None:
    if sys.platform == "win32":  # directories cannot be opened there
        return
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _not_gone(path: Path, why: str) -> StoreError:
    return StoreError(
        f"cannot remove {path.name}: {why}",
        hint=f"remove {path} by hand, then start `wa-supervisor run` again",
    )
