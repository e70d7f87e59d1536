from datetime import timedelta
from email.utils import parsedate_to_datetime

import anyio
import pytest

from batchcancel.sandbox import Clinic, Fault, Rate, Sandbox

pytestmark = pytest.mark.anyio


async def test_a_body_above_one_mebibyte_is_answered_413(cancel):
    assert (await cancel(notes="x" * 1024 * 1024)).status_code == 413


async def test_every_answer_is_dated_by_the_wall_clock_of_the_sandbox(client, sandbox, now):
    await anyio.sleep(3600)
    sandbox.skew(timedelta(minutes=-5))
    for path in ("/appointments", "/nothing"):
        answer = await client.get(path)

        assert now + timedelta(minutes=55) == parsedate_to_datetime(answer.headers["Date"])


async def test_a_refused_request_uses_up_no_fault(connect, now):
    sandbox = Sandbox(Clinic(), rate=Rate(limit=1), now=now)
    client = connect(sandbox)
    await client.get("/appointments")
    sandbox.faults.add(Fault("status"))
    await client.get("/appointments")
    await anyio.sleep(60)

    assert (await client.get("/appointments")).status_code == 500
