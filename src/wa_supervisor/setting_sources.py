"""Where settings are written: the command line, the environment, a TOML file; and which one won."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from .errors import ConfigError
from .hints import Action, Hint
from .setting_words import did_you_mean
from .store.layout import APP_NAME

ENV_PREFIX: Final = "WA_SUPERVISOR_"
NESTED: Final = "__"

Tree = dict[str, Any]
Key = tuple[str, ...]

OPTIONS: Final[Mapping[Key, str]] = {
    ("session",): "--session",
    ("data_dir",): "--data-dir",
    ("profile",): "--profile",
    ("bot",): "--bot",
    ("pairing", "mode"): "--phone",
    ("pairing", "phone"): "--phone",
    ("pairing", "qr"): "--qr",
    ("endpoint", "proxy"): "--proxy",
    ("web", "listen"): "--web",
    ("web", "origin"): "--web-origin",
    ("fleet", "database"): "--database",
    ("fleet", "name"): "--name",
    ("fleet", "capacity"): "--capacity",
}
"""What the command line calls a key, where it has another name for it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from."""

    kind: str
    """`command line`, `environment`, `file`, `profile` or `default`."""
    place: str = ""
    """The option, the variable, the file or the profile."""

    def __str__(self) -> str:
        return f"{self.kind} {self.place}".rstrip()


@dataclass(frozen=True, slots=True)
class Sources:
    """All that was given, by where it was."""

    file: Path | None
    from_file: Tree = field(repr=False)
    environment: Tree = field(repr=False)
    options: Tree = field(repr=False)
    variables: Mapping[Key, str] = field(repr=False)
    """The variables of the environment that set something, as they are written there."""

    def tree(self) -> Tree:
        """Give what holds: the command line wins over the environment, and that over the file."""
        return merge(merge(self.from_file, self.environment), self.options)

    def name(self, key: Key) -> str:
        """Name the key, or the group, as it is written in the source that won."""
        if has(self.options, key):
            return OPTIONS.get(key, ".".join(key))
        if set_by := [name for other, name in self.variables.items() if other[: len(key)] == key]:
            return ", ".join(set_by)
        in_file = self.file is not None and has(self.from_file, key)
        return f"{'.'.join(key)} in {self.file.name}" if self.file and in_file else ".".join(key)

    def origin(self, key: Key) -> Origin:
        """Say where the value of a setting comes from."""
        if has(self.options, key):
            return Origin("command line", OPTIONS.get(key, ""))
        if key in self.variables:
            return Origin("environment", self.variables[key])
        if has(self.from_file, key):
            return Origin("file", str(self.file))
        profile = self.tree().get("profile")
        if key[:2] == ("policy", "backoff") and profile is not None:
            return Origin("profile", str(profile))
        return Origin("default")


def look_at(path: Path) -> Hint:
    """Advise to look at a file."""
    return Hint(Action.LOOK_AT, str(path))


def read_file(path: Path) -> Tree:
    """Read a TOML file. Raises ConfigError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name} is not valid TOML: {error}", hint=look_at(path)) from None
    except UnicodeDecodeError:
        raise ConfigError(
            f"{path.name} is not UTF-8 text", hint="save it as UTF-8, or make one by `init`"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"cannot read the settings file {path.name}: {error.strerror}", hint=_of(error, path)
        ) from error


def sections(from_file: Tree) -> dict[str, Tree]:
    """Take the tables of single sessions, `[sessions.NAME]`, out of a file's settings.

    Raises ConfigError if they are no tables, or say of which session they are.
    """
    tables = from_file.pop("sessions", {})
    if not isinstance(tables, dict) or not all(isinstance(each, dict) for each in tables.values()):
        raise ConfigError("sessions: write a table for each session, [sessions.NAME]")
    for name, table in tables.items():
        if "session" in table:
            raise ConfigError(f"sessions.{name}.session: the name of the table is the session's")
    return tables


def _of(error: OSError, path: Path) -> Hint:
    if isinstance(error, FileNotFoundError):
        return Hint(note=f"name a file that exists, or make one by `wa-supervisor init` ({path})")
    if isinstance(error, PermissionError):
        return Hint(Action.LOOK_AT, str(path), note="this user may not read it")
    return look_at(path)


def variables(model: type[BaseModel]) -> dict[Key, str]:
    """Map keys to the variables that set them.

    pydantic-settings passes over nested names it does not know: they are refused here. Raises
    ConfigError.
    """
    known = {_variable(key): key for key in leaves(model)}
    names = {}
    for name in os.environ:
        upper = name.upper()
        if upper in known:
            if os.environ[name]:  # an empty one counts as not set
                names[known[upper]] = name
        elif upper.startswith(ENV_PREFIX):
            inside = [other for other in known if other.startswith(upper + NESTED)]
            if inside:
                raise ConfigError(f"{name} is a group of settings: set {inside[0]} and the like")
            raise ConfigError(
                f"{name}: no setting has this name; {did_you_mean(upper, known)}"
                f"unset it if it is not for {APP_NAME}"
            )
    return names


def _variable(key: Key) -> str:
    return ENV_PREFIX + NESTED.join(key).upper()


def leaves(model: type[BaseModel], above: Key = ()) -> Iterator[Key]:
    """Give the key of every setting of a model and of its groups."""
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from leaves(info.annotation, (*above, name))
        else:
            yield (*above, name)


def unknown_key(model: type[BaseModel], key: Key) -> str:
    """Say that no setting has this name, and which one may be meant."""
    *above, name = key
    known = list(leaves(model))
    siblings = {leaf[len(above)] for leaf in known if leaf[: len(above)] == tuple(above)}
    elsewhere = {".".join(leaf): leaf for leaf in known if leaf[-1] == name}
    guess = did_you_mean(name, siblings) or did_you_mean(".".join(key), elsewhere, cutoff=0.0)
    return f"no setting has this name; {guess}known here: {', '.join(sorted(siblings))}"


def has(tree: Mapping[str, Any], key: Key) -> bool:
    """Whether the tree has something at this key."""
    branch: Any = tree
    for part in key:
        if not isinstance(branch, dict) or part not in branch:
            return False
        branch = branch[part]
    return True


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> Tree:
    """Put one tree over another."""
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            merged[name] = merge(under, value)
        else:
            merged[name] = value
    return merged


def without_none(tree: Mapping[str, Any]) -> Tree:
    """Drop what was not given, and a group of which nothing was given."""
    given: Tree = {}
    for name, value in tree.items():
        inner = without_none(value) if isinstance(value, Mapping) else value
        if inner is not None and inner != {}:
            given[name] = inner
    return given
