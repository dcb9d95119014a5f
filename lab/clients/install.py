"""Puts the clients that are not ours into a cache of this machine's: none of their code is ours.

The versions are pinned in `programs/package-lock.json` and `programs/requirements.txt`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"
_SECONDS = 90.0  # for one package manager
_LOCKS = {"node": "package-lock.json", "python": "requirements.txt"}


class Unavailable(Exception):
    """Raised when clients cannot be had on this machine; says why."""


def installed(runtime: str) -> Path:
    """Return a directory with the clients for a runtime, `node` or `python`, and their programs.

    Installs them first if need be. Raises `Unavailable`.
    """
    needed = {"node": ("node", "npm"), "python": ("uv",)}[runtime]
    for command in needed:
        if shutil.which(command) is None:
            raise Unavailable(f"the clients for {runtime} need {command}, which is not here")
    summed = hashlib.sha256(sys.version.encode() + (PROGRAMS / _LOCKS[runtime]).read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    where = cache / "wa-supervisor-lab" / f"{runtime}-{summed.hexdigest()[:16]}"
    where.mkdir(parents=True, exist_ok=True)
    with (where / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes install once between them
        for path in PROGRAMS.iterdir():
            if path.is_file() and not _same(path, where / path.name):
                shutil.copy(path, where)
        if not (where / ".done").exists():
            _install(runtime, where)
            (where / ".done").touch()
    return where


def _same(path: Path, copy: Path) -> bool:
    return copy.exists() and copy.read_bytes() == path.read_bytes()


def _install(runtime: str, where: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    quiet = ["--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund"]
    commands = {
        "node": [["npm", "ci", *quiet]],
        "python": [
            ["uv", "venv", "-q", "--clear", "--python", sys.executable, "venv"],
            ["uv", "pip", "install", "-q", "--python", "venv", "-r", "requirements.txt"],
        ],
    }[runtime]
    for command in commands:
        try:
            subprocess.run(
                command,
                check=True,
                cwd=where,
                env=environment,
                timeout=_SECONDS,
                capture_output=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise Unavailable(
                f"the clients for {runtime} cannot be had here: {command[0]} failed: {error}"
            ) from error
