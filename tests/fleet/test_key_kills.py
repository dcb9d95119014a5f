"""A change of keys that is cut off before any of its statements: old or new, never between."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fleet.key_world import KeyWorld
from wa_supervisor.fleet.database import FleetDatabase

if TYPE_CHECKING:
    from pydantic import SecretStr

_NEW = {
    "purge": [None, [], [["logged_out", "c", "b", "a"]]],
    "restore": ["b", ["b", "a"], [["restored", "-b"]]],
    "copy": ["c", ["c", "b", "a"], []],
}


@pytest.mark.long
@pytest.mark.parametrize(
    ("deed", "how", "every"),
    [("purge", "kill", 4), ("restore", "kill", 4), ("copy", "kill", 3), ("purge", "cut", 6)],
)
def test_a_change_of_keys_that_is_cut_off_leaves_the_old_or_the_new(
    postgres: SecretStr, deed: str, how: str, every: int
) -> None:
    with FleetDatabase(postgres) as database:
        database.install()
        KeyWorld(postgres, database).add()
    here = Path(__file__)
    done = subprocess.run(
        [sys.executable, here.with_name("key_kills.py"), deed, how, str(every)],
        input=postgres.get_secret_value(),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, here.parents[1:3]))},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    states = json.loads(done.stdout)
    old, new = ["c" if deed != "restore" else "-b", ["b", "a"], []], _NEW[deed]
    assert {json.dumps(state) for state in states} == {json.dumps(old), json.dumps(new)}
    assert states[-1] == new
    assert len(states) > 40 / every
