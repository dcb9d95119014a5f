"""neonize is imported in processes of their own: the tests' process must stay without it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PREAMBLE = """
import logging, sys, threading
from pathlib import Path
from wa_supervisor.session.child import preload

def loaded():
    return "neonize-linux" in Path("/proc/self/maps").read_text()

"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/maps")


def _run(script: str, *path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + textwrap.dedent(script)],
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join(map(str, path)), "HTTPS_PROXY": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def neonize(tmp_path: Path) -> Path:
    """A copy of the installed neonize, made of links, to take apart."""
    spec = importlib.util.find_spec("neonize")
    assert spec is not None
    assert spec.origin is not None
    copy = tmp_path / "neonize"
    copy.mkdir()
    for entry in Path(spec.origin).parent.iterdir():
        (copy / entry.name).symlink_to(entry)
    return copy


def test_the_import_loads_no_go_starts_no_thread_and_leaves_the_root_logger_alone() -> None:
    _run("""
        neonize = preload.preload()
        assert preload.preload() is neonize
        root = logging.getLogger()
        assert (root.handlers, root.level) == ([], logging.WARNING)
        assert threading.active_count() == 1
        assert not loaded()
        from neonize.client import NewClient  # a client can be made without Go
        import ctypes
        assert ctypes.CDLL.__name__ == "CDLL"

        assert preload.load_library() == neonize.__version__
        assert preload.load_library() == neonize.__version__
        assert loaded()
        from neonize._binder import gocode
        assert gocode.IsLoggedIn(b"nobody") is False  # restype was applied
        assert gocode.Stop(b"nobody") == b""  # and errcheck
    """)


def test_what_few_sessions_use_is_imported_when_it_is_used() -> None:
    _run("""
        import importlib
        from wa_supervisor.session.child.on_first_use import SELDOM_USED
        preload.preload()
        client = importlib.import_module("neonize.client")
        utils = importlib.import_module("neonize.utils")
        iofile = importlib.import_module("neonize.utils.iofile")
        assert not {*SELDOM_USED, "bs4", "rich", "urllib3"} & {*sys.modules}

        assert "+1 555-000-1111" in utils.gen_vcard("Ann", "15550001111")  # by phonenumbers
        for ask in (iofile.requests.get, client.link_preview):
            try:
                ask("http://127.0.0.1:9/nobody")
            except iofile.requests.exceptions.RequestException:
                continue
            raise SystemExit("somebody listens on the discard port")
        import requests
        assert iofile.requests.Session is requests.Session
    """)


def test_whatsmeows_logs_arrive_after_the_import() -> None:
    _run("""
        preload.preload()
        from neonize.proto.Neonize_pb2 import LogEntry
        log = sys.modules["neonize.utils.log"]
        preload.start_log_worker()
        got = threading.Event()
        class Handler(logging.Handler):
            def emit(self, record):
                assert (record.name, record.getMessage()) == ("whatsmeow.Client", "hello")
                got.set()
        logging.getLogger("whatsmeow.Client").addHandler(Handler())
        entry = LogEntry(Name="Client", Level="WARNING", Message="hello").SerializeToString()
        log._log_queue.put(entry)
        assert got.wait(5)
    """)


_REFUSED = """
    try:
        {call}
    except preload.NeonizeUnusable as error:
        print(error, "|", error.hint)
    else:
        raise SystemExit("it was not refused")
    assert not loaded()
"""


def test_a_missing_library_is_never_downloaded(neonize: Path) -> None:
    for library in neonize.glob("neonize-*"):
        library.unlink()
    said = _run(_REFUSED.format(call="preload.preload()"), neonize.parent)
    assert "is not installed" in said
    assert "install neonize anew" in said
    assert list(neonize.glob("neonize-*")) == []


def test_a_library_of_another_version_is_refused(neonize: Path) -> None:
    (download := neonize / "download.py").unlink()
    download.write_text('__GONEONIZE_VERSION__ = "9.9.9"\ndef download(): raise SystemExit\n')
    said = _run(
        _REFUSED.format(call="preload.preload(); preload.load_library()").replace(
            "assert not loaded()", ""
        ),
        neonize.parent,
    )
    assert "is version 0.5" in said
    assert "expects 9.9.9" in said


def test_a_broken_library_is_refused(neonize: Path) -> None:
    (library := next(neonize.glob("neonize-*"))).unlink()
    library.write_bytes(b"\x7fELF")
    said = _run(_REFUSED.format(call="preload.preload(); preload.load_library()"), neonize.parent)
    assert "cannot be loaded" in said


def test_a_neonize_without_the_login_hook_is_refused() -> None:
    said = _run(
        'preload.LOGIN_STATUS_HOOK = "_NewClient__gone"'
        + _REFUSED.format(call="preload.preload()").replace("\n    ", "\n")
    )
    assert "install neonize==0.5.2" in said


@pytest.mark.parametrize("error", ["ImportError", "NameError"])
def test_a_neonize_that_cannot_be_imported_is_refused(tmp_path: Path, error: str) -> None:
    (tmp_path / "neonize.py").write_text(f"raise {error}('no such thing')")
    assert "no such thing" in _run(_REFUSED.format(call="preload.preload()"), tmp_path)


def test_without_libmagic_only_media_fail_and_say_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "magic.py").write_text("raise ImportError('failed to find libmagic')")
    said = _run(
        "preload.preload()\nimport magic"
        + _REFUSED.format(call='magic.from_buffer(b"", mime=True)').replace("\n    ", "\n"),
        tmp_path,
    )
    assert "libmagic1" in said


def test_want_of_memory_is_not_held_against_neonize() -> None:
    said = _run("""
        import resource
        preload.preload()
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize(), hard))
        try:
            preload.load_library()
        except preload.NoRoom as error:
            print(error.advice)
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        preload.load_library()  # once there is room again
    """)
    assert "cannot be loaded" in said
    assert "free some memory" in said


@pytest.mark.parametrize("version", ["0.5.1", "0.5.3", "0.6.0", "1.0.0", "0.4.3.post0"])
def test_a_release_nobody_has_tried_is_refused_with_the_one_to_install(version: str) -> None:
    said = _run(
        f'preload.preload().__version__ = "{version}"'
        + _REFUSED.format(call="preload.require_known_release()").replace("\n    ", "\n")
    )
    assert f"neonize {version} is not a release that wa-supervisor was tested with (0.5.2)" in said
    assert "install neonize==0.5.2; or set allow_unknown_neonize = true" in said


@pytest.mark.parametrize("version", ["0.5.2", "0.5.2.post1"])
def test_a_release_that_passed_the_contract_is_taken(version: str) -> None:
    _run(f"""
        preload.preload().__version__ = "{version}"
        preload.require_known_release()
    """)
