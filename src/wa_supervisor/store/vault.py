"""What can be done with a session's keys: one interface, whatever the client keeps them in.

`sqlite.vault` and `postgres.vault` are the two there are; `open_vault` chooses.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

from ..errors import ConfigError
from ..hints import Action, Hint
from .snapshots import KEEP
from .sqlite.vault import SqliteVault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic import SecretStr

    from .intent import Recovered
    from .layout import SessionFiles
    from .quarantine import Quarantined
    from .restore import Restored
    from .snapshots import Snapshot


class Vault(Protocol):
    """One session's keys. Every method is short, and raises StoreError if it cannot be done.

    Only one may run at a time, under the session's lock and its claim; all but `take_snapshot` and
    the lists only while no session process lives.
    """

    def prepare(self) -> None:
        """Make the session's directory ready, see `SessionFiles.prepare`."""

    def claim(self) -> None:
        """Take the keys, or see that they are still ours: what the session's lock cannot know.

        Another directory or host may use the same Postgres database. Raises LockHeld.
        """

    def release(self) -> None:
        """Let others have them."""

    def recover(self) -> Recovered:
        """Finish or undo what a crash left half done."""

    def is_paired(self) -> bool:
        """Say whether a device is registered."""

    def snapshots(self) -> tuple[Snapshot, ...]:
        """List the copies, the newest first."""

    def take_snapshot(self, generation: int, *, keep: int = KEEP) -> Snapshot | None:
        """Copy the keys, unless the newest copy holds the same; None if there are none."""

    def purge(self, reason: str, generation: int = 0) -> Quarantined | None:
        """Set everything aside; None if there was nothing."""

    def restore(self, wanted: str | None = None, *, generation: int = 0) -> Restored | None:
        """Put the newest good copy back, or the one `wanted`; None if there is no good one."""

    def choose(self, wanted: str) -> Snapshot | Quarantined:
        """Find what an operator's ID means. Raises ConfigError."""

    def copies_in(self, source: Snapshot | Quarantined) -> tuple[Path, ...]:
        """Name the files that `restore` could take from there."""


@contextlib.contextmanager
def claimed(vault: Vault) -> Iterator[None]:
    """Have the keys for ourselves while this lasts. Raises LockHeld, StoreError."""
    vault.claim()
    try:
        yield
    finally:
        vault.release()


def open_vault(files: SessionFiles, database: SecretStr | None) -> Vault:
    """Choose by the setting `database`: a Postgres URL, or None for the session's own file.

    Raises ConfigError if Postgres is asked for and its driver is not installed or cannot read the
    URL. Nothing is connected to.
    """
    if database is None:
        return SqliteVault(files)
    try:
        from .postgres.database import Database  # noqa: PLC0415 - an extra
        from .postgres.vault import PostgresVault  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(
            f"database: the driver for Postgres cannot be loaded ({type(error).__name__})",
            hint=Hint(Action.INSTALL, "wa-supervisor[postgres]"),
        ) from error
    return PostgresVault(files, Database(database))
