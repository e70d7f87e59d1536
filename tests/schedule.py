"""The order in which trio lets tasks go on, decided by a seed."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from trio._core import _run as scheduler


@contextmanager
def deterministic(seed: object) -> Iterator[None]:
    """Let trio order what could run at the same time by the seed, and by nothing else."""
    was, state = scheduler._ALLOW_DETERMINISTIC_SCHEDULING, scheduler._r.getstate()
    scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True
    scheduler._r.setstate(Random(f"{seed} schedule").getstate())
    try:
        yield
    finally:
        scheduler._ALLOW_DETERMINISTIC_SCHEDULING = was
        scheduler._r.setstate(state)
