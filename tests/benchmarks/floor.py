"""The floor: the least time that a number of requests can take under a rate limit."""

import math

from batchcancel.sandbox import Rate

PAGE = 200


def floor_seconds(requests: int, rate: Rate) -> float:
    """From the first request to the last when every window is filled at its first moment."""
    return (math.ceil(requests / rate.limit) - 1) * rate.seconds


def rows_of(requests: int) -> int:
    """How many rows of one day the program cancels with so many requests.

    One request asks for the settings, one whether the windows of the day are closed, and the pages
    of the day are read.
    """
    return max(rows for rows in range(requests) if rows + 2 + rows // PAGE + 1 <= requests)
