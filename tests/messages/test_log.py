"""The log of received events: what `append` returned for is read, whatever became of its writer."""

from __future__ import annotations

import errno
import itertools
import os
import stat
import threading
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages.events import MEMORY, MESSAGE, append, newest, read_all, read_records, writer
from wa_supervisor.messages import sync
from wa_supervisor.messages.errors import LogError
from wa_supervisor.messages.log import LogOptions, LogWriter, Outcome, Trouble
from wa_supervisor.messages.record import HEADER, LATE, MAX_EVENT, Flaw, encode
from wa_supervisor.messages.segments import Position, Tail, segment_numbers, segment_path

events = st.lists(st.binary(max_size=300), max_size=30)


def a_record(data: bytes) -> bytes:
    return encode(MESSAGE, data, flags=0, generation=1, connected=0)


# -- what is written is read ----------------------------------------------------------------------


@given(events, st.integers(1, 2000), st.integers(1, 7))
def test_every_event_is_read_in_order_however_the_segments_fall(
    given_events: list[bytes], segment_bytes: int, limit: int
) -> None:
    with TemporaryDirectory(dir=MEMORY) as name:
        directory = Path(name)
        options = LogOptions(segment_bytes=segment_bytes, reserve_bytes=0)
        with closing(writer(directory, options=options)) as log:
            append(log, *given_events)
            assert read_all(directory, limit=limit) == (given_events, [])
        assert read_all(directory) == (given_events, [])


def test_a_record_says_what_was_known_when_it_came(tmp_path: Path) -> None:
    before = time.time_ns()
    with closing(writer(tmp_path, generation=41)) as log:
        log.append(44, b"canary", flags=LATE, connected=before - 5)
    ((record,), _) = read_records(tmp_path)
    header = record.header
    assert (header.event, header.flags, header.generation) == (44, LATE, 41)
    assert header.connected == before - 5
    assert before <= header.arrived <= time.time_ns()
    assert "canary" not in repr(record)


def test_a_segment_is_left_when_it_is_long_enough_and_its_successor_sorts_after_it(
    tmp_path: Path,
) -> None:
    with closing(writer(tmp_path)) as log:
        append(log, *[bytes(1000)] * 40)
    numbers = segment_numbers(tmp_path)
    assert numbers == sorted(numbers)
    assert len(numbers) == 11
    assert sorted(path.name for path in tmp_path.glob("*.log")) == [
        segment_path(tmp_path, number).name for number in numbers
    ]


