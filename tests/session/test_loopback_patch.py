from __future__ import annotations

import ctypes
import struct

import pytest

from wa_supervisor.errors import PatchError
from wa_supervisor.session.child import loopback_patch

ROOT = "cd" * 32
TIMERS = struct.pack("<4q", *(seconds * 10**9 for seconds in (10, 20, 30, 180)))


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> ctypes.Array[ctypes.c_char]:
    """What stands for the library's writable memory."""
    memory = ctypes.create_string_buffer(4096)
    start = ctypes.addressof(memory)
    monkeypatch.setattr(loopback_patch, "_writable", lambda _: [(start, start + len(memory))])
    return memory


def _put(memory: ctypes.Array[ctypes.c_char], at: int, data: bytes) -> None:
    ctypes.memmove(ctypes.addressof(memory) + at, data, len(data))


def test_the_root_key_is_replaced_where_it_is(memory: ctypes.Array[ctypes.c_char]) -> None:
    _put(memory, 100, loopback_patch.WHATSAPP_ROOT)
    loopback_patch.swap_noise_root("lib", ROOT)
    assert memory.raw[100:132] == bytes.fromhex(ROOT)
    assert memory.raw.strip(b"\0") == bytes.fromhex(ROOT)


def test_the_four_timers_are_scaled_together(memory: ctypes.Array[ctypes.c_char]) -> None:
    _put(memory, 64, TIMERS)
    loopback_patch.scale_keepalive("lib", 0.025)
    scaled = [nanoseconds / 1e9 for nanoseconds in struct.unpack("<4q", memory.raw[64:96])]
    assert scaled == [0.25, 0.5, 0.75, 4.5]


@pytest.mark.parametrize("places", [(), (100, 200)])
def test_another_layout_is_refused_and_left_alone(
    memory: ctypes.Array[ctypes.c_char], places: tuple[int, ...]
) -> None:
    for place in places:
        _put(memory, place, loopback_patch.WHATSAPP_ROOT)
    before = memory.raw
    with pytest.raises(PatchError, match=f"found {len(places)} times"):
        loopback_patch.swap_noise_root("lib", ROOT)
    assert memory.raw == before


def test_a_library_that_is_not_loaded_is_refused() -> None:
    with pytest.raises(PatchError, match="0 times"):
        loopback_patch.swap_noise_root("/nowhere/neonize.so", ROOT)


def test_other_systems_are_told_that_it_is_linux_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(PatchError, match="Linux only"):
        loopback_patch.scale_keepalive("lib", 0.5)
