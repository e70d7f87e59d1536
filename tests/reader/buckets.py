"""A real S3-compatible server in this process, and the environment that leads to it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

SECRET = "aws_secret_never_to_be_shown"
BUCKET = "closures"


class Buckets:
    """What is in the store; the bucket `closures` is there from the start."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.environ = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "AKIATEST",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }
        self._ask("PUT", BUCKET)

    def put(self, name: str, content: bytes) -> str:
        """Store an object, and give its version where the bucket keeps versions."""
        return self._ask("PUT", f"{BUCKET}/{name}", content).headers.get("x-amz-version-id", "")

    def names(self) -> list[str]:
        """The names of all objects."""
        listed = self._ask("GET", f"{BUCKET}?list-type=2").text
        return re.findall("<Key>(.*?)</Key>", listed)

    def keep_versions(self) -> None:
        status = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        self._ask("PUT", f"{BUCKET}?versioning", status)

    def admit_nobody(self) -> None:
        """From here on requests must come from a user that exists, and there is none."""
        self._ask("POST", "moto-api/reset-auth", b"0")

    def clear(self) -> None:
        from moto.s3.models import s3_backends

        self._ask("POST", "moto-api/reset-auth", b"inf")
        for account in s3_backends.values():  # its own "reset" loads every service there is
            account.reset()

    def _ask(self, method: str, path: str, content: bytes = b""):
        import httpx

        scope = "AKIATEST/20260101/us-east-1/s3/aws4_request"
        answer = httpx.request(
            method,
            f"{self.url}/{path}",
            content=content,
            headers={"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}"},
            timeout=60,
            trust_env=False,
        )
        return answer.raise_for_status()


@pytest.fixture(scope="session")
def bucket_server() -> Iterator[str]:
    """The URL of one server for each process of the test run: it takes its time to end."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@contextmanager
def new_buckets(url: str) -> Iterator[Buckets]:
    """What one test stores there, and no other sees."""
    buckets = Buckets(url)
    try:
        yield buckets
    finally:
        buckets.clear()
