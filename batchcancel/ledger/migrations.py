"""Schema migrations: the steps by which a ledger of an earlier version becomes one of this.

A step is written once for both databases, in words that both know, but for the names of three
types; what only one of them needs follows it. Whoever runs the steps does so in one transaction,
and writes the new version in the same one. A new ledger is made at this version straight away, by
the tables in `sqlite/schema` and `postgres/schema`: they and the steps must come to the same.
"""

from batchcancel.errors import InputError

VERSION = 2
"""What this program writes; it reads every version from 1 on."""

_STEPS = {
    1: """
ALTER TABLE batches ADD COLUMN kind TEXT NOT NULL DEFAULT 'cancel';
ALTER TABLE batches ADD COLUMN of_batch TEXT;
ALTER TABLE batches ADD COLUMN notice_hours DOUBLE PRECISION;
ALTER TABLE batches ADD COLUMN timezone TEXT;
ALTER TABLE batches ADD COLUMN sessions TEXT;
ALTER TABLE batches ADD COLUMN notes TEXT;
ALTER TABLE batches ADD COLUMN selection TEXT;
ALTER TABLE batches ADD COLUMN approval TEXT;
ALTER TABLE batches ADD COLUMN approved_by TEXT;
ALTER TABLE batches ADD COLUMN approved_at {instant};

ALTER TABLE runs ADD COLUMN version TEXT;
ALTER TABLE runs ADD COLUMN "user" TEXT;
ALTER TABLE runs ADD COLUMN host TEXT;
ALTER TABLE runs ADD COLUMN pid {integer};
ALTER TABLE runs ADD COLUMN options TEXT;
ALTER TABLE runs ADD COLUMN counts TEXT;
ALTER TABLE runs ADD COLUMN why TEXT;

ALTER TABLE rows ADD COLUMN line {integer};
ALTER TABLE rows ADD COLUMN manifest_start TEXT;
ALTER TABLE rows ADD COLUMN start_known_by TEXT;
ALTER TABLE rows ADD COLUMN previous_status TEXT;
ALTER TABLE rows ADD COLUMN seen_updated_at {instant};
ALTER TABLE rows ADD COLUMN observed_at {instant};
ALTER TABLE rows ADD COLUMN observed_status TEXT;
ALTER TABLE rows ADD COLUMN observed_date {day};
ALTER TABLE rows ADD COLUMN observed_session TEXT;
ALTER TABLE rows ADD COLUMN observed_branch TEXT;
ALTER TABLE rows ADD COLUMN observed_label TEXT;
ALTER TABLE rows ADD COLUMN resolved_as TEXT;
ALTER TABLE rows ADD COLUMN resolved_by TEXT;
ALTER TABLE rows ADD COLUMN resolved_at {instant};
ALTER TABLE rows ADD COLUMN resolved_reason TEXT;

ALTER TABLE rejected_rows ADD COLUMN appointment_id TEXT;

CREATE TABLE pauses (
    run_id     TEXT NOT NULL,
    began_at   {instant} NOT NULL,
    ended_at   {instant},
    reason     TEXT NOT NULL
);
CREATE INDEX pauses_of_run ON pauses (run_id);

CREATE TABLE looks (
    kind       TEXT NOT NULL,
    batch      TEXT NOT NULL,
    looked_at  {instant} NOT NULL,
    found      TEXT NOT NULL
);
CREATE INDEX looks_of_batch ON looks (batch, kind);
""",
}

# Doubts were dated by this machine's clock, which may have been wrong: a day earlier is cautious.
_ALSO_IN_SQLITE = {
    1: """
UPDATE rows SET opened_at = opened_at - 86400000000;

CREATE TABLE leases (
    batch      TEXT PRIMARY KEY,
    token      INTEGER NOT NULL,
    holder     TEXT NOT NULL,
    boot       TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
"""
}

# Whoever was given the other tables uses the new ones too, without an administrator.
_ALSO_IN_POSTGRES = {
    1: """
UPDATE rows SET opened_at = opened_at - interval '1 day';
CREATE OR REPLACE VIEW account AS
    SELECT name AS batch, coalesce(starts_at, learned_start) AS start, rows.*
    FROM batches JOIN rows USING (batch_id);
COMMENT ON COLUMN batches.kind IS 'cancel, restore';
COMMENT ON COLUMN batches.selection IS 'what find was asked for';
COMMENT ON COLUMN runs.options IS 'as JSON, without anything secret';
COMMENT ON COLUMN runs.counts IS 'of its rows at its end, as JSON';
COMMENT ON COLUMN runs.why IS 'it ended, where it ended early';
COMMENT ON COLUMN rows.line IS 'of the manifest';
COMMENT ON COLUMN rows.manifest_start IS 'the start as the manifest wrote it';
COMMENT ON COLUMN rows.seen_updated_at IS 'updated_at of the record that proved the outcome';
COMMENT ON TABLE pauses IS 'waits that are worth telling';
COMMENT ON TABLE looks IS 'what was found by looking, as JSON';
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
        EXECUTE format('GRANT %s ON pauses, looks TO %s', given.what, given.whom);
    END LOOP;
END $$;
"""
}


def sqlite_steps(version: int) -> str:
    """The statements that bring a SQLite ledger from `version` to this one."""
    types = {"instant": "INTEGER", "integer": "INTEGER", "day": "TEXT"}
    return _steps(version, _ALSO_IN_SQLITE, types)


def postgres_steps(version: int) -> str:
    """The same in PostgreSQL, for a transaction whose search_path names the ledger's schema."""
    types = {"instant": "timestamptz", "integer": "bigint", "day": "date"}
    return _steps(version, _ALSO_IN_POSTGRES, types)


def require_known(version: int, *, name: str) -> None:
    """Refuse what a later program wrote: its tables may mean something else."""
    if version > VERSION:
        raise InputError(
            f"{name} was written by a newer batchcancel (ledger version {version}, "
            f"this program knows {VERSION})",
            hint="Upgrade batchcancel.",
        )


def _steps(version: int, also: dict[int, str], types: dict[str, str]) -> str:
    return "".join(
        _STEPS[one].format_map(types) + also.get(one, "") for one in range(version, VERSION)
    )
