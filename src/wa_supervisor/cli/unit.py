"""`wa-supervisor unit`: a hardened systemd service for one session, printed."""

from __future__ import annotations

import re
import sys
import sysconfig
from pathlib import Path
from typing import Annotated, Final

import typer

from ..errors import ConfigError
from ..redaction import printable
from ..settings import load_settings
from ..store.layout import APP_NAME
from .exits import GIVE_UP, Exit

STOP_SECONDS: Final = 15
"""How long a service manager should wait for a stop. Ours takes 5 s at most; what is left is for
a machine that is busy."""

WATCHDOG_SECONDS: Final = 60
"""How long the supervisor's loop may hang before it is restarted."""

# A wrong setting stays wrong, and what only a person can mend is not mended by a restart. Not
# here is Exit.STORE: another supervisor may end, and a disk may be mounted.
FINAL: Final = tuple(sorted({Exit.USAGE, *GIVE_UP.values()}))
"""The exit codes after which a restart helps nobody."""

_HIDDEN: Final = (Path("/home"), Path("/root"), Path("/run/user"))  # systemd.exec(5), ProtectHome=
_PLAIN: Final = re.compile(r"[\w@%+=:,./${}-]+", re.ASCII)


def unit(
    session: Annotated[str | None, typer.Option(metavar="NAME", help="The session's name.")] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The TOML file with settings that the service reads."),
    ] = None,
    system: Annotated[
        bool, typer.Option("--system/--user", help="For the machine's service manager, or yours.")
    ] = True,
) -> None:
    """Print a hardened systemd service that supervises the session."""
    name = load_settings(None, {"session": session}).settings.session
    if config is not None:
        _check(config.absolute())
    words = program()
    if system and (hidden := hidden_from_services(words[0], sys.base_prefix)):
        print(
            f"warning: the service cannot see {hidden}, as homes are hidden from it; "
            f"install Python and {APP_NAME} elsewhere, for example below /opt",
            file=sys.stderr,
        )
    print(service(name, words, config, system=system), end="")


def _check(config: Path) -> None:
    """Refuse a path that a unit cannot hold: systemd.syntax(7) has no quotes for a credential's."""
    text = str(config)
    if not text.isprintable() or text.endswith(("\\", " ")):
        raise ConfigError(
            f"--config: a unit cannot hold the path {printable(text)!r}",
            hint="give the file a plain name, without line breaks and other unprintable letters",
        )
    if not config.is_file():
        print(f"warning: there is no file {config} here", file=sys.stderr)


def program() -> tuple[str, ...]:
    """Say how to start us: by our script, or by this interpreter where there is none."""
    script = Path(sysconfig.get_path("scripts"), APP_NAME)
    return (str(script),) if script.is_file() else (sys.executable, "-m", "wa_supervisor")


def hidden_from_services(*places: str) -> str | None:
    """Return the first of these that lies in somebody's home."""
    return next((at for at in places if any(map(Path(at).is_relative_to, _HIDDEN))), None)


def service(
    name: str,
    program: tuple[str, ...],
    config: Path | None,
    *,
    system: bool,
    directory: Path | None = None,
) -> str:
    """Write the service of one session. Its bot is looked for in `directory`, too."""
    options = [f"--session={name}", "--qr=payload:${RUNTIME_DIRECTORY}/pairing"]
    if system:
        options.append("--data-dir=${STATE_DIRECTORY}")
    if config and system:
        options.append("--config=${CREDENTIALS_DIRECTORY}/config.toml")
    elif config:
        options.append("--config=" + str(config.absolute()).replace("$", "$$").replace("%", "%%"))
    # The program's own name is not searched for variables.
    words = [word.replace("%", "%%") for word in program]
    template = _SYSTEM if system else _USER
    return template.format(
        name=name,
        unit=f"{APP_NAME}-{name}.service",
        service=_SERVICE.format(
            run=" ".join(map(_quoted, [*words, "run", *options])),
            final=" ".join(str(code.value) for code in FINAL),
            watchdog=WATCHDOG_SECONDS,
            stop=STOP_SECONDS,
            name=name,
            directory=_working_directory(directory),
        ),
        settings=_settings(name, config),
        filters=_FILTERS,
    )


def _quoted(word: str) -> str:
    """Quote a word for ExecStart= (systemd.syntax(7)); `%` and `$` are the caller's."""
    if _PLAIN.fullmatch(word):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _working_directory(directory: Path | None) -> str:
    if directory is None:
        return ""
    return f"WorkingDirectory={str(directory).replace('%', '%%')}\n"


def _settings(name: str, config: Path | None) -> str:
    """Hand the settings over as a credential: root's file, which the service gets a copy of."""
    if config is None:
        return _NO_CREDENTIAL.format(name=name)
    return f"LoadCredential=config.toml:{str(config.absolute()).replace('%', '%%')}"


# What is the same for both. That no line hurts is shown by tests/contract/test_systemd.py, which
# runs the service under a real systemd where it can.
_SERVICE: Final = """\
[Service]
Type=notify
NotifyAccess=main
ExecStart={run}
{directory}WatchdogSec={watchdog}
Restart=on-failure
RestartSec=15
# A person must act first: see docs/exit-codes.md.
RestartPreventExitStatus={final}
# The supervisor stops its own children, in their order; what is left after that is killed.
KillMode=mixed
TimeoutStopSec={stop}
# A client that was killed for want of memory is replaced; it does not end the service.
OOMPolicy=continue
# A dump would hold the session's keys.
LimitCORE=0
UMask=0077
# The QR payload or pair code, while one shows. It is a file, so that the journal never holds it.
RuntimeDirectory={name_dir}
RuntimeDirectoryMode=0700
""".replace("{name_dir}", f"{APP_NAME}/{{name}}")

_FILTERS: Final = """\
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
"""

_NO_CREDENTIAL: Final = """\
# Settings, such as the phone number: in a file that only root may read, given by --config.
#LoadCredential=config.toml:/etc/wa-supervisor/{name}.toml"""

_SYSTEM: Final = """\
# Install:  wa-supervisor unit --session {name} | sudo tee /etc/systemd/system/{unit}
#           sudo systemctl daemon-reload && sudo systemctl enable --now {unit}
# Pair:     sudo wa-supervisor qr --session {name} --data-dir /var/lib/wa-supervisor/{name}
# Look:     systemctl status {unit}
#           sudo wa-supervisor status --session {name} --data-dir /var/lib/wa-supervisor/{name}

[Unit]
Description=WhatsApp session {name}
Documentation=https://pypi.org/project/wa-supervisor/
Wants=network-online.target
After=network-online.target

{service}
DynamicUser=yes
StateDirectory=wa-supervisor/{name}
StateDirectoryMode=0700
{settings}

CapabilityBoundingSet=
PrivateDevices=yes
PrivateTmp=yes
PrivateUsers=yes
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
{filters}
[Install]
WantedBy=multi-user.target
"""

_USER: Final = """\
# Install:  wa-supervisor unit --user --session {name} > ~/.config/systemd/user/{unit}
#           systemctl --user daemon-reload && systemctl --user enable --now {unit}
#           loginctl enable-linger    # to let it run while you are logged out
# Pair:     wa-supervisor qr --session {name}
# Look:     systemctl --user status {unit}
#           wa-supervisor status --session {name}

[Unit]
Description=WhatsApp session {name}
Documentation=https://pypi.org/project/wa-supervisor/

{service}
ExecReload=kill -HUP $MAINPID

{filters}
[Install]
WantedBy=default.target
"""
