"""The name of the batch a task works on."""

import hashlib
import re

_LONGEST = 200
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.:+@=\-]", re.ASCII)


def batch_name(*, dag_id: str, run_id: str, map_index: int = -1) -> str:
    """`dag@run`, and `dag=index@run` for a mapped task: the same in every try of the task.

    A Dag's id holds neither `=` nor `@`, so no two tasks are called alike.
    """
    place = dag_id if map_index < 0 else f"{dag_id}={map_index}"
    return named(f"{place}@{run_id}")


def named(whole: str) -> str:
    """A text as the name of a batch.

    Where it would be too long, or hold what a name cannot, a digest of the whole tells it apart.
    """
    name = _NOT_IN_A_NAME.sub("_", whole)
    if name == whole and len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(whole.encode()).hexdigest()[:16]
    return f"{name[: _LONGEST - len(digest) - 1]}.{digest}"
