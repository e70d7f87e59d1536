"""The window in a file: what it outlives, whom it lets in, and in what order."""

import fcntl
import json
import os
import threading
from stat import S_IMODE

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchcancel.api import PERMIT_S
from batchcancel.errors import InputError, LedgerWriteFailed
from batchcancel.huskyvoice import window_file
from batchcancel.huskyvoice.window_file import window_path
from batchcancel.huskyvoice.window_log import GRACE_S, Gate, Slot, WindowLog, read_log
from tests.windows import file_window

FULL = 60.0 + PERMIT_S + 10.0
"""When the last request that anybody can have sent before now is counted no more."""


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "window.json"


@pytest.fixture
def window(path, clock):
    """A program's window; the folder is there as soon as one was opened."""

    def window(limit=2, **options):
        made = file_window(path, clock, limit=limit, **options)
        made.open()
        return made

    return window


def take(window, count):
    return [window.take().slot for _ in range(count)]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[]", b'"text"', b"\xff\xfe", b"[" * 100_000, b'{"format": 1}',
     b'{"format": "1"}', b'{"format": 0, "slots": {}}',
     WindowLog("a boot", keep=float("nan")).text().encode()],
    ids=lambda content: repr(content[:20]),
)  # fmt: skip
def test_a_file_that_cannot_be_read_counts_as_full_for_one_window(window, path, clock, content):
    one = window()
    path.write_bytes(content)
    assert (None, FULL) == one.take()[:2]
    clock.now += FULL - 1
    assert one.take().slot is None
    clock.now += 1
    assert None not in take(one, 2)


def test_looking_at_a_file_that_cannot_be_read_finds_it_full_too(window, path):
    one = window()
    path.write_bytes(b"{")
    assert FULL == one.look().wait


def test_who_holds_a_slot_of_a_file_that_is_lost_gives_back_nobody_elses(window, path):
    one, another = window(limit=1), window(limit=1)
    lost = one.take().slot
    path.unlink()
    assert another.take().slot is not None
    one.unused(lost)
    assert one.take().slot is None


def test_a_file_of_a_newer_version_is_refused_and_stays(window, path):
    one = window()
    path.write_text('{"format": 2}')
    for ask in (one.open, one.look, one.take):
        with pytest.raises(InputError, match="newer batchcancel"):
            ask()
    assert '{"format": 2}' == path.read_text()


def test_who_was_killed_while_writing_leaves_the_file_as_it_was(window, path):
    one = window(limit=1)
    one.take()
    path.with_suffix(".new").write_text('{"format": 1, "slo')
    assert (None, 1) == window(limit=1).take()[::2][:2]


def test_slots_of_another_boot_are_taken_until_one_window_from_now(window, clock):
    for slot in take(window(), 2):
        window().used(slot)
    clock.now = 5.0
    after = window(boot="another boot")
    assert (None, 60.0) == after.take()[:2]
    clock.now += 59
    assert after.take().slot is None
    clock.now += 1
    assert after.take().slot is not None


def test_a_clock_that_began_anew_is_another_boot_where_boots_have_no_names(window, clock):
    take(window(boot=""), 2)
    clock.now = 5.0
    assert (None, 60.0) == window(boot="").take()[:2]


@pytest.mark.parametrize(
    ("passed", "left"), [(0, 600), (250, 350), (599, 1), (601, 0), (-3600, 600), (86_400, 0)]
)
def test_after_another_boot_the_rest_of_a_closure_goes_by_the_wall_clock(
    window, clock, passed, left
):
    window().close_for(600)
    began, clock.now = clock.now, 5.0
    assert left == window(boot="another boot", ahead=began + passed - 5.0).take().wait


def test_setting_the_wall_clock_opens_no_gate(window):
    window().close_for(600)
    assert 600 == window(ahead=86_400.0).take().wait


def test_each_program_counts_by_its_own_rate(window, clock):
    for slot in take(window(limit=5), 5):
        window().used(slot)
    clock.now += 10
    assert (None, 50) == window(limit=5).take()[:2]
    assert (None, 3590) == window(limit=5, length=3600.0).take()[:2]
    assert window(limit=5, length=9.0).take().slot is not None


def test_what_somebody_counts_for_an_hour_is_not_forgotten_by_who_counts_for_a_minute(
    window, clock
):
    slow, quick = window(limit=1, length=3600.0), window()
    slow.used(slow.take().slot)
    clock.now += 61
    quick.used(quick.take().slot)
    assert (None, 3600) == slow.take()[:2]


def test_what_nobody_counts_any_more_is_forgotten(window, path, clock):
    one = window()
    for _ in range(20):
        one.used(one.take().slot)
        clock.now += 61
    assert len(json.loads(path.read_text())["slots"]) <= 1


