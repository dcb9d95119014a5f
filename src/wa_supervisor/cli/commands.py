"""Every command and where it lives: it is imported once it is wanted, and no other is.

A health check runs every few seconds, on small machines too: it must not pay for the demo.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from ..errors import ConfigError
from ..hints import Action, Hint
from .parameters import WordedCommand

if TYPE_CHECKING:
    from collections.abc import Mapping

TYPER: Final[dict[str, Any]] = {
    "add_completion": False,
    "pretty_exceptions_enable": False,  # a traceback with local variables could show a secret
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
"""What is the same for all of them."""


@dataclass(frozen=True, slots=True)
class Home:
    """A command that is not imported: its line in the list of commands, and its function.

    In place of a function there may be a `typer.Typer` of commands below it.
    """

    summary: str
    """At most 65 letters, so that the list fits 80 columns."""
    function: str
    """`module:function`, the module without this package's name."""
    extra: str | None = None
    """The extra of this package that brings what the command needs."""

    def load(self) -> TyperCommand | TyperGroup:
        """Import the command. Raises ConfigError if its extra is not installed."""
        module, _, function = self.function.partition(":")
        alone = typer.Typer(**TYPER)
        try:
            home = import_module(f".{module}", __package__)
        except ModuleNotFoundError as missing:
            if self.extra is None:
                raise
            raise ConfigError(
                f"this command needs {missing.name}, which is not installed",
                hint=Hint(Action.INSTALL, f"wa-supervisor[{self.extra}]"),
            ) from missing
        found = getattr(home, function)
        if not isinstance(found, typer.Typer):
            alone.command(cls=WordedCommand)(found)
            found = alone
        command = get_command(found)
        assert isinstance(command, TyperCommand | TyperGroup)
        return command


HOMES: Final[Mapping[str, Home]] = {
    "run": Home("Supervise a session: pair it, and keep it connected.", "run:run"),
    "status": Home("Say how a session stands, why, and what to do.", "status:status"),
    "sessions": Home("List the sessions there are, and how each stands.", "status:sessions"),
    "qr": Home("Show the code of a running supervisor, to be scanned.", "qr:qr"),
    "resume": Home("Try again now, with a fresh budget.", "control:resume"),
    "restart": Home("End the session process and start a new one.", "control:restart"),
    "relink": Home("Log the device out and pair afresh.", "control:relink"),
    "stop": Home("Stop a session's supervisor, keeping the session.", "control:stop"),
    "listen": Home("Print what is received, for a program in any language.", "listen:listen"),
    "send": Home("Send a text, once for its key.", "send:send"),
    "gate": Home("Say who may write and why; allow or deny somebody.", "gate:gate"),
    "notify": Home("Try whether a person would be called.", "notify:notify"),
    "explain": Home("Say what a reason means, who must act, what to type.", "reasons:explain"),
    "history": Home("Show the steps a session took, oldest first.", "history:history"),
    "logs": Home("Show what was logged of a session, also when none runs.", "kept_log:logs"),
    "crashes": Home("Show how the session's processes died.", "crashes:crashes"),
    "health": Home("Exit 0 if the session is connected now, else 1.", "health:health"),
    "fleet": Home(
        "Keep sessions alive over many machines, with keys in Postgres.",
        "fleet.command:fleet",
        extra="fleet",
    ),
    "init": Home("Write a settings file and a bot to begin with.", "init:init"),
    "config": Home("Show or check the settings, and where each comes from.", "config:config"),
    "doctor": Home("Look at all that a session needs; say what helps.", "doctor.command:doctor"),
    "unit": Home("Print a hardened systemd service for a session.", "unit:unit"),
    "demo": Home(
        "Show the whole lifecycle on the real neonize, offline.", "demo.command:demo", extra="demo"
    ),
    "playground": Home(
        "Try all of it, offline: a session, a phone, what can go wrong.",
        "playground.command:playground",
        extra="demo",
    ),
    "diagram": Home("Print the lifecycle, drawn from the chart.", "diagram:diagram"),
    "snapshots": Home("List the copies of a session's keys.", "credentials:list_snapshots"),
    "restore": Home("Put a copy of a session's keys back.", "credentials:restore_session"),
    "purge": Home("Set a session's keys aside, into quarantine.", "credentials:purge_session"),
}
"""The commands by name, in the order of the list."""


class Commands(TyperGroup):
    """The commands as the list needs them; the one that was called is imported."""

    def resolve_command(
        self,
        ctx: Any,  # noqa: ANN401 - click's, which typer keeps private
        args: list[str],
    ) -> tuple[str | None, TyperCommand | TyperGroup, list[str]]:
        """Find the command that the arguments name."""
        name, listed, rest = super().resolve_command(ctx, args)
        assert listed is not None
        assert listed.name is not None
        command = HOMES[listed.name].load()
        gc.enable()
        return name, command, rest
