"""A ledger behind Debian's PgBouncer, before Debian's PostgreSQL 15.

The contract's tests run so too, with transactions pooled; see `conftest.MAKERS`.
"""

from contextlib import ExitStack, closing

import pytest

from batchcancel.errors import InputError
from batchcancel.ledger.contract import State
from batchcancel.ledger.postgres.ledger import open_postgres
from tests.debian import pooled
from tests.ledger.conftest import WHO

pytestmark = pytest.mark.long


@pytest.mark.parametrize(("mode", "many"), [("session", 1), ("transaction", 6)])
def test_runs_that_share_its_four_sessions_keep_their_accounts_apart(
    debian_postgres, example, mode, many
):
    with pooled(debian_postgres, mode) as url_of, ExitStack() as stack:
        url = url_of(debian_postgres.database())
        runs = {}
        for number in range(many):
            one = type(example)(name=f"batch-{number}")
            ledger = stack.enter_context(closing(open_postgres(url, **WHO)))
            runs[one] = one.begin(ledger, f"run-{number}")
        for number, appointment_id in enumerate("abc"):
            for one, ledger in runs.items():
                ledger.commit([one.intent(appointment_id, number)])
                ledger._renew()
                ledger.commit([one.settled(appointment_id)])
                ledger.require_held()
        stood = [state for one, ledger in runs.items() for state in one.standing(ledger).values()]

    assert [(State.SETTLED, "cancelled", None)] * 3 * many == stood


def test_a_pooler_that_keeps_no_transaction_together_is_refused(debian_postgres):
    wrong = pytest.raises(InputError, match="keeps no transaction together")
    with pooled(debian_postgres, "statement") as url_of, wrong as refused:
        open_postgres(url_of(debian_postgres.database()), **WHO)
    assert "pool_mode=transaction" in refused.value.hint
