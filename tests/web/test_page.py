"""What the page, the API and the metrics say of a session that is played."""

from __future__ import annotations

import asyncio
import io
import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from pairing.eyes import read
from wa_supervisor.lifecycle import Logout, State, facts
from wa_supervisor.web.access import Scope
from wa_supervisor.web.picture import chart
from web.conftest import PAYLOAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from web.conftest import Site

DASHBOARD = Path(__file__).parents[2] / "docs/grafana.json"
API = "/api/v1/sessions/shop"


async def test_the_code_is_shown_to_who_may_see_it_and_gone_when_it_was_used(site: Site) -> None:
    await site.offer()
    operator, viewer = site.program(Scope.OPERATE), site.program(Scope.VIEW)
    page = (await operator.get("/")).text
    assert "Scan the code with the phone" in page
    assert f'src="{API}/qr.svg?' in page
    assert PAYLOAD not in page
    seen = (await viewer.get("/")).text
    assert "qr.svg" not in seen
    assert "may not see it" in seen
    assert (await operator.get(f"{API}/qr")).json()["text"] == PAYLOAD
    await site.connect()
    page = (await operator.get("/")).text
    assert "All is well" in page
    assert "qr.svg" not in page
    assert (await operator.get(f"{API}/qr")).status_code == 404


async def test_a_qr_is_drawn_as_a_picture_that_is_read(site: Site) -> None:
    await site.offer()
    answer = await site.program(Scope.QR).get(f"{API}/qr.png")
    assert answer.headers["content-type"] == "image/png"
    assert read(Image.open(io.BytesIO(answer.content)).convert("L")) == [PAYLOAD]


async def test_ready_is_only_what_hears_messages_and_says_why_not(site: Site) -> None:
    browser = site.browser()
    assert (await browser.get("/livez")).json() == {"alive": True, "why": None}
    answer = await browser.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "why_not": {"shop": "Init"}}
    await site.connect()
    assert (await browser.get("/readyz")).status_code == 200
    news = asyncio.Event()
    site.watched.follow(news)
    site.link.post(facts.Disconnected(site.link.generation))
    async with asyncio.timeout(5):
        await news.wait()
    answer = await browser.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["why_not"]["shop"].startswith("Connected.reconnecting")


async def test_who_must_act_and_what_to_do_stand_first(site: Site) -> None:
    await site.connect()
    site.link.post(facts.LoggedOut(site.link.generation, Logout.BANNED))
    await site.reach("GaveUp")
    page = (await site.program(Scope.OPERATE).get("/")).text
    assert "The person with the phone must act" in page
    assert "appeal in WhatsApp" in page.replace("Appeal", "appeal")
    assert page.index("must act") < page.index("What happened")
    assert "/s/shop/resume" in page
    assert "/s/shop/resume" not in (await site.program(Scope.VIEW).get("/")).text


async def test_a_status_has_no_masked_secret(site: Site) -> None:
    await site.connect()
    operator = site.program(Scope.OPERATE)
    for answer in (await operator.get(API), await operator.get("/api/v1/sessions")):
        assert "**" not in answer.text
        found = answer.json()
        device = (found[0] if isinstance(found, list) else found)["device"]
        assert "number" not in device
        assert device["ending"]


async def test_stop_and_relink_want_the_name_typed(site: Site) -> None:
    await site.connect()
    browser = site.browser()
    await browser.post("/login", data={"token": site.access.tokens.by_scope[Scope.OPERATE]})
    for what in ("stop", "relink"):
        refused = await browser.post(f"/s/shop/{what}", data={"confirm": "shap"})
        assert refused.status_code == 409
        assert "Nothing was done" in refused.text
    assert site.session.status.state is State.CONNECTED
    wrong = await site.program(Scope.OPERATE).post(f"{API}/relink", json={"confirm": "no"})
    assert wrong.status_code == 409
    done = await browser.post("/s/shop/stop", data={"confirm": "shop"})
    assert done.status_code == 303
    await site.reach("Stopped")


async def test_the_gate_is_changed_by_who_may_operate(site: Site) -> None:
    operator = site.program(Scope.OPERATE)
    assert (await site.program(Scope.VIEW).get(f"{API}/gate")).status_code == 403
    allowed = await operator.post(f"{API}/gate/allow", json={"entry": "+4915112345678"})
    assert allowed.status_code == 204
    entries = (await operator.get(f"{API}/gate")).json()["entries"]
    assert [(each["entry"], each["holds"]) for each in entries] == [("+4915112345678", True)]
    assert (await operator.post(f"{API}/gate/deny", json={"entry": "+4915112345678"})).is_success
    assert (await operator.get(f"{API}/gate")).json()["entries"] == []
    wrong = await operator.post(f"{API}/gate/allow", json={"entry": "nobody at all"})
    assert wrong.status_code == 409
    assert "nobody at all" not in wrong.text


