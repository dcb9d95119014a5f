"""`wa-supervisor qr` where no supervisor is needed to see what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

import wa_supervisor.cli.qr
from wa_supervisor.control import ShownCode
from wa_supervisor.lifecycle import State
from wa_supervisor.status import Status

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from cli.calling import Cli


def test_an_image_that_is_asked_for_a_pair_code_says_where_that_is_seen(
    program: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code = ShownCode(kind="pair_code", text=SecretStr("ABCD1234"), left=60.0)
    fields: dict[str, Any] = dict.fromkeys(Status.model_fields)

    def standing(state: State) -> Status:
        return Status.model_construct(None, **(fields | {"session": "default", "state": state}))

    answers = iter([(standing(State.PAIRING), code)] * 3 + [(standing(State.CONNECTED), None)])
    monkeypatch.setattr(wa_supervisor.cli.qr, "ask_code", lambda _: next(answers))
    monkeypatch.setattr("time.sleep", lambda _: None)
    answer = program("qr", "--png", "qr.png")
    assert answer.code == 0
    assert answer.out.count("It is a pair code, which no image helps with") == 1
    assert "ABCD" not in answer.said
    assert "paired and connected" in answer.out
    assert not (tmp_path / "qr.png").exists()
