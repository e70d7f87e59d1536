import os
import signal
import sys
import threading
from contextlib import contextmanager

import pytest

from batchcancel.cli.door import confirm
from batchcancel.errors import Interrupted

PATIENCE = 5.0


@contextmanager
def keyboard(monkeypatch):
    """A terminal as stdin and stderr; gives the end at which a person types."""
    screen, inside = os.openpty()
    with open(inside, closefd=False) as stdin, open(inside, "w", closefd=False) as stderr:
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(sys, "stderr", stderr)
        yield screen
    os.close(inside)
    os.close(screen)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_interrupts_no_read_ends_the_question_without_an_answer(monkeypatch, signum):
    """The system may deliver it to another thread, or right before the read begins."""
    is_over = threading.Event()
    typed = []

    def signal_and_wait(screen):
        os.read(screen, 1000)
        os.kill(os.getpid(), signum)
        if not is_over.wait(PATIENCE):
            typed.append(os.write(screen, b"3\n"))

    with keyboard(monkeypatch) as screen:
        other = threading.Thread(target=signal_and_wait, args=[screen], daemon=True)
        other.start()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signum])  # so it goes to the other thread
        try:
            with pytest.raises(Interrupted):
                confirm(3, where="here", is_agreed=False, plan="")
        finally:
            is_over.set()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signum])
        other.join(PATIENCE)
    assert not typed
