"""What the package promises to export, and that it costs nothing until it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import wa_supervisor
from wa_supervisor import errors


def test_every_public_name_is_there() -> None:
    assert sorted(wa_supervisor.__all__) == wa_supervisor.__all__
    assert all(getattr(wa_supervisor, name) is not None for name in wa_supervisor.__all__)


def test_every_error_that_a_caller_may_meet_can_be_caught_by_its_public_name() -> None:
    leaves = {name for name, it in vars(errors).items() if isinstance(it, type)}
    assert "Damaged" in leaves
    assert leaves <= set(wa_supervisor.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Supervizor"):
        _ = wa_supervisor.Supervizor


def test_the_package_itself_imports_nothing_heavy() -> None:
    code = "import sys, wa_supervisor; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    ).stdout.split()
    assert not {"pydantic", "statemachine", "neonize", "asyncio", "rich"} & set(loaded)
