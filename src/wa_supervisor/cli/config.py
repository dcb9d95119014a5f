"""`wa-supervisor config`: the settings, where each comes from, and whether they make sense."""

from __future__ import annotations

import importlib.machinery
import sys
from dataclasses import dataclass
from enum import Enum, StrEnum
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from pydantic import SecretStr

from ..errors import ConfigError
from ..lifecycle import PROFILES
from ..pairing.parse import parse_sink
from ..pairing.spec import SinkSpec
from ..redaction import printable
from ..setting_sources import leaves
from ..settings import Settings, default_config, load_settings
from .session_options import ConfigOption, DataDirOption, JsonOption, SessionOption
from .web import address_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..setting_sources import Key, Origin
    from ..settings import Loaded

_HIDDEN: Final = "(hidden)"
_SECRET: Final = {("gate", "allow")}  # addresses; what else is secret has a type that says so
_ORIGIN_COLUMN: Final = 44


class Action(StrEnum):
    """What `config` does."""

    SHOW = "show"
    CHECK = "check"


def config(
    action: Annotated[
        Action,
        typer.Argument(help="`show` each setting, or `check` whether `run` would take them."),
    ],
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    profile: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"As of `run`: {' or '.join(PROFILES)}.")
    ] = None,
    qr: Annotated[
        list[str] | None, typer.Option(metavar="SINK", help="As of `run`. Repeatable.")
    ] = None,
    bot: Annotated[str | None, typer.Option(metavar="MODULE:FUNCTION", help="As of `run`.")] = None,
    origin: Annotated[
        bool, typer.Option("--origin", help="Say where each value comes from.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show or check the settings as `run` would read them with the same options.

    `show` prints TOML that can be kept as a settings file; secrets are hidden. `check` also looks
    for the bot's module and at the places where a code is to be shown; it starts nothing, and
    exits with 2 if `run` would refuse.
    """
    given = {
        "session": session,
        "data_dir": data_dir,
        "profile": profile,
        "pairing": {"qr": qr or None},
        "bot": bot,
    }
    loaded = load_settings(config, given)
    if action is Action.SHOW:
        print(_as_json(loaded) if json else "\n".join(_as_toml(loaded, origin=origin)))
        return
    check_places(loaded.settings)
    for warning in loaded.warnings:
        print(f"warning: {printable(warning)}", file=sys.stderr)
    if json:
        print(dumps({"ok": True, "file": _file(loaded), "warnings": loaded.warnings}))
        return
    file = printable(str(loaded.file)) if loaded.file else f"none (looked for {default_config()})"
    print(f"The settings can be used for session {loaded.settings.session!r}.")
    print(f"Settings file: {file}")


@dataclass(frozen=True, slots=True)
class _Line:
    """A setting as it is shown."""

    key: str
    value: Any
    hidden: bool
    origin: Origin


def _lines(loaded: Loaded) -> Iterator[_Line]:
    for key in leaves(Settings):
        value, hidden = _shown(loaded.settings, key)
        yield _Line(".".join(key), value, hidden, loaded.sources.origin(key))


def _shown(settings: Settings, key: Key) -> tuple[Any, bool]:
    """Give a value as TOML and JSON know them, and whether it is kept back."""
    value: Any = settings
    for name in key:
        value = getattr(value, name)
    several = value if isinstance(value, tuple) else (value,)
    if any(isinstance(each, SecretStr) for each in several) or (key in _SECRET and value):
        return _HIDDEN, True
    if isinstance(value, frozenset):
        return sorted(map(str, value)), False
    if isinstance(value, Enum):
        return value.value, False
    return (str(value) if isinstance(value, Path) else value), False


def _as_toml(loaded: Loaded, *, origin: bool) -> Iterator[str]:
    """Print each value as TOML; what is not set or hidden is a comment, so that it can be read."""
    file = printable(str(loaded.file)) if loaded.file else f"none (looked for {default_config()})"
    yield f"# settings file: {file}"
    for line in _lines(loaded):
        if line.value is None:
            text = f"# {line.key} is not set"
        elif line.hidden:
            text = f"# {line.key} = {line.value}"
        else:
            text = f"{line.key} = {dumps(line.value, ensure_ascii=True)}"
        yield f"{text:<{_ORIGIN_COLUMN}} # {printable(str(line.origin))}" if origin else text


def _as_json(loaded: Loaded) -> str:
    settings = {
        line.key: {"value": line.value, "origin": line.origin.kind, "place": line.origin.place}
        for line in _lines(loaded)
    }
    return dumps({"file": _file(loaded), "settings": settings})


def _file(loaded: Loaded) -> str | None:
    return None if loaded.file is None else str(loaded.file)


def check_places(settings: Settings) -> None:
    """Look at what the settings name. Raises ConfigError.

    A sink is made and closed again: that finds a place which cannot be written, and what is not
    ours. Nothing of the bot is imported: who checks a file does not want to run a program.
    """
    for text in settings.pairing.qr:
        if SinkSpec.parse(text).path is not None:
            parse_sink(text).close()
    if settings.web.listen is not None:
        address_of(settings.web, wanted=True)
    if settings.bot is not None and not is_there(settings.bot):
        module = settings.bot.partition(":")[0]
        raise ConfigError(
            f"bot: there is no module {module!r} in {Path.cwd()} or among what is installed",
            hint="start from the directory that holds it, or install it",
        )


def is_there(bot: str) -> bool:
    """Say whether the first part of the bot's module can be found, without importing it."""
    module = bot.partition(":")[0].partition(".")[0]
    finder = importlib.machinery.PathFinder
    found = finder.find_spec(module, [str(Path.cwd())]) or finder.find_spec(module)
    return found is not None or module in sys.builtin_module_names
