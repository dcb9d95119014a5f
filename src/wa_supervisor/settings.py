"""Every setting and its default; and the one way they are read.

What is given on the command line wins over the environment (`WA_SUPERVISOR_PAIRING__MODE`), which
wins over the TOML file, which wins over the default. A key nobody knows is an error wherever it
is written, because a misspelt safety setting is worse than none. No error tells a value: it may
be a phone number or a password.
"""

from __future__ import annotations

import difflib
import os
import stat
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from platformdirs import user_config_path
from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from .errors import ConfigError
from .gate import GatePolicy
from .hints import Action, Hint
from .lifecycle.policy import PROFILES, Policy
from .session.shared.endpoint import Endpoint
from .setting_groups import (
    InboxSettings,
    JournalSettings,
    PairingSettings,
    QuarantineSettings,
    SnapshotSettings,
    StopSettings,
)
from .store.layout import APP_NAME, validate_name
from .store.postgres.url import check_url

ENV_PREFIX = "WA_SUPERVISOR_"
_NESTED = "__"

Tree = dict[str, Any]
Key = tuple[str, ...]

_OPTIONS: dict[Key, str] = {  # what the command line calls a key, where it has another name for it
    ("session",): "--session",
    ("data_dir",): "--data-dir",
    ("profile",): "--profile",
    ("bot",): "--bot",
    ("pairing", "phone"): "--phone",
    ("pairing", "qr"): "--qr",
    ("endpoint", "proxy"): "--proxy",
}