def test_the_next_free_slot_is_kept_for_who_asked_first(window, clock):
    first, second, third = (window(limit=1) for _ in range(3))
    held = first.take().slot
    assert None is second.take().slot
    first.used(held)
    assert None is second.take().slot
    clock.now += 60
    assert None is third.take().slot
    assert None is first.take().slot
    assert None is not second.take().slot


def test_no_more_slots_are_kept_than_there_are_waiters(window, clock):
    first, second = window(limit=3), window(limit=3)
    for slot in take(first, 3):
        first.used(slot)
    second.take()
    clock.now += 60
    assert [True, True, False] == [first.take().slot is not None for _ in range(3)]
    assert None is not second.take().slot


def test_who_does_not_come_for_its_slot_loses_its_place(window, clock):
    first, second = window(limit=1), window(limit=1)
    first.used(first.take().slot)
    second.take()
    clock.now += 60
    assert (None, GRACE_S) == first.take()[:2]
    clock.now += GRACE_S
    assert None is not first.take().slot


def test_folder_and_files_are_for_their_owner_alone_whatever_the_umask(tmp_path, clock):
    before = os.umask(0)
    try:
        path = tmp_path / "local" / "state" / "window.json"
        window = file_window(path, clock, limit=1)
        window.open()
        window.take()
    finally:
        os.umask(before)
    modes = {one.name: S_IMODE(one.stat().st_mode) for one in tmp_path.rglob("*")}
    assert modes == {"local": 0o700, "state": 0o700, "window.json": 0o600, "window.lock": 0o600}


@pytest.mark.parametrize("name", ["window.json", "window.lock"])
def test_a_link_is_not_followed(window, path, tmp_path, name):
    one = window()
    (tmp_path / "victim").write_text("precious")
    (path.parent / name).unlink()
    (path.parent / name).symlink_to(tmp_path / "victim")
    with pytest.raises(LedgerWriteFailed, match="cannot be kept"):
        one.take()
    assert "precious" == (tmp_path / "victim").read_text()


def test_a_full_disk_grants_nothing_and_forgets_nothing(window, monkeypatch):
    one = window(limit=1)

    def full(path, content):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patches:
        patches.setattr(window_file, "_replace", full)
        with pytest.raises(LedgerWriteFailed, match="No space left on device"):
            one.take()
    assert None is not one.take().slot


def test_who_keeps_the_lock_for_ever_is_not_waited_for_for_ever(window, path, monkeypatch):
    monkeypatch.setattr(window_file, "LOCK_S", 0.05)
    one = window()
    with path.with_suffix(".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(LedgerWriteFailed, match="does not let go of it"):
            one.take()
    assert None is not one.take().slot


def test_a_lock_that_was_removed_meanwhile_is_made_anew(window, path):
    one = window(limit=1)
    with path.with_suffix(".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        threading.Timer(0.05, path.with_suffix(".lock").unlink).start()
        assert None is not one.take().slot


def test_the_name_tells_keys_and_origins_apart_and_shows_neither(tmp_path):
    paths = {
        window_path(tmp_path, origin=origin, key=key).name
        for origin in ("https://one.example", "https://two.example")
        for key in ("4f2a", "77c0")
    }
    assert 4 == len(paths)
    assert not [name for name in paths if "example" in name or "4f2a" in name or "77c0" in name]


seconds = st.floats(0, 1e9)


@settings(deadline=None)
@given(
    slots=st.dictionaries(
        st.integers(0, 2**60), st.builds(Slot, seconds, seconds, st.booleans()), max_size=5
    ),
    waiting=st.dictionaries(st.integers(0, 2**60), seconds, max_size=3),
    gate=st.none() | st.builds(Gate, seconds, seconds, seconds),
)
def test_what_was_written_is_read_as_it_was(slots, waiting, gate):
    log = WindowLog("a boot", keep=60.0, next_slot=7, slots=slots, waiting=waiting, gate=gate)
    assert log == read_log(log.text().encode())
    assert list(waiting) == list(read_log(log.text().encode()).waiting)


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_what_nobody_wrote_is_no_log(content):
    with pytest.raises(ValueError, match="no window of ours"):
        read_log(content)


@settings(deadline=None)
@given(st.data())
def test_half_a_log_is_no_log(data):
    log = WindowLog("a boot", next_slot=7, slots={1: Slot(1.0, 2.0)}, gate=Gate(1.0, 2.0, 3.0))
    content = log.text().encode()
    with pytest.raises(ValueError, match="no window of ours"):
        read_log(content[: data.draw(st.integers(0, len(content) - 1))])
