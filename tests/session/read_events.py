"""Reads JSON cases from stdin, makes neonize's own messages of them, and prints their facts.

It runs in a process of its own, so that neonize is not imported into the tests'.
"""

from __future__ import annotations

import importlib
import json
import sys

from wa_supervisor.session.child import adapter, preload
from wa_supervisor.session.shared import protocol


def main() -> None:
    preload.preload()
    messages = importlib.import_module("neonize.proto.Neonize_pb2")
    events = importlib.import_module("neonize.events")
    names = {event.DESCRIPTOR.name for event in events.EVENT_TO_INT}
    facts = []
    for name, fields in json.load(sys.stdin):
        fact = adapter.fact_of_event(name, getattr(messages, name)(**fields), 7)
        facts.append(None if fact is None else protocol.fact_frame(fact).model_dump(mode="json"))
    json.dump(
        {
            "facts": facts,
            "unknown_events": sorted(adapter.EVENTS.keys() - names),
            "failures": messages.ConnectFailureReason.keys(),
            "bans": messages.TemporaryBan.TempBanReason.keys(),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
