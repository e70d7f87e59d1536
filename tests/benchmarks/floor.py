"""The floor: the least time that a number of requests can take under a rate limit."""

import math

from batchcancel.sandbox import Rate


def floor_seconds(requests: int, rate: Rate) -> float:
    """From the first request to the last when every window is filled at its first moment."""
    return (math.ceil(requests / rate.limit) - 1) * rate.seconds
