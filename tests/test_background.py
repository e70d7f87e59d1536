"""Tasks beside the main work."""

import anyio
import pytest

from batchcancel.background import background

pytestmark = pytest.mark.anyio


async def test_what_the_body_raises_comes_out_as_it_is():
    with pytest.raises(KeyError):
        async with background(anyio.sleep_forever):
            raise KeyError


async def test_tasks_run_beside_the_body_and_end_with_it():
    ticks = []

    async def tick():
        while True:
            await anyio.sleep(1)
            ticks.append(1)

    async with background(tick):
        await anyio.sleep(3.5)
    await anyio.sleep(10)
    assert 3 == len(ticks)
