"""Which places are fit for a SQLite ledger."""

import os
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from batchcancel.errors import InputError, UnsafeLedger
from batchcancel.ledger.open import is_there
from batchcancel.ledger.sqlite import place
from batchcancel.ledger.sqlite.ledger import open_sqlite, read_sqlite
from batchcancel.ledger.sqlite.place import (
    file_system_of,
    is_network,
    require_place,
    require_private,
)

MOUNTS = r"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
30 27 0:50 / /home rw,relatime shared:1 master:2 - nfs4 server:/home rw,vers=4.2
31 30 254:1 / /home/clinic/local rw - xfs /dev/vdb rw
32 27 0:51 / /mnt/shared\040files rw,nosuid - cifs //server/share rw
33 27 0:52 / /mnt/twice rw - ext4 /dev/vdc rw
34 27 0:53 / /mnt/twice rw - fuse.sshfs clinic:/ rw
""".strip()


@pytest.fixture
def ledger(tmp_path):
    path = tmp_path / "closure.ledger.db"
    path.touch(0o600)
    return path


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/clinic", "ext4"),
        ("/", "ext4"),
        ("/home/clinic", "nfs4"),
        ("/homework", "ext4"),
        ("/home/clinic/local/deep", "xfs"),
        ("/mnt/shared files", "cifs"),
        ("/mnt/twice/x", "fuse.sshfs"),
    ],
)
def test_the_deepest_and_latest_mount_tells_the_file_system(path, kind):
    assert file_system_of(Path(path), MOUNTS) == kind


def test_network_file_systems_are_told_from_local_ones():
    network = ["nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "fuse.sshfs", "9p", "ceph"]
    local = ["", "ext4", "xfs", "btrfs", "tmpfs", "overlay", "fuse.ntfs-3g"]
    assert network == [kind for kind in network + local if is_network(kind)]


@pytest.mark.parametrize("name", ["a" * 300, "loop.db/x.db", "closure.csv/x.db"])
def test_a_name_at_which_nothing_can_be_is_refused_and_not_stumbled_over(tmp_path, name):
    (tmp_path / "closure.csv").touch()
    (tmp_path / "loop.db").symlink_to("loop.db")
    assert not is_there(str(tmp_path / name))
    for use in (read_sqlite, partial(open_sqlite, origin="", key="")):
        with pytest.raises(InputError):
            use(tmp_path / name)


def test_a_ledger_on_a_network_file_system_is_refused(tmp_path, monkeypatch):
    mounts = tmp_path / "mountinfo"
    mounts.write_text("27 1 0:50 / / rw,relatime - nfs4 server:/ rw\n")
    monkeypatch.setattr(place, "_MOUNTS", mounts)
    with pytest.raises(InputError, match=r"network file system \(nfs4\)") as refusal:
        require_place(tmp_path / "closure.ledger.db")
    assert "--ledger" in refusal.value.hint


@pytest.mark.parametrize("mode", [0o602, 0o606, 0o666])
def test_a_ledger_that_anybody_may_write_is_refused_with_what_to_type(ledger, mode):
    ledger.chmod(mode)
    with pytest.raises(UnsafeLedger, match="may be written by others") as refusal:
        require_private(ledger)
    assert f"chmod go-w '{ledger}'" in refusal.value.hint


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o400])
def test_a_ledger_that_others_may_only_read_is_fine(ledger, mode):
    ledger.chmod(mode)
    require_private(ledger)


@pytest.mark.parametrize(
    ("group", "members", "first", "is_fine"),
    [
        pytest.param("meera", [], 0, True, id="of the owner alone"),
        pytest.param("meera", ["meera"], 0, True, id="that names its owner"),
        pytest.param("meera", ["meera", "arjun"], 0, False, id="with another"),
        pytest.param("staff", [], 0, False, id="of many"),
        pytest.param("meera", [], 1, False, id="that is not the owner's first"),
    ],
)
def test_a_ledger_that_a_group_may_write_is_fine_where_nobody_else_is_in_it(
    ledger, monkeypatch, *, group, members, first, is_fine
):
    ledger.chmod(0o660)
    owner = SimpleNamespace(pw_name="meera", pw_gid=ledger.stat().st_gid + first)
    found = SimpleNamespace(gr_name=group, gr_mem=members)
    monkeypatch.setattr(place.pwd, "getpwuid", lambda _: owner)
    monkeypatch.setattr(place.grp, "getgrgid", lambda _: found)
    with nullcontext() if is_fine else pytest.raises(UnsafeLedger):
        require_private(ledger)


def test_a_group_that_has_no_name_is_others(ledger, monkeypatch):
    def nobody(_):
        raise KeyError

    ledger.chmod(0o660)
    monkeypatch.setattr(place.grp, "getgrgid", nobody)
    with pytest.raises(UnsafeLedger):
        require_private(ledger)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda one: os.link(one.with_name("closure.ledger.db"), one), "hard link"),
        (os.mkfifo, "not a plain file"),
    ],
)
def test_a_second_name_which_would_have_a_lock_of_its_own_and_a_pipe_are_refused(
    ledger, make, match
):
    other = ledger.with_name("other.db")
    make(other)
    with pytest.raises(UnsafeLedger, match=match):
        require_private(other)


def test_where_no_ledger_is_yet_none_can_be_unsafe(tmp_path):
    require_private(tmp_path / "closure.ledger.db")


def test_where_mounts_are_not_listed_a_place_is_taken_as_local(tmp_path, monkeypatch):
    monkeypatch.setattr(place, "_MOUNTS", tmp_path / "no such file")
    require_place(tmp_path / "closure.ledger.db")
