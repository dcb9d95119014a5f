"""Which session a command is about, and the lines that a person may type about the same one."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..errors import SupervisorError
from ..health import plain_place
from ..hints import Action, Hint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..settings import Settings
    from ..store.layout import SessionFiles

SessionOption = Annotated[str | None, typer.Option(metavar="NAME", help="The session's name.")]
DataDirOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where sessions are kept (default: the state directory)."),
]
ConfigOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A TOML file with settings.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object instead of words.")]

# What is typed for each action that has a command; `{}` stands for the hint's subject.
_TYPED: Final[dict[Action, str]] = {
    Action.RUN: "wa-supervisor run",
    Action.RESUME: "wa-supervisor resume",
    Action.RELINK: "wa-supervisor relink",
    Action.STOP: "wa-supervisor stop",
    Action.STATUS: "wa-supervisor status",
    Action.CRASHES: "wa-supervisor crashes",
    Action.HISTORY: "wa-supervisor history",
    Action.SNAPSHOTS: "wa-supervisor snapshots",
    Action.SESSIONS: "wa-supervisor sessions",
    Action.FLEET_STATUS: "wa-supervisor fleet status",
    Action.FLEET_HISTORY: "wa-supervisor fleet history {}",
    Action.PURGE: "wa-supervisor purge",
    Action.RESTORE: "wa-supervisor restore",
    Action.INSTALL: "pip install {}",
    Action.REINSTALL: "pip install --force-reinstall {}",
    Action.UPGRADE: "pip install --upgrade {}",
    Action.INSTALL_SYSTEM: "apt install {}",
    Action.MAKE_DIRECTORY: "mkdir -p {}",
    Action.MAKE_PRIVATE: "chmod go= {}",
    Action.REMOVE: "rm {}",
    Action.RUN_AS: "sudo -u {} ...",
    Action.FIND_USER: "fuser -v {}",
}

# The commands that are about one session and take all three options.
_COMMAND: Final = re.compile(
    r"\bwa-supervisor "
    r"(run|status|sessions|qr|resume|restart|relink|stop|explain|history|logs|crashes|health"
    r"|snapshots|restore|purge|doctor|config show|config check|notify test|listen|send"
    r"|gate (?:show|explain|allow|deny))\b"
    r"( --session [\w.-]+)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """The options that say which session is meant, as they were given."""

    session: str | None = None
    data_dir: Path | None = None
    config: Path | None = None

    def settings(self) -> Settings:
        """Read the settings. Raises ConfigError."""
        from ..settings import load_settings  # noqa: PLC0415 - 0.1 s; `explain` reads none

        given = {"session": self.session, "data_dir": self.data_dir}
        return load_settings(self.config, given).settings

    def files(self) -> SessionFiles:
        """Say where the session lives. Raises ConfigError."""
        from ..store.layout import SessionFiles  # noqa: PLC0415 - as `load_settings`

        if self.config is None:
            given = None if self.data_dir is None else str(self.data_dir)
            place = plain_place(self.session, given, os.environ)
            if place is not None:  # without the settings, which take longer than most commands
                return SessionFiles.at(place[0], Path(place[1]))
        settings = self.settings()
        return SessionFiles.at(settings.session, settings.data_dir)

    def repeat_in(self, text: str) -> str:
        """Repeat the options in every command that a text names, so that it can be typed so."""
        return _COMMAND.sub(lambda found: self._command(found[1], found[2] or ""), text)

    def advice(self, *hints: Hint) -> str:
        """Say what helps, one thing after another, with the command to type where there is one."""
        return ", then ".join(map(self._typed, hints))

    def _typed(self, hint: Hint) -> str:
        named = f" --session {hint.session}" if hint.session else ""
        command = _TYPED.get(hint.action) if hint.action else None
        if command is None:
            return self.repeat_in(str(hint))
        typed = command.format(shlex.quote(hint.subject))
        if typed.startswith("wa-supervisor "):
            typed = self.repeat_in(f"{typed}{named}")
        acts = ", then ".join(filter(None, (hint.first, f"`{typed}`")))
        return "; ".join(filter(None, (acts, hint.note)))

    @contextlib.contextmanager
    def advising(self) -> Iterator[None]:
        """Make the hint of every error of ours one that can be typed as it stands."""
        try:
            yield
        except SupervisorError as error:
            error.hint = error.hint and Hint(note=self.advice(error.hint))
            raise

    def _command(self, command: str, session: str) -> str:
        given = {"--session": self.session, "--data-dir": self.data_dir, "--config": self.config}
        if self.session is not None:
            session = ""
        words = [f" {name} {shlex.quote(str(to))}" for name, to in given.items() if to is not None]
        return f"wa-supervisor {command}{session}{''.join(words)}"
