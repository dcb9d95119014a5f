"""Every channel against something real on loopback."""

from __future__ import annotations

import base64
import json
import logging
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from notify.receiver import Receiver, receiving
from wa_supervisor.notify import channels as module
from wa_supervisor.notify.channels import (
    AppriseChannel,
    CommandChannel,
    Heartbeat,
    NotSaid,
    WebhookChannel,
)
from wa_supervisor.notify.notice import Kind, Notice
from wa_supervisor.notify.notices import said, say_all
from wa_supervisor.setting_groups import NotifySettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOTICE = Notice(
    id="shop-needed-1",
    kind=Kind.NEEDED,
    session="shop",
    at=datetime(2026, 1, 1, tzinfo=UTC),
    text="The account is locked.",
    page="https://example.org/shop",
)
KEY = "whsec_" + base64.b64encode(b"a key of twenty-four byte").decode()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def test_a_webhook_is_signed_so_that_any_library_verifies_it(receiver: Receiver) -> None:
    await WebhookChannel(SecretStr(receiver.url), SecretStr(KEY)).say(NOTICE)
    ((first, headers, body),) = receiver.got
    assert first.startswith("POST /hook")
    assert headers["webhook-id"] == NOTICE.id
    told = Webhook(KEY).verify(body, headers)
    assert (told["kind"], told["session"]) == ("needed", "shop")
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(KEY).verify(body + b" ", headers)


@pytest.mark.parametrize("code", [302, 404, 503])
async def test_an_answer_that_is_no_success_is_said_without_the_address(
    receiver: Receiver, code: int
) -> None:
    receiver.codes = [code]
    with pytest.raises(NotSaid, match=f"it answered {code}") as failed:
        await WebhookChannel(SecretStr(receiver.url), None).say(NOTICE)
    assert "CANARYTOKEN" not in repr(failed.value)


async def test_who_is_not_there_or_never_answers_is_given_up_in_time(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = WebhookChannel(SecretStr("http://127.0.0.1:1/?token=CANARYTOKEN"), None)
    assert await said(nobody, NOTICE) == "no answer: ConnectError"
    monkeypatch.setattr(module, "SECONDS", 0.2)
    receiver.silent = True
    assert await said(WebhookChannel(SecretStr(receiver.url), None), NOTICE) == (
        "no answer: ReadTimeout"
    )


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")  # of what Apprise imports
async def test_apprise_reaches_a_service_and_says_when_it_does_not(receiver: Receiver) -> None:
    url = f"json://127.0.0.1:{receiver.port}/hook"
    receiver.codes = [200]
    await AppriseChannel(1, SecretStr(url)).say(NOTICE)
    told = json.loads(receiver.got[0][2])
    assert told["title"] == "shop: somebody must act"
    assert told["message"] == "The account is locked.\nhttps://example.org/shop"
    receiver.codes = [500]
    assert await said(AppriseChannel(1, SecretStr(url)), NOTICE) == (
        "the service did not take it, or its address is wrong"
    )
    assert await said(AppriseChannel(1, SecretStr("nonsense")), NOTICE) == (
        "Apprise knows no service for this address"
    )


def test_an_apprise_service_that_never_answers_has_one_thread_and_holds_up_no_end() -> None:
    program = """
import asyncio, sys, threading, time, types
apprise = types.ModuleType("apprise")
class Apprise:
    def add(self, url): return True
    def notify(self, **_): time.sleep(1000)
apprise.Apprise = Apprise
sys.modules["apprise"] = apprise
from pydantic import SecretStr
from notify.test_channels import NOTICE
from wa_supervisor.notify import channels, notices
channels._needs = lambda _: None
notices.SECONDS = 0.1
async def main():
    channel = channels.AppriseChannel(1, SecretStr("x://"))
    print([await notices.said(channel, NOTICE) for _ in range(20)][-1], threading.active_count())
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        timeout=60,
        check=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout == "the service has not answered an earlier notice yet 2\n"


async def test_httpx_logs_no_address_of_a_notice_and_all_others(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await Heartbeat(SecretStr(receiver.url)).beat()
    await WebhookChannel(SecretStr(receiver.url), None).say(NOTICE)
    assert "CANARYTOKEN" not in caplog.text
    async with httpx.AsyncClient() as client:
        await client.get(receiver.url)
    assert "CANARYTOKEN" in caplog.text


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.codes = [302, 307]
    for code in (302, 307):
        channel = WebhookChannel(SecretStr(receiver.url), None)
        assert await said(channel, NOTICE) == f"it answered {code}"


async def test_a_command_reads_the_notice_from_its_input(tmp_path: Path) -> None:
    script = tmp_path / "call.sh"
    script.write_text(f"#!/bin/sh\ncat > {tmp_path}/notice.json\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    await CommandChannel(str(script)).say(NOTICE)
    assert Notice.model_validate_json((tmp_path / "notice.json").read_text()) == NOTICE


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("false", "it ended with exit code 1"),
        ("/nowhere/to/be/found", "it cannot be started: No such file or directory"),
        (f"{sys.executable} -c 'import time; time.sleep(60)'", "no answer within 0.3 s"),
    ],
)
async def test_a_command_that_fails_or_hangs_is_said_and_ended(
    command: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wa_supervisor.notify.notices.SECONDS", 0.3)
    assert await said(CommandChannel(command), NOTICE) == why


async def test_a_heartbeat_is_a_get(receiver: Receiver) -> None:
    await Heartbeat(SecretStr(receiver.url)).beat()
    assert receiver.got[0][0].startswith("GET /hook")


async def test_one_channel_that_fails_keeps_no_other_from_speaking(receiver: Receiver) -> None:
    settings = NotifySettings(webhook=SecretStr(receiver.url), command="false")
    assert await say_all(settings, NOTICE) == {
        "webhook": None,
        "command": "it ended with exit code 1",
    }


def test_addresses_are_in_no_repr() -> None:
    settings = NotifySettings(
        urls=("ntfy://CANARYTOKEN",),
        webhook="http://x/CANARYTOKEN",
        webhook_secret="CANARYTOKENS",
    )
    assert "CANARY" not in repr(settings) + str(settings) + settings.model_dump_json()
