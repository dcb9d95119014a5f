"""The server as a program, commanded over HTTP as a program in any language would."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.openapi.models import OpenAPI

from lab.clients.minimal import MinimalClient
from wa_loopback import LoopbackServer, NotLoopback
from wa_loopback.control.api import ControlApi
from wa_loopback.control.routes import ROUTES, openapi
from wa_loopback.nodes import Node

ROOT = Path(__file__).parents[2]
NUMBER = "15550001111"


@pytest.fixture
async def server() -> AsyncIterator[LoopbackServer]:
    async with LoopbackServer(ws_port=0) as running:
        yield running


@pytest.fixture
async def http(server: LoopbackServer) -> AsyncIterator[httpx.AsyncClient]:
    control = ControlApi(server, host="127.0.0.1", port=0)
    control.open()
    async with httpx.AsyncClient(base_url=control.url, trust_env=False, timeout=15) as client:
        yield client
    await control.close()


@pytest.fixture
async def client(server: LoopbackServer) -> AsyncIterator[MinimalClient]:
    assert server.endpoint.ws is not None
    async with MinimalClient(server.endpoint.ws) as one:
        yield one


async def ask(http: httpx.AsyncClient, path: str, **fields: Any) -> Any:
    answer = await http.post(path, json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def pair(http: httpx.AsyncClient, client: MinimalClient) -> Any:
    await client.connect()
    scanning = asyncio.ensure_future(ask(http, "/scan", qr=await client.qr(), number=NUMBER))
    await client.sign()
    device = await scanning
    await client.log_in()
    await ask(http, "/wait/connected", number=NUMBER, device=device["device"])
    return device


async def test_a_program_pairs_a_client_and_unlinks_it(
    http: httpx.AsyncClient, client: MinimalClient
) -> None:
    device = await pair(http, client)
    assert (device["number"], device["device"], device["linked"]) == (NUMBER, 1, True)
    (login,) = [
        each for each in (await http.get("/state")).json()["connections"] if each["kind"] == "login"
    ]
    assert login["ready"]
    await ask(http, "/revoke", number=NUMBER)
    error = await client.expect("stream:error")
    assert (error.text("code"), error.children[0].text("type")) == ("401", "device_removed")
    await client.closed()
    await client.connect()
    assert (await client.expect("failure")).text("reason") == "401"


@pytest.mark.parametrize(
    ("path", "fields", "tag"),
    [
        ("/replace", {}, "stream:error"),
        ("/end", {"what": "stream-error", "code": "503"}, "stream:error"),
        ("/end", {"what": "failure", "reason": 405}, "failure"),
        ("/end-stream", {}, "xmlstreamend"),
    ],
)
async def test_a_program_ends_a_connection_with_a_word(
    http: httpx.AsyncClient, client: MinimalClient, path: str, fields: dict[str, Any], tag: str
) -> None:
    await pair(http, client)
    ending = asyncio.ensure_future(ask(http, path, number=NUMBER, **fields))
    assert (await client.expect(tag)).tag == tag
    await client.closed()
    await ending
    await ask(http, "/wait/closed", number=NUMBER)


@pytest.mark.parametrize("path", ["/drop", "/close"])
async def test_a_program_ends_a_connection_without_a_word(
    http: httpx.AsyncClient, client: MinimalClient, path: str
) -> None:
    await pair(http, client)
    closing = asyncio.ensure_future(client.closed())
    await ask(http, path, number=NUMBER)
    await closing


async def test_a_ban_is_what_the_next_login_is_told(
    http: httpx.AsyncClient, client: MinimalClient
) -> None:
    await pair(http, client)
    closing = asyncio.ensure_future(client.closed())
    await ask(http, "/ban", number=NUMBER, code=104, expire=60)
    await closing
    await client.connect()
    failure = await client.expect("failure")
    assert [failure.text(each) for each in ("reason", "code", "expire")] == ["402", "104", "60"]
    await client.log_in()


async def test_a_silent_connection_answers_no_ping_until_it_speaks_again(
    http: httpx.AsyncClient, client: MinimalClient
) -> None:
    await pair(http, client)
    await ask(http, "/go-silent", number=NUMBER)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.ask("w:p", "get"), 0.2)
    await ask(http, "/speak-again", number=NUMBER)
    assert (await client.ask("w:p", "get")).text("type") == "result"
    await ask(http, "/freeze", number=NUMBER)
    answer = await http.post("/wait/connected", json={"number": NUMBER, "timeout": 0.05})
    assert answer.status_code == 504


async def test_what_the_next_clients_are_answered_is_written_by_a_program(
    http: httpx.AsyncClient, client: MinimalClient
) -> None:
    await ask(http, "/answers/registrations", what="failure", reason=405)
    await client.connect()
    assert (await client.expect("failure")).text("reason") == "405"
    await pair(http, client)
    await ask(http, "/answers/logins", what="stream-error", code="515")
    await client.connect()
    assert (await client.expect("stream:error")).text("code") == "515"
    await ask(http, "/answers/logins", what="failure", reason=503, times=None)
    await ask(http, "/answers/logins", what="usual")
    await client.log_in()


async def test_contacts_say_and_the_switches_are_set(
    http: httpx.AsyncClient, client: MinimalClient, server: LoopbackServer
) -> None:
    await pair(http, client)
    ann = await ask(http, "/contacts", name="Ann")
    refused = await http.post(
        "/contacts/say", json={"contact": ann["number"], "number": NUMBER, "text": "hello"}
    )
    assert refused.status_code == 409
    assert "prekeys" in refused.json()["error"]
    await ask(http, "/contacts/type", contact=ann["number"], number=NUMBER)
    state = await client.expect("chatstate")
    assert state.children == (Node("composing"),)
    late = await http.post("/contacts/hear", json={"contact": ann["number"], "timeout": 0.05})
    assert late.status_code == 504
    told = await http.patch("/switches", json={"latency": 0.01, "withhold_acks": True})
    assert told.json()["latency"] == server.latency == 0.01
    assert server.withheld_acks == []
    await http.patch("/switches", json={"listening": False, "stalled": "login"})
    assert not server.listening
    await http.patch("/switches", json={"listening": True, "impostor": "noise-root"})
    told = await http.patch("/switches", json={"impostor": None, "withhold_acks": False})
    assert told.json() == (await http.get("/switches")).json()
    assert told.json()["listening"]
    assert not told.json()["withhold_acks"]


async def test_a_pair_code_is_waited_for_until_a_client_asks(http: httpx.AsyncClient) -> None:
    answer = await http.post(
        "/enter-code", json={"number": NUMBER, "code": "ABCD1234", "timeout": 0.05}
    )
    assert answer.status_code == 504


async def test_events_come_as_they_happen_and_say_no_key(
    http: httpx.AsyncClient, client: MinimalClient
) -> None:
    seen: list[dict[str, Any]] = []

    async def watch() -> None:
        async with http.stream("GET", "/events") as stream:
            async for line in stream.aiter_lines():
                if line:
                    seen.append(json.loads(line.removeprefix("data: ")))
                if seen and seen[-1]["what"] == "Ready":
                    return

    watching = asyncio.ensure_future(watch())
    await pair(http, client)
    await asyncio.wait_for(watching, 10)
    assert [each["event"] for each in seen] == list(range(1, len(seen) + 1))
    assert [each["what"] for each in seen if each["what"] != "Closed"] == [
        "Introduced",
        "Paired",
        "Introduced",
        "LoginAnswered",
        "Ready",
    ]
    assert seen[1]["device"] == {"number": NUMBER, "device": 1}
    assert client.noise.public.hex() not in json.dumps(seen)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/scan", b"{}", 400),
        ("POST", "/scan", b"[]", 400),
        ("POST", "/scan", b'{"qr": "x"}', 409),
        ("POST", "/scan", b'{"qr": 7}', 400),
        ("POST", "/scan", b'{"qr": "x", "who": 1}', 400),
        ("POST", "/scan", b'{"qr": "x", "fault": "none"}', 400),
        ("POST", "/scan", b"x" * 2**21, 413),
        ("POST", "/drop", b'{"number": "15550009999"}', 404),
        ("POST", "/end", b'{"number": "15550009999", "what": "failure"}', 404),
        ("POST", "/answers/logins", b'{"what": "failure"}', 400),
        ("POST", "/answers/logins", b'{"what": "silence", "times": 0}', 400),
        ("POST", "/answers/messages", b'{"what": "refuse"}', 400),
        ("POST", "/contacts/hear", b'{"contact": "14440009999"}', 404),
        ("POST", "/phones", b'{"number": "one"}', 400),
        ("POST", "/wait/connected", b'{"number": "15550001111", "timeout": NaN}', 400),
        ("POST", "/scan", b"[" * 100_000, 400),
        ("POST", "/state", b"", 405),
        ("GET", "/nothing", b"", 404),
        ("GET", "/events?after=x", b"", 400),
    ],
)
async def test_what_cannot_be_done_is_refused_with_a_reason(
    http: httpx.AsyncClient, method: str, path: str, body: bytes, status: int
) -> None:
    answer = await http.request(method, path, content=body)
    assert answer.status_code == status
    assert answer.json()["error"]


@pytest.mark.parametrize("headers", [{"Origin": "http://a.example"}, {"Host": "a.example"}])
async def test_a_web_page_may_not_command_the_server(
    http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    assert (await http.post("/phones", json={}, headers=headers)).status_code == 403


async def test_every_route_is_described(http: httpx.AsyncClient) -> None:
    told = (await http.get("/openapi.json")).json()
    assert told == openapi(told["info"]["version"])
    described = {(method.upper(), path) for path, each in told["paths"].items() for method in each}
    assert described == {(route.method, route.path) for route in ROUTES}
    scan = told["paths"]["/scan"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert scan["required"] == ["qr"]
    assert scan["properties"]["qr"]["format"] == "password"
    assert OpenAPI.model_validate(told).paths
    names = [each["operationId"] for path in told["paths"].values() for each in path.values()]
    assert len(names) == len(set(names))


async def test_a_bug_is_raised_when_the_api_closes(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = ControlApi(server, host="127.0.0.1", port=0)
    control.open()
    monkeypatch.setattr(server, "phone", lambda *_args, **_names: 1 / 0)
    async with httpx.AsyncClient(base_url=control.url, trust_env=False) as http:
        with pytest.raises(httpx.RemoteProtocolError):
            await http.post("/phones", json={})
    with pytest.raises(ExceptionGroup) as caught:
        await control.close()
    assert caught.group_contains(ZeroDivisionError)


async def test_in_a_container_it_is_reached_by_the_containers_name() -> None:
    async with LoopbackServer(host="0.0.0.0", ws_port=0, reachable=True) as server:
        control = ControlApi(server, host="0.0.0.0", port=0, reachable=True)
        control.open()
        async with httpx.AsyncClient(base_url=control.url, trust_env=False) as http:
            told = (await http.get("/", headers={"Host": "loopback:8080"})).json()
            page = await http.get("/", headers={"Origin": "http://a.example"})
        await control.close()
    assert told["ws"].startswith("ws://127.0.0.1:")
    assert page.status_code == 403


def test_an_address_that_others_reach_needs_the_switch() -> None:
    with pytest.raises(NotLoopback):
        LoopbackServer(host="0.0.0.0")
    LoopbackServer(host="0.0.0.0", reachable=True)


async def start(*words: str, python: str = sys.executable) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        python, "-m", "wa_loopback.control", *words, stdout=-1, stderr=-1, cwd="/"
    )


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
async def test_the_command_says_where_it_is_and_ends_at_a_signal(sent: signal.Signals) -> None:
    process = await start("--json", "--seed", "7", "--trace")
    assert process.stdout is not None
    where = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
    async with httpx.AsyncClient(base_url=where["control"], trust_env=False) as http:
        assert (await http.get("/")).json() == where
        assert (await http.get("/switches")).json()["latency"] == 0.03
        async with MinimalClient(where["ws"]) as client:
            await pair(http, client)
            process.send_signal(sent)
            await client.closed()
    _, trace = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 0
    assert b"<pair-device>" in trace
    assert NUMBER.encode() not in trace
    again = await start("--json", "--seed", "7")
    assert again.stdout is not None
    assert json.loads(await again.stdout.readline())["noise_root"] == where["noise_root"]
    again.terminate()
    await again.wait()


async def test_the_command_refuses_an_address_that_others_reach() -> None:
    process = await start("--host", "0.0.0.0")
    _, said = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert b"not a loopback address" in said


def installed(venv: Path) -> set[str]:
    """Install the distribution into a new environment; return the names of all that is there."""
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    for words in (
        ["uv", "venv", "-q", "--python", sys.executable, str(venv)],
        ["uv", "pip", "install", "-q", "--python", str(venv), str(ROOT / "loopback")],
    ):
        subprocess.run(words, check=True, env=environment, timeout=100)
    words = ["uv", "pip", "list", "-q", "--format", "json", "--python", str(venv)]
    listed = subprocess.run(words, check=True, env=environment, capture_output=True, timeout=60)
    return {each["name"] for each in json.loads(listed.stdout)}


@pytest.mark.long
@pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed")
async def test_the_distribution_alone_brings_the_command_and_neither_client_nor_supervisor(
    tmp_path: Path,
) -> None:
    venv = tmp_path / "venv"
    names = await asyncio.to_thread(installed, venv)
    assert "wa-loopback" in names
    assert not {"neonize", "wa-supervisor", "pydantic"} & names
    command = str(venv / "bin" / "wa-loopback")
    process = await asyncio.create_subprocess_exec(command, "--json", stdout=-1, cwd="/")
    assert process.stdout is not None
    where = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
    async with (
        httpx.AsyncClient(base_url=where["control"], trust_env=False) as http,
        MinimalClient(where["ws"]) as client,
    ):
        await pair(http, client)
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 10) == 0
