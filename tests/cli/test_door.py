import os
import signal
import sys
import threading
from contextlib import contextmanager, nullcontext
from functools import partial

import anyio
import pytest

from batchcancel.cli.door import confirm, enter
from batchcancel.errors import Interrupted, Refusal

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


def asked(stop):
    return confirm(3, stop=stop, where="here", is_agreed=False, plan="")


def once_asked(screen, act):
    def wait_and_act():
        os.read(screen, 1000)
        act()

    threading.Thread(target=wait_and_act, daemon=True).start()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_question_without_an_answer(monkeypatch, signum):
    with keyboard(monkeypatch) as screen:
        once_asked(screen, partial(os.kill, os.getpid(), signum))
        with pytest.raises(Interrupted) as ended:
            enter(asked)
    assert 128 + signum == ended.value.exit_code


def test_a_signal_is_heard_although_the_event_loop_is_held_up():
    heard = threading.Event()

    async def hold_up(stop):
        stop.heard = heard.set
        os.kill(os.getpid(), signal.SIGTERM)
        return heard.wait(PATIENCE), stop.reason

    assert (True, None) == enter(hold_up)


@pytest.mark.parametrize("typed", ["3\n", "\n", "\x04"])
def test_only_the_number_is_a_yes_and_others_go_on_meanwhile(monkeypatch, typed):
    has_gone_on = threading.Event()

    async def go_on():
        await anyio.sleep(0.05)  # by then the question waits
        has_gone_on.set()

    def answer(screen):
        assert has_gone_on.wait(PATIENCE)
        os.write(screen, typed.encode())

    with keyboard(monkeypatch) as screen:
        once_asked(screen, partial(answer, screen))
        with nullcontext() if typed == "3\n" else pytest.raises(Refusal, match="not confirmed"):
            enter(asked, go_on)
