"""The tables of a PostgreSQL ledger, in a schema of their own, made on first use.

Ids are compared byte by byte, whatever the database's locale. Rows of many batches and origins
live side by side; one row of `leases` for each batch says whose turn it is to write on it.
"""

from psycopg.errors import InsufficientPrivilege

from batchcancel.errors import InputError
from batchcancel.ledger import tables
from batchcancel.ledger.postgres.connection import PostgresStatements
from batchcancel.ledger.tables import VERSION, Dialect

_FIRST_USE = 0x62636C67
"""The number under which two first users wait for each other; "bclg"."""

DIALECT = Dialect(
    words={
        "identity": "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "number": "number bigint GENERATED ALWAYS AS IDENTITY",
        "id": 'text COLLATE "C"',
        "unique": "PRIMARY KEY",
        "long": "bigint",
        "instant": "timestamptz",
        "day": "date",
        "day_long": "interval '1 day'",
        "random": "md5(random()::text || clock_timestamp()::text)",
        "in_doubt": f"INDEX in_doubt (batch_id) WHERE {tables.IN_DOUBT}",
        "request": "1   session uuid NOT NULL\n1   request bigint NOT NULL\n"
        "1   number bigint GENERATED ALWAYS AS IDENTITY\n1   KEY (session, request)",
    },
    own="""
leases -- who may write on a batch, until when
1   batch {id} PRIMARY KEY
1   token bigint NOT NULL -- grows with every new holder; writes carry it
1   session uuid NOT NULL
1   holder text NOT NULL
1   expires_at {instant} NOT NULL
1   commits bigint NOT NULL -- transactions written on the batch
3   lost_since {instant} -- the ledger went back: what was sent since then may not stand here
3   server text -- system identifier and timeline of the server that it was taken on
3   written_by bigint -- the transaction that wrote this row: another one after a restored dump

windows -- the rate limit of each API key, for all hosts
1   key text PRIMARY KEY
1   closed_until {instant} NOT NULL DEFAULT '-infinity'

slots
1   slot bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY
1   key text NOT NULL
1   taken_at {instant} NOT NULL
1   counted_by {instant} NOT NULL -- the API has counted the request by then
1   is_answered boolean NOT NULL DEFAULT false
1   INDEX of_key (key, counted_by)

waiting -- who asked first for a slot has the next one
3   place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY
3   key text NOT NULL
3   program uuid NOT NULL UNIQUE
3   until {instant} NOT NULL -- it asks again; else its place is lost
""",
)
_ABOUT = f"CREATE OR REPLACE {tables.ACCOUNT}" + "".join(
    f"COMMENT ON {what} IS '{about}';\n" for what, about in tables.comments(DIALECT)
)
_TABLES = f"""
CREATE TABLE version (version integer NOT NULL);
INSERT INTO version VALUES ({VERSION});
CREATE SEQUENCE tokens;
{tables.made(DIALECT)}{_ABOUT}"""
# Whoever was given the other tables uses the new ones too, without an administrator.
_GRANTS = """
DO $$
DECLARE given record;
BEGIN
    FOR given IN
        SELECT CASE grantee WHEN 'PUBLIC' THEN 'PUBLIC' ELSE quote_ident(grantee) END AS whom,
               string_agg(privilege_type, ', ') AS what
        FROM information_schema.role_table_grants
        WHERE table_schema = 'batchcancel' AND table_name = 'runs' AND grantee <> current_user
        GROUP BY grantee
    LOOP
        EXECUTE format('GRANT %s ON pauses, looks, ledger, waiting TO %s', given.what, given.whom);
    END LOOP;
END $$;
"""
# Asked of the catalogue itself: to_regclass() may answer from before the wait for a first user.
_IS_THERE = """
    SELECT FROM pg_catalog.pg_tables WHERE schemaname = 'batchcancel' AND tablename = 'version'
"""
_HAS_SCHEMA = "SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'batchcancel'"


def ddl(role: str) -> str:
    """What an administrator applies, so that a role may use a ledger in which it owns nothing."""
    named, literal = (sign + role.replace(sign, 2 * sign) + sign for sign in "\"'")
    return f"""BEGIN;
CREATE SCHEMA batchcancel;
SET LOCAL search_path = batchcancel, pg_temp;
{_TABLES}
GRANT USAGE ON SCHEMA batchcancel TO {named};
GRANT USAGE ON SEQUENCE tokens TO {named};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA batchcancel TO {named};
DO $$ BEGIN
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO %I', current_database(), {literal});
END $$;
COMMIT;"""


def prepare(into: PostgresStatements, *, name: str) -> None:
    """Leave tables of this version behind: made, or migrated; two at once wait in line."""
    if found_version(into) != VERSION:
        into.execute("SELECT pg_advisory_xact_lock(:first_use)", {"first_use": _FIRST_USE})
        version = found_version(into)
        if version is None:
            _create(into, name=name)
        elif version < VERSION:
            _migrate(into, version, name=name)
    require_ledger(into, name=name)


def require_ledger(into: PostgresStatements, *, name: str) -> int:
    """Refuse a database without a ledger, or of a later program; give the ledger's version."""
    version = found_version(into)
    if version is None:
        raise InputError(
            f"{name} holds no ledger of batchcancel",
            hint="Check the database's name; the first plan or run makes the tables.",
        )
    tables.require_known(version, name=name)
    return version


def found_version(into: PostgresStatements) -> int | None:
    if not into.fetch(_IS_THERE):
        return None
    # With its schema's name: a search_path passes over a schema that this user may not use.
    ((version,),) = into.fetch("SELECT max(version) FROM batchcancel.version")
    return None if version is None else int(version)


def _create(into: PostgresStatements, *, name: str) -> None:
    try:
        if not into.fetch(_HAS_SCHEMA):
            into.script("CREATE SCHEMA batchcancel")
        into.script(_TABLES)
    except InsufficientPrivilege as error:
        raise InputError(
            f"{name} holds no ledger yet, and this user may not make one",
            hint="Let an administrator apply what `batchcancel ledger ddl --role USER` prints.",
        ) from error


def _migrate(into: PostgresStatements, version: int, *, name: str) -> None:
    try:
        into.script(tables.steps(DIALECT, version) + _ABOUT + _GRANTS)
        into.execute("UPDATE version SET version = :version", {"version": VERSION})
    except InsufficientPrivilege as error:
        raise InputError(
            f"{name} holds a ledger of version {version}, and this user may not change its tables "
            f"to version {VERSION}",
            hint="Let the user who owns its tables run a plan or a run once. status and export "
            "read it as it is.",
        ) from error