def test_nobody_else_may_read_the_log(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        with closing(writer(tmp_path / "log")) as log:
            append(log, b"x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o700
    for path in (tmp_path / "log").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_the_process_starts_does_not_inherit_the_log(tmp_path: Path) -> None:
    with closing(writer(tmp_path)) as log:
        assert not os.get_inheritable(log._descriptor)
        assert not os.get_inheritable(log._reserve)


def test_an_append_is_one_write_and_nothing_else(tmp_path: Path) -> None:
    with closing(writer(tmp_path)) as log, mock.patch("wa_supervisor.messages.log.os") as system:
        system.write = mock.Mock(side_effect=os.write)
        append(log, b"x", b"y")
        assert len(system.mock_calls) == 2
        assert [call[0] for call in system.mock_calls] == ["write", "write"]


# -- a writer that was killed ---------------------------------------------------------------------


def test_a_tail_torn_at_any_byte_is_passed_over_and_told_once_there_is_a_new_writer(
    tmp_path: Path,
) -> None:
    last = b"the last one"
    size = HEADER + len(last)
    for cut in range(size + 1):
        directory = tmp_path / str(cut)
        with closing(writer(directory)) as log:
            append(log, b"first", b"second", last)
        os.truncate(newest(directory), 2 * HEADER + 11 + cut)
        kept = [b"first", b"second"] + [last] * (cut == size)
        # While there is no new writer it may be a record that is being written.
        assert read_all(directory) == (kept, [])
        with closing(writer(directory, generation=2)) as log:
            append(log, b"after")
        read, damages = read_all(directory)
        assert read == [*kept, b"after"]
        torn = [(each.flaw, each.size) for each in damages]
        assert torn == ([] if cut in {0, size} else [(Flaw.SHORT, cut)])


def test_a_record_that_is_being_written_is_waited_for(tmp_path: Path) -> None:
    with closing(writer(tmp_path)) as log:
        append(log, b"first")
    tail = Tail(tmp_path, Position(0, 0))
    assert len(tail.read(10).records) == 1
    whole = a_record(bytes(5000))
    with newest(tmp_path).open("ab", buffering=0) as file:
        for begin in range(0, len(whole), 700):
            assert tail.read(10).records == []
            file.write(whole[begin : begin + 700])
    ((_, record),) = tail.read(10).records
    assert record.data == bytes(5000)
    tail.close()


def test_what_was_written_just_before_the_segment_was_left_is_not_passed_over(
    tmp_path: Path,
) -> None:
    log = writer(tmp_path)
    append(log, b"first")
    tail = Tail(tmp_path, Position(1, 0))
    real = segment_numbers

    def racing(directory: Path) -> list[int]:
        """The writer appends and goes on to a new segment after the reader saw the end."""
        if len(real(directory)) == 1:
            append(log, b"second", bytes(5000), b"third")
        return real(directory)

    with mock.patch("wa_supervisor.messages.segments.segment_numbers", racing):
        found = [record.data for _, record in tail.read(100).records]
        found += [record.data for _, record in tail.read(100).records]
    assert found == [b"first", b"second", bytes(5000), b"third"]
    tail.close()
    log.close()


def test_a_whole_record_inside_a_torn_one_is_never_taken_for_one(tmp_path: Path) -> None:
    forged = a_record(b"from the owner")
    with closing(writer(tmp_path)) as log:
        append(log, b"first", forged * 3)
    path = newest(tmp_path)
    for cut in range(1, len(forged) * 3):
        os.truncate(path, path.stat().st_size - 1)
        assert read_all(tmp_path) == ([b"first"], []), cut
    with closing(writer(tmp_path)) as log:
        append(log, b"after")
    assert read_all(tmp_path)[0] == [b"first", b"after"]


@given(st.data())
def test_a_spoiled_byte_yields_no_record_that_was_not_written_and_loses_none_before_it(
    data: st.DataObject,
) -> None:
    written = [bytes([number]) * 20 for number in range(6)]
    size = HEADER + 20
    with TemporaryDirectory(dir=MEMORY) as name:
        directory = Path(name)
        with closing(writer(directory)) as log:
            append(log, *written)
        content = bytearray(newest(directory).read_bytes())
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] ^= data.draw(st.integers(1, 255))
        newest(directory).write_bytes(content)
        with closing(writer(directory)) as log:
            append(log, b"after")
        read, damages = read_all(directory)
        hit, inside = divmod(at, size)
        in_payload = inside >= HEADER
        expected = written[:hit] + (written[hit + 1 :] if in_payload else [])
        assert read == [*expected, b"after"]
        assert [each.flaw for each in damages] == [Flaw.PAYLOAD if in_payload else Flaw.HEADER]
        assert damages[0].position.offset == hit * size
        assert damages[0].size == (size if in_payload else len(content) - hit * size)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_bytes_whatever_stop_the_reader(garbage: bytes, more: bytes) -> None:
    with TemporaryDirectory(dir=MEMORY) as name:
        directory = Path(name)
        for number, content in ((3, garbage), (5, a_record(b"x") + more)):
            segment_path(directory, number).write_bytes(content)
        with closing(writer(directory)) as log:
            append(log, b"after")
        assert read_all(directory)[0] == [b"x", b"after"]


def test_a_newest_segment_with_a_spoiled_header_is_said_to_block(tmp_path: Path) -> None:
    log = writer(tmp_path)
    append(log, b"first")
    with newest(tmp_path).open("ab") as file:
        file.write(bytes(HEADER))
    append(log, b"behind it")
    tail = Tail(tmp_path, Position(0, 0))
    piece = tail.read(10)
    assert [record.data for _, record in piece.records] == [b"first"]
    assert piece.blocked
    log.close()
    with closing(writer(tmp_path)) as log:
        append(log, b"after")
    piece = tail.read(10)
    assert [record.data for _, record in piece.records] == [b"after"]
    assert not piece.blocked
    assert [each.flaw for each in piece.damages] == [Flaw.HEADER]
    tail.close()


def test_a_new_writer_touches_no_segment_of_an_old_one_and_takes_no_number_again(
    tmp_path: Path,
) -> None:
    with closing(writer(tmp_path)) as log:
        append(log, b"old")
    before = newest(tmp_path).read_bytes()
    with closing(writer(tmp_path, after=7)) as log:
        append(log, b"new")
    assert segment_numbers(tmp_path) == [1, 8]
    assert segment_path(tmp_path, 1).read_bytes() == before
    segment_path(tmp_path, 8).unlink()  # a power cut took its name away
    with closing(writer(tmp_path, after=8)) as log:
        append(log, b"newer")
    assert segment_numbers(tmp_path) == [1, 9]


# -- a disk that does not take it -----------------------------------------------------------------


_write = os.write


class Disk:
    """`os.write` of a disk that takes so many bytes, and then fails as it is told to."""

    def __init__(self, code: int, takes: int, fails: int = 1_000) -> None:
        self.code, self.takes, self.fails = code, takes, fails

    def write(self, descriptor: int, data: bytes) -> int:
        if self.fails <= 0 or len(data) <= self.takes:
            return _write(descriptor, data)
        self.fails -= 1
        taken, self.takes = self.takes, 0
        if taken:
            return _write(descriptor, data[:taken])
        raise OSError(self.code, os.strerror(self.code))

    def patched(self) -> mock._patch[object]:
        return mock.patch.multiple("wa_supervisor.messages.log.os", write=self.write)


@pytest.mark.parametrize("takes", [0, 1, HEADER - 1, HEADER, HEADER + 3])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_told_and_no_part_of_an_event_is_ever_read(
    tmp_path: Path, code: int, takes: int
) -> None:
    with closing(writer(tmp_path)) as log:
        append(log, b"first")
        with Disk(code, takes).patched():
            for _ in range(3):
                assert log.append(MESSAGE, b"second") is Outcome.FULL
            assert log.trouble == Trouble("write the log", errno.errorcode[code])
        assert log.append(MESSAGE, b"second") is Outcome.RESERVE_USED
        assert log.take_reserve()
        assert log.append(MESSAGE, b"third") is Outcome.WRITTEN
    read, damages = read_all(tmp_path)
    assert read == [b"first", b"second", b"third"]
    assert sum(each.size for each in damages) == takes


@pytest.mark.parametrize("takes", [0, 20])
def test_an_event_that_finds_no_room_is_written_with_the_reserve(
    tmp_path: Path, takes: int
) -> None:
    with closing(writer(tmp_path)) as log:
        with Disk(errno.ENOSPC, takes, fails=1).patched():
            assert log.append(MESSAGE, b"one") is Outcome.RESERVE_USED
        assert (tmp_path / "reserve").stat().st_size == 0
        assert log.append(MESSAGE, b"two") is Outcome.RESERVE_USED
    assert read_all(tmp_path)[0] == [b"one", b"two"]


def test_a_disk_that_fails_once_costs_a_segment_and_no_event(tmp_path: Path) -> None:
    with closing(writer(tmp_path)) as log:
        append(log, b"one")
        with Disk(errno.EIO, 0, fails=1).patched():
            append(log, b"two", b"three")
        assert log.trouble == Trouble("write the log", "EIO")
    assert read_all(tmp_path) == ([b"one", b"two", b"three"], [])
    assert len(segment_numbers(tmp_path)) == 2


def test_a_disk_that_is_broken_is_told_and_tried_again_each_time(tmp_path: Path) -> None:
    with closing(writer(tmp_path)) as log:
        with Disk(errno.EIO, 0).patched():
            assert log.append(MESSAGE, b"one") is Outcome.BROKEN
            assert log.append(MESSAGE, b"one") is Outcome.BROKEN
        append(log, b"one")
    assert read_all(tmp_path) == ([b"one"], [])


def test_a_segment_that_cannot_be_made_is_done_without(tmp_path: Path) -> None:
    with closing(writer(tmp_path)) as log:
        with mock.patch(
            "wa_supervisor.messages.log.os.open", side_effect=OSError(errno.EMFILE, "x")
        ):
            append(log, *[bytes(5000)] * 3)
        assert log.trouble == Trouble("begin a segment of the log", "EMFILE")
        append(log, b"x", b"y")
    assert read_all(tmp_path) == ([*[bytes(5000)] * 3, b"x", b"y"], [])
    assert len(segment_numbers(tmp_path)) == 2


def test_an_event_that_is_too_long_is_refused(tmp_path: Path) -> None:
    class Long(bytes):
        def __len__(self) -> int:
            return MAX_EVENT + 1

    with closing(writer(tmp_path)) as log:
        assert log.append(MESSAGE, Long()) is Outcome.BROKEN
        append(log, b"x")
    assert read_all(tmp_path) == ([b"x"], [])


def test_no_writer_begins_without_its_reserve(tmp_path: Path) -> None:
    with (
        mock.patch(
            "wa_supervisor.messages.log.os.posix_fallocate",
            side_effect=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        ),
        pytest.raises(LogError, match="No space left") as caught,
    ):
        writer(tmp_path)
    assert caught.value.retriable
    assert "free space" in str(caught.value.hint)
    assert segment_numbers(tmp_path) == []


def test_a_directory_that_cannot_be_made_is_a_log_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LogError, match="begin the log"):
        writer(tmp_path / "file" / "log")


