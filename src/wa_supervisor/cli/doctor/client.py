"""Whether the client can be used: neonize, what media need, and the optional parts."""

from __future__ import annotations

import ctypes.util
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

from ...hints import Action, Hint
from ...store.layout import APP_NAME
from .finding import Finding, Verdict

NEONIZE_SECONDS: Final = 60.0
"""For the import of neonize and its library of 30 MB, on a slow card."""

_SELF_TEST: Final = "wa_supervisor.session.child.self_test"


def neonize() -> Iterator[Finding]:
    """Load neonize in a process of its own, as a session process does; nothing is dialled."""
    command = [sys.executable, "-m", _SELF_TEST]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=NEONIZE_SECONDS - 1, check=False
        )
    except subprocess.TimeoutExpired:
        said = "could not be loaded within a minute: the disk or the machine is too slow"
        yield Finding("neonize", Verdict.BAD, said)
        return
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        said = f"loading it ended the process ({done.returncode}): {last}"
        yield Finding("neonize", Verdict.BAD, said, Hint(Action.REINSTALL, "neonize"))
        return
    if "error" in answer:
        action = Action[answer["action"]] if answer["action"] else None
        fix = Hint(action, answer["subject"], note=answer["note"])
        yield Finding("neonize", Verdict.BAD, answer["error"], fix)
        return
    version = importlib.metadata.version("neonize")
    yield Finding("neonize", Verdict.OK, f"{version}; its Go library loads")


def media() -> Iterator[Finding]:
    """Look for what a bot needs that sends media."""
    if ctypes.util.find_library("magic") is None:
        said = "libmagic is missing: a bot that sends media fails there"
        yield Finding("media", Verdict.NOTE, said, Hint(Action.INSTALL_SYSTEM, "libmagic1"))
    elif shutil.which("ffmpeg") is None:
        said = "ffmpeg is missing: a bot that sends video or stickers fails there"
        yield Finding("media", Verdict.NOTE, said, Hint(Action.INSTALL_SYSTEM, "ffmpeg"))
    else:
        yield Finding("media", Verdict.OK, "libmagic and ffmpeg are there")


def extras() -> Iterator[Finding]:
    """Say which optional parts of this package are installed."""
    package = importlib.metadata.metadata(APP_NAME)
    required = importlib.metadata.requires(APP_NAME) or []
    for extra in package.get_all("Provides-Extra") or []:
        needs = [_name(line) for line in required if re.search(rf"extra\s*==\s*.{extra}\b", line)]
        missing = [name for name in needs if not _is_installed(name)]
        name = f"extra {extra}"
        if missing:
            fix = Hint(Action.INSTALL, f"{APP_NAME}[{extra}]")
            yield Finding(name, Verdict.NOTE, f"not installed ({', '.join(missing)})", fix)
        else:
            yield Finding(name, Verdict.OK, "installed")


def _name(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    return found[0] if found else requirement


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
