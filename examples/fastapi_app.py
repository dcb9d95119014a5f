"""A web service that sends: the session lives as long as the application.

uvicorn fastapi_app:app
curl -d '{"to": "+4915112345678", "text": "hello", "key": "order-7"}' \
     -H 'content-type: application/json' http://127.0.0.1:8000/messages
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from pydantic import BaseModel

from wa_supervisor import ConfigError, KeyReused, SendError, State, Supervisor, load_settings


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Hold the session. It takes no signals and no loop, so uvicorn keeps its own."""
    async with Supervisor(load_settings().settings) as app.state.session:
        yield


app = FastAPI(lifespan=lifespan)


def get_session(request: Request) -> Supervisor:
    """Return the application's session."""
    session: Supervisor = request.app.state.session
    return session


Session = Annotated[Supervisor, Depends(get_session)]


class Outgoing(BaseModel):
    """A text to be sent."""

    to: str
    text: str
    key: str
    """Whoever calls again with the same key, after a time-out say, sends nothing twice."""


@app.post("/messages")
async def send(outgoing: Outgoing, session: Session) -> dict[str, str]:
    """Send a text, and return WhatsApp's id of it."""
    try:
        sent = await session.send_text(
            outgoing.to, outgoing.text, key=outgoing.key, when_offline="raise"
        )
    except ConfigError as error:
        raise HTTPException(422, error.advice) from None  # an address that names nobody
    except KeyReused as error:
        raise HTTPException(409, str(error)) from None
    except SendError as error:
        # 503 tells the caller to come again; nothing was sent. 502 tells him not to.
        raise HTTPException(503 if error.retriable else 502, str(error)) from None
    return {"id": sent.id, "at": sent.at.isoformat()}


@app.get("/health")
async def health(session: Session, response: Response) -> dict[str, str]:
    """Say how the session stands: 200 only while it is connected."""
    status = session.status
    if status.state is not State.CONNECTED:
        response.status_code = 503
    return {"state": status.state.value, "why": status.sentence or ""}
