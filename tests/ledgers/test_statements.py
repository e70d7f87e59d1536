"""One text for both databases: what psycopg gets of it."""

import pytest

from batchcancel.ledgers.statements import for_psycopg


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("SELECT :key", "SELECT %(key)s"),
        ("WHERE run_id = :run_id AND at>=:at", "WHERE run_id = %(run_id)s AND at>=%(at)s"),
        ("VALUES (:a, :b, :a)", "VALUES (%(a)s, %(b)s, %(a)s)"),
        ("extract(epoch FROM :at)::float8", "extract(epoch FROM %(at)s)::float8"),
        ("make_interval(secs => :ttl)", "make_interval(secs => %(ttl)s)"),
        ("SELECT 1", "SELECT 1"),
    ],
)
def test_a_name_becomes_one_of_psycopgs_and_a_cast_stays(written, sent):
    assert sent == for_psycopg(written)
