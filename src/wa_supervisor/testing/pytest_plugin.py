"""A fixture for pytest.

Name it in your conftest.py:

pytest_plugins = ["wa_supervisor.testing.pytest_plugin"]
"""

from __future__ import annotations

import pytest

from .fake_session import FakeSession


@pytest.fixture
def wa_session() -> FakeSession:
    """A session to play, not entered yet: `async with wa_session as session`."""
    return FakeSession()
