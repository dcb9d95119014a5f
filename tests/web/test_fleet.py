"""What a worker's page, API and metrics say of its fleet, and that they harm no session by it."""

from __future__ import annotations

import asyncio
import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from e2e.browser import Tab, browsing
from wa_supervisor.errors import Unreachable
from wa_supervisor.fleet.report import FleetReport, SessionReport, Totals, WorkerReport
from wa_supervisor.lifecycle import Reason
from wa_supervisor.page_address import Address
from wa_supervisor.web import watched_fleet
from wa_supervisor.web.access import Access, Scope, Tokens
from wa_supervisor.web.app import make_app
from wa_supervisor.web.serving import serving
from wa_supervisor.web.watched_fleet import WatchedFleet
from web.test_server import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from web.conftest import Site

DASHBOARD = Path(__file__).parents[2] / "docs/grafana.json"
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HERE = "http://127.0.0.1:8765"


def worker(name: str, **more: Any) -> WorkerReport:
    row = {"state": "alive", "host": "h", "pid": 7, "version": "0.1.0", "load": 1, "capacity": 9}
    rest = {"heartbeat_age": 0.5, "draining": False, "stranded": 0, "started_at": NOW}
    return WorkerReport(**row | rest | {"name": name} | more)


def session(name: str, **more: Any) -> SessionReport:
    nothing = dict.fromkeys(
        ("substate", "reason", "sentence", "since", "paired", "wanted_worker", "waits")
    )
    row = {"owner": "w1", "owner_state": "alive", "epoch": 1, "claimed_at": NOW, "who": "nobody"}
    rest = {"state": "Connected", "hints": (), "removed": False, "stranded": 0}
    return SessionReport(**nothing | row | rest | {"session": name} | more)


def fleet_of(*workers: WorkerReport, **more: Any) -> FleetReport:
    lost = Reason.RETRIES_EXHAUSTED
    totals = Totals(
        workers={"alive": 1, "dead": 1},
        sessions={"Connected": 2, "GaveUp": 1},
        owned=2,
        ready=1,
        need_person=1,
        capacity=9,
        stranded=4,
        claims=7,
        oldest_heartbeat=0.5,
    )
    sessions = (
        session(
            "bank",
            state="GaveUp",
            reason=lost.value,
            sentence=lost.explanation.sentence,
            hints=lost.explanation.hints,
            who="operator",
        ),
        session("<b>club</b>", owner="w2", owner_state="dead", waits="its worker w2 is dead"),
        session("shop", substate="online"),
    )
    own: dict[str, Any] = {"holds": ("no worker has room",), "totals": totals}
    return FleetReport(ts=NOW, workers=workers, sessions=sessions, **own | more)


@dataclass
class Fleet:
    """What the database says, or how it does not."""

    says: FleetReport = field(
        default_factory=lambda: fleet_of(worker("w1"), worker("w2", state="dead", stranded=4))
    )
    error: Exception | None = None
    hangs: threading.Event | None = None
    reads: int = 0
    has_lease: bool = True

    def read(self) -> FleetReport:
        self.reads += 1
        if self.hangs is not None:
            self.hangs.wait(30)
        if self.error is not None:
            raise self.error
        return self.says


@pytest.mark.e2e
async def test_a_screen_reader_a_narrow_screen_and_the_content_policy_find_no_fault(
    fleet: Fleet, tmp_path: Path
) -> None:
    port = free_port()
    origin, tokens = f"http://127.0.0.1:{port}", tmp_path / "web"
    address = Address.parse(f"127.0.0.1:{port}")
    async with (
        serving(
            {},
            address,
            tokens,
            fleet=WatchedFleet(fleet.read, "w1", has_lease=lambda: fleet.has_lease),
        ) as link,
        browsing() as browser,
    ):
        context = await browser.new_context(viewport={"width": 390, "height": 800})
        tab = Tab(await context.new_page(), origin)
        tab.listen()
        await tab.page.goto(link)
        await tab.page.click("button")
        await tab.page.wait_for_selector("a[href='/fleet']")
        await tab.page.goto(f"{origin}/fleet")
        await tab.says("1 of 3 sessions connected")
        assert await tab.violations() == []
        assert await tab.page.evaluate("document.documentElement.scrollWidth") == 390
        fleet.says = fleet_of(worker("w1"), worker("w3"))
        await tab.page.wait_for_selector("th:has-text('w3')", timeout=15_000)  # by itself
        assert (tab.complaints, tab.outside) == ([], [])
        await context.close()


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest.fixture
async def viewer(site: Site, fleet: Fleet, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    access = Access(Tokens.read(tmp_path / "web"))
    watched = WatchedFleet(fleet.read, "w1", has_lease=lambda: fleet.has_lease)
    app = make_app(site.watched, access, Address.parse("127.0.0.1:8765"), watched)
    token = access.tokens.by_scope[Scope.VIEW]
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url=HERE,
        headers={"authorization": f"Bearer {token}"},
    ) as client:
        yield client


