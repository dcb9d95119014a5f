"""Every command that is named anywhere exists, with every option that is named with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wa_supervisor.cli.commands import HOMES
from wa_supervisor.cli.session_options import SessionOptions
from wa_supervisor.hints import Action, Hint

ROOT = Path(__file__).parents[2]
TEXTS = sorted(
    [
        *ROOT.glob("*.md"),
        *(page for page in ROOT.glob("docs/**/*.md")),
        *ROOT.glob("src/**/*.py"),
        ROOT / "Dockerfile",
        ROOT / "compose.yaml",
    ]
)
# What stands behind the name: a verb, and what belongs to it as far as the line or the quote goes.
NAMED = re.compile(r"(?<![\w./-])wa-supervisor[ ](?P<verb>[a-z][a-z-]+)(?P<rest>[^`\"'\n|;#)]*)")
QUOTED = re.compile(r"`(?:sudo )?wa-supervisor (?P<verb>[a-z][a-z-]+)(?P<rest>[^`]*)`")
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]+)")

WITH_A_SECOND_WORD = {"notify": "notify test", "config": "config show", "gate": "gate show"}


def options_of(verb: str) -> set[str]:
    command = HOMES[verb].load()
    known = {"--help", "--version"}
    commands = [command, *getattr(command, "commands", {}).values()]
    for each in commands:
        for parameter in each.params:
            known |= {*parameter.opts, *parameter.secondary_opts}
    return known


def test_every_quoted_command_exists_with_its_options() -> None:
    wrong, found = [], 0
    for path in TEXTS:
        for match in QUOTED.finditer(path.read_text(encoding="utf-8")):
            verb, rest = match["verb"], match["rest"]
            found += 1
            if verb not in HOMES:
                wrong.append(f"{path.name}: {match[0]}")
                continue
            wrong += [
                f"{path.name}: {match[0]}"
                for option in OPTION.findall(rest)
                if option not in options_of(verb)
            ]
    assert found > 50
    assert not wrong


def test_every_command_in_a_block_of_a_page_exists() -> None:
    wrong = []
    for path in [each for each in TEXTS if each.suffix == ".md"]:
        for block in re.findall(
            r"```console\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL
        ):
            for match in NAMED.finditer(block):
                verb = match["verb"]
                options = OPTION.findall(match["rest"])
                if verb not in HOMES or not set(options) <= options_of(verb):
                    wrong.append(f"{path.name}: {match[0]}")
    assert not wrong


@pytest.mark.parametrize("action", Action)
def test_every_hint_that_is_typed_names_a_verb_that_exists(action: Action) -> None:
    typed = SessionOptions("shop").advice(Hint(action, subject="x"))
    for verb in re.findall(r"wa-supervisor (\S+)", typed):
        assert verb in HOMES
        assert verb == "fleet" or "--session shop" in typed


def test_every_verb_about_a_session_is_repeated_with_its_options() -> None:
    for verb in HOMES:
        if {"--session", "--data-dir", "--config"} <= options_of(verb):
            named = f"wa-supervisor {WITH_A_SECOND_WORD.get(verb, verb)}"
            repeated = SessionOptions("shop").repeat_in(f"type `{named}`")
            assert repeated == f"type `{named} --session shop`"
