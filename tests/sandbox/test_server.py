import signal
import subprocess
import sys
import time

import httpx
import pytest

from batchcancel.sandbox import FULL_KEY, Clinic, Fault, Rate, Sandbox, serving

ID = "appt_000001"


@pytest.fixture
def sandbox():
    return Sandbox(Clinic(appointments=20), rate=Rate(limit=None))


@pytest.fixture
def client(sandbox):
    headers = {"Authorization": f"Bearer {FULL_KEY}"}
    with (
        serving(sandbox) as base_url,
        httpx.Client(base_url=base_url, headers=headers, timeout=5, trust_env=False) as client,
    ):
        yield client


def cancel(client, **options):
    return client.patch(f"/appointments/{ID}", json={"status": "cancelled"}, **options)


def test_an_appointment_is_cancelled_over_a_real_socket(client, sandbox):
    answer = cancel(client)

    assert client.base_url.path == "/v1/"
    assert (answer.status_code, answer.json()["data"]["status"]) == (200, "cancelled")
    assert sandbox.record(ID).status == "cancelled"


def test_an_answer_carries_one_date_and_no_server(client):
    headers = cancel(client).headers

    assert len(headers.get_list("Date")) == 1
    assert "Server" not in headers


@pytest.mark.parametrize(("when", "left"), [("before", "confirmed"), ("after", "cancelled")])
def test_a_reset_is_a_real_one(client, sandbox, when, left):
    sandbox.faults.add(Fault("reset", when=when))
    with pytest.raises(httpx.ReadError, match="reset"):
        cancel(client)

    assert left == sandbox.record(ID).status
    assert cancel(client).status_code == 200


def test_a_truncated_answer_ends_before_its_announced_length(client, sandbox):
    sandbox.faults.add(Fault("truncated"))
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        cancel(client)

    assert sandbox.record(ID).status == "cancelled"


def test_a_dripping_answer_never_trips_the_read_timeout(client, sandbox):
    sandbox.faults.add(Fault("drip", seconds=0.0001))

    assert cancel(client, timeout=0.5).status_code == 200


def test_an_answer_is_lost_and_its_change_applied_later(client, sandbox):
    sandbox.faults.add(Fault("late_reset", seconds=0.05))
    with pytest.raises(httpx.ReadError):
        cancel(client)
    deadline = time.monotonic() + 5
    while sandbox.record(ID).status != "cancelled":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_staff_may_act_from_another_thread(client, sandbox):
    cancel(client)
    sandbox.staff.confirm(ID)

    assert client.get(f"/appointments/{ID}").json()["data"]["status"] == "confirmed"


@pytest.mark.parametrize("fault", [Fault("hang"), Fault("slow", seconds=600)])
def test_serving_ends_although_a_request_is_held(sandbox, fault):
    sandbox.faults.add(fault)
    headers = {"Authorization": f"Bearer {FULL_KEY}"}
    started = time.monotonic()
    with serving(sandbox) as base_url, pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{base_url}/appointments", headers=headers, timeout=0.1, trust_env=False)

    assert time.monotonic() - started < 5


SERVE = """
from batchcancel.sandbox import Sandbox, serve
serve(Sandbox(), port=0, on_ready=lambda base_url: print(base_url, flush=True))
print("ended", flush=True)
"""


def test_the_foreground_server_ends_quietly_on_ctrl_c():
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        base_url = process.stdout.readline().strip()
        answer = httpx.get(f"{base_url}/appointments", trust_env=False)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=10)

    assert answer.status_code == 401
    assert (out, errors, process.returncode) == ("ended\n", "", 0)
