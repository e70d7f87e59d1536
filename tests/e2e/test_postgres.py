"""Runs with a ledger in a real PostgreSQL: killed, paused, restarted, refused, and two at once."""

import json
import signal
from collections import Counter
from contextlib import contextmanager

import psycopg
import pytest

from batchcancel.sandbox import Fault
from tests.e2e.stage import RUN
from tests.postgres import PASSWORD, Server


@pytest.fixture
def pg_stage(stage, database):
    """The stage of a machine without files of its own: the ledger is elsewhere."""
    stage.environ["BATCHCANCEL_LEDGER"] = database
    return stage


@pytest.fixture
def ask(postgres, database):
    return lambda sql: postgres.execute(sql, url=database)


def slow(stage, seconds=0.05):
    stage.sandbox.faults.add(Fault("slow", seconds=seconds), method="PATCH", times=None)


def expire(ask):
    ask("UPDATE batchcancel.leases SET expires_at = clock_timestamp()")


@pytest.mark.long
def test_a_run_leaves_its_account_in_the_database_and_no_file_beside_the_manifest(
    pg_stage, database
):
    stage = pg_stage
    stage.closure(5)
    planned = stage.here("plan", "closure.csv")
    ended = stage.run(*RUN)
    again = stage.here(*RUN)
    status = stage.here("status", database, "--json")
    export = stage.here("export", database, "-o", "rows.json")

    assert [0, 0, 0, 0] == [one.returncode for one in (planned, again, status, export)]
    assert (0, {"cancelled": 5}) == (ended.returncode, ended.counts)
    assert 5 == len(stage.patched()) == json.loads(status.stdout)["cancelled"]
    assert 5 == len(json.loads((stage.folder / "rows.json").read_text()))
    assert ["closure.csv", "rows.json"] == sorted(one.name for one in stage.folder.iterdir())


@pytest.mark.long
@pytest.mark.promise(10)
def test_a_run_that_stood_still_until_another_had_its_batch_sends_nothing_more(pg_stage, ask):
    ids = pg_stage.closure(30)
    slow(pg_stage, 8)
    paused = pg_stage.start(*RUN, "--concurrency", "2", "--timeout", "60")
    pg_stage.wait_until(lambda: len(pg_stage.patched()) == 2)
    paused.send_signal(signal.SIGSTOP)  # while both of its workers wait for an answer
    pg_stage.sandbox.faults.clear()
    expire(ask)
    other = pg_stage.here(*RUN)
    sent = len(pg_stage.patched())
    paused.send_signal(signal.SIGCONT)
    loser = paused.end()

    assert (0, 5) == (other.returncode, loser.returncode)
    assert "another run has taken over batch closure" in loser.stderr
    assert sent == len(pg_stage.patched())
    assert Counter(ids) == pg_stage.cancellations()


@pytest.fixture
def mortal_stage(stage, mortal_postgres):
    stage.environ["BATCHCANCEL_LEDGER"] = mortal_postgres.database()
    return stage


def intents(stage, server):
    """The rows for which an intent was written, with the number of attempts."""
    url = stage.environ["BATCHCANCEL_LEDGER"]
    sql = "SELECT appointment_id, attempts FROM batchcancel.rows WHERE attempts > 0"
    return dict(server.execute(sql, url=url))


@pytest.mark.long
@pytest.mark.promise(1)
def test_a_server_restarted_in_the_middle_of_a_run_is_waited_for(mortal_stage, mortal_postgres):
    stage = mortal_stage
    ids = stage.closure(60)
    slow(stage)
    run = stage.start(*RUN, "--concurrency", "4")
    stage.wait_until(lambda: len(stage.patched()) >= 10)
    mortal_postgres.stop()
    mortal_postgres.start()
    ended = run.end(within=60)

    assert (0, {"cancelled": 60}) == (ended.returncode, ended.counts)
    assert Counter(ids) == stage.cancellations() == Counter(stage.patched())
    assert set(ids) == intents(stage, mortal_postgres).keys()


IMPATIENT = """
from batchcancel.ledger.postgres import ledger
ledger.open_postgres.__kwdefaults__["patience"] = 0.5
"""


