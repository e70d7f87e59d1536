import pytest
from airflow.cli.cli_parser import get_parser
from airflow.models.connection import Connection
from airflow.utils.session import create_session
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import select

from batchcancel.airflow.hook import ledger_address
from batchcancel.errors import InputError


def test_a_ledger_that_is_named_is_left_as_it_is():
    assert ledger_address("closure.ledger.db", None) == "closure.ledger.db"


def test_a_ledger_that_nobody_names_is_left_to_the_manifest():
    assert ledger_address(None, None) is None


def test_a_postgres_connection_becomes_a_url_in_which_every_sign_is_itself(connect):
    connect(
        "ledger", conn_type="postgres", host="db.test", port=5433, schema="a b", login="us:er",
        password="p@ss/w#",
        extra={
            "sslmode": "require", "keepalives": False, "connect_timeout": 7, "options": "",
            "cursor": "dictcursor", "iam": True, "sqlalchemy_query": {"x": 1},
            "outputs": "s3://bucket/out",
        },
    )  # fmt: skip
    assert conninfo_to_dict(ledger_address(None, "ledger")) == {
        "host": "db.test", "port": "5433", "dbname": "a b", "user": "us:er",
        "password": "p@ss/w#", "sslmode": "require", "keepalives": "0", "connect_timeout": "7",
    }  # fmt: skip


@pytest.mark.parametrize("host", ["/var/run/postgresql", "::1", "one.test,other.test"])
def test_a_postgres_connection_may_have_any_host_that_libpq_knows(connect, host):
    connect("ledger", conn_type="postgres", host=host, schema="batches")
    address = ledger_address("", "ledger")
    assert conninfo_to_dict(address) == {"host": host, "dbname": "batches"}


def test_a_sqlite_connection_names_a_file(connect):
    connect("ledger", conn_type="sqlite", host="/srv/batches.ledger.db")
    assert ledger_address(None, "ledger") == "/srv/batches.ledger.db"


@pytest.fixture
def made(tables, monkeypatch):
    """Make a Connection with Airflow's command line; the address of the ledger that it names."""

    def made(*words):
        arguments = get_parser().parse_args(["connections", "add", "made", *words])
        arguments.func(arguments)
        with create_session() as session:
            [row] = session.scalars(select(Connection).where(Connection.conn_id == "made"))
            monkeypatch.setenv("AIRFLOW_CONN_MADE", row.get_uri())
            session.delete(row)
        return ledger_address(None, "made")

    return made


@pytest.mark.parametrize(
    "words",
    [
        ("--conn-type", "sqlite", "--conn-host", "/srv/My batches.ledger.db"),
        ("--conn-uri", "sqlite:///srv/My%20batches.ledger.db"),
        ("--conn-uri", "sqlite:////srv/My%20batches.ledger.db"),
        ("--conn-json", '{"conn_type": "sqlite", "host": "/srv/My batches.ledger.db"}'),
    ],
)
def test_airflow_s_command_line_makes_the_connection_of_a_file(made, words):
    assert "/srv/My batches.ledger.db" == made(*words)


@pytest.mark.parametrize(
    "words",
    [
        ("--conn-type", "postgres", "--conn-host", "db.test", "--conn-port", "5433",
         "--conn-schema", "batches", "--conn-login", "us", "--conn-password", "p@ss",
         "--conn-extra", '{"sslmode": "require", "cursor": "dictcursor"}'),
        ("--conn-uri",
         "postgresql://us:p%40ss@db.test:5433/batches?sslmode=require&cursor=dictcursor"),
    ],
)  # fmt: skip
def test_airflow_s_command_line_makes_the_connection_of_a_database(made, words):
    assert conninfo_to_dict(made(*words)) == {
        "host": "db.test", "port": "5433", "dbname": "batches", "user": "us",
        "password": "p@ss", "sslmode": "require",
    }  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        {"conn_type": "mysql", "host": "db"},
        {"conn_type": "sqlite"},
        {"conn_type": "sqlite", "host": "srv", "schema": "batches.ledger.db"},
    ],
)
def test_a_connection_to_anything_else_is_no_ledger(connect, fields):
    connect("ledger", **fields)
    with pytest.raises(InputError, match="the Connection ledger is no ledger"):
        ledger_address(None, "ledger")


def test_two_ledgers_are_one_too_many(connect):
    connect("ledger", conn_type="sqlite", host="/srv/batches.ledger.db")
    with pytest.raises(InputError, match="both ledger and ledger_conn_id"):
        ledger_address("other.ledger.db", "ledger")


def test_a_connection_that_nobody_made_is_named_with_its_argument():
    with pytest.raises(InputError, match="there is no Connection nobody") as caught:
        ledger_address(None, "nobody")
    assert "another with ledger_conn_id" in caught.value.hint
