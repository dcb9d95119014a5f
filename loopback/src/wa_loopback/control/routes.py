"""What the control API can do: one table, which is served, checked and described from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ..phone import PairFault
from ..world import Impostor, Step
from . import acts
from .desk import Desk
from .fields import Field

Handler: TypeAlias = Callable[[Desk, dict[str, Any]], Awaitable[Any]]


@dataclass(frozen=True)
class Route:
    """One path and method."""

    method: str
    path: str
    summary: str
    handler: Handler
    fields: dict[str, Field] = field(default_factory=dict)
    streams: bool = False


_DIGITS = "[0-9]{5,15}"
_NUMBER = Field("string", "a phone's number, digits only", required=True, pattern=_DIGITS)
_ANY_NUMBER = Field("string", "its number, digits only; a new one if not given", pattern=_DIGITS)
_DEVICE = Field("integer", "which of the phone's devices, from 1; without it, its newest login")
_CONTACT = Field("string", "a contact's number, digits only", required=True, pattern=_DIGITS)
_SECONDS = Field("number", "how long to wait, in seconds; 10 if not given")
_FAULT = Field("string", "what is to go wrong while linking", choices=tuple(PairFault))
_CLOSE = Field("boolean", "whether to close after it; true if not given")
_TIMES = Field("integer", "for how many; 1 if not given, null for ever", nullable=True)
_LINE = {"number": _NUMBER, "device": _DEVICE}
_STATUS = Field("integer", "an HTTP status, or null for none", nullable=True)
_WHAT = Field(
    "string",
    "usual forgets what was written before",
    required=True,
    choices=("usual", "success", "silence", "failure", "stream-error"),
)
_ENDING = {
    "reason": Field("integer", "of a failure: 401, 402, 403, 405, 503, ..."),
    "code": Field("string", "of a stream error: 401, 503, 515; of a 402: 101 to 106"),
    "conflict": Field("string", "of a stream error: replaced, device_removed"),
    "expire": Field("integer", "of a 402: seconds until the ban ends"),
    "close": _CLOSE,
}
_SWITCHES = {
    "latency": Field("number", "seconds by which each answer is late"),
    "restart_after": Field("number", "seconds between a pairing and its 515"),
    "restart_closes_after": Field("number", "seconds after the 515 until the server closes"),
    "listening": Field("boolean", "whether connections are accepted"),
    "stalled": Field(
        "string", "from which step on nobody is answered", choices=tuple(Step), nullable=True
    ),
    "impostor": Field(
        "string", "in what the server fails to prove itself", choices=tuple(Impostor), nullable=True
    ),
    "proxy_status": _STATUS,
    "upgrade_status": _STATUS,
    "answer_iqs": Field("boolean", "whether requests are answered after a login"),
    "rate_limit_pair_codes": Field("boolean", "whether pair codes are refused with 429"),
    "replace_older": Field("boolean", "whether a login ends an older one of its device"),
    "withhold_acks": Field("boolean", "whether acknowledgements of messages are held back"),
}

ROUTES = (
    Route("GET", "/", "Where clients must be sent", acts.endpoint),
    Route("GET", "/state", "Phones, devices and open connections", acts.state),
    Route(
        "GET",
        "/events",
        "What the server sees, as server-sent events, each a JSON object",
        acts.events,
        {"after": Field("string", "leave out the events up to this number", pattern="[0-9]+")},
        streams=True,
    ),
    Route(
        "POST",
        "/phones",
        "The phone with a number, or a new one",
        acts.phone,
        {
            "number": _ANY_NUMBER,
            "multidevice": Field("boolean", "whether it can link more than a web page"),
        },
    ),
    Route(
        "POST",
        "/scan",
        "Scan the QR code that a client shows, with a phone or a new one",
        acts.scan,
        {
            "qr": Field("string", "the text of the code", required=True, secret=True),
            "number": _ANY_NUMBER,
            "fault": _FAULT,
        },
    ),
    Route(
        "POST",
        "/enter-code",
        "Type the pair code that a client shows into the phone it asked for",
        acts.enter_code,
        {
            "number": _NUMBER,
            "code": Field("string", "the code", required=True, secret=True),
            "fault": _FAULT,
            "timeout": _SECONDS,
        },
    ),
    Route(
        "POST",
        "/wait/connected",
        "Wait until a phone's device has finished a login",
        acts.wait_connected,
        {**_LINE, "timeout": _SECONDS},
    ),
    Route(
        "POST",
        "/wait/acknowledged",
        "Wait until a client has acknowledged all that was for it",
        acts.wait_acknowledged,
        {**_LINE, "timeout": _SECONDS},
    ),
    Route(
        "POST",
        "/wait/closed",
        "Wait until a phone's device has no open login",
        acts.wait_closed,
        {**_LINE, "timeout": _SECONDS},
    ),
    Route(
        "POST",
        "/revoke",
        "Unlink a device, as its owner does on the phone",
        acts.revoke,
        {**_LINE, "tell": Field("boolean", "whether the client is told; true if not given")},
    ),
    Route("POST", "/replace", "Say that another client took the connection", acts.replace, _LINE),
    Route(
        "POST",
        "/ban",
        "Ban the account for a while (402): what the next logins are answered, and drop this one",
        acts.ban,
        {
            **_LINE,
            "code": Field("integer", "why, 101 to 106; 101 if not given"),
            "expire": Field("integer", "seconds; 3600 if not given"),
            "times": _TIMES,
        },
    ),
    Route("POST", "/drop", "Cut the connection with a TCP RST", acts.drop, _LINE),
    Route("POST", "/close", "Close the WebSocket cleanly", acts.close, _LINE),
    Route("POST", "/end-stream", "End the stream as for maintenance", acts.end_stream, _LINE),
    Route("POST", "/go-silent", "Answer nothing more, not even pings", acts.go_silent, _LINE),
    Route("POST", "/speak-again", "Undo go-silent", acts.speak_again, _LINE),
    Route("POST", "/freeze", "Stop reading: a half-open connection", acts.freeze, _LINE),
    Route(
        "POST",
        "/end",
        "Send a failure or a stream error on an open connection",
        acts.end,
        {
            **_LINE,
            "what": Field("string", "which", required=True, choices=("failure", "stream-error")),
            **_ENDING,
        },
    ),
    Route(
        "POST",
        "/answers/logins",
        "What the next logins are answered",
        acts.answer_logins,
        {"what": _WHAT, "times": _TIMES, **_ENDING},
    ),
    Route(
        "POST",
        "/answers/registrations",
        "What the next registrations are answered",
        acts.answer_registrations,
        {
            "what": Field(
                "string",
                "usual forgets what was written before; refs offers a number of QR codes",
                required=True,
                choices=("usual", "refs", "silence", "failure", "stream-error"),
            ),
            "count": Field("integer", "how many QR codes"),
            "times": _TIMES,
            **_ENDING,
        },
    ),
    Route(
        "POST",
        "/answers/messages",
        "What the next messages of clients are answered",
        acts.answer_messages,
        {
            "what": Field(
                "string",
                "silence hands a message over and never acknowledges it",
                required=True,
                choices=("usual", "accept", "refuse", "silence"),
            ),
            "code": Field("integer", "of a refusal: 463, 429, 479, 500"),
            "times": _TIMES,
        },
    ),
    Route("GET", "/switches", "The server's switches", acts.switches),
    Route("PATCH", "/switches", "Set switches", acts.set_switches, _SWITCHES),
    Route(
        "POST",
        "/contacts",
        "A new contact",
        acts.contact,
        {
            "name": Field("string", "the name that clients see; Ann if not given"),
            "number": _ANY_NUMBER,
            "confirms": Field("boolean", "whether it confirms what it gets; true if not given"),
        },
    ),
    Route(
        "POST",
        "/contacts/say",
        "A contact writes to a phone's clients",
        acts.say,
        {
            "contact": _CONTACT,
            "number": _NUMBER,
            "text": Field("string", "the words", required=True, secret=True),
        },
    ),
    Route(
        "POST",
        "/contacts/hear",
        "Wait for the next message that a client wrote to a contact",
        acts.hear,
        {"contact": _CONTACT, "timeout": _SECONDS},
    ),
    Route(
        "POST",
        "/contacts/type",
        "A contact types, or stops",
        acts.typing,
        {
            "contact": _CONTACT,
            "number": _NUMBER,
            "state": Field("string", "composing if not given", choices=("composing", "paused")),
        },
    ),
)


def openapi(version: str) -> dict[str, Any]:
    """Describe the routes in OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    title = {"title": "wa-loopback control", "version": version}
    return {"openapi": "3.1.0", "info": title, "paths": paths}


def _operation(route: Route) -> dict[str, Any]:
    kind = "text/event-stream" if route.streams else "application/json"
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": f"{route.method.lower()}{route.path.replace('/', '_').replace('-', '_')}",
        "responses": {
            "200": {"description": "done", "content": {kind: {"schema": {}}}},
            "default": {
                "description": "refused: `error` says why, `hint` what helps",
                "content": {"application/json": {"schema": {"type": "object"}}},
            },
        },
    }
    described = {name: each.schema() for name, each in route.fields.items()}
    if route.method == "GET":
        operation["parameters"] = [
            {"name": name, "in": "query", "schema": schema} for name, schema in described.items()
        ]
    elif described:
        required = [name for name, each in route.fields.items() if each.required]
        schema = {
            "type": "object",
            "properties": described,
            "required": required,
            "additionalProperties": False,
        }
        operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return operation
