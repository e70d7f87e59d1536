"""A deliberate defect as one replacement in the source, and whether its test notices it.

Small ones, that a test of one module must notice, and such as show in the simulation.
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
from typing import NamedTuple
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parents[2]
PATIENCE = 60
"""Seconds for one test in a process of its own; with a defect, too, it must end by itself."""

_NOTICED = ("assert ", "AssertionError", "Failed: DID NOT RAISE")


class Unusable(Exception):  # noqa: N818 - it says what is wrong with a defect
    """A defect that cannot be planted or tried: the code has changed under it."""


class Change(NamedTuple):
    """`old` stands exactly once in the module, and `new` takes its place."""

    module: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """What is wrong, and the changes that make it so.

    `killer` is the name of the test that must fail then; `only` chooses among its parameters. The
    simulation must notice it in a seed from `seed` on. Either may be missing.
    """

    name: str
    changes: tuple[Change, ...]
    killer: str = ""
    only: str = ""
    seed: int | None = None


def defects(text: str, *, seed: int | None = None) -> tuple[Defect, ...]:
    """Read defects: a module and what is wrong, the test that must fail, a seed, and the changes.

    The test may name some of its parameters, in brackets: then there is a defect for each. A
    further change begins with its module, after an @. Where no seed is told it is `seed`.
    """
    blocks = text.strip("\n").split("\n\n")
    return tuple(chain.from_iterable(_defects(block, seed) for block in blocks))


def _defects(block: str, seed: int | None) -> Iterator[Defect]:
    told, *lines = block.splitlines()
    module, _, name = told.partition(": ")
    seed = next((int(line[5:]) for line in lines if line.startswith("seed ")), seed)
    killer, _, parameters = next((one for one in lines if one[:5] == "test_"), "").partition(" [")
    several = parameters.rstrip("]").split(", ")
    hunks = "\n".join([f"@ {module}", *(line for line in lines if line[0] in "@-+")])
    for only in several:
        yield Defect(
            name=name if len(several) == 1 else f"{name}, in {only}",
            changes=tuple(map(_change, hunks[2:].split("\n@ "))),
            killer=killer,
            only=only,
            seed=seed,
        )


def _change(hunk: str) -> Change:
    module, *lines = hunk.splitlines()
    old, new = ("\n".join(one[2:] for one in lines if one[0] == sign) for sign in "-+")
    return Change(f"batchcancel.{module}", old, new)


def changed(defect: Defect) -> dict[str, str]:
    """The sources of its modules, with the defect."""
    sources: dict[str, str] = {}
    for module, old, new in defect.changes:
        path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
        if not path.exists():
            raise Unusable(f"{defect.name}: there is no module {module}")
        source = sources.get(module) or path.read_text(encoding="utf-8")
        if (times := source.count(old)) != 1:
            raise Unusable(f"{defect.name}: {module} has {times} times {old!r}")
        sources[module] = source.replace(old, new)
    return sources


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
    """Copy the program into the folder, compiled where it is, and with the defect."""
    shutil.copytree(ROOT / "batchcancel", folder / "batchcancel")
    for module, source in changed(defect).items():
        folder.joinpath(*module.split(".")).with_suffix(".py").write_text(source, encoding="utf-8")


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