@pytest.mark.long
@pytest.mark.promise(13)
def test_a_server_that_stays_away_ends_the_sending_and_the_same_command_resumes(
    mortal_stage, mortal_postgres
):
    stage = mortal_stage
    ids = stage.closure(40)
    slow(stage)
    run = stage.start(*RUN, "--concurrency", "2", environ=stage.tampered(IMPATIENT))
    stage.wait_until(lambda: len(stage.patched()) >= 10)
    mortal_postgres.stop()
    stopped = run.end(within=60)
    sent = Counter(stage.patched())
    mortal_postgres.start()
    known = intents(stage, mortal_postgres)
    stage.sandbox.faults.clear()
    resumed = resume(stage, mortal_postgres)

    assert 5 == stopped.returncode
    assert "cannot be reached" in stopped.stderr
    assert len(sent) < len(ids)
    assert sent.keys() <= known.keys()
    assert (0, {"cancelled": 40}) == (resumed.returncode, resumed.counts)
    assert Counter(ids) == stage.cancellations()


PATIENT = """
from batchcancel.ledger.postgres import ledger
ledger.open_postgres.__kwdefaults__["patience"] = 3600
"""


@contextmanager
def away(server):
    server.stop()
    try:
        yield
    finally:
        server.start()


@pytest.mark.long
@pytest.mark.promise(9)
@pytest.mark.promise(11)
@pytest.mark.parametrize("gone", [away, Server.frozen], ids=["is away", "stands still"])
def test_a_signal_while_the_server_does_not_answer_is_not_kept_waiting(
    mortal_stage, mortal_postgres, gone
):
    stage = mortal_stage
    ids = stage.closure(60)
    slow(stage, 0.5)  # so that rows are left when the server is away
    run = stage.start(*RUN, "--concurrency", "2", environ=stage.tampered(PATIENT))
    stage.wait_until(lambda: len(stage.patched()) >= 8)
    with gone(mortal_postgres):
        run.send_signal(signal.SIGTERM)
        stopped = run.end(within=60)
    stage.sandbox.faults.clear()
    known = intents(stage, mortal_postgres)
    sent = set(stage.patched())
    resumed = resume(stage, mortal_postgres)

    assert 143 == stopped.returncode
    assert "stopped by SIGTERM" in stopped.stderr
    assert "same command again" in stopped.stderr
    assert sent <= known.keys()
    assert (0, {"cancelled": 60}) == (resumed.returncode, resumed.counts)
    assert Counter(ids) == stage.cancellations()


@pytest.mark.long
@pytest.mark.promise(11)
@pytest.mark.parametrize("gone", [away, Server.frozen], ids=["is away", "stands still"])
def test_nor_where_nothing_was_to_be_written_when_it_came(mortal_stage, mortal_postgres, gone):
    stage = mortal_stage
    stage.closure(60)
    paced = ("--rate", "12/600s", "--max-retry-after", "3000")
    run = stage.start(*RUN, *paced, environ=stage.tampered(PATIENT))
    stage.wait_until(lambda: stage.arrivals == 12)
    with gone(mortal_postgres):
        run.send_signal(signal.SIGTERM)
        stopped = run.end(within=60)
    assert 143 == stopped.returncode
    assert "stopped by SIGTERM" in stopped.stderr


def resume(stage, server):
    """The same command, when the lease of the run before is over.

    What that run still wanted, the server may do as soon as it goes on: also renew the lease.
    """
    url = stage.environ["BATCHCANCEL_LEDGER"]
    ended = stage.here(*RUN)
    while ended.returncode == 6:
        expire(lambda sql: server.execute(sql, url=url))
        ended = stage.here(*RUN)
    return ended


