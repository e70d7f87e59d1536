"""What a machine remembers of a ledger, and what it concludes from it."""

import os
import time
from datetime import timedelta

import pytest

from batchcancel.errors import LedgerWriteFailed
from batchcancel.ledger.mark import Known, Mark, lost
from batchcancel.ledger.postgres.ledger import open_postgres
from batchcancel.ledger.sqlite.ledger import open_sqlite
from tests.ledger.conftest import NOON, WHO, Store

HERE = Known(token=3, commits=7)


@pytest.mark.parametrize(
    ("known", "token", "commits", "is_same", "expected"),
    [
        (None, 3, 7, True, 0),
        (None, 3, 7, False, None),
        (HERE, 3, 7, True, 0),
        (HERE, 3, 7, False, 0),
        (HERE, 3, 5, True, 2),
        (HERE, 3, 5, False, 2),
        (HERE, 0, 0, True, 7),
        (HERE, 4, 9, True, 0),
        (HERE, 4, 9, False, None),
        (HERE, 4, 7, False, None),
    ],
)
def test_a_ledger_lost_what_is_known_here_or_nobody_knows(known, token, commits, is_same, expected):
    assert expected == lost(known, token=token, commits=commits, is_same=is_same)


class TestMark:
    @pytest.fixture
    def open_mark(self, tmp_path):
        return lambda batch="closure": Mark(tmp_path / "state", ledger="one", batch=batch)

    def test_it_is_known_to_the_next_process_with_the_first_intent(self, open_mark):
        open_mark().keep(3, 6, [NOON + timedelta(1), NOON])
        mark = open_mark()
        mark.known()
        mark.keep(3, 7)
        assert Known(3, 7, NOON) == open_mark().known()
        assert open_mark("other").known() is None

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"token": 1}', "\0" * 200, '{"since": 1}'])
    def test_what_is_no_mark_tells_nothing(self, open_mark, tmp_path, content):
        open_mark().keep(1, 1)
        (path,) = (tmp_path / "state").iterdir()
        path.write_text(content)
        assert open_mark().known() is None

    def test_it_is_private_and_goes_when_it_is_old(self, open_mark, tmp_path):
        open_mark().keep(1, 1)
        (path,) = (tmp_path / "state").iterdir()
        os.utime(path, (0, time.time() - 401 * 86400))
        open_mark("other").keep(1, 1)
        (left,) = (tmp_path / "state").iterdir()
        assert path != left
        assert 0o600 == left.stat().st_mode & 0o777

    def test_without_a_folder_there_is_none(self, tmp_path):
        (tmp_path / "file").touch()
        for folder in (None, tmp_path / "file"):
            mark = Mark(folder, ledger="one", batch="closure")
            mark.keep(1, 1)
            mark.close()
            assert mark.known() is None


@pytest.fixture(params=["sqlite", "postgres"])
def marked(request, tmp_path):
    """A ledger that leaves marks, which is changed behind its back by `change`."""
    place = tmp_path / "closure.ledger.db"
    if request.param == "postgres":
        place = request.getfixturevalue("database")
    make = open_postgres if request.param == "postgres" else open_sqlite
    store = Store(lambda **who: make(place, **who, state=tmp_path / "state"), lambda: None)
    with store.closing:
        yield store


class TestTaking:
    def test_a_batch_with_fewer_commits_lost_them_since_it_was_seen_last(self, marked, example):
        ledger = example.begin(marked.open())
        ledger.commit([example.intent("a")])
        ledger.commit([example.settled("a")])
        ledger._write(lambda into: into.execute("UPDATE leases SET commits = commits - 2"))
        ledger.close()
        ledger = marked.open()
        ledger.hold(example.run("run-2"))
        assert (1, NOON.replace(microsecond=123_456) - timedelta(seconds=2)) == ledger.went_back
        ledger.enrol(example.batch(), example.rows(), [])
        ledger.close()

        assert {"b", "c"} == {one.appointment_id for one in marked.open().open_rows("closure")}

    def test_whoever_only_looks_is_told_too_and_changes_nothing(self, marked, example, tmp_path):
        ledger = example.begin(marked.open())
        ledger.commit([example.intent("a")])
        ledger._write(lambda into: into.execute("UPDATE leases SET commits = commits - 2"))
        ledger.close()
        told = []
        for _ in range(2):
            ledger = marked.open()
            for batch in ("closure", "other"):
                ledger.look_back(batch)
                told.append(ledger.went_back)
            ledger.close()
        ledger = marked.open()
        ledger.hold(example.run("run-2"))
        assert [ledger.went_back, None] * 2 == told
        assert ledger.went_back.commits == 1
        assert 1 == len([*(tmp_path / "state").iterdir()])

    def test_it_is_told_until_a_manifest_is_enrolled(self, marked, example):
        ledger = example.begin(marked.open())
        ledger.commit([example.intent("a")])
        ledger._write(lambda into: into.execute("UPDATE leases SET commits = 0"))
        ledger.close()
        told = []
        for number in range(3):
            ledger = marked.open()
            ledger.hold(example.run(f"run-{number + 2}"))
            told.append(ledger.went_back.commits if ledger.went_back else 0)
            if number == 1:
                ledger.enrol(example.batch(), example.rows(), [])
            ledger.close()
        assert [2, None, 0] == told
        assert {"a", "b", "c"} == {one.appointment_id for one in marked.open().open_rows("closure")}


class TestInPostgres:
    @pytest.fixture
    def begun(self, database, example):
        ledger = example.begin(open_postgres(database, **WHO, ttl=3000))
        ledger.commit([example.intent("a")])
        yield ledger
        ledger.close()

    @pytest.mark.parametrize(
        "change",
        ["UPDATE {} SET commits = 0", "UPDATE {} SET token = 0, commits = 0", "DELETE FROM {}"],
    )
    def test_a_run_whose_commits_are_gone_says_so(self, begun, example, ask, change):
        ask(change.format("batchcancel.leases"))
        gone = pytest.raises(LedgerWriteFailed, match="lost its last 2 commits")
        begun._renew()
        with gone:
            begun.require_held()
        with gone:
            begun.commit([example.intent("b", 2)])

    @pytest.mark.parametrize(
        "elsewhere",
        [
            "UPDATE batchcancel.leases SET server = 'another/00000001'",
            "CREATE TABLE copy AS TABLE {0}; DELETE FROM {0}; INSERT INTO {0} TABLE copy",
        ],
        ids=["failover", "restored dump"],
    )
    def test_a_ledger_on_another_server_or_in_other_rows_may_lack_anything(
        self, begun, database, example, ask, elsewhere
    ):
        begun.finish(example.run(ended_at=NOON, exit_code=0))
        ask(elsewhere.format("batchcancel.leases"))
        begun.hold(example.run("run-2"))
        assert (None, NOON - timedelta(seconds=2)) == begun.went_back

    def test_a_server_that_does_not_say_which_it_is_is_the_same(self, begun, example, monkeypatch):
        begun.finish(example.run(ended_at=NOON, exit_code=0))
        monkeypatch.setattr("batchcancel.ledger.postgres.lease._SERVER", "SELECT no_such()")
        begun.hold(example.run("run-2"))
        assert begun.went_back is None