def test_a_directory_that_others_may_enter_is_a_log_error_and_says_what_helps(
    tmp_path: Path,
) -> None:
    (tmp_path / "log").mkdir(mode=0o755)
    (tmp_path / "log").chmod(0o755)
    with pytest.raises(LogError, match="others could open") as caught:
        writer(tmp_path / "log")
    assert caught.value.hint is not None
    assert segment_numbers(tmp_path / "log") == []


# -- power cuts -----------------------------------------------------------------------------------


def test_writes_are_synchronised_in_groups_and_never_by_the_thread_that_appends(
    tmp_path: Path,
) -> None:
    threads: set[int] = set()
    times: list[float] = []
    real = os.fdatasync

    def watched(descriptor: int) -> None:
        threads.add(threading.get_ident())
        times.append(time.monotonic())
        real(descriptor)

    options = LogOptions("power", segment_bytes=1 << 20, reserve_bytes=0)
    with mock.patch.object(sync, "_fdatasync", watched):
        log = LogWriter.open(tmp_path, generation=1, after=0, options=options)
        begin = time.monotonic()
        while time.monotonic() - begin < 0.5:
            append(log, b"x")
            time.sleep(0.001)
        log.close()
    assert threading.get_ident() not in threads
    assert len(threads) == 1
    # The last is the one of `close`.
    assert all(b - a >= sync.APART - 0.001 for a, b in itertools.pairwise(times[:-1]))
    assert len(times) >= 2


