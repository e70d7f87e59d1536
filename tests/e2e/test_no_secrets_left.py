"""What a process may leave on the disk without having written it: core dumps, keys of TLS."""

import json

import pytest

LOOK = """
import atexit, json, os, resource, sys

_, hard = resource.getrlimit(resource.RLIMIT_CORE)
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))

def tell():
    found = [resource.getrlimit(resource.RLIMIT_CORE)[0], os.environ.get("SSLKEYLOGFILE")]
    print(json.dumps(found), file=sys.stderr)

atexit.register(tell)
"""


@pytest.mark.promise(15)
def test_a_command_dumps_no_core_and_lets_nobody_write_down_the_keys_of_its_connections(stage):
    log = str(stage.folder / "keys.log")
    ended = stage.run("--version", environ=stage.tampered(LOOK) | {"SSLKEYLOGFILE": log})

    assert [0, None] == json.loads(ended.stderr)
    assert [] == list(stage.folder.iterdir())
