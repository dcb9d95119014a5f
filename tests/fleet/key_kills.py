"""Kill a process, or cut its connection, before each statement of a change of keys.

Run as a program, the URL of a fleet's database on stdin: `key_kills.py DEED HOW EVERY`. It prints,
as JSON, what it has left behind each time. Each time a process of its own does it.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import psycopg
from pydantic import SecretStr

from fleet.key_world import KeyWorld, keys_of
from store.devices import connect
from wa_supervisor.fleet.database import FleetDatabase
from wa_supervisor.fleet.ownership import Ownership

if TYPE_CHECKING:
    from collections.abc import Callable

    from wa_supervisor.fleet.keys import FleetKeys


def purge(keys: FleetKeys) -> None:
    keys.purge("logged_out")


def restore(keys: FleetKeys) -> None:
    assert keys.restore()


def copy(keys: FleetKeys) -> None:
    assert keys.before_dial(9)


DEEDS: dict[str, Callable[[FleetKeys], None]] = {"purge": purge, "restore": restore, "copy": copy}


def attempt(step: int, how: str, deed: Callable[[FleetKeys], None], url: SecretStr) -> bool:
    """Do it in a process that is disturbed before this statement; False if it has no such one."""
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            code = disturbed(step, how, deed, url)
        finally:
            os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status not in {0, 1, -signal.SIGKILL}:
        raise RuntimeError(f"the deed failed by itself, before statement {step}")
    return status != 0


def disturbed(step: int, how: str, deed: Callable[[FleetKeys], None], url: SecretStr) -> int:
    real: Any = psycopg.Connection.wait
    count = 0
    hit = False

    def wait(connection: psycopg.Connection[Any], *arguments: Any, **options: Any) -> Any:
        nonlocal count, hit
        count += 1
        if count == step:
            hit = True
            if how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            with connect(url) as other:
                other.execute(
                    "SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,)
                )
        return real(connection, *arguments, **options)

    with FleetDatabase(url) as database:
        database.check()
        keys = keys_of(database, Ownership("shop", "one", 1))
        psycopg.Connection.wait = wait  # type: ignore[method-assign, assignment]
        try:
            deed(keys)
        except Exception:  # what is left behind is looked at
            if not hit:
                raise
        finally:
            psycopg.Connection.wait = real  # type: ignore[method-assign]
    return int(hit)


def prepare(world: KeyWorld, name: str) -> None:
    """Have two copies of older keys, and a device; to be restored, only what is left of it."""
    owner = Ownership("shop", "one", 1)
    keys = keys_of(world.database, owner)
    world.execute("DELETE FROM wa_fleet.key_copies")
    keys.before_dial(1)
    world.execute("DELETE FROM wa_fleet.key_copies")
    world.copies(keys, owner, "a", "b")
    world.write(owner, "b" if name == "restore" else "c", paired=name != "restore")


def main() -> None:
    """See the module."""
    name, how, every = sys.argv[1:]
    url = SecretStr(sys.stdin.read())
    logging.disable()
    states: list[object] = []
    step = 1 - int(every)
    while True:
        step += int(every)
        # A pool has threads, and what forks must not have any.
        with FleetDatabase(url) as database:
            world = KeyWorld(url, database)
            if step == 1:
                prepare(world, name)
                before = world.seen()
            elif states[-1] != before:
                prepare(world, name)
        went_on = attempt(step, how, DEEDS[name], url)
        with FleetDatabase(url) as database:
            states.append(KeyWorld(url, database).seen())
        if not went_on:
            break
    sys.stdout.write(json.dumps(states))


if __name__ == "__main__":
    main()
