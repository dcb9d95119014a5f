"""The recipe for Node in loopback/README.md runs as it stands, with Baileys as the client."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lab.clients.install import Unavailable, installed

pytestmark = [pytest.mark.e2e, pytest.mark.long]

PAGE = Path(__file__).parents[2] / "loopback" / "README.md"
START = """
import { mkdtempSync } from 'node:fs'
const startYourClient = (ws, noise_root) => {
  const directory = mkdtempSync(SCRATCH + '/auth-')
  const options = JSON.stringify({ ws, noise_root, directory, keepalive: 5 })
  const bot = spawn(process.execPath, [PROGRAM, options])
  test.after(() => bot.kill())
  const lines = createInterface(bot.stdout)[Symbol.asyncIterator]()
  const qr = (async () => JSON.parse((await lines.next()).value).payload)()
  return { qr }
}
"""


def test_the_test_in_node_runs(tmp_path: Path) -> None:
    try:
        where = installed("node")
    except Unavailable as error:
        pytest.skip(str(error))
    (recipe,) = re.findall(
        r"^```js\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    start = START.replace("SCRATCH", json.dumps(str(tmp_path)))
    start = start.replace("PROGRAM", json.dumps(str(where / "baileys.mjs")))
    program = tmp_path / "recipe.test.mjs"
    program.write_text(recipe + start, encoding="utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["node", "--test", str(program)],
        check=False,
        capture_output=True,
        env={**os.environ, "PATH": path},
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stdout
    assert "# pass 1" in ran.stdout
