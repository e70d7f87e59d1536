"""Which places are fit for a SQLite ledger."""

from pathlib import Path

import pytest

from batchcancel.errors import InputError
from batchcancel.ledger.sqlite import place
from batchcancel.ledger.sqlite.place import file_system_of, is_network, require_place

MOUNTS = r"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
30 27 0:50 / /home rw,relatime shared:1 master:2 - nfs4 server:/home rw,vers=4.2
31 30 254:1 / /home/clinic/local rw - xfs /dev/vdb rw
32 27 0:51 / /mnt/shared\040files rw,nosuid - cifs //server/share rw
33 27 0:52 / /mnt/twice rw - ext4 /dev/vdc rw
34 27 0:53 / /mnt/twice rw - fuse.sshfs clinic:/ rw
""".strip()


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


def test_without_mounts_nothing_is_known():
    assert file_system_of(Path("/srv"), "") == ""


@pytest.mark.parametrize(
    "kind", ["nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "fuse.sshfs", "9p", "ceph"]
)
def test_network_file_systems_are_known(kind):
    assert is_network(kind)


@pytest.mark.parametrize("kind", ["", "ext4", "xfs", "btrfs", "tmpfs", "overlay", "fuse.ntfs-3g"])
def test_local_file_systems_are_fine(kind):
    assert not is_network(kind)


def test_a_ledger_on_a_network_file_system_is_refused(tmp_path, monkeypatch):
    mounts = tmp_path / "mountinfo"
    mounts.write_text("27 1 0:50 / / rw,relatime - nfs4 server:/ rw\n")
    monkeypatch.setattr(place, "_MOUNTS", mounts)
    with pytest.raises(InputError, match=r"network file system \(nfs4\)") as refusal:
        require_place(tmp_path / "closure.ledger.db")
    assert "--ledger" in refusal.value.hint


def test_where_mounts_are_not_listed_a_place_is_taken_as_local(tmp_path, monkeypatch):
    monkeypatch.setattr(place, "_MOUNTS", tmp_path / "no such file")
    require_place(tmp_path / "closure.ledger.db")
