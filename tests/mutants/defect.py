"""A deliberate defect as one replacement in the source, and whether its test notices it.

The simulation has defects of its own; these are small ones that a test of one module must notice.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parents[2]
PATIENCE = 60
"""Seconds for one test in a process of its own; with a defect, too, it must end by itself."""

_NOTICED = ("assert ", "AssertionError", "Failed: DID NOT RAISE")


class Unusable(Exception):  # noqa: N818 - it says what is wrong with a defect
    """A defect that cannot be planted or tried: the code has changed under it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """`old` stands exactly once in the module, and `new` takes its place.

    `killer` is the name of the test that must fail then; `only` chooses among its parameters.
    """

    name: str
    module: str
    old: str
    new: str
    killer: str
    only: str = ""

    def source_in(self, folder: Path) -> Path:
        """The file of its module in a copy of the program."""
        return folder.joinpath(*self.module.split(".")).with_suffix(".py")


def defects(text: str) -> tuple[Defect, ...]:
    """Read defects: a module and what is wrong there, the test that must fail, and the change.

    The test may name some of its parameters, in brackets: then there is a defect for each.
    """
    return tuple(chain.from_iterable(map(_defects, text.strip("\n").split("\n\n"))))


def _defects(block: str) -> Iterator[Defect]:
    told, killer, *change = block.splitlines()
    module, _, name = told.partition(": ")
    killer, _, parameters = killer.rstrip("]").partition(" [")
    several = parameters.split(", ")
    old, new = ("\n".join(one[2:] for one in change if one[0] == sign) for sign in "-+")
    for only in several:
        yield Defect(
            name=name if len(several) == 1 else f"{name}, in {only}",
            module=f"batchcancel.{module}",
            old=old,
            new=new,
            killer=killer,
            only=only,
        )


def survives(defect: Defect, folder: Path) -> str | None:
    """Why the defect counts as unnoticed, tried on a copy of the program in an empty folder."""
    plant(defect, folder)
    report = folder / "report.xml"
    done = _try(defect, folder, report)
    if not report.exists():
        return f"the test did not run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    failures = list(_failures(report))
    if not failures:
        return f"{defect.killer} passes in spite of it"
    others = [message for message in failures if not message.startswith(_NOTICED)]
    return f"the test ended otherwise than by its assertion: {others[0]}" if others else None


def plant(defect: Defect, folder: Path) -> None:
    """Copy the program into the folder, with the defect."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "batchcancel", folder / "batchcancel", ignore=ignored)
    defect.source_in(folder).write_text(changed(defect), encoding="utf-8")


def changed(defect: Defect) -> str:
    """The source of its module, with the defect."""
    path = defect.source_in(ROOT)
    if not path.exists():
        raise Unusable(f"{defect.name}: there is no module {defect.module}")
    source = path.read_text(encoding="utf-8")
    if (times := source.count(defect.old)) != 1:
        raise Unusable(f"{defect.name}: {defect.module} has {times} times {defect.old!r}")
    return source.replace(defect.old, defect.new)


def file_of(killer: str) -> Path:
    """The file of tests that defines a test; a name must lead to one test, wherever it moves."""
    found = [path for path, text in _tests().items() for _ in range(text.count(f"def {killer}"))]
    if len(found) != 1:
        raise Unusable(f"{len(found)} tests begin with the name {killer}")
    return found[0]


@cache
def _tests() -> dict[Path, str]:
    paths = sorted((ROOT / "tests").rglob("test_*.py"))
    return {path: path.read_text(encoding="utf-8") for path in paths}


def _try(defect: Defect, folder: Path, report: Path) -> subprocess.CompletedProcess[str]:
    chosen = f"{defect.killer} and {defect.only}" if defect.only else defect.killer
    path = f"{shlex.quote(str(folder))} {shlex.quote(str(ROOT))}"
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-o", "addopts=", "-o", f"pythonpath={path}"),
            *("--import-mode=importlib", "-p", "no:cacheprovider", "-p", "no:xdist"),
            *(f"--timeout={PATIENCE}", f"--basetemp={folder / 'tmp'}", f"--junitxml={report}"),
            *("-k", chosen, file_of(defect.killer)),
        ],
        cwd=ROOT,
        env=_environment(folder),
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )


def _environment(folder: Path) -> dict[str, str]:
    """Ours, without what the pytest around this one says, and with the copy first on the path.

    Which branches a copy takes is nobody's coverage.
    """
    around = ("PYTEST", "COVERAGE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(around)}
    others = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
    return kept | {"PYTHONPATH": os.pathsep.join([str(folder), *others])}


def _failures(report: Path) -> Iterator[str]:
    for case in ET.parse(report).iter("testcase"):
        yield from (one.get("message", "") for one in case.iter("failure"))
        yield from (f"error: {one.get('message')}" for one in case.iter("error"))
