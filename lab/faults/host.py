"""The machine misbehaves, or its operator is in a hurry."""

from __future__ import annotations

import signal

from . import acts, disk, host_acts, limits, waits
from .fault import Fault, Given, Holds, PairsAfresh, Recovers

HOST: tuple[Fault, ...] = (
    Fault(
        "host/suspend",
        "every process stands still for 3 s while the server hangs up",
        (waits.later(1.0, acts.drop), host_acts.suspend(3.0)),
        Recovers(8),
        dials=2,
    ),
    Fault(
        "host/no-descriptors",
        "the client can open no more files or sockets",
        (host_acts.no_descriptors, acts.drop),
        Recovers(10),
        policy={"reconnect_timeout": 2.0},
        dials=3,
    ),
    Fault(
        "host/disk-full",
        "the client can write no more to its files, and must log in again",
        (host_acts.disk_full, acts.drop),
        Recovers(10),
        policy={"reconnect_timeout": 2.0, "start_timeout": 4.0},
        dials=4,
    ),
    Fault(
        "host/no-fork-server",
        "the fork server dies, and its client with it",
        (host_acts.fork_server_gets(signal.SIGKILL),),
        Recovers(10),
        supervisor_only=True,
        soak=True,
    ),
    Fault(
        "host/fork-server-hangs",
        "the fork server hangs (SIGSTOP) and the client dies",
        (host_acts.fork_server_gets(signal.SIGSTOP), host_acts.kill()),
        Recovers(12),
        supervisor_only=True,
    ),
    Fault(
        "host/fork-without-descriptors",
        "the fork server can open no more descriptors and the client dies",
        (host_acts.no_descriptors_to_fork, host_acts.kill()),
        Recovers(10),
        supervisor_only=True,
        dials=3,
    ),
    Fault(
        "host/no-fork",
        "the kernel forks nothing more for 2 s (EAGAIN), and the client dies",
        (host_acts.without_forks(host_acts.kill(), waits.wait(2)),),
        Recovers(10),
        supervisor_only=True,
        needs=limits.why_forks_cannot_be_limited,
    ),
    Fault(
        "host/no-memory",
        "no process gets memory to load the client into for 3 s, and the client dies",
        (host_acts.without_memory(host_acts.kill(), waits.wait(3)),),
        Recovers(10),
        supervisor_only=True,
    ),
    Fault(
        "host/no-space",
        "the disk is really full, to the last byte, for 3 s, and the client dies",
        (host_acts.fill_disk, host_acts.kill(), waits.wait(3), host_acts.free_disk),
        Recovers(12),
        dials=5,
        disk=8,
        needs=disk.why_no_small_disk,
    ),
    Fault(
        "host/no-space-connected",
        "the disk is really full for 3 s while connected, and the connection is reset",
        (host_acts.fill_disk, acts.drop, waits.wait(3), host_acts.free_disk),
        Recovers(12),
        dials=5,
        disk=8,
        needs=disk.why_no_small_disk,
    ),
    Fault(
        "host/database-locked",
        "another program locks the session's database for 8 s, and the client dies",
        (host_acts.locks_database(8.0),),
        Recovers(12),
        dials=3,
        records="StorageUnavailable",
    ),
    Fault(
        "host/supervisor-killed",
        "the supervisor is killed, and started again",
        (host_acts.supervisor_gets(signal.SIGKILL), host_acts.ends, waits.mended, host_acts.begin),
        Recovers(15),
        supervisor_only=True,
    ),
    Fault(
        "host/restart",
        "the supervisor is stopped, and started again",
        (host_acts.supervisor_gets(signal.SIGTERM), host_acts.ends, waits.mended, host_acts.begin),
        Recovers(15),
        supervisor_only=True,
    ),
    Fault(
        "host/sigterm-storm",
        "fifty SIGTERMs, and started again",
        (
            host_acts.supervisor_gets(signal.SIGTERM, times=50),
            host_acts.ends,
            waits.mended,
            host_acts.begin,
        ),
        Recovers(15),
        supervisor_only=True,
    ),
    *(
        Fault(
            f"host/clock-{name}",
            f"the wall clock jumps {words} while the supervisor is down",
            (
                host_acts.supervisor_gets(signal.SIGTERM),
                host_acts.ends,
                host_acts.clock_was(days),
                waits.mended,
                host_acts.begin,
            ),
            Recovers(15),
            supervisor_only=True,
        )
        for name, words, days in (
            ("ahead", "ten years ahead", 3650.0),
            ("back", "ten years back", -3650.0),
        )
    ),
    Fault(
        "host/no-descriptors-pairing",
        "the client can open no more files or sockets while a QR shows",
        (host_acts.no_descriptors, acts.drop_pairing, waits.withdrawn),
        PairsAfresh(8),
        Given.FRESH,
    ),
    Fault(
        "host/keys-unreadable",
        "the session's database is overwritten with rubbish",
        (
            host_acts.supervisor_gets(signal.SIGTERM),
            host_acts.ends,
            host_acts.spoil_database,
            waits.mended,
            host_acts.begin,
        ),
        Holds("storage_failed", within=15),
        supervisor_only=True,
    ),
)
