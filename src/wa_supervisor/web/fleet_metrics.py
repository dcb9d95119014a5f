"""What is measured of a fleet, for Prometheus; each worker's page says the same of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from ..errors import ControlError
from ..fleet.report import WorkerState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client.metrics_core import Metric

    from ..fleet.report import FleetReport
    from .watched_fleet import WatchedFleet


async def fleet_metrics(fleet: WatchedFleet) -> Collector:
    """Measure the fleet now; of one whose database does not answer there is that alone."""
    try:
        return _FleetNow(await fleet.report())
    except ControlError:
        return _FleetNow(None)


class _FleetNow(Collector):
    def __init__(self, report: FleetReport | None) -> None:
        self._report = report

    def collect(self) -> Iterable[Metric]:
        """Give the families."""
        up = GaugeMetricFamily("wa_supervisor_fleet_up", "1: the fleet's database answers")
        up.add_metric([], self._report is not None)
        yield up
        if self._report is not None:
            yield from _workers(self._report)
            yield from _sessions(self._report)


def _workers(report: FleetReport) -> Iterator[Metric]:
    states = GaugeMetricFamily(
        "wa_supervisor_fleet_workers", "Workers, by what they are", labels=["state"]
    )
    for state in get_args(WorkerState):
        states.add_metric([state], report.totals.workers.get(state, 0))
    yield states
    values: dict[tuple[str, str], dict[str, float | None]] = {
        ("worker_sessions", "Sessions that the worker has"): {
            each.name: each.load for each in report.workers
        },
        ("worker_capacity", "Sessions that it takes at most"): {
            each.name: each.capacity for each in report.workers
        },
        ("lease_age_seconds", "Since the worker's last heartbeat that Postgres has seen"): {
            each.name: each.heartbeat_age for each in report.workers
        },
        ("stranded_messages", "Unread on the worker's disk, of sessions that others have now"): {
            each.name: each.stranded for each in report.workers
        },
    }
    for (name, about), found in values.items():
        family = GaugeMetricFamily(f"wa_supervisor_fleet_{name}", about, labels=["worker"])
        for worker, value in found.items():
            if value is not None:
                family.add_metric([worker], value)
        yield family


def _sessions(report: FleetReport) -> Iterator[Metric]:
    totals = report.totals
    states = GaugeMetricFamily(
        "wa_supervisor_fleet_sessions", "Sessions, by their state", labels=["state"]
    )
    for state, number in sorted(totals.sessions.items()):
        states.add_metric([state], number)
    yield states
    for name, about, number in (
        ("owned", "Sessions that a worker which lives has", totals.owned),
        ("ready", "Sessions whose messages are heard now", totals.ready),
        ("need_person", "Sessions that need a person", totals.need_person),
        ("held", "1: sessions wait and no worker takes them", bool(report.holds)),
    ):
        family = GaugeMetricFamily(f"wa_supervisor_fleet_{name}", about)
        family.add_metric([], number)
        yield family
    claims = CounterMetricFamily(
        "wa_supervisor_fleet_claims",
        "How often a worker has taken a session: first owners, moves, takeovers",
    )
    claims.add_metric([], totals.claims)
    yield claims
