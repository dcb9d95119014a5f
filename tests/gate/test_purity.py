"""The gate has no clock, no dice, no I/O and no log: its imports say so."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import wa_supervisor.gate

HERE = Path(wa_supervisor.gate.__file__).parent
MODULES = sorted(HERE.rglob("*.py"))
ALLOWED = {"__future__", "collections", "dataclasses", "enum", "re", "typing", "pydantic"}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_of_the_gate_imports_only_what_cannot_act(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            assert {alias.name.partition(".")[0] for alias in node.names} <= ALLOWED
        elif isinstance(node, ast.ImportFrom):
            own = node.level == 1 or (node.level == 2 and node.module == "errors")
            assert own or (node.module or "").partition(".")[0] in ALLOWED


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_of_the_gate_opens_and_prints_nothing_and_is_never_async(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        assert not isinstance(node, (ast.AsyncFunctionDef, ast.Await))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"open", "print", "input", "exec", "eval", "__import__"}


def test_what_the_gate_exports_is_sorted_and_there() -> None:
    assert wa_supervisor.gate.__all__ == sorted(wa_supervisor.gate.__all__)
    assert all(hasattr(wa_supervisor.gate, name) for name in wa_supervisor.gate.__all__)
