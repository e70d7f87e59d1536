"""When each row's turn comes at the pace of the rate limit, and how many requests it takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import polars as pl

from batchcancel.api import PAGE, Rate
from batchcancel.policy.fresh import OLD
from batchcancel.policy.pages import MIN_HITS
from batchcancel.reader.beside import left_join


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """From `now` on at most `rate`, of whose slots so many are `taken`.

    `pages` is how many a day has to be looked at once more, `budget` how many there may be in all.
    """

    now: datetime
    rate: Rate
    taken: int = 0
    pages: Mapping[date, int] = field(default_factory=dict)
    budget: int = 0

    def seconds_for(self, requests: int) -> float:
        """How long so many take from now on."""
        return self.rate.seconds_for(requests + self.taken) if requests else 0.0

    def turns(self, work: pl.DataFrame, *, is_read: pl.Expr) -> pl.DataFrame:
        """Add `cost`, the requests of each row, and `send_at`, when it is sent.

        One that `is_read` first costs a second request, and one at whose turn its day was looked at
        long ago the pages of the day that show it and those behind it.
        """
        work = self._sent(work.with_columns(cost=1 + is_read.cast(pl.Int64)))
        if self.rate.is_unlimited:
            return work
        renewed = self._renewed(work.with_row_index("row").filter(~is_read))
        more = pl.col("more").fill_null(0)
        work = left_join(work.with_row_index("row"), renewed, ["row"])
        return self._sent(work.with_columns(cost=pl.col("cost") + more).drop("row", "more"))

    def _sent(self, work: pl.DataFrame) -> pl.DataFrame:
        """As `Rate.seconds_for` has it: a burst of `limit`, then another with each window."""
        if self.rate.is_unlimited:
            return work.with_columns(send_at=pl.lit(self.now))
        window = timedelta(seconds=self.rate.window) // timedelta(microseconds=1)
        windows = (pl.col("cost").cum_sum() - 1 + self.taken) // int(self.rate.limit)
        wait = (windows * window).cast(pl.Duration("us"))
        return work.with_columns(send_at=pl.lit(self.now) + wait)

    def _renewed(self, rows: pl.DataFrame) -> pl.DataFrame:
        """At which rows the pages of their day are old, and how many requests `more` that takes."""
        is_old = pl.col("send_at") - pl.col("observed_at") > OLD
        old = rows.filter(pl.col("page").is_not_null() & is_old)
        since = pl.col("send_at") - pl.col("send_at").min().over("page")
        pages = {"page": list(self.pages), "pages": list(self.pages.values())}
        looks = (
            old.group_by("page", (since / OLD).floor(), maintain_order=True)
            .agg(pl.col("row").first(), pl.len().alias("rows"))
            .join(pl.DataFrame(pages, {"page": pl.Date, "pages": pl.Int64}), on="page", how="left")
        )
        # Those from the first row on; for the last few rows of a day its pages do not pay.
        of_rows = pl.min_horizontal(pl.col("rows") // PAGE + 2, pl.col("pages").fill_null(1))
        more = pl.when(pl.col("rows") >= MIN_HITS).then(of_rows).otherwise("rows").cast(pl.Int64)
        looks = looks.sort("row").select("row", more=more)
        return looks.filter(pl.col("more").cum_sum() <= self.budget)
