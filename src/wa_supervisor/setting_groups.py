"""The groups of settings: what each part of a supervisor can be told."""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode

from .errors import ConfigError
from .messages.defaults import (
    BOT_DELIVERY,
    BOT_TRIES,
    DURABILITY,
    MAX_MESSAGES,
    MAX_MIB,
    BotDelivery,
    Durability,
)
from .page_address import HERE, Address
from .pairing.spec import SinkSpec
from .store.postgres.url import check_url

_PHONE = re.compile(r"[1-9][0-9]{6,14}", re.ASCII)  # E.164 has at most 15 digits
_PHONE_DRESSING = re.compile(r"^\s*\+|[ ()/.-]")
_LINK = re.compile(r"https?://[^/?#\s]")
_WORKER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)  # any host's name is one
_TRUNK_ZERO = re.compile(r"\(0")  # "+49 (0)170": of no use with the country code


def _normalise_phone(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if not isinstance(value, str):
        return value
    if _TRUNK_ZERO.search(value):
        raise ValueError("leave out the (0): it is not dialled after the country code")
    digits = _PHONE_DRESSING.sub("", value)
    if _PHONE.fullmatch(digits) is None:
        raise ValueError(
            "write the number with its country code: 7 to 15 digits, the first not 0; "
            "'+', spaces, dashes and brackets are allowed"
        )
    return digits


def _split(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    return value


class PairingSettings(BaseModel):
    """How a new device is linked, and where its QR or code is shown."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    mode: Literal["qr", "code"] = "qr"
    """`code`: the phone's owner types a code in place of scanning; needs `phone`."""
    phone: Annotated[SecretStr, BeforeValidator(_normalise_phone)] | None = None
    """The account's number with its country code; kept as 7 to 15 digits."""
    qr: Annotated[list[str], NoDecode, BeforeValidator(_split)] = ["terminal"]
    """Where to show it: `terminal`, `png:PATH`, `svg:PATH`, `payload:PATH`."""

    @field_validator("qr")
    @classmethod
    def _known_sinks(cls, value: list[str]) -> list[str]:
        for text in value:
            try:
                SinkSpec.parse(text)
            except ConfigError as error:
                raise ValueError(str(error)) from None
        return value

    @model_validator(mode="after")
    def _code_needs_phone(self) -> Self:
        if self.mode == "code" and self.phone is None:
            raise ValueError("mode 'code' needs the phone number to link: set phone as well")
        return self


class SnapshotSettings(BaseModel):
    """How many copies of a paired session's database are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep: Annotated[int, Field(ge=1, le=100)] = 3
    """How many, the newest ones."""


class QuarantineSettings(BaseModel):
    """How long a session that was set aside is kept. Whichever limit is reached first counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep: Annotated[int, Field(ge=1, le=100)] = 5
    """How many, the newest ones."""
    days: Annotated[FiniteFloat, Field(gt=0, le=36500)] = 30.0
    """For how long."""


class JournalSettings(BaseModel):
    """How much of its past the supervisor keeps. Whichever limit is reached first counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep_days: Annotated[FiniteFloat, Field(gt=0)] = 30.0
    """For how long."""
    keep_rows: Annotated[int, Field(ge=1)] = 100_000
    """How many steps, the newest ones."""


class LogSettings(BaseModel):
    """What `run` keeps of its log beside the session, for `wa-supervisor logs`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep: bool = True
    """Write each line of the log into a private file, too, redacted as on the screen."""
    max_mib: Annotated[FiniteFloat, Field(ge=0.01, le=1024)] = 1.0
    """At this size a new file is begun. One older is kept, so twice as much is at most there."""


class InboxSettings(BaseModel):
    """How what is received is kept until it was read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    """Keep what is received for the readers of `messages`; where nobody reads nothing is kept."""
    durability: Durability = DURABILITY
    """What a kept message survives: the death of any process, or a power cut too."""
    max_messages: Annotated[int, Field(ge=1)] = MAX_MESSAGES
    """When a reader has so many before it, the client is stopped: the rest waits at WhatsApp."""
    max_mib: Annotated[int, Field(ge=1)] = MAX_MIB
    """The same for what is kept on the disk."""
    bot_delivery: BotDelivery = BOT_DELIVERY
    """How the bot gets messages: as neonize hands them over, or from the inbox, where what its
    handlers had not finished comes again after a crash; see docs/messages.md."""
    bot_tries: Annotated[int, Field(ge=1, le=1000)] = BOT_TRIES
    """With `bot_delivery = "inbox"`: how often a message is handed to handlers that raise, or over
    which the process dies, before it is set aside."""

    @model_validator(mode="after")
    def _delivers_what_is_kept(self) -> Self:
        if self.bot_delivery == "inbox" and not self.enabled:
            raise ValueError("bot_delivery 'inbox' needs the inbox: set enabled to true as well")
        return self


class StopSettings(BaseModel):
    """How a stop ends the client."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    drain: Annotated[FiniteFloat, Field(ge=0, le=10)] = 1.0
    """Seconds for what was received, and for the bot's handlers, before the client is ended. A
    stop takes 3.5 s beyond this at most."""


class NotifySettings(BaseModel):
    """Where notices go when a person is needed; nowhere by default."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    urls: tuple[SecretStr, ...] = ()
    """Apprise URLs, such as `ntfy://topic` or `mailto://user:password@example.org`."""
    webhook: SecretStr | None = None
    """A URL that gets each notice as JSON by POST."""
    webhook_secret: SecretStr | None = None
    """Signs them after standardwebhooks.com; `whsec_` and base64."""
    command: str | None = None
    """A command that gets each notice as JSON on its standard input."""
    heartbeat: SecretStr | None = None
    """A URL that gets a GET while messages are heard, such as one of healthchecks.io."""
    heartbeat_every: Annotated[FiniteFloat, Field(ge=1, le=86_400)] = 60.0
    """Seconds between two of them."""
    page: str | None = None
    """A link in each notice: where to look and act. None: the session's page, if `web.origin` is
    set or `web.listen` is an address that others can ask."""

    @field_validator("webhook", "heartbeat", "page")
    @classmethod
    def _is_a_link(cls, value: SecretStr | str | None) -> SecretStr | str | None:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if text is not None and not _LINK.match(text):
            raise ValueError("must begin with https:// or http:// and a host")
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _is_a_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            try:
                b64decode(value.get_secret_value().removeprefix("whsec_"), validate=True)
            except ValueError:
                raise ValueError("must be base64, with or without whsec_ before it") from None
        return value

    @model_validator(mode="after")
    def _signs_what_is_sent(self) -> Self:
        if self.webhook_secret is not None and self.webhook is None:
            raise ValueError("webhook_secret signs a webhook: set webhook as well")
        return self

    @property
    def is_on(self) -> bool:
        """Whether anybody is told anything."""
        return bool(self.urls or self.webhook or self.command or self.heartbeat)


class FleetSettings(BaseModel):
    """The fleet that this machine's worker, and the commands of `fleet`, are of."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database: Annotated[SecretStr, AfterValidator(check_url)] | None = None
    """The URL of the fleet's Postgres database. Whoever has it has the keys of every session."""
    name: str | None = None
    """The worker's name, which no other worker has at the time; None: the host's name."""
    capacity: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """How many sessions the worker takes at most; None: what the machine's limits have room for,
    and no more than 200."""
    drain: Annotated[FiniteFloat, Field(ge=1, le=3600)] = 30.0
    """Seconds for a worker that is to end (SIGTERM) to hand its sessions over. One that is pairing
    is waited for until then."""
    inbox: Literal["disk", "postgres"] = "disk"
    """Where received messages wait to be read: on the worker's disk, where they are stranded while
    it is away, or in the fleet's database."""

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, value: str | None) -> str | None:
        if value is not None and _WORKER.fullmatch(value) is None:
            raise ValueError(
                "use 1 to 63 letters, digits, '.', '_' or '-', and a letter or digit at the start"
            )
        return value


class WebSettings(BaseModel):
    """The page and the API that `run` serves, see docs/web.md: one for all its sessions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    listen: str | None = None
    """Where, as `HOST:PORT`; None: nowhere. `run --web` serves it in any case, at 127.0.0.1:8765
    unless this or the option says otherwise."""
    origin: str | None = None
    """What browsers call it behind a proxy, as `https://NAME`; None: there is no proxy."""

    @field_validator("listen")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None:
            _address(value)
        return value

    @field_validator("origin")
    @classmethod
    def _is_an_origin(cls, value: str | None) -> str | None:
        return None if value is None else _address(HERE, value).origin

    def address(self, default: str | None = None) -> Address | None:
        """Return where it is served; without `listen` at `default`, and without that nowhere."""
        listen = self.listen or default
        return None if listen is None else Address.parse(listen, self.origin)


def _address(listen: str, origin: str | None = None) -> Address:
    try:
        return Address.parse(listen, origin)
    except ConfigError as error:
        raise ValueError(str(error)) from None
