"""Every setting and its default; and the one way they are read.

What is given on the command line wins over the environment (`WA_SUPERVISOR_PAIRING__MODE`), which
wins over the TOML file, which wins over the default. A key nobody knows is an error wherever it
is written, because a misspelt safety setting is worse than none. No error tells a value: it may
be a phone number or a password.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final, Self

from platformdirs import user_config_path
from pydantic import (
    AfterValidator,
    Field,
    ModelWrapValidatorHandler,
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
from .page_address import HERE
from .session.shared.endpoint import Endpoint
from .session.shared.watch import Watch
from .setting_checks import contradictions
from .setting_groups import (
    FleetSettings,
    InboxSettings,
    JournalSettings,
    LogSettings,
    NotifySettings,
    PairingSettings,
    QuarantineSettings,
    SnapshotSettings,
    StopSettings,
    WebSettings,
)
from .setting_sources import (
    ENV_PREFIX,
    NESTED,
    Key,
    Sources,
    Tree,
    merge,
    read_file,
    sections,
    unknown_key,
    variables,
    without_none,
)
from .setting_words import did_you_mean, words
from .store.layout import APP_NAME, validate_name
from .store.postgres.url import check_url

LIVE: Final = frozenset({"profile", "policy", "watch"})
"""The settings that may change under a living session, see `Supervisor.update_policy`."""


class WrongSettings(ConfigError):
    """Raised when settings are wrong; `problems` says for each key what is."""

    def __init__(self, problems: tuple[tuple[Key, str], ...]) -> None:
        super().__init__("\n".join(f"{'.'.join(key)}: {what}" for key, what in problems))
        self.problems = problems


class Settings(BaseSettings):
    """All settings of one supervised session.

    Made in code, it is exactly what was handed in and the defaults. Only `load_settings` reads
    the environment and the file. Raises ConfigError that names every wrong key.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        env_prefix=ENV_PREFIX,
        env_nested_delimiter=NESTED,
        env_ignore_empty=True,
    )

    session: str = "default"
    """The session's name: the name of its directory."""
    data_dir: Path | None = None
    """Where sessions are kept; None: the user's state directory. It may begin with `~` and hold
    `$NAME`."""
    database: Annotated[SecretStr, AfterValidator(check_url)] | None = None
    """The URL of a Postgres database that keeps the session's keys; None: a file in `data_dir`."""
    profile: str = "wa-web"
    """The name of the backoff that `policy.backoff` starts from."""
    pairing: PairingSettings = PairingSettings()
    endpoint: Endpoint = Endpoint()
    snapshots: SnapshotSettings = SnapshotSettings()
    quarantine: QuarantineSettings = QuarantineSettings()
    journal: JournalSettings = JournalSettings()
    log: LogSettings = LogSettings()
    inbox: InboxSettings = InboxSettings()
    gate: GatePolicy = GatePolicy()
    """Who may speak to the program, see docs/gate.md. Without any setting: nobody."""
    stop: StopSettings = StopSettings()
    notify: NotifySettings = NotifySettings()
    web: WebSettings = WebSettings()
    fleet: FleetSettings = FleetSettings()
    policy: Policy = Field(default_factory=Policy)
    watch: Watch = Watch()
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

    @model_validator(mode="wrap")
    @classmethod
    def _in_our_words(cls, data: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Say what is wrong as a ConfigError: pydantic's words are about types, not settings."""
        try:
            settings = handler(data)
        except ValidationError as error:
            raise WrongSettings(tuple(_problems(error))) from None
        if found := tuple(contradictions(settings)):
            raise WrongSettings(tuple((each.key, each.sentence) for each in found))
        return settings

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
        return {**data, "policy": merge(defaults, policy)}

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
            raise ValueError(f"{did_you_mean(value, PROFILES)}allowed: {', '.join(PROFILES)}")
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

    def with_live(self, other: Settings) -> Self:
        """Return these settings with the numbers of others that may change under a session."""
        return self.model_copy(update={name: getattr(other, name) for name in LIVE})

    @property
    def page(self) -> str | None:
        """Where notices say that this session can be looked at and helped; None: nowhere."""
        address = self.web.address(HERE)
        public = address.public_url if address else None
        return self.notify.page or (public and f"{public}/s/{self.session}")

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
        if self.gate.is_given and not self.inbox.enabled and self.bot is None:
            found.append(
                "gate is set but judges nothing: inbox.enabled is off, and there is no bot before "
                "which it could stand"
            )
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, where they come from, and what looks wrong in them."""

    settings: Settings
    sources: Sources
    warnings: tuple[str, ...]

    @property
    def file(self) -> Path | None:
        """The file that was read, if any was."""
        return self.sources.file


def load_settings(config: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Loaded:
    """Read the settings from `overrides`, the environment and the TOML file `config`.

    Without `config` the user's file is read if there is one (`default_config`). What the file's
    table `[sessions.NAME]` says holds for the session of that name alone. `overrides` is
    nested like the settings; a None in it means "not given". Raises one ConfigError that names
    every wrong key as it was written.
    """
    given = _given(config, overrides)
    return _loaded(*given, name=given[0].tree().get("session", "default"))


def load_sessions(
    config: Path | None, overrides: Mapping[str, Any], names: Iterable[str] | None = None
) -> dict[str, Loaded]:
    """Read the settings of several sessions as `load_settings` those of one, the file once.

    Without `names` these are the sessions that the file has a table for. Raises ConfigError.
    """
    sources, tables = _given(config, overrides)
    return {
        name: _loaded(replace(sources, options={**sources.options, "session": name}), tables, name)
        for name in (tables if names is None else names)
    }


def _given(
    config: Path | None, overrides: Mapping[str, Any] | None
) -> tuple[Sources, dict[str, Tree]]:
    """Read all that is given, and the tables of single sessions apart from it."""
    file = config or (default_config() if default_config().is_file() else None)
    environment, options = EnvSettingsSource(Settings)(), without_none(overrides or {})
    from_file = read_file(file) if file else {}
    tables = sections(from_file)
    return Sources(
        file=file,
        variables=variables(Settings),
        environment=environment,
        from_file=from_file,
        options=options,
    ), tables


def _loaded(given: Sources, tables: Mapping[str, Tree], name: str) -> Loaded:
    sources = replace(given, from_file=merge(given.from_file, tables.get(name, {})))
    try:
        settings = Settings(**sources.tree())
    except WrongSettings as error:
        problems = (f"{sources.name(key)}: {what}" for key, what in error.problems)
        raise ConfigError("\n".join(problems)) from None
    _require_ca_file(settings, sources)
    return Loaded(settings, sources, (*settings.warnings(), *_about_the_file(sources)))


def _problems(error: ValidationError) -> Iterator[tuple[Key, str]]:
    for found in error.errors(include_url=False):
        key = tuple(part for part in found["loc"] if isinstance(part, str))
        unknown = found["type"] == "extra_forbidden"
        yield key, unknown_key(Settings, key) if unknown else words(found)


def _require_ca_file(settings: Settings, sources: Sources) -> None:
    """Refuse a file of authorities that is not there: every dial would fail, and not say why."""
    ca_file = settings.endpoint.ca_file
    if ca_file is not None and not ca_file.is_file():
        raise ConfigError(
            f"{sources.name(('endpoint', 'ca_file'))}: there is no such file",
            hint=Hint(Action.LOOK_AT, str(ca_file)),
        )


def _about_the_file(sources: Sources) -> Iterator[str]:
    """Say what is wrong with the file itself.

    Raises ConfigError if everybody could have us run a program of theirs.
    """
    file, data_dir = sources.file, str(sources.tree().get("data_dir", "/"))
    if "data_dir" not in sources.options and not data_dir.startswith(("/", "~", "$")):
        yield (
            f"{sources.name(('data_dir',))} is relative: started from another directory, "
            "the sessions would be elsewhere"
        )
    if file is not None and file.stat().st_mode & stat.S_IWOTH:
        if "bot" in sources.from_file:
            raise ConfigError(
                f"everybody can write to {file.name}, which names the program to run as `bot`",
                hint=Hint(Action.MAKE_PRIVATE, str(file)),
            )
        yield f"everybody can write to the settings file {file}"


def default_config() -> Path:
    """Where the TOML file is looked for when none is named."""
    return user_config_path(APP_NAME, appauthor=False) / "config.toml"
