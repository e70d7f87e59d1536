"""Make the README's two pictures from the demonstration's own run: python .github/pictures.py.

It takes half a minute, and needs the extra `sandbox` and a program named chromium.
"""

import html
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
RESUMED, ENOUGH = "goes on where it stopped", 12
"""From this line on, the picture is taken at the bar that was drawn so many times."""

ROWS, CHAR, LINE = 19, 8.0, 18
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def screens(command: list[str]) -> list[str]:
    """What a terminal shows after each piece that the command writes to it."""
    parent, child = pty.openpty()
    environ = os.environ | {"COLUMNS": "100", "LINES": "40", "NO_COLOR": "1"}
    process = subprocess.Popen(command, stdin=child, stdout=child, stderr=child, env=environ)
    os.close(child)
    shown, written = [], ""
    while True:
        try:
            piece = os.read(parent, 65_536)
        except OSError:  # the other end was closed
            break
        written += piece.decode(errors="replace")
        lines = written.replace("\r\n", "\n").split("\n")
        # A line that is drawn again begins with a carriage return.
        shown.append("\n".join(_CODES.sub("", one.rpartition("\r")[2]) for one in lines))
    if process.wait() != 0:
        sys.exit("The demonstration did not end well.")
    return shown


def svg(screen: str) -> str:
    lines = screen.rstrip().split("\n")[-ROWS:]
    width, height = CHAR * max(70, *map(len, lines)) + 32, LINE * len(lines) + 28
    texts = [
        f'<text x="16" y="{30 + LINE * at}" xml:space="preserve">{html.escape(line)}</text>'
        for at, line in enumerate(lines)
    ]
    style = "font: 13px ui-monospace, Menlo, Consolas, monospace; fill: #e8ebee"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height}">',
            f"<style>text {{ {style} }}</style>",
            f'<rect width="{width:g}" height="{height}" rx="8" fill="#14171b"/>',
            *texts,
            "</svg>\n",
        ]
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "demo.html")
        demo = [sys.executable, "-m", "batchcancel", "demo", "--report", str(page)]
        resumed = [one for one in screens(demo) if RESUMED in one]
        (HERE / "run.svg").write_text(svg(resumed[min(ENOUGH, len(resumed) - 1)]), encoding="utf-8")
        subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             "--window-size=1000,900", f"--screenshot={HERE / 'report.png'}", page.as_uri()],
            check=True, capture_output=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
