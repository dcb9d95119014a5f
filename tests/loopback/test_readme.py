"""The page of the package: its code runs."""

from __future__ import annotations

import ast
import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from loopback.chatting import address, said, source
from loopback.conftest import Clients
from wa_loopback import LoopbackServer, MediaKind

pytestmark = pytest.mark.e2e

PAGE = Path(__file__).parents[2] / "loopback" / "README.md"


async def test_the_code_about_messages_runs(server: LoopbackServer, clients: Clients) -> None:
    text = PAGE.read_text(encoding="utf-8")
    _start, block = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    paired = await clients.pair("--messages")
    names: dict[str, Any] = {
        "server": server,
        "phone": paired.phone,
        "data": b"a picture",
        "MediaKind": MediaKind,
    }
    code = compile(block, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    running = asyncio.ensure_future(eval(code, names))
    hello = await said(paired.client, "hello")
    to = address(source(hello)["Chat"])
    await paired.client.call("reply", id=hello["Info"]["ID"], text="hello yourself")
    await paired.client.call("send_document", to=to, data=b"a file".hex(), name="file")
    await asyncio.wait_for(running, 20)
    assert names["answer"].text == "hello yourself"
    assert server.media.read(names["sent"].content.media) == b"a file"
    await said(paired.client, "from the phone itself")
