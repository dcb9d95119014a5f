"""Prints, as JSON, the descriptors of all of neonize's messages and the numbers of its events.

It runs in a process of its own, so that neonize is not imported into the tests'.
"""

from __future__ import annotations

import base64
import importlib
import json
import sys
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from wa_supervisor.session.child import preload


def main() -> None:
    preload.preload()
    root = importlib.import_module("neonize.proto.Neonize_pb2").DESCRIPTOR
    events = importlib.import_module("neonize.events")
    files: dict[str, FileDescriptorProto] = {}

    def add(file: Any) -> None:
        """What a file needs goes before it."""
        if file.name not in files:
            for needed in file.dependencies:
                add(needed)
            files[file.name] = FileDescriptorProto.FromString(file.serialized_pb)

    add(root)
    found = FileDescriptorSet(file=files.values()).SerializeToString()
    numbers = {event.DESCRIPTOR.full_name: code for event, code in events.EVENT_TO_INT.items()}
    json.dump({"files": base64.b64encode(found).decode(), "events": numbers}, sys.stdout)


if __name__ == "__main__":
    main()
