"""Which batch of which ledger is meant, and the options of commands that read one."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import click

batch_option = click.option(
    "--batch", metavar="NAME", help="Which batch, where the ledger has several"
)
force_option = click.option("--force", is_flag=True, help="Write over a file that exists")
# A call looks for it itself, before any option is understood.
json_option = click.option(
    "--json", is_flag=True, expose_value=False, help="One line of JSON on stdout"
)


@contextmanager
def batch_meant(typed: str | None, batch: str | None) -> Iterator[tuple[Any, str, str]]:
    """The ledger, to be asked, its address, and the name of the batch."""
    from batchcancel.ledger.open import read_ledger
    from batchcancel.report.status import the_batch
    from batchcancel.settings.ledgers import ledger_for

    address, named = ledger_for(typed, batch)
    with closing(read_ledger(address)) as account:
        yield account, address, the_batch(account, named, ledger=address)
