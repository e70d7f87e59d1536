"""The durable account of every row; `contract` is what both kinds of it promise."""
