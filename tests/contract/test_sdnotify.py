"""The notification protocol, beside systemd's own tool where that is installed."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import uuid
from typing import TYPE_CHECKING

import pytest

from contract.conftest import Manager
from wa_supervisor.errors import ConfigError
from wa_supervisor.sdnotify import Notifier

if TYPE_CHECKING:
    from pathlib import Path


def test_each_variable_is_a_line_of_one_datagram(manager: Manager) -> None:
    Notifier(manager.address).send(READY="1", STATUS="Connected (online)")
    assert manager.heard() == b"READY=1\nSTATUS=Connected (online)"


def test_an_abstract_socket_is_found() -> None:
    manager = Manager(f"@wa-supervisor-test-{uuid.uuid4()}")
    try:
        Notifier(manager.address).send(WATCHDOG="1")
        assert manager.heard() == b"WATCHDOG=1"
    finally:
        manager.close()


@pytest.mark.skipif(shutil.which("systemd-notify") is None, reason="systemd-notify is missing")
@pytest.mark.parametrize(
    ("options", "variables"),
    [
        (["--ready"], {"READY": "1"}),
        (["--status=Backoff: a thing"], {"STATUS": "Backoff: a thing"}),
        (["--ready", "--status=up"], {"READY": "1", "STATUS": "up"}),
        (["WATCHDOG=1"], {"WATCHDOG": "1"}),
        (["STOPPING=1"], {"STOPPING": "1"}),
    ],
)
def test_the_bytes_are_those_of_systemd_notify(
    manager: Manager, options: list[str], variables: dict[str, str]
) -> None:
    env = {"NOTIFY_SOCKET": manager.address, "PATH": os.environ["PATH"]}
    subprocess.run(["systemd-notify", "--no-block", *options], env=env, check=True, timeout=20)
    theirs = manager.heard()
    Notifier(manager.address).send(**variables)
    assert manager.heard() == theirs


def test_a_value_cannot_smuggle_a_line_in(manager: Manager) -> None:
    Notifier(manager.address).send(STATUS="gave up\nMAINPID=1\r\n")
    assert manager.heard() == b"STATUS=gave up MAINPID=1"


def test_without_a_service_manager_there_is_no_notifier() -> None:
    assert Notifier.from_environment({"WATCHDOG_USEC": "60000000"}) is None


def test_the_variables_are_taken_out_of_the_environment() -> None:
    environ = {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "60000000", "PATH": "/bin"}
    assert Notifier.from_environment(environ) == Notifier("/run/n", watchdog=60.0)
    assert environ == {"PATH": "/bin"}


@pytest.mark.parametrize(("pid", "period"), [(os.getpid(), 2.0), (1, None)], ids=["us", "another"])
def test_the_watchdog_counts_for_the_process_it_names(pid: int, period: float | None) -> None:
    environ = {"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(pid)}
    notifier = Notifier.from_environment(environ)
    assert notifier is not None
    assert notifier.watchdog == period


@pytest.mark.parametrize("address", ["notify", "@", "/", "vsock:2:1234"])
def test_an_address_that_cannot_be_meant_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="NOTIFY_SOCKET") as refused:
        Notifier.from_environment({"NOTIFY_SOCKET": address})
    assert refused.value.hint


@pytest.mark.parametrize("usec", ["0", "-1", "1.5", "soon", "²"])
def test_a_watchdog_that_cannot_be_meant_is_refused(usec: str) -> None:
    with pytest.raises(ConfigError, match="WATCHDOG_USEC"):
        Notifier.from_environment({"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": usec})


def test_a_manager_that_is_gone_is_logged_and_does_not_raise(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "wa_supervisor"):
        Notifier(str(tmp_path / "gone")).send(READY="1", STATUS="up")
    assert "could not be told READY, STATUS: No such file or directory" in caplog.text
