"""Which session a command is about, and the lines that a person may type about the same one."""

from __future__ import annotations

import contextlib
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..errors import SupervisorError
from ..hints import Hint
from ..settings import load_settings
from ..store.layout import SessionFiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..settings import Settings

SessionOption = Annotated[str | None, typer.Option(metavar="NAME", help="The session's name.")]
DataDirOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where sessions are kept (default: the state directory)."),
]
ConfigOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A TOML file with settings.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object instead of words.")]

# The commands that are about one session and take all three options.
_LINE: Final = re.compile(
    r"\bwa-supervisor "
    r"(run|status|resume|relink|stop|history|crashes|health|snapshots|restore|purge)\b"
    r"( --session [\w.-]+)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The options that say which session is meant, as they were given."""

    session: str | None = None
    data_dir: Path | None = None
    config: Path | None = None

    def settings(self) -> Settings:
        """Read the settings. Raises ConfigError."""
        given = {"session": self.session, "data_dir": self.data_dir}
        return load_settings(self.config, given).settings

    def files(self) -> SessionFiles:
        """Say where the session lives. Raises ConfigError."""
        settings = self.settings()
        return SessionFiles.at(settings.session, settings.data_dir)

    def typed(self, text: str) -> str:
        """Repeat the options in every command that a text names, so that it can be typed so."""
        return _LINE.sub(lambda found: self._line(found[1], found[2] or ""), text)

    @contextlib.contextmanager
    def telling(self) -> Iterator[None]:
        """Repeat the options in the hint of every error of ours."""
        try:
            yield
        except SupervisorError as error:
            error.hint = error.hint and Hint(note=self.typed(str(error.hint)))
            raise

    def _line(self, command: str, session: str) -> str:
        given = {"--session": self.session, "--data-dir": self.data_dir, "--config": self.config}
        if self.session is not None:
            session = ""
        words = [f" {name} {shlex.quote(str(to))}" for name, to in given.items() if to is not None]
        return f"wa-supervisor {command}{session}{''.join(words)}"
