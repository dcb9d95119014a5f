"""A fork server that never answers the first request and refuses all others.

Started in place of ours as `deaf_fork_server.py FD PARENT`.
"""

from __future__ import annotations

import os
import socket
import sys

from wa_supervisor.session.shared import fork_protocol


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    fork_protocol.send(control, fork_protocol.Ready())
    while (received := fork_protocol.receive(control)) is not None:
        packet, fds = received
        for fd in fds:
            os.close(fd)
        if isinstance(packet, fork_protocol.Fork) and packet.request > 1:
            refusal = fork_protocol.Refused(request=packet.request, error="not today")
            fork_protocol.send(control, refusal)


main()
