"""What neonize looks like inside, as far as the session process leans on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from wa_supervisor.session.child import adapter, preload
from wa_supervisor.session.shared import neonize_texts

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def _inside(script: str) -> Any:
    """Run in a process that has neonize loaded; it prints one JSON value."""
    done = subprocess.run(
        [sys.executable, "-c", "import json\n" + textwrap.dedent(script)],
        env=os.environ | {"HTTPS_PROXY": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_release_is_one_that_this_suite_knows() -> None:
    version = _inside("import neonize; print(json.dumps(neonize.__version__))")
    assert preload.OLDEST <= tuple(map(int, version.split(".")[:3])) <= preload.NEWEST


def test_the_login_status_hook_has_its_name() -> None:
    assert _inside(f"""
        from neonize.client import NewClient
        print(json.dumps(callable(getattr(NewClient, {neonize_texts.LOGIN_STATUS_HOOK!r}, None))))
    """)


def test_the_events_have_their_codes() -> None:
    codes = _inside("""
        from neonize import events
        print(json.dumps({e.DESCRIPTOR.name: c for e, c in events.EVENT_TO_INT.items()}))
    """)
    assert {name: codes[name] for name in adapter.EVENTS} == {
        "PairStatus": 2,
        "Connected": 3,
        "KeepAliveTimeout": 4,
        "KeepAliveRestored": 5,
        "LoggedOut": 6,
        "StreamReplaced": 7,
        "TemporaryBan": 8,
        "ConnectFailure": 9,
        "ClientOutdated": 10,
        "StreamError": 11,
        "Disconnected": 12,
    }


def test_the_enums_have_their_numbers() -> None:
    assert _inside("""
        from neonize.proto import Neonize_pb2 as p
        def numbers(message, field):
            return dict(message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_name.items())
        failures = {n: v.number for n, v in numbers(p.LoggedOut, "Reason").items()}
        bans = {n: v.number for n, v in numbers(p.TemporaryBan, "Code").items()}
        print(json.dumps([failures, bans]))
    """) == [
        {
            "GENERIC": 1,
            "LOGGED_OUT": 2,
            "TEMP_BANNED": 3,
            "MAIN_DEVICE_GONE": 4,
            "UNKNOWN_LOGOUT": 5,
            "CLIENT_OUTDATED": 6,
            "BAD_USER_AGENT": 7,
            "INTERNAL_SERVER_ERROR": 8,
            "EXPERIMENTAL": 9,
            "SERVICE_UNAVAILABLE": 10,
        },
        {
            "SEND_TO_TOO_MANY_PEOPLE": 1,
            "BLOCKED_BY_USERS": 2,
            "CREATED_TOO_MANY_GROUPS": 3,
            "SENT_TOO_MANY_SAME_MESSAGE": 4,
            "BROADCAST_LIST": 5,
        },
    ]


@pytest.mark.parametrize("what", ["WHATSAPP_ROOT", "KEEPALIVE"])
def test_the_trust_root_and_the_keepalive_timers_are_found_exactly_once(what: str) -> None:
    assert (
        _inside(f"""
        from wa_supervisor.session.child import loopback_patch, preload
        preload.preload(); preload.load_library()
        needle = loopback_patch.{what}
        needle = needle if isinstance(needle, bytes) else loopback_patch._durations(needle)
        library = preload.library_path()
        find = loopback_patch._find
        spans = loopback_patch._writable(library)
        hits = [a for s, e in spans for a in find(s, e, needle)]
        print(json.dumps(len(hits)))
    """)
        == 1
    )


def test_execute_takes_a_pointer_and_a_size_and_copies_at_once() -> None:
    """The bot's thread hands it a copy of its own, after Go has freed what it gave us."""
    assert _inside("""
        import ctypes, inspect
        from neonize import events
        source = inspect.getsource(events.Event.execute)
        print(json.dumps("ctypes.string_at(binary, size)" in source))
    """)


def test_the_probe_asks_for_the_blocked_contacts() -> None:
    assert _inside("""
        from neonize.client import NewClient
        print(json.dumps(callable(NewClient.get_blocklist)))
    """)


def test_the_caller_of_connect_sleeps_until_it_is_woken() -> None:
    """By the end of the call into Go and by neonize's stop event; signals are handled meanwhile."""
    found = _inside(
        """
        import os, signal, threading, time
        from wa_supervisor.session.child import connect_wait, preload

        preload.preload()
        changed = connect_wait.sleep_until_woken()
        preload.load_library()
        from neonize.client import NewClient
        from neonize.events import event as stop_event

        def switches():
            status = open(f"/proc/self/task/{os.getpid()}/status").read()
            return int(status.partition("\\nvoluntary_ctxt_switches:")[2].split()[0])

        class Go:
            def __init__(self):
                self.called, self.returns = threading.Event(), threading.Event()

            def Neonize(self, *_):
                self.called.set()
                self.returns.wait(30)

            def Stop(self, *_):
                self.returns.set()

        def connect(end):
            go = Go()
            client = NewClient(":memory:")
            client._NewClient__client = go
            looked = []

            def watch():
                go.called.wait(30)
                time.sleep(0.1)
                before = switches()
                time.sleep(1)
                looked.append(switches() - before)
                end(go)

            threading.Thread(target=watch).start()
            client.connect()
            return looked[0]

        handled = []

        def on_signal(*_):
            handled.append(1)
            stop_event.set()

        signal.signal(signal.SIGUSR1, on_signal)
        returned = connect(lambda go: go.returns.set())
        signalled = connect(lambda go: os.kill(os.getpid(), signal.SIGUSR1))
        print(json.dumps([changed, returned, signalled, len(handled)]))
        """
    )
    changed, *looked, handled = found
    assert changed
    assert max(looked) <= 2  # it was five a second
    assert handled == 1
