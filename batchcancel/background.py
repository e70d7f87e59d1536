"""Run something beside the main work, and stop it when the work ends."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import anyio

Task = Callable[[], Coroutine[Any, Any, None]]
"""What runs beside something else, until that ends."""


@asynccontextmanager
async def background(*tasks: Task) -> AsyncIterator[None]:
    """Start `tasks`; what the body raises comes out as it is, not in an exception group."""
    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        for task in tasks:
            group.start_soon(task)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised again below, outside the group
            failure = error
        finally:
            group.cancel_scope.cancel()
    if failure is not None:
        raise failure
