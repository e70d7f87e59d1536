from datetime import UTC, datetime, timedelta

import anyio
import pytest
import trio.testing

from batchcancel.sandbox import Clinic, Sandbox
from batchcancel.sandbox.clock import LoopClock


def test_time_goes_on_in_the_next_event_loop_where_the_last_one_left_it():
    clock, seen = LoopClock(), [0.0]

    async def run():
        seen.append(clock())
        await anyio.sleep(100)
        seen.append(clock())

    for _ in range(2):
        virtual = trio.testing.MockClock(autojump_threshold=0)
        anyio.run(run, backend="trio", backend_options={"clock": virtual})

    assert seen == [0, 0, 100, 100, 200]


def test_time_stands_still_until_an_event_loop_runs():
    assert LoopClock()() == 0


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_machine_keeps_the_time_unless_told_otherwise(backend, connect):
    sandbox = Sandbox(Clinic(appointments=1))

    async def cancelled_at():
        answer = await connect(sandbox).patch(
            "/appointments/appt_000001", json={"status": "cancelled"}
        )
        return datetime.fromisoformat(answer.json()["data"]["updated_at"])

    assert timedelta(minutes=1) > abs(anyio.run(cancelled_at, backend=backend) - datetime.now(UTC))


def test_a_naive_wall_clock_is_refused():
    with pytest.raises(ValueError, match="aware"):
        Sandbox(now=lambda: datetime(2026, 6, 1))  # noqa: DTZ001 - naive is the point
