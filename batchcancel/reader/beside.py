"""Putting columns beside the rows of a table, of which there may be a million."""

from collections.abc import Sequence

import polars as pl


def left_join(
    frame: pl.DataFrame,
    known: pl.DataFrame,
    on: Sequence[str],
    right_on: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Put what is known by some columns, once for each of their values, beside the rows.

    The rows keep their order and are not copied, and columns of which nothing is known take no
    room.
    """
    right_on = right_on or on
    added = known.drop(right_on)
    if known.is_empty():
        nothing = (pl.lit(None, kind).alias(name) for name, kind in added.schema.items())
        return frame.with_columns(nothing)
    if len(on) == 1 and frame.get_column(*on).equals(known.get_column(*right_on)):
        return frame.hstack(added)  # nothing needs to be looked for
    # Nulls are equal here: a row without a branch belongs to the session without one.
    found = frame.select(on).join(
        known,
        left_on=on,
        right_on=right_on,
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    return frame.hstack(found.drop(on))
