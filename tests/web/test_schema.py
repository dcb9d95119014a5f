"""The API is what its OpenAPI says, for whoever asks: schemathesis asks a real server.

Seeded and bounded. What a session ends by (`stop`) is asked of others' names only, and what never
ends (the streams) as well; other tests do those.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from e2e.processes import until
from wa_supervisor import State
from wa_supervisor.lifecycle import facts
from wa_supervisor.page_address import Address
from wa_supervisor.testing import PlayedLink
from wa_supervisor.testing.events import message_event, text_content
from wa_supervisor.testing.fake_session import EVERYONE
from wa_supervisor.web.access import Scope, Tokens
from wa_supervisor.web.serving import serving
from web.conftest import played
from web.test_server import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

EXAMPLES: Final = 3
"""For each operation, right and wrong; each is asked by all."""

OURS: Final = {"name": "shop", "reader": "bot"}
ELSEWHERE: Final = ("/stop", "/steps", "/stream")
"""Asked of no session that is there."""
FOR_ALL: Final = ("/livez", "/readyz")
LONGEST_WAIT: Final = 0.02  # seconds
CHECKS: Final = (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)


@dataclass
class Service:
    """A session that is connected, on a thread of its own, and its server."""

    address: Address
    tokens: Tokens


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    address = Address.parse(f"127.0.0.1:{free_port()}")
    begun: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()

    async def run() -> None:
        link, over, loop = PlayedLink(), asyncio.Event(), asyncio.get_running_loop()
        session = played(tmp_path, link, gate=EVERYONE)
        async with serving({"shop": session}, address, tmp_path / "web"), session:
            await until(lambda: bool(link.specs))
            link.post(facts.PairSucceeded(link.generation))
            link.post(facts.Connected(link.generation))
            await session.wait_for(State.CONNECTED, timeout=20)
            link.connects = True  # after each restart that is ordered
            async with session.messages(OURS["reader"], ack="manual"):
                event = message_event(text_content("hello"), at=datetime.now(UTC))
                link.receive(event, arrived=time.time_ns())
            begun.put(partial(loop.call_soon_threadsafe, over.set))
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),), daemon=True)
    thread.start()
    end = begun.get(timeout=20)
    yield Service(address, Tokens.read(tmp_path / "web"))
    end()
    thread.join(20)
    assert not thread.is_alive()


def asked(operation: Any, mode: GenerationMode) -> Any:
    """Return a strategy for what is asked; None where nothing can be said wrongly."""
    said = len(operation.query) + len(operation.body)
    path = None if operation.path.endswith(ELSEWHERE) else OURS
    if mode is GenerationMode.NEGATIVE and not said:
        path = None
        if not len(operation.path_parameters):
            return None
    return operation.as_strategy(generation_mode=mode, path_parameters=path)


# The session's thread draws its jitter while cases are generated on this one.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
def test_every_answer_is_one_that_the_openapi_has(service: Service) -> None:
    schema = schemathesis.openapi.from_url(f"{service.address.url}/api/v1/openapi.json")
    operations = [found.ok() for found in list[Any](schema.get_all_operations())]
    headers: dict[Scope | None, dict[str, str]] = {None: {}}
    for scope, token in service.tokens.by_scope.items():
        headers[scope] = {"authorization": f"Bearer {token}"}
    codes: Counter[tuple[Scope | None, int]] = Counter()

    def ask(case: Any) -> None:
        if case.operation.label.startswith("GET") and case.operation.path.endswith("/messages"):
            wait = case.query.setdefault("wait", LONGEST_WAIT)
            if isinstance(wait, float | int) and LONGEST_WAIT < wait <= 60:
                case.query["wait"] = LONGEST_WAIT
        case.cookies.clear()  # a browser's; made up, it has all that is posted refused
        for scope, sent in headers.items():
            answer = case.call(service.address.url, session, headers=sent, timeout=10)
            defects = [] if case.operation.path == "/readyz" else [not_a_server_error]
            case.validate_response(answer, checks=[*CHECKS, *defects], headers=sent)
            codes[scope, answer.status_code] += 1
            if scope is None and case.operation.path not in FOR_ALL:
                # What is no JSON is refused before all else.
                unread = {400, 422} if len(case.operation.body) else set()
                assert answer.status_code in {401} | unread

    bounded = settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    with requests.Session() as session:
        for operation in operations:
            for mode in GenerationMode:
                if (cases := asked(operation, mode)) is not None:
                    bounded(given(case=cases)(ask))()
    assert {scope for scope, _ in codes} == set(headers)
    assert codes.total() > 5 * EXAMPLES * len(operations)