async def test_the_page_has_workers_and_sessions_and_who_needs_a_person_first(
    viewer: httpx.AsyncClient,
) -> None:
    answer = await viewer.get("/fleet")
    assert answer.status_code == 200
    page = answer.text
    assert "1 of 3 sessions connected" in page
    assert "Sessions wait: no worker has room." in page
    assert page.index("Needs a person") < page.index("bank") < page.index(">Workers<")
    assert "Every retry was used up without a stable connection." in page
    assert "its worker w2 is dead" in page
    assert '<a href="/s/shop">shop</a>' in page
    assert "<b>club</b>" not in page
    assert "&lt;b&gt;club&lt;/b&gt;" in page
    assert '<a href="/fleet">' in (await viewer.get("/")).text


async def test_of_very_many_sessions_those_that_wait_are_shown(
    viewer: httpx.AsyncClient, fleet: Fleet
) -> None:
    many = [session(f"s{number:04}", substate="online") for number in range(1000)]
    last = session("zoo", owner=None, owner_state=None, waits="it waits for a worker to take it")
    fleet.says = fleet.says.model_copy(update={"sessions": (*many, last)})
    page = (await viewer.get("/fleet")).text
    assert "it waits for a worker to take it" in page
    assert "And 801 more." in page
    assert "s0198" in page
    assert "s0199" not in page


async def test_the_api_gives_the_report_and_needs_a_token(viewer: httpx.AsyncClient) -> None:
    answer = await viewer.get("/api/v1/fleet")
    found = answer.json()
    assert found["totals"]["claims"] == 7
    assert [each["needs_person"] for each in found["sessions"]] == [True, False, False]
    assert "/api/v1/fleet" in (await viewer.get("/api/v1/openapi.json")).json()["paths"]
    del viewer.headers["authorization"]
    assert (await viewer.get("/api/v1/fleet")).status_code == 401
    assert (await viewer.get("/fleet")).status_code == 401


async def test_metrics_count_workers_sessions_takeovers_and_what_is_stranded(
    viewer: httpx.AsyncClient,
) -> None:
    text = (await viewer.get("/metrics")).text
    for line in (
        "wa_supervisor_fleet_up 1.0",
        'wa_supervisor_fleet_workers{state="alive"} 1.0',
        'wa_supervisor_fleet_workers{state="draining"} 0.0',
        'wa_supervisor_fleet_lease_age_seconds{worker="w1"} 0.5',
        'wa_supervisor_fleet_worker_capacity{worker="w1"} 9.0',
        'wa_supervisor_fleet_stranded_messages{worker="w2"} 4.0',
        'wa_supervisor_fleet_sessions{state="Connected"} 2.0',
        "wa_supervisor_fleet_owned 2.0",
        "wa_supervisor_fleet_need_person 1.0",
        "wa_supervisor_fleet_held 1.0",
        "wa_supervisor_fleet_claims_total 7.0",
        'wa_supervisor_ready{session="shop"}',
    ):
        assert line in text


async def test_what_the_dashboard_asks_of_a_fleet_is_there(viewer: httpx.AsyncClient) -> None:
    text = (await viewer.get("/metrics")).text
    asked = set(re.findall(r"wa_supervisor_fleet_\w+", DASHBOARD.read_text("utf-8")))
    assert len(asked) > 6
    assert [name for name in asked if not re.search(rf"^{name}[ {{]", text, re.MULTILINE)] == []


async def test_a_database_that_hangs_costs_who_looks_at_the_fleet_two_seconds_and_no_session(
    viewer: httpx.AsyncClient, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched_fleet, "ANSWER_BOUND", 0.2)
    fleet.hangs = threading.Event()
    try:
        answers = await asyncio.gather(viewer.get("/fleet"), viewer.get("/api/v1/fleet"))
        assert [each.status_code for each in answers] == [503, 503]
        assert all("did not answer" in each.text for each in answers)
        assert fleet.reads == 1
        text = (await viewer.get("/metrics")).text
        assert "wa_supervisor_fleet_up 0.0" in text
        assert "wa_supervisor_fleet_owned" not in text
        assert 'wa_supervisor_ready{session="shop"}' in text
        assert (await viewer.get("/livez")).status_code == 200
        assert (await viewer.get("/api/v1/sessions/shop")).status_code == 200
    finally:
        fleet.hangs.set()


async def test_a_worker_is_ready_while_it_has_its_lease_whatever_its_sessions_wait_for(
    viewer: httpx.AsyncClient, fleet: Fleet
) -> None:
    fleet.error = Unreachable("the fleet's Postgres database does not answer")
    assert (await viewer.get("/readyz")).json() == {"ready": True, "why_not": {}}
    fleet.error, fleet.has_lease = None, False  # the name may be that of another, which lives
    answer = await viewer.get("/readyz")
    assert (answer.status_code, answer.json()["why_not"]) == (
        503,
        {"": "this worker has no lease"},
    )
    assert fleet.reads == 0


async def test_all_who_ask_within_a_second_are_told_the_same(
    viewer: httpx.AsyncClient, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched_fleet, "FRESH", 60.0)
    await asyncio.gather(*(viewer.get("/api/v1/fleet") for _ in range(20)))
    assert fleet.reads == 1
