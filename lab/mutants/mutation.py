"""A mutant, applied to a copy of the sources, and the verdict of the tests on it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
TIMEOUT: Final = 900.0
"""Seconds; a mutant that hangs the tests is noticed, too."""

_COPIED: Final = ("src", "tests", "lab", "loopback", "docs", "pyproject.toml")
_PACKAGE: Final = Path("src", "wa_supervisor")
_FAILED: Final = re.compile(r"^(?:FAILED|ERROR) \S+?::(\S+)", re.MULTILINE)
_NO_TESTS: Final = 5
"""pytest's exit code if no test has such a name: nothing was tried."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file of the package."""

    name: str
    file: str
    """Relative to `src/wa_supervisor`."""
    old: str
    new: str
    tests: tuple[str, ...]
    """What pytest is to be called with: paths, and `-k` with its words."""
    at: int | None = None
    """Where in the file `old` begins, in bytes; None: it must be there exactly once."""

    def apply(self, text: bytes) -> bytes:
        """Change a file's text. Raises Misfit if the place to change is not there."""
        old, new = self.old.encode(), self.new.encode()
        if self.at is None:
            if text.count(old) != 1:
                raise Misfit(f"found {text.count(old)} times in {self.file}")
            return text.replace(old, new)
        if text[self.at :][: len(old)] != old:
            raise Misfit(f"not found in {self.file}")
        return text[: self.at] + new + text[self.at + len(old) :]


class Misfit(ValueError):
    """Raised when the sources have changed and a mutant fits them no longer."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant."""

    caught_by: str | None
    """The first test that failed; None: it survived."""
    seconds: float


@contextlib.contextmanager
def workshop() -> Iterator[Workshop]:
    """Copy the sources to a place where they may be broken."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        here = Path(directory)
        for name in _COPIED:
            source = ROOT / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", ".hypothesis")
                shutil.copytree(source, here / name, ignore=ignored)
            else:
                shutil.copy(source, here / name)
        yield Workshop(here)


@dataclass(frozen=True, slots=True)
class Workshop:
    """A copy of the sources in which one mutant lives at a time."""

    here: Path

    def run(self, tests: tuple[str, ...]) -> Verdict:
        """Run these tests on the copy as it is."""
        began = time.monotonic()
        caught = self._run(tests)
        return Verdict(caught, time.monotonic() - began)

    def judge(self, mutant: Mutant) -> Verdict:
        """Run its tests on a mutant. Raises Misfit."""
        path = self.here / _PACKAGE / mutant.file
        text, found = path.read_bytes(), path.stat()
        path.write_bytes(mutant.apply(text))
        try:
            return self.run(mutant.tests)
        finally:
            path.write_bytes(text)
            os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))  # its bytecode is good again

    def _run(self, tests: tuple[str, ...]) -> str | None:
        options = ("-q", "-x", "-n0", "-p", "no:cacheprovider", "--no-header", "-rfE")
        paths = ":".join(str(self.here / name) for name in ("src", ".", "tests"))
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", *options, *tests],
                cwd=self.here,
                env={**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": ""},
                check=False,
                timeout=TIMEOUT,
                capture_output=True,
                text=True,
            )
        except subprocess.TimeoutExpired:
            return "time-out"
        if done.returncode in {0, _NO_TESTS}:
            return None
        found = _FAILED.search(done.stdout)
        return found[1] if found else "refused: it cannot even be collected"
