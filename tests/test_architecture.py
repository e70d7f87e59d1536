"""Who may know whom, and how big things may get; each rule with its reason."""

import ast
import statistics
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "batchcancel"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}
FOLDERS = {"huskyvoice", "ledgers", "storage", "reports", "sandbox", "airflow", "cli"}
DOORS = {"cli", "airflow"}
HOMES = {
    "polars": {"reader", "manifest", "start_times", "policy", "plan", "reports"},
    "httpx": {"huskyvoice"},
    "tenacity": {"huskyvoice"},
    "sqlite3": {"ledgers"},
    "psycopg": {"ledgers"},
    "fsspec": {"storage"},
    "s3fs": {"storage"},
    "gcsfs": {"storage"},
    "adlfs": {"storage"},
    "aiohttp": {"storage"},
    "click": {"cli"},
    "rich": {"cli"},
    "structlog": {"cli"},
    "starlette": {"sandbox"},
    "uvicorn": {"sandbox"},
    "airflow": {"airflow"},
}


def imported(name):
    """Every module that a module imports, at its top or inside a function."""
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            is_package = {
                alias.name for alias in node.names if f"{node.module}.{alias.name}" in MODULES
            }
            yield from (f"{node.module}.{one}" for one in is_package)
            if len(is_package) < len(node.names):
                yield node.module


def part_of(module):
    """The folder or root file that a module of ours belongs to; None for others."""
    parts = module.split(".")
    if parts[0] != "batchcancel":
        return None
    return parts[1] if len(parts) > 1 else "__init__"


def ours(name):
    return {one for one in imported(name) if part_of(one) is not None}


@pytest.mark.parametrize("name", [one for one in MODULES if part_of(one) not in FOLDERS])
def test_root_files_say_what_the_program_is_so_only_wiring_knows_the_folders(name):
    if part_of(name) in ("wiring", "opening", "bringing", "__main__"):
        return
    assert set() == {one for one in ours(name) if part_of(one) in FOLDERS}


@pytest.mark.parametrize("name", [one for one in MODULES if part_of(one) in FOLDERS - DOORS])
def test_folders_know_root_records_and_themselves_and_so_can_be_exchanged(name):
    own = part_of(name)
    known = {part_of(one) for one in ours(name)} - {own}
    assert set() == known & (FOLDERS | {"job", "planning", "settings", "wiring"})


@pytest.mark.parametrize("name", [one for one in MODULES if part_of(one) in DOORS])
def test_doors_reach_the_folders_through_wiring_and_never_know_each_other(name):
    allowed = {part_of(name), "reports"}
    if name in ("batchcancel.cli.sandbox", "batchcancel.cli.story"):
        allowed.add("sandbox")
    assert set() == {part_of(one) for one in ours(name)} & FOLDERS - allowed


@pytest.mark.parametrize("name", [one for one in MODULES if part_of(one) == "sandbox"])
def test_the_examiner_shares_nothing_with_the_examinee(name):
    assert {"sandbox"} >= {part_of(one) for one in ours(name)}


@pytest.mark.parametrize("dag", sorted((ROOT / "jobs").glob("*.py")), ids=lambda path: path.name)
def test_a_dag_knows_airflow_and_its_door_alone_so_that_it_can_be_copied(dag):
    tree = ast.parse(dag.read_text(encoding="utf-8"))
    imports = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    foreign = {one for one in imports if one.split(".")[0] not in sys.stdlib_module_names}
    assert {"airflow.sdk", "batchcancel.airflow"} == foreign


@pytest.mark.parametrize("party", HOMES)
def test_every_third_party_has_one_home_so_that_it_can_be_replaced(party):
    users = {
        part_of(name) for name in MODULES for one in imported(name) if one.split(".")[0] == party
    }
    assert users <= HOMES[party]


def test_a_ledger_in_a_file_needs_no_driver_of_a_database():
    users = {name for name in MODULES for one in imported(name) if one.split(".")[0] == "psycopg"}
    assert users == {one for one in users if one.startswith("batchcancel.ledgers.postgres")}


def test_no_module_needs_itself_through_others():
    graph = {
        name: {one for one in ours(name) if one != name and one in MODULES} for name in MODULES
    }
    TopologicalSorter(graph).prepare()


def test_files_are_about_one_thing():
    lines = {name: len(path.read_text().splitlines()) for name, path in MODULES.items()}
    assert {} == {name: count for name, count in lines.items() if count > 400}
    assert statistics.median(lines.values()) <= 130


def test_function_bodies_fit_on_a_screen():
    long = {}
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                height = body[-1].end_lineno - body[0].lineno + 1 if body else 0
                if height > 40:
                    long[f"{name}.{node.name}"] = height
    assert {} == long


@pytest.mark.parametrize("name", MODULES)
def test_names_say_what_a_thing_is_about(name):
    vague = {"utils", "helpers", "common", "core", "base", "manager", "handler", "service"}
    words = {name.split(".")[-1].lower()} | {
        node.name.lower() for node in ast.walk(TREES[name]) if isinstance(node, ast.ClassDef)
    }
    assert set() == {word for word in words for one in vague if word.endswith(one)}


def test_the_top_level_holds_what_was_agreed_and_nothing_else():
    given = {"pyproject.toml", "README.md", "batchcancel", "jobs", "tests", "sample_inputs"}
    made = {"dist", "build"}
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert given >= found - made - {one for one in found if one.endswith(".egg-info")}


@pytest.mark.parametrize("number", range(1, 19))
def test_every_promise_has_a_test(number):
    mark = f"pytest.mark.promise({number})"
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert any(mark in text for text in texts)