def test_a_sync_that_fails_is_told(tmp_path: Path) -> None:
    told: list[Trouble] = []
    options = LogOptions("power", segment_bytes=1 << 20, reserve_bytes=0)
    with mock.patch.object(sync, "_fdatasync", side_effect=OSError(errno.EIO, "x")):
        log = LogWriter.open(
            tmp_path, generation=1, after=0, options=options, on_trouble=told.append
        )
        append(log, b"x")
        log.close()
    assert Trouble("make the log survive a power cut", "EIO") in told
    assert log.trouble in told


class Stepped(sync.Synchroniser):
    """A synchroniser without its thread: it does one thing when it is told to."""

    def __init__(self, directory: Path) -> None:
        with mock.patch("threading.Thread.start"):
            super().__init__(directory, lambda _: None)

    def step(self) -> bool:
        if self._orders.empty():
            return False
        with mock.patch("time.sleep"):
            self._do(*self._orders.get())
        return True


class Platter:
    """What a power cut would leave: the names and sizes that were synchronised."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.names: set[int] = set()
        self.sizes: dict[int, int] = {}

    def fdatasync(self, descriptor: int) -> None:
        found = os.fstat(descriptor)
        for number in segment_numbers(self.directory):
            if os.path.samestat(segment_path(self.directory, number).stat(), found):
                self.sizes[number] = found.st_size

    def sync_directory(self, _: Path) -> None:
        self.names = set(segment_numbers(self.directory))


@given(st.data())
def test_after_a_power_cut_everything_before_the_last_sync_is_read_in_order(
    data: st.DataObject,
) -> None:
    with TemporaryDirectory(dir=MEMORY) as name:
        directory = Path(name)
        platter = Platter(directory)
        options = LogOptions(segment_bytes=400, reserve_bytes=0)
        log = writer(directory, options=options)
        log._synchroniser = stepped = Stepped(directory)
        stepped.began()
        written: list[bytes] = []
        promised = 0
        with (
            mock.patch.object(sync, "_fdatasync", platter.fdatasync),
            mock.patch.object(sync, "sync_directory", platter.sync_directory),
        ):
            acts = st.sampled_from(["append", "append", "step", "settle"])
            for act in data.draw(st.lists(acts, max_size=60)):
                if act == "append":
                    written.append(b"%d" % len(written) + bytes(data.draw(st.integers(0, 90))))
                    append(log, written[-1])
                while act != "append" and stepped.step() and act == "settle":
                    pass
                if stepped._orders.empty():
                    promised = len(written)
            for number in segment_numbers(directory):
                path = segment_path(directory, number)
                size = path.stat().st_size
                if number not in platter.names and data.draw(st.booleans()):
                    path.unlink()
                    continue
                kept = data.draw(st.integers(platter.sizes.get(number, 0), size))
                zeros = data.draw(st.integers(0, size - kept))
                os.truncate(path, kept)
                os.truncate(path, kept + zeros)
        while stepped.step():
            pass  # what is left is closed
        log._synchroniser = None
        log.close()
        with closing(writer(directory, generation=2, options=options)) as after:
            append(after, b"after")
        *read, last = read_all(directory)[0]
        assert last == b"after"
        assert read[:promised] == written[:promised]
        assert read == [each for each in written if each in read]
