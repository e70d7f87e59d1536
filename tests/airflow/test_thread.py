import os
import signal
import threading
import time
from contextlib import contextmanager

import anyio
import pytest

from batchcancel.airflow.thread import GRACE, JobThread
from batchcancel.errors import Interrupted, StoppedEarly
from batchcancel.stop import Stopped

PATIENCE = 30.0


class Struck(BaseException):
    """What Airflow raises when a task takes too long is no `Exception`."""


@contextmanager
def struck_by(action):
    """Let a signal's handler do something in the main thread; yields a job that sends it."""

    async def job(stop):
        await anyio.sleep(0.5)  # the main thread is to be found waiting
        os.kill(os.getpid(), signal.SIGUSR1)
        return await until_stopped(stop)

    before = signal.signal(signal.SIGUSR1, lambda _signum, _frame: action())
    try:
        yield job
    finally:
        signal.signal(signal.SIGUSR1, before)


def strike():
    raise Struck


async def until_stopped(stop):
    """A job that drains when it is asked to stop, and tells why it was."""
    try:
        await stop.sleep(PATIENCE)
    except Stopped:
        return stop.reason
    raise AssertionError("nobody asked it to stop")


def test_a_job_runs_outside_the_main_thread_and_its_result_is_given():
    async def job(_stop):
        return threading.current_thread()

    assert threading.main_thread() is not JobThread().run(job)


def test_what_a_job_raises_is_raised():
    async def job(_stop):
        raise StoppedEarly("an outage")

    with pytest.raises(StoppedEarly, match="an outage"):
        JobThread().run(job)


def test_a_signal_handler_can_ask_a_job_to_stop():
    thread = JobThread()
    reason = Interrupted(signal.SIGTERM)
    with struck_by(lambda: thread.stop(reason)) as job:
        assert reason is thread.run(job)


def test_a_job_that_was_to_stop_before_it_began_is_stopped():
    thread = JobThread()
    reason = Interrupted(signal.SIGTERM)
    thread.stop(reason)
    assert reason is thread.run(until_stopped)


def test_what_strikes_the_main_thread_is_raised_when_the_job_has_drained():
    drained = []
    with struck_by(strike) as job:

        async def job_with_end(stop):
            drained.append(await job(stop))

        with pytest.raises(Struck):
            JobThread().run(job_with_end)
    assert [StoppedEarly] == [type(reason) for reason in drained]


def test_a_job_that_does_not_drain_is_cut_off_after_four_seconds():
    with struck_by(strike) as job:

        async def stubborn(stop):
            await job(stop)
            await anyio.sleep(PATIENCE)

        began = time.monotonic()
        with pytest.raises(Struck):
            JobThread().run(stubborn)
    assert GRACE < time.monotonic() - began < PATIENCE


def test_a_stop_that_comes_when_the_job_is_over_does_not_stop_the_next():
    async def job(stop):
        return stop.reason

    thread = JobThread()
    assert thread.run(job) is None
    thread.stop(Interrupted(signal.SIGTERM))
    assert thread.run(job) is None
