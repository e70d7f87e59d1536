"""Where a run can be cut in two: before and after each thing that lasts."""

SENT = 3
"""Of four rows; one was cancelled before."""

LASTING = {
    "hold": 1,  # the run takes the batch
    "commit": 7 + SENT,  # four questions' intents, answers, the rows' intents, the last outcome
    "the config request": 1,
    "the search request": 1,  # for the page of the day
    "the windows request": 1,  # whether any is open still
    "the read request": 1,  # for the row that it does not show
    "enrol": 1,  # the manifest's rows join the ledger
    "decide": 1,  # and the policy's skips
    "the cancel request": SENT,
    "finish": 1,  # how the run ended
}
"""What a run of four rows with one worker does that outlives it, and how often."""

BOUNDARIES = 2 * sum(LASTING.values())

DIES_AT = """
import os
import signal
from functools import wraps

from batchcancel.huskyvoice.client import HuskyVoice
from batchcancel.ledger.postgres.ledger import PostgresLedger
from batchcancel.ledger.sqlite.ledger import SqliteLedger

passed = open(os.environ["PASSED"], "a", buffering=1)
fatal = int(os.environ["DIES_AT"])
count = 0

def boundary(name):
    global count
    count += 1
    passed.write(name + "\\n")
    if count == fatal:
        os.kill(os.getpid(), signal.SIGKILL)

def kept(ledger, name):
    write = getattr(ledger, name)

    @wraps(write)
    def method(self, *values):
        if values == ([],):  # a commit of nothing
            return
        boundary("before " + name)
        write(self, *values)
        boundary("after " + name)

    setattr(ledger, name, method)

for ledger in (SqliteLedger, PostgresLedger):
    for name in ("hold", "enrol", "decide", "commit", "finish"):
        kept(ledger, name)

send = HuskyVoice.send

async def sent(self, request):
    boundary(f"before the {request.ask} request")
    answer = await send(self, request)
    boundary(f"after the {request.ask} request")
    return answer

HuskyVoice.send = sent
"""
"""Executed in the process before the program: counts boundaries, and kills it at one of them."""
