"""The file of what was changed of the allowlist by command, in the session's directory.

It is written by whoever holds the session's lock, whole, durable and private: it names people.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from . import private_files
from .errors import ConfigError, StoreError
from .gate.changes import Changes
from .hints import Action, Hint

if TYPE_CHECKING:
    from pathlib import Path

_NAME: Final = "gate.json"
_VERSION: Final = 1
_LONGEST: Final = 16 << 20  # bytes; some hundred thousand entries


def read_changes(inbox: Path) -> Changes:
    """Return what was changed, of the inbox in this directory; nothing, if there is no such file.

    Raises StoreError if it cannot be read: to begin without it could let somebody in who was
    denied.
    """
    path = inbox / _NAME
    try:
        with private_files.explained("read who was allowed and denied", path):
            content = private_files.read(path, _LONGEST)
    except StoreError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            return Changes()
        raise
    try:
        kept: dict[str, Any] = json.loads(content)
        allowed, denied = kept["allowed"], kept["denied"]
        if kept["version"] == _VERSION and isinstance(allowed, list) and isinstance(denied, list):
            return Changes.parse(allowed, denied)
    except (ValueError, TypeError, KeyError, RecursionError, ConfigError):
        pass  # what is in there may be somebody's number: nothing of it is said
    raise StoreError(
        f"{_NAME} of the inbox does not say who was allowed and denied, or is of a newer version",
        hint=Hint(Action.MOVE_AWAY, str(path), note="then only the settings say who may write"),
    )


def keep_changes(inbox: Path, changes: Changes) -> None:
    """Keep what was changed. Raises StoreError, UnsafePermissions."""
    content = json.dumps({"version": _VERSION} | changes.reveal(), indent=1)
    with private_files.explained("keep who was allowed and denied", inbox):
        private_files.make_directory(inbox)
        private_files.replace(inbox / _NAME, f"{content}\n".encode())
