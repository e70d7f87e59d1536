"""Who may know whom, and how big things may get; each rule with its reason."""

import ast
import statistics
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "batchcancel"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

GROUND = {"appointments", "errors", "api", "addresses"}
NEXT_TO_GROUND = {"clock", "stop", "events"}
SHARED = {
    *("", *GROUND, *NEXT_TO_GROUND),
    *("settings.options", "settings.quantities", "settings.approval"),
}
"""What every stage may import; the empty name is the package itself, for its version."""

DOORS = {"cli", "airflow"}
ALLOWED = {
    # Rule 1: the ground is what everybody stands on, so it stands on nothing.
    **dict.fromkeys(GROUND, frozenset()),
    **dict.fromkeys(NEXT_TO_GROUND, GROUND),
    "settings": GROUND | {"settings"},
    # Rule 2: a stage knows what feeds it, so the sentence can be read in one direction.
    "ledger": SHARED | {"ledger"},
    "reader": SHARED | {"ledger.contract", "reader"},
    "policy": SHARED | {"ledger.contract", "ledger.questions", "reader", "policy"},
    "writer": SHARED | {"ledger.contract"},
    "pool": SHARED | {"ledger.contract", "policy", "writer", "pool"},
    # Rule 3: what is told depends on what is written down.
    "report": SHARED
    | {"ledger.contract", "ledger.questions", "policy.open_windows", "policy.plan"}
    | {"reader.manifest", "reader.search", "reader.selection", "reader.stored"}
    | {"report"},
    "people": SHARED | {"ledger.contract", "reader", "people"},
    # Rule 4: another API is another folder.
    "huskyvoice": {"", *GROUND, "clock", "huskyvoice"},
    # Rule 5: only wiring knows how the parts are put together, only commands what is done.
    "wiring": SHARED | {"settings.load", "ledger", "policy", "pool", "writer", "huskyvoice"},
    "commands": SHARED
    | {"ledger.contract", "ledger.questions", "ledger.writing"}
    | {"settings.load", "wiring", "reader", "policy", "pool", "report"}
    | {"people", "commands"},
    # Rule 6: a door translates between a caller and a command, and knows no stage.
    "cli": SHARED | {"settings", "ledger.open", "commands", "report", "cli"},
    "airflow": SHARED | {"settings", "ledger.open", "commands", "report", "airflow"},
    "__main__": {"cli.main"},
    # Rule 7: the examiner does not share the examinee's mistakes.
    "sandbox": {"sandbox"},
    "__init__": set(),
}
REHEARSING = {"batchcancel.cli.sandbox", "batchcancel.cli.demo"}

HOMES = {
    "platformdirs": {"wiring"},
    "polars": {"reader", "policy", "report", "people"},
    "httpx": {"huskyvoice"},
    "tenacity": {"huskyvoice"},
    "sqlite3": {"ledger"},
    "psycopg": {"ledger"},
    "fsspec": {"reader"},
    "s3fs": {"reader"},
    "gcsfs": {"reader"},
    "adlfs": {"reader"},
    "aiohttp": {"reader"},
    "click": {"cli"},
    "starlette": {"sandbox"},
    "uvicorn": {"sandbox"},
    "xlsxwriter": {"report"},
    "jinja2": {"report"},
    "airflow": {"airflow"},
}


@cache
def tree_of(name):
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def nodes(name, *kinds):
    return (node for node in ast.walk(tree_of(name)) if isinstance(node, kinds))


@cache
def imported(name):
    """Every module that a module imports, at its top or inside a function."""
    return [*_imported(name)]


def _imported(name):
    for node in nodes(name, ast.Import, ast.ImportFrom):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif node.module:
            is_package = {
                alias.name for alias in node.names if f"{node.module}.{alias.name}" in MODULES
            }
            yield from (f"{node.module}.{one}" for one in is_package)
            if len(is_package) < len(node.names):
                yield node.module


def place_of(module):
    """A module's path below the package, as `room.file`; None for modules of others."""
    package, _, place = module.partition(".")
    return place if package == "batchcancel" else None


def room_of(module):
    """The folder or root file that a module of ours belongs to; None for others."""
    place = place_of(module)
    return None if place is None else place.partition(".")[0] or "__init__"


def ours(name):
    return {one for one in imported(name) if place_of(one) is not None}


def is_within(module, allowed):
    place = place_of(module)
    return any(place == one or (one and place.startswith(f"{one}.")) for one in allowed)


