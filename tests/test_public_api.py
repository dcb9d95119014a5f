"""What the package promises to export, and that it costs nothing until it is used."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TypeGuard

import pytest

import wa_supervisor
from wa_supervisor import errors
from wa_supervisor.fleet import errors as fleet
from wa_supervisor.messages import errors as messages


def test_every_public_name_is_there() -> None:
    assert sorted(wa_supervisor.__all__) == wa_supervisor.__all__
    assert all(getattr(wa_supervisor, name) is not None for name in wa_supervisor.__all__)


PAGE = Path(__file__).parents[1] / "docs/embedding.md"


def table(heading: str) -> set[str]:
    """The names in the first column of the table that begins with this heading."""
    _, found, after = PAGE.read_text("utf-8").partition(f"| {heading} |")
    assert found
    rows = after.partition("\n\n")[0].splitlines()[2:]
    return {name for row in rows for name in re.findall(r"`(\w+)", row.split("|")[1])}


def test_the_page_lists_every_public_name_and_no_other() -> None:
    assert table("names") == {*wa_supervisor.__all__}


def test_the_page_lists_every_field_of_a_message_and_no_other() -> None:
    fields = {field.name for field in dataclasses.fields(wa_supervisor.Delivery)} - {"acknowledge"}
    assert table("field of a message") == fields | {"is_group", "ack"}


def test_the_page_says_of_every_error_whether_it_is_retriable() -> None:
    for base in (wa_supervisor.SendError, wa_supervisor.OutboxError, wa_supervisor.MediaError):
        for error in (base, *base.__subclasses__()):
            if error in {wa_supervisor.SendError, wa_supervisor.MediaError}:
                continue
            word = "yes" if error.retriable else "no"
            assert f"| `{error.__name__}` | {word} |" in PAGE.read_text("utf-8")


def test_every_error_that_a_caller_may_meet_can_be_caught_by_its_public_name() -> None:
    trees = vars(errors) | vars(messages)
    leaves = {name for name, it in trees.items() if is_error(it)}
    assert "Damaged" in leaves
    assert leaves <= set(wa_supervisor.__all__)


def test_every_error_is_one_of_the_tree() -> None:
    found = {it for module in every_module() for it in vars(module).values() if is_error(it)}
    ours = {it for it in found if it.__module__.startswith("wa_supervisor.")}
    assert errors.LockHeld in ours
    # A promise that a test finds broken is a failed assertion.
    strays = {it for it in ours if not issubclass(it, errors.SupervisorError | AssertionError)}
    assert strays == set()
    trees = (errors, messages, fleet)
    documented = {word for tree in trees for word in (tree.__doc__ or "").split()}
    command_line = {it for it in ours if it.__module__.startswith("wa_supervisor.cli.")}
    tests = {it for it in ours if issubclass(it, AssertionError)}
    assert {it.__name__ for it in ours - command_line - tests} <= documented


def is_error(it: object) -> TypeGuard[type[Exception]]:
    return isinstance(it, type) and issubclass(it, Exception)


def every_module() -> Iterator[ModuleType]:
    """Import all of the package but its programs."""
    for found in pkgutil.walk_packages(wa_supervisor.__path__, "wa_supervisor."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Supervizor"):
        _ = wa_supervisor.Supervizor


@pytest.mark.parametrize("name", ["effects", "facts"])
def test_a_public_module_is_there_before_anything_else_was_imported(name: str) -> None:
    program = f"from wa_supervisor import {name}; assert {name}.__name__.endswith('.{name}')"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_the_package_itself_imports_nothing_heavy() -> None:
    code = "import sys, wa_supervisor; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    ).stdout.split()
    assert not {"pydantic", "statemachine", "neonize", "asyncio", "rich"} & set(loaded)
