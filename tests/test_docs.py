"""The README against the program: every command, option, exit code and outcome."""

import re
import tomllib
from pathlib import Path

import click
import pytest

from batchcancel.appointments import OutcomeName, SkipReason
from batchcancel.cli.main import cli
from batchcancel.errors import ExitCode
from batchcancel.report.summary import Summary
from batchcancel.settings.load import load_settings
from batchcancel.settings.options import OPTIONS
from tests.tallies import counts_of

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(cli.commands)
CALLS = re.findall(r"^    (?:\$ )?batchcancel (.+?)(?:  +#.*)?$", README, re.MULTILINE)
JOBS = sorted((ROOT / "jobs").glob("*.toml"))
DAGS = sorted((ROOT / "jobs").glob("*.py"))


def flags_of(command):
    return {
        flag
        for option in cli.commands[command].params
        if isinstance(option, click.Option)
        for flag in (*option.opts, *option.secondary_opts)
    }


def test_the_two_first_lines_are_as_agreed():
    venv = "    python3 -m venv .venv && .venv/bin/pip install -e "
    assert f"{venv}'.[sandbox]' && .venv/bin/batchcancel demo\n" in README
    assert f"{venv}'.[test]' && .venv/bin/python -m pytest\n" in README


@pytest.mark.parametrize("call", CALLS)
def test_every_command_line_of_the_readme_is_understood(call):
    name, *words = call.split()
    known = flags_of(name)
    assert set() == {word for word in words if word.startswith("-")} - known


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command):
    assert f"batchcancel {command}" in README


def test_the_options_of_the_readme_are_those_of_the_program():
    table = set(re.findall(r"^\| `(--[a-z-]+)", README, re.MULTILINE))
    assert {f"--{option.name}" for option in OPTIONS} | {"--job-file"} == table


@pytest.mark.parametrize("option", [one for one in OPTIONS if one.default not in (None, "false")])
def test_a_default_in_the_readme_is_the_default(option):
    row = re.search(rf"^\| `--{option.name} ([^`]*)`", README, re.MULTILINE)
    assert option.default == row[1] or option.name == "base-url"


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_is_explained(code):
    assert re.search(rf"^\| {code.value} \|", README, re.MULTILINE)


@pytest.mark.parametrize("word", [*OutcomeName, *SkipReason])
def test_every_outcome_and_reason_is_explained(word):
    assert f"`{word}`" in README


def test_the_json_of_the_readme_has_the_keys_of_the_program():
    shown = set(re.findall(r'"([a-z_]+)":', README)) - {"notice_window"}
    summary = Summary(
        batch="b", run_id="r", counts=counts_of(), duplicates=0, requests=0, rate_limited=0,
        elapsed_s=0.0, exit_code=0, ledger="l",
    )  # fmt: skip
    assert set(summary.as_json()) == shown


@pytest.mark.parametrize("job", JOBS, ids=lambda path: path.name)
def test_a_job_file_is_understood_and_in_the_readme(job):
    load_settings("m.csv", flags={}, environ={"HUSKYVOICE_API_KEY": "k"}, job_file=job)
    assert f"jobs/{job.name}" in README


@pytest.mark.parametrize("job", DAGS, ids=lambda path: path.name)
def test_a_dag_is_in_the_readme(job):
    assert f"jobs/{job.name}" in README


def test_airflow_finds_the_provider():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    [place] = project["project"]["entry-points"]["apache_airflow_provider"].values()
    assert "batchcancel.airflow.provider:get_provider_info" == place


def test_the_console_script_is_the_program():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "batchcancel.cli.main:main" == project["project"]["scripts"]["batchcancel"]


def test_no_package_index_is_named():
    host = "pypi" + ".org"
    texts = [path.read_text() for path in (ROOT / "README.md", ROOT / "pyproject.toml")]
    assert not any(host in text for text in texts)
