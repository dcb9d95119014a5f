"""Rows of one session that only its owner reads and writes, with the errors of their room."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, ClassVar

from ..errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..messages.errors import InboxError, OutboxError
    from .database import Connection, FleetDatabase
    from .ownership import Ownership


class OwnedRows:
    """The base of what keeps such rows."""

    _error: ClassVar[type[InboxError | OutboxError]]
    """What is raised if it cannot be done."""
    _where: ClassVar[str]
    """What they are, for its message."""

    def __init__(self, database: FleetDatabase, ownership: Ownership) -> None:
        self._database = database
        self._ownership = ownership

    @property
    def _session(self) -> str:
        return self._ownership.session

    @contextlib.contextmanager
    def _as_owner(self, task: str) -> Iterator[Connection]:
        with self._explained(task), self._database.as_owner(self._ownership) as connection:
            yield connection

    @contextlib.contextmanager
    def _explained(self, task: str) -> Iterator[None]:
        try:
            yield
        except StoreError as error:
            raise self._error(f"cannot {task} {self._where}: {error}", hint=error.hint) from error
