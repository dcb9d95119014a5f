"""A mutant, applied to a copy of the sources, and the verdict of the tests on it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
TIMEOUT: Final = 300.0
"""Seconds; a mutant that hangs the tests is noticed, too."""

_COPIED: Final = ("src", "tests", "lab", "loopback", "pyproject.toml")
_FAILED: Final = re.compile(r"^FAILED \S+::(\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file of the package."""

    name: str
    file: str
    """Relative to `src/wa_supervisor`."""
    old: str
    """Must be there exactly once."""
    new: str


@dataclass(frozen=True, slots=True)
class Suite:
    """Mutants, and the tests that must notice each of them."""

    tests: tuple[str, ...]
    mutants: tuple[Mutant, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant."""

    mutant: Mutant
    caught_by: str | None
    """The first test that failed; None: it survived."""
    seconds: float


def judge(mutant: Mutant | None, tests: tuple[str, ...]) -> Verdict:
    """Run the tests on a mutated copy; without a mutant, on an unchanged one.

    Raises ValueError if the place to change is not there exactly once.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as directory:
        here = Path(directory)
        for name in _COPIED:
            source = ROOT / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", ".hypothesis")
                shutil.copytree(source, here / name, ignore=ignored)
            else:
                shutil.copy(source, here / name)
        if mutant is not None:
            _apply(mutant, here)
        caught = _run(here, tests)
    unchanged = Mutant("(nothing is changed)", "", "", "")
    return Verdict(mutant or unchanged, caught, time.monotonic() - began)


def _apply(mutant: Mutant, here: Path) -> None:
    path = here / "src" / "wa_supervisor" / mutant.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.name}: found {text.count(mutant.old)} times in {mutant.file}")
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")


def _run(here: Path, tests: tuple[str, ...]) -> str | None:
    options = ("-q", "-x", "-n0", "-p", "no:cacheprovider", "--no-header", "-rf")
    paths = ":".join(str(here / name) for name in ("src", ".", "tests"))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *tests],
            cwd=here,
            env={**os.environ, "PYTHONPATH": paths},
            check=False,
            timeout=TIMEOUT,
            capture_output=True,
            text=True,
        )
    except subprocess.TimeoutExpired:
        return "time-out"
    if not done.returncode:
        return None
    found = _FAILED.search(done.stdout)
    return found[1] if found else "refused: it cannot even be collected"
