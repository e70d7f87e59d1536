"""What people and programs are given of a ledger: files of results."""