class Settings(BaseSettings):
    """All settings of one supervised session.

    Made in code, it is exactly what was handed in and the defaults. Only `load_settings` reads
    the environment and the file.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        env_prefix=ENV_PREFIX,
        env_nested_delimiter=_NESTED,
        env_ignore_empty=True,
    )

    session: str = "default"
    """The session's name: the name of its directory."""
    data_dir: Path | None = None
    """Where sessions are kept; None: the user's state directory. See `store.layout.expand`."""
    database: Annotated[SecretStr, AfterValidator(check_url)] | None = None
    """The URL of a Postgres database that keeps the session's keys; None: a file in `data_dir`."""
    profile: str = "wa-web"
    """The name of the backoff that `policy.backoff` starts from."""
    pairing: PairingSettings = PairingSettings()
    endpoint: Endpoint = Endpoint()
    snapshots: SnapshotSettings = SnapshotSettings()
    quarantine: QuarantineSettings = QuarantineSettings()
    journal: JournalSettings = JournalSettings()
    inbox: InboxSettings = InboxSettings()
    gate: GatePolicy = GatePolicy()
    """Who may speak to the program, see docs/gate.md. Without any setting: nobody."""
    stop: StopSettings = StopSettings()
    policy: Policy = Field(default_factory=Policy)
    bot: str | None = None
    """`module:function`, called with the client in the session process before it connects."""
    allow_unknown_neonize: bool = False
    """Run on a neonize that wa-supervisor was not tested with."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Keep everything but the arguments out."""
        del cls, settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @model_validator(mode="before")
    @classmethod
    def _start_from_profile(cls, data: object) -> object:
        """Let a part of `policy` be given: the rest is the profile's, not an error."""
        if not isinstance(data, dict):
            return data
        policy = data.get("policy", {})
        backoff = PROFILES.get(str(data.get("profile", cls.model_fields["profile"].default)))
        if backoff is None or not isinstance(policy, dict):
            return data
        defaults = Policy(backoff=backoff).model_dump()
        return {**data, "policy": _merge(defaults, policy)}

    @field_validator("session")
    @classmethod
    def _session_is_a_name(cls, value: str) -> str:
        try:
            return validate_name(value)
        except ConfigError as error:
            raise ValueError(str(error)) from None

    @field_validator("profile")
    @classmethod
    def _profile_is_known(cls, value: str) -> str:
        if value not in PROFILES:
            raise ValueError(f"{_did_you_mean(value, PROFILES)}allowed: {', '.join(PROFILES)}")
        return value

    @field_validator("bot")
    @classmethod
    def _bot_is_a_function(cls, value: str | None) -> str | None:
        if value is None:
            return None
        module, colon, function = value.partition(":")
        parts = [*module.split("."), *function.split(".")]
        if not colon or not all(part.isidentifier() for part in parts):
            raise ValueError("write it as module:function, for example mybot:register")
        return value

    def warnings(self) -> tuple[str, ...]:
        """What is allowed but surely not meant, a sentence each."""
        found = []
        if self.pairing.phone is not None and self.pairing.mode != "code":
            found.append(
                "pairing.phone is set but not used: pairing.mode is 'qr'; "
                "set it to 'code' to link by a code"
            )
        if (self.endpoint.noise_root is None) != (self.endpoint.ca_file is None):
            given, missing = ("noise_root", "ca_file")[:: 1 if self.endpoint.noise_root else -1]
            found.append(
                f"endpoint.{given} is set without endpoint.{missing}: "
                "a test server usually needs both"
            )
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, the file they were read from, and what looks wrong in them."""

    settings: Settings
    file: Path | None
    warnings: tuple[str, ...]


def load_settings(config: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Loaded:
    """Read the settings from `overrides`, the environment and the TOML file `config`.

    Without `config` the user's file is read if there is one (`default_config`). `overrides` is
    nested like the settings; a None in it means "not given". Raises one ConfigError that names
    every wrong key as it was written.
    """
    file = config or (default_config() if default_config().is_file() else None)
    options = _without_none(overrides or {})
    names = _environment_names()
    environment = EnvSettingsSource(Settings)()
    from_file = _read_file(file) if file else {}
    try:
        settings = Settings(**_merge(_merge(from_file, environment), options))
    except ValidationError as error:
        problems = []
        for found in error.errors(include_input=False, include_url=False):
            key = tuple(part for part in found["loc"] if isinstance(part, str))
            where = _written(key, options, names, file if _has(from_file, key) else None)
            unknown = found["type"] == "extra_forbidden"
            what = _unknown_key(key) if unknown else found["msg"].removeprefix("Value error, ")
            problems.append(f"{where}: {what}")
        raise ConfigError("\n".join(problems)) from None
    warnings = settings.warnings()
    if file is not None and file.stat().st_mode & stat.S_IWOTH:
        if "bot" in from_file:
            raise ConfigError(
                f"everybody can write to {file.name}, which names the program to run as `bot`",
                hint=Hint(Action.MAKE_PRIVATE, str(file)),
            )
        warnings = (*warnings, f"everybody can write to the settings file {file}")
    return Loaded(settings, file, warnings)


def default_config() -> Path:
    """Where the TOML file is looked for when none is named."""
    return user_config_path(APP_NAME, appauthor=False) / "config.toml"


def _look_at(path: Path) -> Hint:
    return Hint(Action.LOOK_AT, str(path))


def _read_file(path: Path) -> Tree:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name} is not valid TOML: {error}", hint=_look_at(path)) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path.name} is not UTF-8 text", hint=_look_at(path)) from None
    except OSError as error:
        raise ConfigError(
            f"cannot read the settings file {path.name}: {error.strerror}",
            hint=_look_at(path),
        ) from error


def _environment_names() -> dict[Key, str]:
    """Map keys to the variables that set them.

    pydantic-settings passes over nested names it does not know: refuse them here.
    """
    known = {_variable(key): key for key in _leaves(Settings)}
    names = {}
    for name in os.environ:
        upper = name.upper()
        if upper in known:
            names[known[upper]] = name
        elif upper.startswith(ENV_PREFIX):
            inside = [other for other in known if other.startswith(upper + _NESTED)]
            if inside:
                raise ConfigError(f"{name} is a group of settings: set {inside[0]} and the like")
            raise ConfigError(
                f"{name}: no setting has this name; {_did_you_mean(upper, known)}"
                f"unset it if it is not for {APP_NAME}"
            )
    return names


def _variable(key: Key) -> str:
    return ENV_PREFIX + _NESTED.join(key).upper()


def _leaves(model: type[BaseModel], above: Key = ()) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _leaves(field.annotation, (*above, name))
        else:
            yield (*above, name)


def _written(key: Key, options: Tree, names: Mapping[Key, str], file: Path | None) -> str:
    """Name the key as the user wrote it in the source that won."""
    if _has(options, key):
        return _OPTIONS.get(key, ".".join(key))
    variables = [name for other, name in names.items() if other[: len(key)] == key]
    if variables:
        return ", ".join(variables)
    return f"{'.'.join(key)} in {file.name}" if file else ".".join(key)


def _unknown_key(key: Key) -> str:
    *above, name = key
    leaves = list(_leaves(Settings))
    siblings = {leaf[len(above)] for leaf in leaves if leaf[: len(above)] == tuple(above)}
    elsewhere = {".".join(leaf): leaf for leaf in leaves if leaf[-1] == name}
    guess = _did_you_mean(name, siblings) or _did_you_mean(".".join(key), elsewhere, cutoff=0.0)
    return f"no setting has this name; {guess}known here: {', '.join(sorted(siblings))}"


def _did_you_mean(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return f"did you mean {close[0]!r}? " if close else ""


def _has(tree: Tree, key: Key) -> bool:
    branch: Any = tree
    for part in key:
        if not isinstance(branch, dict) or part not in branch:
            return False
        branch = branch[part]
    return True


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> Tree:
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            merged[name] = _merge(under, value)
        else:
            merged[name] = value
    return merged


def _without_none(tree: Mapping[str, Any]) -> Tree:
    """Drop what was not given, and a group of which nothing was given."""
    given: Tree = {}
    for name, value in tree.items():
        inner = _without_none(value) if isinstance(value, Mapping) else value
        if inner is not None and inner != {}:
            given[name] = inner
    return given
