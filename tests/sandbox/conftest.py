"""A sandbox on a virtual clock that started at NOW, and clients that speak to it in process."""

from datetime import UTC, datetime

import httpx
import pytest

from batchcancel.sandbox import FULL_KEY, Clinic, Sandbox

NOW = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)


@pytest.fixture
def now():
    return NOW


@pytest.fixture
def sandbox(virtual):
    return Sandbox(
        Clinic(appointments=300, slot_capacity=4),
        clock=virtual.current_time,
        now=NOW,
        keys={"sk_read_only": ["appointments:read"], "sk_write_only": ["appointments:write"]},
    )


@pytest.fixture
def connect():
    def connect(sandbox, key=FULL_KEY):
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=sandbox.app),
            base_url="http://sandbox/v1",
            headers={"Authorization": f"Bearer {key}"},
            timeout=None,
        )

    return connect


@pytest.fixture
def client(sandbox, connect):
    return connect(sandbox)


@pytest.fixture
def cancel(client):
    """Send the PATCH that cancels an appointment."""

    def cancel(appointment_id="appt_000001", **fields):
        return client.patch(
            f"/appointments/{appointment_id}", json={"status": "cancelled"} | fields
        )

    return cancel