class TestPassword:
    @pytest.fixture
    def url(self, stage, postgres, database):
        """Of a user whose password may stand nowhere: the end of the stage looks for it."""
        name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
        postgres.execute(f"GRANT CREATE ON DATABASE {name} TO clinic")
        stage.keys.append(PASSWORD)
        return postgres.url(name, user="clinic", password=PASSWORD)

    @pytest.mark.promise(15)
    @pytest.mark.parametrize(
        "log_format", ["console", pytest.param("json", marks=pytest.mark.long)]
    )
    def test_it_shows_nowhere(self, stage, url, log_format):
        stage.closure(3)
        conflict = Fault("status", status=409)
        stage.sandbox.faults.add(conflict, method="PATCH", times=1)
        words = ("--ledger", url, "--log-format", log_format)
        stage.here("plan", "closure.csv", *words, "--json")
        stage.here("plan", "closure.csv", *words)
        ended = stage.run(*RUN, *words)
        stage.here("run", "closure.csv", "--yes", *words)
        stage.here("status", url)
        status = stage.here("status", url, "--json")
        stage.here("export", url, "-o", "rows.csv")

        assert 4 == ended.returncode
        assert ended.result["ledger"] == json.loads(status.stdout)["ledger"]
        assert ended.result["ledger"].startswith("postgresql://clinic@/test_")

    @pytest.mark.promise(15)
    def test_it_shows_in_no_refusal(self, stage, url):
        stage.closure(1)
        wrong = url.replace(PASSWORD, f"{PASSWORD}-not")
        ends = [
            stage.here(*RUN, "--ledger", wrong),
            stage.here(*RUN, "--ledger", wrong.replace("?", f"?{PASSWORD}&")),
            stage.here("status", wrong),
            stage.here("status", url),
            stage.here("plan", "closure.csv", url),
            stage.here("run", url, "--yes"),
        ]

        assert [2] * 6 == [one.returncode for one in ends]
        assert 0 == stage.arrivals

    @pytest.mark.long
    def test_from_the_environment_it_leaves_a_command_that_can_be_pasted(
        self, stage, url, postgres
    ):
        stage.closure(20)
        slow(stage, 0.2)
        name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        told = postgres.url(name, user="clinic")
        words = ("run", "closure.csv", "--yes", "--concurrency", "1", "--ledger", told)
        run = stage.start(*words, environ={"PGPASSWORD": PASSWORD})
        stage.wait_until(lambda: len(stage.patched()) >= 2)
        run.send_signal(signal.SIGINT)
        stopped = run.end()

        assert 130 == stopped.returncode
        assert f"'{told}'" in stopped.stderr or told in stopped.stderr


@pytest.mark.long
@pytest.mark.promise(7)
def test_two_runs_and_a_plan_with_one_key_stay_within_its_limit_together(new_stage, database):
    limit = 20
    stage = new_stage(limit=limit, seconds=1.0)
    stage.environ |= {"BATCHCANCEL_RATE": f"{limit}/1s", "BATCHCANCEL_LEDGER": database}
    ids = [f"a{number:03}" for number in range(1, 121)]
    stage.book(*ids)
    stage.write("morning.csv", ids[::2])
    stage.write("evening.csv", ids[1::2])
    stage.write("night.csv", ["a999"])
    runs = [stage.start("run", name, "--yes", "--json") for name in ("morning.csv", "evening.csv")]
    stage.wait_until(lambda: stage.arrivals > limit)
    planned = stage.here("plan", "night.csv")
    ends = [run.end(within=60) for run in runs]
    arrived = [one.arrived for one in stage.sandbox.history.arrivals]
    least, took = (len(arrived) - 1) // limit * 1.0, arrived[-1] - arrived[0]
    print(
        f"{len(arrived)} requests in {took:.2f} s, at least {least:g} s: {took / least:.2f} times"
    )

    assert (0, [{"cancelled": 60}] * 2) == (planned.returncode, [one.counts for one in ends])
    assert 0 == stage.sandbox.history.rate_limited
    assert stage.sandbox.most_arrivals <= limit
    assert Counter(ids) == stage.cancellations()


@pytest.mark.long
@pytest.mark.promise(9)
def test_six_runs_with_one_key_get_on_alike(new_stage, database):
    """What each sends is counted while all of them do: starting and ending do not count."""
    limit, rows = 20, 60
    stage = new_stage(limit=limit, seconds=1.0)
    stage.environ |= {"BATCHCANCEL_RATE": f"{limit}/1s", "BATCHCANCEL_LEDGER": database}
    batches = {
        f"clinic-{number}.csv": [f"c{number}-{row:02}" for row in range(rows)]
        for number in range(6)
    }
    stage.book(*(one for ids in batches.values() for one in ids))
    for name, ids in batches.items():
        stage.write(name, ids)
    runs = [stage.start("run", name, "--yes", "--json") for name in batches]
    ends = [run.end(within=110) for run in runs]
    arrived = {one.path.rpartition("/")[2]: one.arrived for one in stage.sandbox.history.patches()}
    times = [sorted(arrived[one] for one in ids) for ids in batches.values()]
    began, over = max(one[0] for one in times), min(one[-1] for one in times)
    got = sorted(sum(began <= at <= over for at in one) for one in times)
    print(f"{over - began:.1f} s, of {got[0]} to {got[-1]} rows: {got[-1] / got[0]:.2f} times")

    assert [(0, {"cancelled": rows})] * 6 == [(one.returncode, one.counts) for one in ends]
    assert 0 == stage.sandbox.history.rate_limited
    assert got[-1] <= 1.5 * got[0]