async def test_a_text_is_sent_or_the_error_has_its_code(site: Site) -> None:
    operator = site.program(Scope.OPERATE)
    said = {"to": "+4915112345678", "text": "CANARY hello", "key": "k1"}
    offline = await operator.post(f"{API}/messages", json=said)
    assert offline.status_code == 409
    assert offline.json()["detail"]["code"] in {"not_connected", "not_paired"}
    assert "CANARY" not in offline.text


async def test_steps_are_streamed_from_the_journal_and_go_on_where_they_broke_off(
    site: Site,
) -> None:
    await site.connect()
    viewer = site.program(Scope.VIEW)
    all_ = (await viewer.get(f"{API}/history")).json()
    assert [each["after"] for each in all_][-1] == "Connected"
    found = await site.watched.after("shop", 0, 100)
    assert [each.number for each in found] == sorted({each.number for each in found})
    assert len(found) == len(all_)
    rest = await site.watched.after("shop", found[1].number, 100)
    assert rest == found[2:]
    assert await site.watched.after("shop", -1, 100) == found[-1:]


async def test_the_metrics_are_those_of_the_status_and_name_nobody(site: Site) -> None:
    await site.connect()
    text = (await site.program(Scope.VIEW).get("/metrics")).text
    families = {each.name: each for each in text_string_to_metric_families(text)}
    states = {
        sample.labels["wa_supervisor_state"]: sample.value
        for sample in families["wa_supervisor_state"].samples
    }
    assert set(states) == {state.value for state in State}
    assert [name for name, value in states.items() if value] == ["Connected"]
    assert families["wa_supervisor_ready"].samples[0].value == 1
    assert families["wa_supervisor_session_process_starts"].samples[0].value == 1
    spent = families["wa_supervisor_budget_spent"].samples
    assert {sample.labels["budget"]: sample.value for sample in spent}["dials"] == 1
    assert families["wa_supervisor_state_seconds"].samples
    assert "@" not in text
    number = site.session.status.device.number
    assert number is None or number.get_secret_value() not in text


async def test_the_dashboard_asks_for_metrics_that_there_are(site: Site) -> None:
    await site.connect()
    text = (await site.program(Scope.VIEW).get("/metrics")).text
    known = {
        name
        for family in text_string_to_metric_families(text)
        for name in (family.name, f"{family.name}_total")
    }
    dashboard = json.loads(DASHBOARD.read_text())
    asked = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"wa_supervisor_\w+(?=\{)", target["expr"])
    }
    assert len(asked) > 8
    assert asked <= known
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(places)


async def test_many_who_ask_cost_the_session_one_answer(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    original = site.watched._ask

    async def counting(question: Callable[[], Any]) -> Any:
        nonlocal asked
        asked += 1
        return await original(question)

    monkeypatch.setattr(site.watched, "_ask", counting)
    site.watched._answers.clear()
    await site.watched.statuses()
    began = time.monotonic()
    for _ in range(200):
        await site.watched.statuses()
    assert asked <= 2 + (time.monotonic() - began) / 0.1


async def test_no_session_of_that_name_is_not_found(site: Site) -> None:
    operator = site.program(Scope.OPERATE)
    for path in ("", "/history", "/qr", "/gate", "/steps"):
        assert (await operator.get(f"/api/v1/sessions/nobody{path}")).status_code == 404
    assert (await operator.get("/s/nobody")).status_code == 404


async def test_the_openapi_has_the_models_and_how_to_log_in(site: Site) -> None:
    said = (await site.browser().get("/api/v1/openapi.json")).json()
    assert "Status" in said["components"]["schemas"]
    assert set(said["components"]["securitySchemes"]) == {"HTTPBearer", "APIKeyCookie"}
    assert "text/event-stream" in json.dumps(said["paths"]["/api/v1/sessions/{name}/steps"])


@pytest.mark.parametrize("state", State)
def test_the_chart_lights_the_state_of_now(state: State) -> None:
    drawn = chart(state.value, ("Init", state.value))
    assert f"It is in {state.value} now." in drawn
    assert drawn.count(' now"') == (state is not State.STOPPED)
    assert "<style" not in drawn
    assert "style=" not in drawn


def test_the_chart_draws_the_path_that_was_gone() -> None:
    drawn = chart("Connected", ("Init", "Pairing", "Connected"))
    assert drawn.count(' gone"') == 2
    assert drawn.count(' visited"') == 2