def test_a_room_knows_only_what_it_stands_on():
    found = []
    for name in MODULES:
        allowed = ALLOWED[room_of(name)] | ({"sandbox"} if name in REHEARSING else set())
        found += [(name, one) for one in ours(name) if not is_within(one, allowed)]
    assert [] == found


def test_every_room_has_its_rule():
    assert {room_of(name) for name in MODULES} == ALLOWED.keys()


def test_only_doors_know_the_commands():
    knowing = {room_of(name) for name in MODULES if is_imported_by(name, "commands")}
    assert knowing <= DOORS | {"commands"}


def is_imported_by(name, room):
    return any(is_within(one, {room}) for one in ours(name))


# Rule 8
def test_below_the_commands_nobody_knows_the_whole_of_the_settings():
    knowing = {
        room_of(name)
        for name in MODULES
        for node in nodes(name, ast.ImportFrom)
        if node.module == "batchcancel.settings.load"
        and "Settings" in {alias.name for alias in node.names}
    }
    assert knowing <= {"commands", "wiring", "settings", *DOORS}


@pytest.mark.parametrize("dag", sorted((ROOT / "jobs").glob("*.py")), ids=lambda path: path.name)
def test_a_dag_knows_airflow_and_its_door_alone_so_that_it_can_be_copied(dag):
    tree = ast.parse(dag.read_text(encoding="utf-8"))
    imports = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    foreign = {one for one in imports if one.split(".")[0] not in sys.stdlib_module_names}
    assert {"airflow.sdk", "batchcancel.airflow"} == foreign


# Rule 9
def test_every_third_party_has_one_home_so_that_it_can_be_replaced():
    users = {(one.split(".")[0], room_of(name)) for name in MODULES for one in imported(name)}
    assert set() == {
        (party, room) for party, room in users if party in HOMES and room not in HOMES[party]
    }


def test_a_ledger_in_a_file_needs_no_driver_of_a_database():
    users = {name for name in MODULES for one in imported(name) if one.split(".")[0] == "psycopg"}
    assert users == {one for one in users if one.startswith("batchcancel.ledger.postgres.")}


# Rule 10
def test_no_module_needs_itself_through_others():
    graph = {
        name: {one for one in ours(name) if one != name and one in MODULES} for name in MODULES
    }
    TopologicalSorter(graph).prepare()


def test_no_room_needs_itself_through_others():
    rooms = {}
    for name in MODULES:
        own = room_of(name)
        rooms.setdefault(own, set()).update({room_of(one) for one in ours(name)} - {own})
    rooms.pop("__init__")
    for needed in rooms.values():
        needed.discard("__init__")
    # A contract is the ground its implementations stand on, and so are the words of options.
    TopologicalSorter(rooms).prepare()


def test_no_file_repeats_the_name_of_its_folder():
    assert [] == [path for path in MODULES.values() if path.stem == path.parent.name]


# Rule 11
def test_files_are_about_one_thing():
    lines = {name: len(path.read_text().splitlines()) for name, path in MODULES.items()}
    assert {} == {name: count for name, count in lines.items() if count > 400}
    assert 60 <= statistics.median(lines.values()) <= 150


def test_function_bodies_fit_on_a_screen():
    long = {}
    for name in MODULES:
        for node in nodes(name, ast.FunctionDef, ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            height = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            if height > 40:
                long[f"{name}.{node.name}"] = height
    assert {} == long


def test_every_module_says_in_one_line_what_it_is():
    firsts = {name: (ast.get_docstring(tree_of(name)) or "").split("\n")[0] for name in MODULES}
    assert {} == {
        name: first
        for name, first in firsts.items()
        if not 10 < len(first) <= 100 or first[-1] not in ".:"
    }


def test_names_say_what_a_thing_is_about():
    vague = ("utils", "helpers", "common", "core", "base", "manager", "handler", "service")
    words = {
        word
        for name in MODULES
        for word in (name.split(".")[-1], *(node.name for node in nodes(name, ast.ClassDef)))
    }
    assert set() == {word for word in words if word.lower().endswith(vague)}


def test_the_top_level_holds_what_was_agreed_and_nothing_else():
    given = {"pyproject.toml", "README.md", "batchcancel", "jobs", "tests", "sample_inputs"}
    made = {"dist", "build"}
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert given >= found - made - {one for one in found if one.endswith(".egg-info")}
