"""Where a ledger is kept; `batchcancel.ledger` is the contract all of them fulfil."""
