"""The idempotency key of a task: its batch's name, made from the ids of Dag and Dag run."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

_LONGEST = 200
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.:+@=\-]", re.ASCII)


def batch_name(*, dag_id: str, run_id: str, map_index: int = -1) -> str:
    """`dag@run`, and `dag=index@run` for a mapped task: the same in every try of the task.

    Never by the number of the try: a retry would begin a new batch, and send every row again. A
    Dag's id holds neither `=` nor `@`, so no two names are equal.
    """
    place = dag_id if map_index < 0 else f"{dag_id}={map_index}"
    return named(f"{place}@{run_id}")


def name_of(context: Mapping[str, Any]) -> str:
    """The default name of the batch that a task works on."""
    task = context["ti"]
    index = -1 if task.map_index is None else task.map_index
    return batch_name(dag_id=task.dag_id, run_id=task.run_id, map_index=index)


def named(whole: str) -> str:
    """A valid batch name made from any text; different texts give different names.

    Where the text is too long, or holds what a name cannot, a digest of it is appended.
    """
    name = _NOT_IN_A_NAME.sub("_", whole)
    if name == whole and len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(whole.encode()).hexdigest()[:16]
    return f"{name[: _LONGEST - len(digest) - 1]}.{digest}"
