"""Where a session's files live, and who may read them.

One absolute path is computed once and used everywhere: by the lock, the purge and the session
process. The files hold the private keys of a linked device, so nobody but their owner may open
them. neonize would create its database with the umask's mode (0644 on most systems), therefore
the empty file is made here first; SQLite gives its sidecars the mode of the database.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from platformdirs import user_state_path

from .. import private_files
from ..errors import ConfigError
from ..hints import Action, Hint
from ..sqlite_files import SIDECARS

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

APP_NAME = "wa-supervisor"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class SessionFiles:
    """The files of one session. `directory` is absolute."""

    name: str
    directory: Path

    @classmethod
    def at(cls, name: str, data_dir: Path | None = None) -> SessionFiles:
        """Say where the session lives, without touching the disk.

        `data_dir` may start with `~` and hold `$NAME` or `${NAME}` (`$$` is a dollar sign); they
        are expanded here and nowhere else. Without it the user's state directory is taken.
        Raises ConfigError for a name or path that cannot be used.
        """
        validate_name(name)
        root = user_state_path(APP_NAME, appauthor=False) if data_dir is None else expand(data_dir)
        return cls(name, root.absolute() / "sessions" / name)

    @classmethod
    def open(cls, name: str, data_dir: Path | None = None) -> SessionFiles:
        """Say where the session lives and make it ready, see `at` and `prepare`."""
        files = cls.at(name, data_dir)
        files.prepare()
        return files

    @property
    def database(self) -> Path:
        """The SQLite file in which whatsmeow keeps the device."""
        return self.directory / "session.db"

    @property
    def sidecars(self) -> tuple[Path, ...]:
        """The files SQLite may keep beside the database; without it they are waste."""
        return tuple(self.directory / (self.database.name + end) for end in SIDECARS)

    @property
    def journal(self) -> Path:
        """The SQLite file with the steps taken and the supervisor's memory. No purge touches it."""
        return self.directory / "journal.db"

    @property
    def fleet_note(self) -> Path:
        """The file that says that a fleet has the session, see `fleet_note`."""
        return self.directory / "fleet.json"

    @property
    def reserve(self) -> Path:
        """The file with the dials that the journal could not take, see `journal.reserve`."""
        return self.directory / "dials.json"

    @property
    def lock(self) -> Path:
        """The file whose lock says which process owns the session."""
        return self.directory / "lock"

    @property
    def log(self) -> Path:
        """The file in which `run` keeps its newest log lines, see `log_file`."""
        return self.directory / "run.log"

    @property
    def snapshots(self) -> Path:
        """The directory of the copies of the database; it exists only while there are any."""
        return self.directory / "snapshots"

    @property
    def quarantine(self) -> Path:
        """The directory of sessions that were moved aside, see `quarantine`."""
        return self.directory / "quarantine"

    @property
    def staging(self) -> Path:
        """The directory of unfinished work; without an intent its content is waste."""
        return self.directory / "staging"

    @property
    def intent(self) -> Path:
        """The file that says which move of files is under way, see `intent`."""
        return self.directory / "intent.json"

    def check_owner(self) -> None:
        """See that the session is ours, if it exists; to be called before anything there is opened.

        The directory must be the effective user's; the two above it, and what lies in it, may be
        root's. Nobody else may be able to exchange a directory on the way there. Raises
        UnsafePermissions, StoreError if it cannot be looked at.
        """
        with private_files.explained("see who owns the session", self.directory):
            private_files.check_owners(self.directory, above=2)
            private_files.check_way(self.directory)

    def prepare(self) -> None:
        """Make the directory (0700) and an empty database (0600), or check those that exist.

        To be called before every start of a session process: a purge removes the database.
        Raises UnsafePermissions if others could read or own the files, StoreError if they cannot
        be made or are not what they should be (a symbolic link is never followed).
        """
        self.prepare_directory()
        with self._explained():
            private_files.make_empty(self.database)

    def prepare_directory(self) -> None:
        """Make or check the directory only: the keys are elsewhere. Raises as `prepare` does."""
        self.check_owner()
        with self._explained():
            private_files.make_directory(self.directory, parents=True)

    def _explained(self) -> AbstractContextManager[None]:
        return private_files.explained(
            f"prepare the files of session {self.name!r}",
            self.directory,
            note="or choose another place with `data_dir`",
        )


def validate_name(name: str) -> str:
    """Give the session name back, or raise ConfigError if it cannot be a directory's name."""
    if _NAME.fullmatch(name) is None:
        raise ConfigError(
            f"{name[:80]!r} cannot be a session name: use 1 to 64 letters, digits, '.', '_' "
            "or '-', and no '.' or '-' at the start",
            hint=Hint(Action.SET, "session", note="for example `shop`"),
        )
    return name


def expand(path: Path) -> Path:
    """Expand a leading `~` and the environment variables of a path, once.

    What an expansion brings in is not expanded again. Raises ConfigError that names the variable
    or user which does not exist.
    """
    head, *tail = path.parts or (".",)
    if head.startswith("~"):
        home = os.path.expanduser(head)  # noqa: PTH111 (only the head: the rest may hold `$`)
        if home == head:
            raise ConfigError(f"there is no home directory for {head!r} in data_dir")
    else:
        home = _substitute(head)
    return Path(home, *map(_substitute, tail))


def _substitute(part: str) -> str:
    try:
        return Template(part).substitute(os.environ)
    except KeyError as error:
        raise ConfigError(
            f"data_dir uses the environment variable {error.args[0]}, which is not set",
            hint=Hint(Action.SET_VARIABLE, error.args[0], note="or write the path out"),
        ) from None
    except ValueError:
        raise ConfigError(
            f"data_dir has a '$' that starts no variable name, in {part!r}",
            hint=Hint(note="write '$$' for a dollar sign"),
        ) from None
