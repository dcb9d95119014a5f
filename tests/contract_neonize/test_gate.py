"""The gate reads the very messages of neonize, not only something of their shape."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import json
from neonize.proto import Neonize_pb2 as wire
from wa_supervisor.gate import Envelope, Lid, Phone

def jid(user, server, device=0):
    return wire.JID(
        User=user, Server=server, Device=device, RawAgent=0, Integrator=0, IsEmpty=False
    )

absent = wire.JID(User="", Server="", Device=0, RawAgent=0, Integrator=0, IsEmpty=True)

def envelope(chat, sender, alt=absent, recipient=absent, from_me=False, group=False):
    source = wire.MessageSource(
        Chat=chat, Sender=sender, SenderAlt=alt, RecipientAlt=recipient,
        IsFromMe=from_me, IsGroup=group, BroadcastListOwner=absent,
    )
    source = wire.MessageSource.FromString(source.SerializeToString())
    made = Envelope.of(source, {Lid("1"): Phone("4915112345678")})
    sender = made.sender and [each.reveal() for each in made.sender.addresses]
    return [type(made.chat).__name__, sender, made.from_me]

hidden, number = jid("1", "lid"), jid("4915112345678", "s.whatsapp.net", 12)
group, status = jid("120363025246125486", "g.us"), jid("status", "broadcast")
print(json.dumps([
    envelope(hidden, hidden),
    envelope(number, number, hidden),
    envelope(group, number, hidden, group=True),
    envelope(status, number, group=True),
    envelope(hidden, jid("2", "lid", 3), recipient=number, from_me=True),
]))
"""


def test_the_gate_reads_a_message_source_of_neonize() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    number = "4915112345678@s.whatsapp.net"
    assert json.loads(done.stdout) == [
        ["Identity", [number, "1@lid"], False],
        ["Identity", [number, "1@lid"], False],
        ["Group", [number, "1@lid"], False],
        ["Status", [number], False],
        ["Identity", ["2@lid"], True],
    ]
