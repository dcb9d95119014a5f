"""Running spin on the chart's model: generate, compile, check, read what it says."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab.spin.promela import to_promela

WANTED = ("spin", "gcc")
MISSING = [tool for tool in WANTED if shutil.which(tool) is None]
BOUND = 100  # seconds for each of spin, gcc and pan; they take a few


@dataclass(frozen=True)
class Verdict:
    """What pan found."""

    errors: int
    states: int
    transitions: int
    output: str


class Checker:
    """The model, compiled once for safety and once for LTL under weak fairness."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.folder, self.flags = folder, flags
        (folder / "session.pml").write_text(to_promela())
        self.generate()

    def generate(self) -> None:
        self._run("spin", "-a", *self.flags, "session.pml")

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, timeout=BOUND, check=False
        )
        told = done.stdout + done.stderr
        assert done.returncode == 0, f"{command}: {told[-2000:]}"
        assert "Error:" not in told, told[-2000:]
        return told

    def compile(self, *flags: str) -> None:
        self._run("gcc", "-w", *flags, "-o", "pan", "pan.c")

    def check(self, *flags: str) -> Verdict:
        told = self._run("./pan", "-m100000", *flags)
        assert "max search depth too small" not in told, told
        errors, states = re.search(r"errors: (\d+)", told), re.search(r"(\d+) states, stored", told)
        edges = re.search(r"(\d+) transitions", told)
        assert errors, told[-2000:]  # pan that did not search says none of this
        assert states, told[-2000:]
        assert edges, told[-2000:]
        return Verdict(int(errors[1]), int(states[1]), int(edges[1]), told)
