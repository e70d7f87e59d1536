"""What is PostgreSQL's own: first use, refusals, a server that is away, and what must not show."""

import re
import sys
import threading
import time
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

import batchcancel.ledger
from batchcancel.api import Rate
from batchcancel.appointments import Outcome, OutcomeName
from batchcancel.errors import BatchHeld, InputError, LedgerWriteFailed, StoppedEarly
from batchcancel.ledger import open as opening
from batchcancel.ledger import tables
from batchcancel.ledger.contract import Observation, State
from batchcancel.ledger.postgres import connection, window
from batchcancel.ledger.postgres.connection import (
    Patience,
    PatientConnection,
    SilentServer,
    connection_info,
)
from batchcancel.ledger.postgres.ledger import open_postgres, read_postgres
from batchcancel.ledger.postgres.schema import ddl
from tests.ledger.conftest import WHO
from tests.postgres import PASSWORD

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
PATIENCE_S = 60


@pytest.fixture
def ledger(database):
    with closing(open_postgres(database, **WHO, ttl=3000)) as ledger:
        yield ledger


@pytest.fixture
def begun(ledger, example):
    return example.begin(ledger)


class TestFirstUse:
    def test_those_who_come_first_at_once_do_not_collide(self, postgres):
        database, at_once, versions = postgres.database(), threading.Barrier(4), []

        def use():
            at_once.wait(PATIENCE_S)
            with closing(open_postgres(database, **WHO)) as ledger:
                versions.append(ledger.batches())

        threads = [threading.Thread(target=use) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert [[]] * 4 == versions
        told = postgres.execute("SELECT version FROM batchcancel.version", url=database)
        assert [(tables.VERSION,)] == told

    def test_what_else_is_in_the_database_is_left_alone(self, postgres):
        database = postgres.database()
        postgres.execute("CREATE TABLE rows (mine text)", url=database)
        with closing(open_postgres(database, **WHO)) as ledger:
            assert [] == list(ledger.rows("closure"))
        assert [] == postgres.execute("SELECT mine FROM rows", url=database)

    def test_reading_makes_no_tables(self, postgres, database):
        with pytest.raises(InputError, match="holds no ledger"):
            read_postgres(database)
        assert [(None,)] == postgres.execute("SELECT to_regnamespace('batchcancel')", url=database)

    def test_an_ordinary_user_may_use_a_ledger_of_its_own(self, postgres, example):
        database = postgres.database()
        postgres.execute(f"GRANT CREATE ON DATABASE {name_of(database)} TO clinic")
        url = postgres.url(name_of(database), user="clinic", password=PASSWORD)
        with closing(open_postgres(url, **WHO)) as ledger:
            example.begin(ledger).commit([example.intent("a")])
            assert State.OPEN is example.record(ledger, "a").state

    @pytest.mark.parametrize("how", ["by an administrator", "by another user", "schema alone"])
    def test_who_may_create_nothing_uses_what_was_made_and_granted(self, postgres, example, how):
        database = postgres.database()
        name = name_of(database)
        postgres.execute(f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC")
        made = {
            "by an administrator": [ddl("clinic")],
            "by another user": [
                "GRANT USAGE ON SCHEMA batchcancel TO clinic",
                "GRANT USAGE ON SEQUENCE batchcancel.tokens TO clinic",
                f"{GRANT} TO clinic",
                f"GRANT TEMPORARY ON DATABASE {name} TO clinic",
            ],
            "schema alone": [
                "CREATE SCHEMA batchcancel AUTHORIZATION clinic",
                f"GRANT TEMPORARY ON DATABASE {name} TO clinic",
            ],
        }
        if how == "by another user":
            open_postgres(database, **WHO).close()
        for sql in made[how]:
            postgres.execute(sql, url=database)
        url = postgres.url(name, user="clinic", password=PASSWORD)
        other = type(example)(name="other")
        with closing(open_postgres(url, **WHO)) as ledger:
            other.begin(ledger, "run-2").commit([other.intent("a")])
            ledger.decide("other", [("b", Outcome(OutcomeName.SKIPPED, "notice_window"))])
            assert ledger.shared_window(Rate(1, 60.0), timeout=10).take().slot
            assert 3 == len(list(ledger.rows("other")))
            ledger.finish(other.run("run-2", ended_at=NOON, exit_code=0))


class TestRefusals:
    """Each has one sentence, and what to do about it."""

    def refused(self, url, match, *, openers=(open_postgres, read_postgres), kind=InputError):
        for opened in openers:
            who = WHO if opened is open_postgres else {}
            with pytest.raises(kind, match=match) as refusal:
                opened(url, **who)
            assert refusal.value.hint
            assert PASSWORD not in refusal.value.message + refusal.value.hint

    def test_a_ledger_of_a_newer_program(self, ledger, ask, database):
        ask("UPDATE batchcancel.version SET version = 99")
        self.refused(database, "newer batchcancel")

    def test_a_database_that_is_not_there(self, postgres):
        self.refused(postgres.url("nowhere"), "is not there")

    def test_a_password_that_is_wrong(self, postgres):
        url = postgres.url("postgres", user="clinic", password=f"{PASSWORD}-not")
        self.refused(url, "does not accept this user and password")

    def test_a_host_that_nobody_knows(self):
        self.refused(f"postgresql://u:{PASSWORD}@nowhere.invalid/db", "nobody knows")

    def test_a_server_that_is_not_there_may_be_there_in_a_moment(self):
        url = f"postgresql://u:{PASSWORD}@127.0.0.1:9/db"
        self.refused(url, "cannot be reached", kind=StoppedEarly)

    def test_a_server_without_room_for_another_connection_may_have_it_in_a_moment(self, postgres):
        postgres.execute("ALTER ROLE clinic CONNECTION LIMIT 0")
        url = postgres.url("postgres", user="clinic", password=PASSWORD)
        try:
            self.refused(url, "has no connection left", kind=StoppedEarly)
        finally:
            postgres.execute("ALTER ROLE clinic CONNECTION LIMIT -1")

    @pytest.mark.parametrize("ahead", [-40, 40])
    def test_a_machine_whose_clock_is_wrong(self, database, ahead):
        def now():
            return datetime.now(UTC) + timedelta(seconds=ahead)

        with pytest.raises(InputError, match=re.escape(f"clock is {ahead:+}")):
            open_postgres(database, **WHO, now=now)

    @pytest.mark.parametrize(
        "url",
        [
            f"postgresql://u:{PASSWORD}@127.0.0.1:port/db",
            f"postgresql://u:{PASSWORD}@127.0.0.1/db?password{PASSWORD}",
            f"postgresql://u:{PASSWORD}/x@127.0.0.1/db",
            f"postgresql://u:{PASSWORD}@127.0.0.1/db?unknown=1",
            f"postgresql://u:%zz{PASSWORD}@127.0.0.1/db",
        ],
    )
    def test_what_is_no_url_of_a_database(self, url):
        self.refused(url, "no URL|cannot be used|nobody knows")

    def test_a_user_who_may_not_make_tables(self, postgres):
        url = postgres.url(name_of(postgres.database()), user="clinic", password=PASSWORD)
        self.refused(url, "may not make one", openers=[open_postgres])

    def test_a_user_who_may_not_see_them(self, postgres, ledger, database):
        url = postgres.url(name_of(database), user="clinic", password=PASSWORD)
        self.refused(url, "does not let this user")

    def test_a_standby_can_only_be_read(self, begun, ask, database, example):
        ask(f"ALTER DATABASE {name_of(database)} SET default_transaction_read_only = on")
        self.refused(database, "is read-only", openers=[open_postgres])
        with closing(read_postgres(database)) as reader:
            assert dict.fromkeys("abc", State.WAITING) == {
                row.appointment_id: row.state for row in reader.rows("closure")
            }

    def test_a_machine_without_psycopg(self, monkeypatch):
        for name in [one for one in sys.modules if ".ledger.postgres" in one]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.delattr(batchcancel.ledger, "postgres")
        monkeypatch.setitem(sys.modules, "psycopg", None)
        with pytest.raises(InputError, match="psycopg") as refusal:
            opening.open_ledger("postgresql://host/db", **WHO)
        assert "pip install -e '.[postgres]'" in refusal.value.hint


GRANT = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA batchcancel"
TERMS = {
    "datestyle": "'SQL, DMY'",
    "intervalstyle": "'sql_standard'",
    "timezone": "'Asia/Kolkata'",
    "extra_float_digits": "-15",
    "client_encoding": "'LATIN1'",
    "default_transaction_isolation": "'serializable'",
    "default_transaction_deferrable": "on",
    "search_path": "public",
}


class TestWhatADatabaseIsSetTo:
    @pytest.mark.parametrize("name", TERMS)
    def test_no_term_of_a_session_changes_what_is_written_and_read(
        self, postgres, database, example, name
    ):
        postgres.execute(f"ALTER DATABASE {name_of(database)} SET {name} = {TERMS[name]}")
        seen = Observation("a", "confirmed", date(2026, 2, 1), "Früh", "br_1", "MA", NOON)
        with closing(open_postgres(database, **WHO, ttl=3000)) as ledger:
            example.begin(ledger)
            ledger.decide("closure", [], [seen])
            ledger.commit([example.intent("b")])
            assert [seen] == list(ledger.observations("closure"))
            assert example.row("a").starts_at == example.record(ledger, "a").starts_at
            assert ledger.shared_window(Rate(1, 60.0), timeout=10).take().slot
            ledger.finish(example.run(ended_at=NOON, exit_code=0))

    @pytest.mark.parametrize("schema", ["public", "batchcancel"])
    def test_tables_of_others_with_the_names_of_ours_decide_nothing(
        self, begun, ask, example, schema
    ):
        ask(f"CREATE TABLE {schema}.loaded (appointment_id text, outcome text, reason text)")
        ask(f"INSERT INTO {schema}.loaded VALUES ('a', 'skipped', 'completed')")
        begun.decide("closure", [])
        assert (State.WAITING, None, None) == example.standing(begun)["a"]

    def test_texts_that_its_encoding_lacks_are_told_and_others_are_kept(self, postgres, example):
        how = "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
        postgres.execute(f"CREATE DATABASE latin {how}")
        with closing(open_postgres(postgres.url("latin"), **WHO, ttl=3000)) as ledger:
            with pytest.raises(InputError, match=r"cannot keep 'Ōtsu'.*encoding") as refusal:
                ledger.require_room_for(["br_1", "Münster", "Ōtsu"])
            assert "ENCODING 'UTF8'" in refusal.value.hint
            ledger.require_room_for(["br_1", "Münster"])
            rows = [example.row("a", branch_id="Münster")]
            ledger.enrol(example.batch(rows=1), rows, [])
            assert "Münster" == example.record(ledger, "a").branch_id


def test_decisions_that_stay_are_not_written_again(begun, ask):
    endings = [(one, Outcome(OutcomeName.SKIPPED, "notice_window")) for one in "ab"]
    begun.decide("closure", endings)
    before = ask("SELECT xmin::text, appointment_id FROM batchcancel.rows ORDER BY 2")
    begun.decide("closure", endings)
    assert before == ask("SELECT xmin::text, appointment_id FROM batchcancel.rows ORDER BY 2")


FORGOTTEN = window._FORGET.replace(":key", "'k'").replace(":window", "60")
IN_DOUBT = f"SELECT FROM batchcancel.rows WHERE batch_id = 1 AND {tables.IN_DOUBT}"


@pytest.mark.parametrize(
    ("sql", "index", "column"),
    [
        (FORGOTTEN, "slots_of_key", "counted_by"),
        (IN_DOUBT, "rows_in_doubt", "batch_id"),
        ("SELECT FROM batchcancel.runs WHERE batch = 'closure'", "runs_of_batch", "batch"),
    ],
)
def test_what_is_asked_often_is_found_by_an_index(begun, sql, index, column):
    def explained(into):
        into.execute("SET LOCAL enable_seqscan = off")
        return "\n".join(line for (line,) in into.fetch(f"EXPLAIN {sql}"))

    assert re.search(rf"{index}\b.*\n *Index Cond: .*{column}", begun._db.once(explained))


class TestTrouble:
    def test_a_server_that_says_nothing_is_given_up(self, database):
        db = PatientConnection(connection_info(database), Patience(0.3))
        with closing(db), pytest.raises(SilentServer):
            db.once(nap(10))

    @pytest.mark.long
    def test_long_work_may_be_silent(self, database):
        with closing(PatientConnection(connection_info(database), Patience(0.3))) as db:
            db.once(nap(2), is_long=True)
            with pytest.raises(SilentServer):
                db.once(nap(10))

    def test_but_not_once_the_run_is_to_stop(self, database):
        patience = Patience(60)
        with closing(PatientConnection(connection_info(database), patience)) as db:
            patience.hurry(0.1)
            with pytest.raises(SilentServer):
                db.once(nap(60), is_long=True)

    @pytest.mark.long
    def test_a_server_is_waited_for_once_however_many_wait_for_it(self, database):
        patience, began, ends = Patience(3.0), time.monotonic(), []
        first, second = (PatientConnection(connection_info(database), patience) for _ in range(2))

        def lose(how):
            with pytest.raises(SilentServer):
                how(nap(60))
            ends.append(time.monotonic() - began)

        with closing(first), closing(second):
            for db in (first, second):
                db.once(nap(0))
            began = time.monotonic()
            earlier = threading.Thread(target=lose, args=(first.once,))
            earlier.start()
            time.sleep(1.5)
            lose(second.repeat)
            earlier.join(PATIENCE_S)
        assert max(ends) < 4.4

    @pytest.mark.promise(1)
    @pytest.mark.parametrize(
        ("its", "ours"), [("off", "on"), ("local", "local"), ("remote_apply", "remote_apply")]
    )
    def test_a_commit_is_on_the_disk_however_the_database_is_tuned(
        self, postgres, database, its, ours
    ):
        name = name_of(database)
        postgres.execute(f"ALTER DATABASE {name} SET synchronous_commit = {its}")
        with closing(PatientConnection(connection_info(database))) as db:
            found = db.once(lambda into: into.fetch("SHOW synchronous_commit", {}))
        assert [(ours,)] == found

    def test_connections_that_an_administrator_ends_are_made_anew(self, begun, ask, example):
        begun.commit([example.intent("a")])
        ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        begun.commit([example.intent("b", 2)])
        assert ["a", "b"] == [row.appointment_id for row in begun.open_rows("closure")]

    def test_a_server_that_does_not_answer_in_time_ends_the_run(
        self, begun, postgres, database, example, monkeypatch
    ):
        monkeypatch.setitem(connection._FOR_WORK, "statement", "300ms")
        with psycopg.connect(database) as other:
            other.execute("SELECT FROM batchcancel.leases FOR UPDATE")
            with pytest.raises(LedgerWriteFailed, match="did not answer in time"):
                begun.commit([example.intent("a")])
        monkeypatch.undo()
        begun.commit([example.intent("a")])
        assert ["a"] == [row.appointment_id for row in begun.open_rows("closure")]

    def test_a_lock_that_is_let_go_of_is_waited_for(self, begun, database, example, monkeypatch):
        monkeypatch.setitem(connection._FOR_WORK, "lock", "100ms")
        with psycopg.connect(database) as other:
            other.execute("SELECT FROM batchcancel.leases FOR UPDATE")
            thread = threading.Thread(target=begun.commit, args=([example.intent("a")],))
            thread.start()
            thread.join(0.5)
            assert thread.is_alive()
        thread.join(PATIENCE_S)
        assert ["a"] == [row.appointment_id for row in begun.open_rows("closure")]

    def test_writing_where_only_reading_is_allowed_any_more_ends_the_run(
        self, begun, ask, example, database
    ):
        ask(f"ALTER DATABASE {name_of(database)} SET default_transaction_read_only = on")
        begun._db._drop()
        begun._patience._seconds = 0.5  # a standby may be promoted meanwhile
        with pytest.raises(LedgerWriteFailed, match="is read-only"):
            begun.commit([example.intent("a")])

    def test_a_batch_on_which_somebody_writes_for_long_is_held(
        self, begun, database, example, monkeypatch
    ):
        monkeypatch.setitem(connection._FOR_WORK, "lock", "100ms")
        with (
            psycopg.connect(database) as other,
            closing(open_postgres(database, **WHO, patience=0.2)) as ledger,
        ):
            other.execute("SELECT FROM batchcancel.leases FOR UPDATE")
            with pytest.raises(BatchHeld, match="is writing on batch closure"):
                ledger.hold(example.run("run-2"))

    def test_a_user_who_may_not_write_is_told_before_anything_is_sent(
        self, begun, ask, postgres, database, example
    ):
        ask("GRANT USAGE ON SCHEMA batchcancel TO clinic")
        ask("GRANT SELECT ON ALL TABLES IN SCHEMA batchcancel TO clinic")
        url = postgres.url(name_of(database), user="clinic", password=PASSWORD)
        with (
            closing(open_postgres(url, **WHO)) as ledger,
            pytest.raises(InputError, match="does not let this user"),
        ):
            ledger.hold(example.run("run-2"))

    def test_a_table_that_is_gone_stops_the_run_resumably(self, begun, ask):
        ask("DROP VIEW batchcancel.account")
        with pytest.raises(StoppedEarly, match="lacks a table"):
            begun.tally("closure")

    def test_rows_that_are_being_read_are_those_of_one_moment(self, begun, database, example):
        with closing(read_postgres(database)) as reader:
            rows = iter(reader.rows("closure"))
            next(rows)
            begun.enrol(example.batch(digest="2", rows=1), [example.row("a")], [])
            assert ["b", "c"] == [row.appointment_id for row in rows]


class TestRestart:
    @pytest.fixture
    def ledger(self, mortal_postgres, example):
        with closing(open_postgres(mortal_postgres.database(), **WHO, ttl=3000)) as ledger:
            yield example.begin(ledger)

    @pytest.mark.long
    def test_between_two_commits_it_is_not_noticed(self, ledger, mortal_postgres, example):
        ledger.commit([example.intent("a")])
        mortal_postgres.stop()
        mortal_postgres.start()
        ledger.commit([example.intent("b", 2)])
        assert ["a", "b"] == [row.appointment_id for row in ledger.open_rows("closure")]

    def test_a_server_that_comes_back_is_waited_for(self, ledger, mortal_postgres, example):
        mortal_postgres.stop()
        thread = threading.Thread(target=ledger.commit, args=([example.intent("a")],))
        thread.start()
        thread.join(0.5)
        mortal_postgres.start()
        thread.join(PATIENCE_S)
        assert ["a"] == [row.appointment_id for row in ledger.open_rows("closure")]

    @pytest.mark.long
    def test_one_that_stays_away_ends_the_run(self, mortal_postgres, example):
        with closing(open_postgres(mortal_postgres.database(), **WHO, patience=0.5)) as ledger:
            example.begin(ledger)
            mortal_postgres.stop()
            try:
                with pytest.raises(LedgerWriteFailed, match="cannot be reached") as failure:
                    ledger.commit([example.intent("a")])
                assert "same command again" in failure.value.hint
            finally:
                mortal_postgres.start()

    @pytest.mark.long
    def test_after_it_was_waited_for_in_vain_nothing_is_waited_for(
        self, ledger, mortal_postgres, example
    ):
        mortal_postgres.stop()
        try:
            thread = threading.Thread(target=lambda: failures.append(failure_of(ledger, example)))
            failures = []
            thread.start()
            thread.join(0.5)
            ledger.hurry(0.1)
            thread.join(PATIENCE_S)
            assert isinstance(failures[0], LedgerWriteFailed)
            with pytest.raises(StoppedEarly):
                ledger.tally("closure")
        finally:
            mortal_postgres.start()


def nap(seconds):
    """A transaction in which the server says nothing for so long."""
    return lambda into: into.fetch("SELECT pg_sleep(:seconds)", {"seconds": seconds})


def failure_of(ledger, example):
    with pytest.raises(LedgerWriteFailed) as failure:
        ledger.commit([example.intent("a")])
    return failure.value


def name_of(url):
    return psycopg.conninfo.conninfo_to_dict(url)["dbname"]
