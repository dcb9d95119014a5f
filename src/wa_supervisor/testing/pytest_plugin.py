"""Fixtures for pytest.

Name them in your conftest.py:

pytest_plugins = ["wa_supervisor.testing.pytest_plugin"]
"""

from __future__ import annotations

import pytest

from ..settings import Settings
from .fake_session import EVERYONE, FakeSession


@pytest.fixture
def wa_settings() -> Settings:
    """The settings of `wa_session`: everybody may write. Have one of your own with your gate."""
    return Settings(gate=EVERYONE)


@pytest.fixture
def wa_session(wa_settings: Settings) -> FakeSession:
    """A session to play, not entered yet: `async with wa_session as session`."""
    return FakeSession(wa_settings)
