"""neonize's own message classes, without its Go library: reads and writes `waE2E.Message`.

Run as a program: each line of input is a JSON object, {"read": hex} or {"write": fields}, and is
answered by a line with the fields, or the hex.
"""

from __future__ import annotations

import importlib
import json
import site
import sys
import types
from pathlib import Path


def main() -> None:
    package = types.ModuleType("neonize")  # so that its __init__, which loads Go, does not run
    package.__path__ = [str(Path(each) / "neonize") for each in site.getsitepackages()]
    sys.modules["neonize"] = package
    messages = importlib.import_module("neonize.proto.waE2E.WAWebProtobufsE2E_pb2")
    json_format = importlib.import_module("google.protobuf.json_format")
    for line in sys.stdin:
        asked = json.loads(line)
        message = messages.Message()
        if "read" in asked:
            message.ParseFromString(bytes.fromhex(asked["read"]))
            answer = json_format.MessageToDict(message)
        else:
            json_format.ParseDict(asked["write"], message)
            answer = message.SerializeToString().hex()
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


main()
