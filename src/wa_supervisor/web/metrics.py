"""What is measured, for Prometheus: made from the statuses when asked, so nothing goes stale.

No label is a number, an address or a text of anybody: names of sessions, states, reasons, readers.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    StateSetMetricFamily,
)

from ..lifecycle import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from prometheus_client.metrics_core import Metric
    from prometheus_client.registry import Collector

    from ..status import Status
    from .watched import Counted

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SESSION: Final = ["session"]


def exposition(
    statuses: Sequence[Status], counted: Mapping[str, Counted], *more: Collector
) -> bytes:
    """Write all metrics in Prometheus' text format, with what is collected beside the sessions."""
    registry = CollectorRegistry(auto_describe=False)
    for each in (_Now(statuses, counted), *more):
        registry.register(each)
    return generate_latest(registry)


class _Now:
    def __init__(self, statuses: Sequence[Status], counted: Mapping[str, Counted]) -> None:
        self._statuses = statuses
        self._counted = counted

    def collect(self) -> Iterable[Metric]:
        """Give the families, each with the samples of all sessions."""
        yield from self._states()
        yield from self._gauges()
        yield from self._budgets()
        yield from self._counters()
        yield from self._received()
        yield self._versions()

    def _states(self) -> Iterator[Metric]:
        state = StateSetMetricFamily(
            "wa_supervisor_state", "The state of the session", labels=_SESSION
        )
        reason = GaugeMetricFamily(
            "wa_supervisor_reason", "1: why it is there", labels=["session", "reason", "who"]
        )
        for each in self._statuses:
            state.add_metric([each.session], {one.value: one is each.state for one in State})
            if each.reason:
                reason.add_metric([each.session, each.reason.value, each.who], 1)
        yield state
        yield reason

    def _gauges(self) -> Iterator[Metric]:
        for name, about, value in (
            ("ready", "1: messages are heard now", lambda s: s.is_ready),
            ("needs_person", "1: nothing gets better before somebody acts", _needs_person),
            ("retries", "Retries since the last stable connection", lambda s: s.retries),
            ("bot_busy", "1: a handler of the bot is at work for too long", lambda s: s.bot_busy),
            ("generation", "Number of the newest session process", lambda s: s.generation),
            ("next_dial_timestamp_seconds", "No dial before", lambda s: _stamp(s.not_before)),
            ("restricted_timestamp_seconds", "Last 463", lambda s: _stamp(s.restricted_at)),
            ("journal_failing", "1: steps cannot be recorded", lambda s: s.journal is not None),
            ("notify_failing", "Channels that call nobody", lambda s: len(s.notify)),
            (
                "phone_deadline_timestamp_seconds",
                "When WhatsApp unlinks the device if the phone stays away",
                lambda s: _stamp(s.device.session_ends_without_phone),
            ),
            (
                "supervisor_memory_bytes",
                "Resident memory of the supervisor's process",
                lambda s: s.process and s.process.memory,
            ),
            (
                "client_memory_bytes",
                "Resident memory of the session process; shared pages count in full",
                lambda s: s.client and s.client.memory,
            ),
        ):
            family = GaugeMetricFamily(f"wa_supervisor_{name}", about, labels=_SESSION)
            for each in self._statuses:
                if (found := value(each)) is not None:
                    family.add_metric([each.session], float(found))
            yield family

    def _budgets(self) -> Iterator[Metric]:
        labels = ["session", "budget"]
        spent = GaugeMetricFamily("wa_supervisor_budget_spent", "Spent of a budget", labels=labels)
        limit = GaugeMetricFamily("wa_supervisor_budget_limit", "Its limit", labels=labels)
        for each in self._statuses:
            for name, budget in each.budgets.items():
                spent.add_metric([each.session, name], budget.spent)
                limit.add_metric([each.session, name], budget.limit)
        yield spent
        yield limit

    def _counters(self) -> Iterator[Metric]:
        dials = CounterMetricFamily(
            "wa_supervisor_session_process_starts",
            "Session processes started (dials), since the server began",
            labels=_SESSION,
        )
        calls = CounterMetricFamily(
            "wa_supervisor_notifications", "Steps that call for a person", labels=_SESSION
        )
        ignored = CounterMetricFamily(
            "wa_supervisor_facts_ignored", "Facts that meant nothing", labels=_SESSION
        )
        steps = CounterMetricFamily(
            "wa_supervisor_steps", "Steps, by the state they led to", labels=["session", "state"]
        )
        seconds = CounterMetricFamily(
            "wa_supervisor_state_seconds", "Time in each state", labels=["session", "state"]
        )
        for each in self._statuses:
            ignored.add_metric([each.session], each.ignored)
        for name, counted in self._counted.items():
            dials.add_metric([name], counted.dials)
            calls.add_metric([name], counted.notified)
            for state, number in tuple(counted.steps.items()):
                steps.add_metric([name, state], number)
            for state, spent in counted.times(time.monotonic()).items():
                seconds.add_metric([name, state], spent)
        yield from (dials, calls, ignored, steps, seconds)

    def _received(self) -> Iterator[Metric]:
        total = CounterMetricFamily(
            "wa_supervisor_inbox_received", "Messages received", labels=_SESSION
        )
        waiting = GaugeMetricFamily(
            "wa_supervisor_inbox_waiting",
            "Messages not acknowledged",
            labels=["session", "reader"],
        )
        full = GaugeMetricFamily("wa_supervisor_inbox_full", "1: it is full", labels=_SESSION)
        refused = CounterMetricFamily(
            "wa_supervisor_gate_refused",
            "Messages that the gate refused since the start",
            labels=["session", "reason"],
        )
        for each in self._statuses:
            if (received := each.received) is None:
                continue
            total.add_metric([each.session], received.total)
            full.add_metric([each.session], received.is_full)
            for reader, number in received.readers.items():
                waiting.add_metric([each.session, reader], number)
            for reason, number in received.refused.items():
                refused.add_metric([each.session, reason], number)
        yield from (total, waiting, full, refused)

    def _versions(self) -> Metric:
        info = InfoMetricFamily("wa_supervisor_build", "Versions")
        for each in self._statuses[:1]:
            info.add_metric([], {k.replace("-", "_"): v for k, v in each.versions.items()})
        return info


def _stamp(moment: object) -> float | None:
    stamp = getattr(moment, "timestamp", None)
    return None if stamp is None else float(stamp())


def _needs_person(status: Status) -> bool:
    return status.needs_person
