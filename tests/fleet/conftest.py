from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("psycopg_pool", reason="the extra `fleet` is not installed")

from wa_supervisor.fleet.database import FleetDatabase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import SecretStr


@pytest.fixture
def fleet(postgres: SecretStr) -> Iterator[FleetDatabase]:
    """The empty tables of a fleet."""
    with FleetDatabase(postgres) as database:
        database.install()
        yield database
