"""docs/gate.md says what the code does."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from types import SimpleNamespace

from gate.cases import SWITCHES
from gate.wire import Source, lid
from wa_supervisor import gate
from wa_supervisor.cli.gate import explanation_lines
from wa_supervisor.cli.session_options import SessionOptions
from wa_supervisor.gate import Envelope, GatePolicy, GateReason, Identity, Lid, explain, parse_entry
from wa_supervisor.gate_answers import GateExplanation

PAGE = (Path(__file__).parents[2] / "docs" / "gate.md").read_text("utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def rows(head: str) -> list[list[str]]:
    table = PAGE.partition(f"\n{head}\n")[2].partition("\n\n")[0]
    return [line.strip("| ").split(" | ") for line in table.splitlines()[1:]]


def test_the_table_of_reasons_is_the_one_of_the_code() -> None:
    assert rows("| code | admitted | meaning |") == [
        [f"`{each.value}`", "yes" if each.admits else "no", each.sentence] for each in GateReason
    ]


def test_the_settings_are_valid_and_all_there() -> None:
    settings = tomllib.loads(block("toml"))["gate"]
    policy = GatePolicy.model_validate(settings)
    assert len(policy.allow) == 4
    assert set(settings) == set(GatePolicy.model_fields)
    for line in block("toml").splitlines():
        name, _, rest = line.partition(" = ")
        for value in SWITCHES.get(name, ()):
            assert f'"{value}"' in rest or (value, name) == ("allowlist", "group_senders")


def test_each_entry_of_the_table_of_entries_is_one() -> None:
    for forms, _ in rows("| entry | names |"):
        for form in forms.split(", "):
            parse_entry(form.strip("`").replace("...", "151123456"))


def test_the_explanation_is_the_one_that_is_given() -> None:
    sender = Identity(lid=Lid("98765432109876"))
    policy = GatePolicy.model_validate({"allow": ["+4915112345678"]})
    shown = PAGE.partition("$ wa-supervisor gate explain 98765432109876@lid\n")[2]
    found = GateExplanation.of(explain(policy, Envelope(sender, sender)))
    assert shown.startswith("\n".join(explanation_lines(found, SessionOptions())) + "\n```\n")


def test_the_code_of_the_page_runs() -> None:
    source = Source(lid("98765432109876"), lid("98765432109876"))
    names = {"message": SimpleNamespace(Info=SimpleNamespace(MessageSource=source))}
    exec(block("python"), names)
    verdict = names["verdict"]
    assert isinstance(verdict, gate.Verdict)
    assert (verdict.admitted, verdict.reason.value) == (True, "listed")
