"""`wa-supervisor init`: a settings file and a bot to begin with, and a service if it is wanted."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..errors import ConfigError, StoreError
from ..hints import Action, Hint
from ..redaction import printable
from ..store.layout import validate_name
from .starter.reference import settings_file
from .unit import STOP_SECONDS, hidden_from_services, program, service

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS: Final = "wa-supervisor.toml"
_HERE: Final = Path(__file__).parent / "starter"

_HEAD: Final = """\
# The settings of a WhatsApp session. What has a # before its key is not set: the value behind it
# is the default. An option of the command line, or a variable of the environment such as
# WA_SUPERVISOR_PAIRING__MODE, wins over this file.
#
#   wa-supervisor config check --config {file}    # is it right?
#   wa-supervisor run --config {file}             # pair, and keep it connected
#
# It is private: `chmod go= {file}`, if a phone number or a password stands here.

"""


class Service(StrEnum):
    """What keeps the session running."""

    SYSTEM = "system"
    """A unit for the machine's systemd."""
    USER = "user"
    """A unit for the user's own systemd."""
    COMPOSE = "compose"
    """A compose file for Docker."""


def init(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to write; made if it is missing.")
    ] = Path(),
    session: Annotated[str, typer.Option(metavar="NAME", help="The session's name.")] = "default",
    bot: Annotated[
        str, typer.Option(metavar="MODULE", help="The name of the bot's module.")
    ] = "mybot",
    service: Annotated[
        Service | None,
        typer.Option(help="Write a systemd unit (system or user) or a compose file as well."),
    ] = None,
) -> None:
    """Write a settings file and, if there is none, a bot. Nothing that exists is overwritten."""
    validate_name(session)
    if not bot.isidentifier():
        raise ConfigError(
            f"--bot: {printable(bot[:80])!r} cannot be the name of a module",
            hint="use letters, digits and '_', for example mybot",
        )
    directory = directory.absolute()
    texts = dict(_files(directory, session, bot, service))
    module = f"{bot}.py"
    kept = (directory / module).is_file()
    if kept:
        del texts[module]
    _write(directory, texts)
    print(f"Wrote {', '.join(texts)} in {printable(str(directory))}.")
    if kept:
        print(f"{module} was there, and stays as it is.")
    print("\n".join(["", *_next(directory, session, bot, service)]))


def _files(
    directory: Path, session: str, bot: str, kind: Service | None
) -> Iterator[tuple[str, str]]:
    """Give what is to be written, by its name."""
    given: dict[tuple[str, ...], str] = {("session",): session, ("bot",): f"{bot}:register"}
    yield SETTINGS, _HEAD.format(file=SETTINGS) + settings_file(given)
    yield f"{bot}.py", (_HERE / "mybot.py.txt").read_text(encoding="utf-8")
    if kind is Service.COMPOSE:
        template = (_HERE / "compose.yaml").read_text(encoding="utf-8")
        for name, value in {
            "session": session,
            "settings": SETTINGS,
            "stop": str(STOP_SECONDS),
        }.items():
            template = template.replace(f"{{{name}}}", value)
        yield "compose.yaml", template
    elif kind is not None:
        system = kind is Service.SYSTEM
        if system and (hidden := hidden_from_services(str(directory), sys.base_prefix)):
            raise ConfigError(
                f"a service of the machine cannot see {printable(hidden)}: homes are hidden",
                hint="write to a directory below /opt or /srv, or take --service user",
            )
        config = directory / SETTINGS
        yield (
            f"wa-supervisor-{session}.service",
            service_of(session, config, directory, system=system),
        )


def service_of(session: str, config: Path, directory: Path, *, system: bool) -> str:
    """Write the unit of a session whose bot lies in `directory`."""
    return service(session, program(), config, system=system, directory=directory)


def _write(directory: Path, texts: dict[str, str]) -> None:
    """Write all of it, or nothing if any of it is there. Raises ConfigError, StoreError."""
    if taken := [
        name for name in texts if (directory / name).is_symlink() or (directory / name).exists()
    ]:
        raise ConfigError(
            f"{' and '.join(taken)} exist{'s' * (len(taken) == 1)} in {printable(str(directory))}; "
            "nothing was written",
            hint="name another directory: `wa-supervisor init DIR`",
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            with (directory / name).open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise StoreError(
            f"cannot write to {printable(str(directory))}: {error.strerror}",
            hint=Hint(Action.CHECK_DISK, str(directory)),
        ) from error


def _next(directory: Path, session: str, bot: str, kind: Service | None) -> Iterator[str]:
    """Say what to type now."""
    yield "Next:"
    if directory != Path.cwd():
        yield f"  cd {printable(str(directory))}"
    yield f"  wa-supervisor config check --config {SETTINGS}"
    yield f"  wa-supervisor run --config {SETTINGS}    # scan, then write: ping"
    unit = f"wa-supervisor-{session}.service"
    if kind is Service.COMPOSE:
        yield "or in a container: docker compose up -d"
        yield f"  docker compose exec {session} wa-supervisor qr"
    elif kind is Service.SYSTEM:
        yield f"or as a service: sudo cp {unit} /etc/systemd/system/"
        yield f"  sudo systemctl daemon-reload && sudo systemctl enable --now {unit}"
    elif kind is Service.USER:
        yield f"or as a service: install -D -m 0644 -t ~/.config/systemd/user {unit}"
        yield f"  systemctl --user daemon-reload && systemctl --user enable --now {unit}"
    yield f"The bot is {bot}.py. Without an account: wa-supervisor playground"
