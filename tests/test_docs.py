"""Every page against the program: commands, options, variables, files, links and tables."""

import ast
import os
import re
import tomllib
from pathlib import Path

import click
import pytest

from batchcancel import __version__
from batchcancel.appointments import Fact, OutcomeName, SkipReason
from batchcancel.cli.main import cli
from batchcancel.errors import ExitCode
from batchcancel.report.summary import Summary
from batchcancel.settings.load import load_settings
from batchcancel.settings.options import KEY_VARIABLE, OPTIONS
from tests.tallies import counts_of

ROOT = Path(__file__).parents[1]
FOLDERS = ("batchcancel", "jobs", "tests", "sample_inputs", ".github", ".ci")
PAGES = sorted(
    {*ROOT.glob("*.md"), *(one for top in FOLDERS for one in ROOT.glob(f"{top}/**/*.md"))}
    - {*ROOT.glob("**/.pytest_cache/*.md")}
)
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PAGES}
README = TEXTS["README.md"]
JOBS_README = TEXTS["jobs/README.md"]
PACKAGE = ROOT / "batchcancel"
PACKAGE_README = TEXTS["batchcancel/README.md"]
TESTS_README = TEXTS["tests/README.md"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
COMMANDS = sorted(cli.commands)
JOBS = sorted((ROOT / "jobs").glob("*.toml"))
DAGS = sorted((ROOT / "jobs").glob("*.py"))
EVERY_PAGE = pytest.mark.parametrize("page", TEXTS)


def blocks(text):
    """The lines that are typed or shown as they are, with continued lines joined."""
    return re.findall(r"^    +(.+)$", text.replace("\\\n", " "), re.MULTILINE)


def spans(text):
    """What stands between backticks in the prose."""
    prose = re.sub(r"^    .*$", "", text, flags=re.MULTILINE)
    return [" ".join(one.split()) for one in re.findall(r"`([^`]+)`", prose)]


def calls(text):
    """Every call of the program, as the words after its name."""
    for line in [*blocks(text), *spans(text)]:
        for call in re.findall(r"\bbatchcancel ([a-z]+\b[^&|>]*)", line):
            filled_in = re.sub(r"\$+\([^)]*\)|\{\{[^}]*\}\}", "D", call)
            yield re.sub(r"[\"']", "", filled_in).rstrip(", ").split()


def flags_of(command):
    return {
        flag
        for option in cli.commands[command].params
        if isinstance(option, click.Option)
        for flag in (*option.opts, *option.secondary_opts)
    }


def slug(heading):
    """The anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")


def anchors(text):
    return {slug(one) for one in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


def table(text, head):
    """The cells of the table with this head, row by row."""
    rows = re.search(rf"^\| {head} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)[1]
    return [row.removeprefix("| ").removesuffix(" |").split(" | ") for row in rows.splitlines()]


def first_cells(text, head):
    return [first for first, *_ in table(text, head)]


def the_map():
    """What the package's map lists: each entry of the package, with the names inside it."""
    lines = PACKAGE_README.partition("## The map")[2].partition("\n\nTo follow")[0].splitlines()
    listed = {}
    for line in lines:
        if entry := re.match(r"    (\S+)  ", line):
            names = listed.setdefault(entry[1], set())
        elif line.startswith("     "):
            names.update(line.strip().split(" · "))
    return listed


CALLS = {
    f"{page}: {' '.join(words)}": words for page, text in TEXTS.items() for words in calls(text)
}


def test_the_two_first_lines_are_as_agreed():
    venv = "    python3 -m venv .venv && .venv/bin/pip install -e "
    assert f"{venv}'.[sandbox]' && .venv/bin/batchcancel demo\n" in README
    [line] = [one for one in README.splitlines() if "-m pytest" in one]
    assert f"{venv}'.[test]' && .venv/bin/python -m pytest" == line


@pytest.mark.parametrize("call", CALLS)
def test_every_call_in_a_page_is_understood(call, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv(KEY_VARIABLE, "k")
    name, *words = CALLS[call]
    assert name in COMMANDS
    if not words:
        return
    given = cli.commands[name].make_context(name, words).params
    assert {*OutcomeName, "waiting", "open"} >= set(given.get("outcomes", ()))
    if name in ("plan", "run"):
        typed = {
            option.field: str(given[option.field]).lower() if not option.metavar else value
            for option in OPTIONS
            if (value := given[option.field]) is not None
        }
        load_settings(
            given["manifest"],
            flags=typed | {"api_key_file": None},
            environ=dict(os.environ),
            job_file=given["job_file"],
        )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_its_options_are_in_the_readme(command):
    assert f"batchcancel {command}" in README
    assert {"--output"} >= {flag for flag in flags_of(command) if flag not in README} - {
        f"--no-{option.name}" for option in OPTIONS if option.name != "progress"
    }


@EVERY_PAGE
def test_every_option_in_the_prose_is_one_of_the_program(page):
    known = {flag for command in COMMANDS for flag in flags_of(command)} | {"--help"}
    named = {re.split(r"[ =]", one)[0] for one in spans(TEXTS[page]) if one.startswith("--")}
    assert set() == named - known


@EVERY_PAGE
def test_every_variable_of_ours_is_one_of_the_program(page):
    known = {option.variable for option in OPTIONS} | {
        *("BATCHCANCEL_JOB_FILE", "BATCHCANCEL_EXIT_CODE", KEY_VARIABLE)
    }
    named = set(re.findall(r"\b(?:BATCHCANCEL|HUSKYVOICE)_[A-Z_]*[A-Z]\b", TEXTS[page]))
    assert set() == named - known


@EVERY_PAGE
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", TEXTS[page]):
        place, _, anchor = target.partition("#")
        path = ((ROOT / page).parent / place).resolve() if place else ROOT / page
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path.read_text(encoding="utf-8")), target


@EVERY_PAGE
def test_every_file_of_ours_that_is_named_exists(page):
    words = [*spans(TEXTS[page]), *" ".join(blocks(TEXTS[page])).split()]
    ours = re.compile(rf"(?:{'|'.join(map(re.escape, FOLDERS))})/[\w./-]*\w")
    named = {one for one in words if ours.fullmatch(one)}
    assert set() == {one for one in named if not (ROOT / one).exists()}


def test_the_map_of_the_package_lists_what_is_there():
    found = {f"{one.name}/" if one.is_dir() else one.name for one in PACKAGE.iterdir()}
    assert found - {"__pycache__/", "sample_inputs/", "README.md"} == set(the_map())


@pytest.mark.parametrize("folder", [one for one, names in the_map().items() if names])
def test_the_map_names_what_a_folder_of_the_package_holds(folder):
    entries = [one for one in (PACKAGE / folder).iterdir() if not one.name.startswith("__")]
    assert the_map()[folder] == {
        f"{one.name}/" if one.is_dir() else one.stem for one in entries if one.suffix != ".md"
    }


def test_every_file_in_the_page_of_the_package_is_there_but_the_example():
    ours = re.compile(r"[\w/]+\.py|tests/[\w/]+/")
    named = {one for one in spans(PACKAGE_README) if ours.fullmatch(one)}
    missing = {one for one in named if not (PACKAGE / one).exists() and not (ROOT / one).exists()}
    assert missing <= {"commands/count.py", "cli/count.py"}


def test_the_rules_of_imports_are_numbered_as_where_they_are_held():
    tests = (ROOT / "tests/test_architecture.py").read_text(encoding="utf-8")
    held = re.findall(r"# Rule (\d+)\b", tests)
    assert first_cells(PACKAGE_README, "#") == held


def test_every_folder_of_tests_is_told_of():
    told = set(spans("".join(first_cells(TESTS_README, "folder"))))
    folders = {one for one in (ROOT / "tests").iterdir() if any(one.glob("*.py"))}
    assert {f"tests/{one.name}" for one in folders} == told


def test_every_promise_has_a_test_and_every_mark_a_promise():
    promises = TESTS_README.partition("## Promises")[2].partition("\n## ")[0]
    numbers = re.findall(r"^(\d+)\. ", promises, re.MULTILINE)
    files = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    marked = {one for text in files for one in re.findall(r"mark\.promise\((\d+)\)", text)}
    assert [str(number) for number in range(1, len(numbers) + 1)] == numbers
    assert set(numbers) == marked


@EVERY_PAGE
def test_every_module_that_is_started_exists_and_knows_its_options(page):
    for line in blocks(TEXTS[page]):
        for module, words in re.findall(r"python3? -m (tests[\w.]*)(.*)", line):
            text = (ROOT / module.replace(".", "/") / "__main__.py").read_text(encoding="utf-8")
            assert all(f'"{one}"' in text for one in re.findall(r"--[a-z-]+", words)), line


@EVERY_PAGE
def test_every_extra_is_one_of_the_project_and_installed_from_what_is_there(page):
    extras = PROJECT["project"]["optional-dependencies"]
    for line in [*blocks(TEXTS[page]), *spans(TEXTS[page])]:
        for place, names in re.findall(r"pip install (?:-e )?'([^'\[]*)\[([\w,-]+)\]'", line):
            assert place in (".", f"dist/batchcancel-{__version__}-py3-none-any.whl")
            assert set(names.split(",")) <= set(extras)


def test_the_table_of_options_is_that_of_the_program():
    explained = {re.match(r"`(--[a-z-]+)", one)[1] for one in first_cells(README, "option")}
    assert {f"--{option.name}" for option in OPTIONS} | {"--job-file"} == explained


@pytest.mark.parametrize("option", [one for one in OPTIONS if one.default not in (None, "false")])
def test_a_default_in_the_readme_is_the_default(option):
    row = re.search(rf"^\| `--{option.name} ([^`]*)`", README, re.MULTILINE)
    assert option.default == row[1] or option.name == "base-url"


def test_the_table_of_exit_codes_is_that_of_the_program():
    codes = [str(int(code)) for code in ExitCode]
    assert [*codes, "129, 130, 143"] == first_cells(README, "exit")


def test_the_table_of_outcomes_is_that_of_the_program():
    assert [f"`{name}`" for name in OutcomeName] == first_cells(README, "outcome")


def test_the_table_of_outcomes_calls_final_what_the_program_settles():
    not_final = [name for name, _, is_final in table(README, "outcome") if is_final == "no"]
    assert not_final == [f"`{name}`" for name in OutcomeName if Fact.FINAL not in name.facts]


@pytest.mark.parametrize("word", SkipReason)
def test_every_reason_is_explained(word):
    assert f"`{word}`" in README


def test_the_json_of_the_readme_has_the_keys_of_the_program():
    shown = set(re.findall(r'"([a-z_]+)":', README)) - {"notice_window"}
    summary = Summary(
        batch="b", run_id="r", counts=counts_of(), duplicates=0, requests=0, rate_limited=0,
        elapsed_s=0.0, exit_code=0, ledger="l", origin="https://h.example",
    )  # fmt: skip
    assert set(summary.as_json()) == shown


@pytest.mark.parametrize("job", JOBS, ids=lambda path: path.name)
def test_a_job_file_is_understood_and_in_the_readme_of_jobs(job):
    load_settings("m.csv", flags={}, environ={KEY_VARIABLE: "k"}, job_file=job)
    assert f"jobs/{job.name}" in JOBS_README


@pytest.mark.parametrize("job", DAGS, ids=lambda path: path.name)
def test_a_dag_is_in_the_readme_of_jobs(job):
    assert f"`jobs/{job.name}`" in first_cells(JOBS_README, "Dag")


def test_the_table_of_operators_is_that_of_the_door():
    door = ast.parse((ROOT / "batchcancel/airflow/__init__.py").read_text(encoding="utf-8"))
    [names] = [
        ast.literal_eval(one.value)
        for one in door.body
        if isinstance(one, ast.Assign) and one.targets[0].id == "__all__"
    ]
    operators = {f"`{name}`" for name in names if name.endswith("Operator")}
    assert operators == set(first_cells(JOBS_README, "operator"))


def test_airflow_finds_the_provider():
    [place] = PROJECT["project"]["entry-points"]["apache_airflow_provider"].values()
    assert "batchcancel.airflow.provider:get_provider_info" == place


def test_the_console_script_is_the_program():
    assert "batchcancel.cli.main:program" == PROJECT["project"]["scripts"]["batchcancel"]


def test_no_package_index_is_named():
    host = "pypi" + ".org"
    texts = [*TEXTS.values(), (ROOT / "pyproject.toml").read_text(encoding="utf-8")]
    assert not any(host in text for text in texts)
