"""A page in headless Chromium, over its debugging protocol."""

import base64
import itertools
import json
import re
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from websockets.sync.client import connect

PATIENCE = 120.0
_QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--window-size=1400,1600", "--remote-debugging-port=0"),
)


class Page:
    """What a person does with a page, and sees of it."""

    def __init__(self, socket):
        self._socket = socket
        self._numbers = itertools.count(1)
        self._session = None
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self._ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self._ask("Page.enable")

    def open(self, url):
        self._ask("Page.navigate", url=url)

    def tell(self, script):
        """The value of a JavaScript expression."""
        told = self._ask("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def until(self, script):
        """Wait until an expression is true; its value."""
        deadline = time.monotonic() + PATIENCE
        while not (value := self.tell(f"document.body && ({script})")):
            assert time.monotonic() < deadline, f"{script}: {self.tell('document.body.innerText')}"
            time.sleep(0.3)
        return value

    def click(self, selector):
        """As a hand does: Airflow's components hear of a pointer, not of `click()` alone."""
        found = f"document.querySelector({json.dumps(selector)})"
        self.until(f"!!{found}")
        x, y = self.tell(
            f"{found}.scrollIntoView({{block: 'center'}}),"
            f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])"
            f"({found}.getBoundingClientRect())"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self._ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def type(self, selector, text):
        """Take the place of what stands in a field."""
        self.click(selector)
        self.tell("document.activeElement.select()")
        self._key("Backspace", 8)
        if text:
            self._ask("Input.insertText", text=text)

    def picture(self, path):
        told = self._ask("Page.captureScreenshot")
        Path(path).write_bytes(base64.b64decode(told["data"]))

    def _key(self, key, code):
        for kind in ("keyDown", "keyUp"):
            self._ask("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code)

    def _ask(self, method, **params):
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv(timeout=PATIENCE))
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]


@contextmanager
def page():
    """An empty page, in a browser that knows nothing yet."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            ["chromium", *_QUIET, f"--user-data-dir={folder}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            line = next(one for one in process.stderr if "DevTools listening" in one)
            address = re.search(r"ws://\S+", line)[0]
            with connect(address, max_size=None, proxy=None) as socket:
                yield Page(socket)
        finally:
            process.kill()
            process.wait()
