"""One fork server for all the tests of a worker: importing neonize was half of what they cost."""

from __future__ import annotations

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from wa_supervisor.session.parent.fork_servers import ForkServers

_DIRECTORY = Path(tempfile.mkdtemp(prefix="wa-e2e-"))
atexit.register(shutil.rmtree, _DIRECTORY, ignore_errors=True)

CA_FILE = _DIRECTORY / "ca.pem"
"""Where the server of each test writes its authority: what Go is told of it never changes."""


@pytest.fixture(scope="session")
def fork_servers() -> Iterator[ForkServers]:
    """The fork servers of this test process."""
    servers = ForkServers()
    yield servers
    asyncio.run(servers.aclose())
