"""The core has no clock, no dice, no I/O, no thread and no log: its imports say so."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import wa_supervisor.lifecycle

HERE = Path(wa_supervisor.lifecycle.__file__).parent
MODULES = sorted([*HERE.rglob("*.py"), HERE.parent / "hints.py"])
ALLOWED = {
    "__future__",
    "collections",
    "dataclasses",
    "enum",
    "functools",
    "math",
    "typing",
    "pydantic",
    "statemachine",
}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(HERE.parent)))
def test_a_module_of_the_core_imports_only_what_cannot_act(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            assert {alias.name.partition(".")[0] for alias in node.names} <= ALLOWED
        elif isinstance(node, ast.ImportFrom):
            own = node.level == 1 or (node.level == 2 and node.module in {"lazy", "hints"})
            assert own or (node.module or "").partition(".")[0] in ALLOWED


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(HERE.parent)))
def test_a_module_of_the_core_opens_and_prints_nothing_and_is_never_async(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        assert not isinstance(node, (ast.AsyncFunctionDef, ast.Await))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"open", "print", "input", "exec", "eval", "__import__"}


def test_neither_the_core_nor_the_testing_room_loads_hypothesis_or_neonize() -> None:
    code = (
        "import sys, wa_supervisor.lifecycle, lab.verification.explore;"
        "from wa_supervisor.testing import *;"
        "print(*{'hypothesis', 'neonize', 'pytest'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [], "")
