"""The examples of docs/testing.md are run as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from wa_supervisor import testing

DOCUMENT = Path(__file__).parents[2] / "docs/testing.md"


def examples() -> dict[str, Any]:
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile("\n".join(blocks), str(DOCUMENT), "exec"), names)
    return {name: thing for name, thing in names.items() if name.startswith("test_")}


EXAMPLES = examples()


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_example_holds(name: str) -> None:
    EXAMPLES[name]()


def test_the_document_names_what_there_is() -> None:
    table = DOCUMENT.read_text("utf-8").rpartition("| name |")[2].partition("\n\n")[0]
    told = re.findall(r"`(\w+)`", "".join(re.findall(r"^\|(.*?)\|", table, re.MULTILINE)))
    assert {"VirtualSession", "FakeSession", "Environment", "strategies"} <= {*told}
    assert {*told} - {"strategies"} <= {*testing.__all__}
