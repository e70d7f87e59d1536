"""What a person sees before anything happens, and how quickly."""

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from batchcancel import __version__
from batchcancel.cli.main import cli
from batchcancel.errors import ExitCode
from batchcancel.ledger.sqlite.ledger import open_sqlite
from batchcancel.sandbox.faults import _SPEC_NAMES
from batchcancel.settings.options import OPTIONS

HEAVY = {
    "polars", "httpx", "fsspec", "s3fs", "botocore", "aiohttp", "psycopg",
    "platformdirs",
}  # fmt: skip
KNOWN_CODES = {int(code) for code in ExitCode} | {129, 130, 143}
COMMANDS = sorted(cli.commands)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("ledger") / "closure.ledger.db"
    open_sqlite(path, origin="https://h.example", key="fingerprint").close()
    return path


@pytest.fixture
def imports(ledger):
    """Run the real command, and give the modules it imported."""

    def imports(*words: str) -> set[str]:
        child = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "batchcancel", *words],
            capture_output=True, text=True, check=True, cwd=ledger.parent,
            env=os.environ | {"PYTHONPATH": str(Path.cwd())},
        )  # fmt: skip
        return {line.rpartition("|")[2].strip() for line in child.stderr.splitlines()}

    return imports


@cache
def help_of(command: str) -> str:
    return CliRunner().invoke(cli, [command, "--help"], terminal_width=200).output


def exit_codes(command: str) -> set[int]:
    told = help_of(command).partition("Exit codes:")[2].partition("Options:")[0]
    return {int(code) for code in re.findall(r"\b\d+\b", told)}


@pytest.mark.parametrize(
    "words",
    [["--help"], ["--version"], ["run", "--help"], ["plan", "--help"], ["status", "--help"],
     ["status", "closure.ledger.db"], ["status", "closure.ledger.db", "--json"]],
    ids=" ".join,
)  # fmt: skip
def test_what_only_tells_loads_nothing_heavy(imports, words):
    loaded = imports(*words)

    assert "batchcancel.cli.main" in loaded
    assert set() == HEAVY & loaded


def test_the_commands_are_those_of_the_design():
    assert COMMANDS == [
        *(
            "demo",
            "export",
            "find",
            "ledger",
            "plan",
            "report",
            "resolve",
            "restore",
            "run",
            "sandbox",
        ),
        *("status", "verify"),
    ]


def test_the_group_lists_its_commands_in_the_order_people_meet_them():
    told = CliRunner().invoke(cli, ["--help"]).output
    order = [
        "find",
        "plan",
        "run",
        "status",
        "verify",
        "restore",
        "resolve",
        "export",
        "report",
        "ledger",
    ]

    assert [*order, "sandbox", "demo"] == re.findall(r"^  (\w+) {2,}", told, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_examples_that_call_it(command):
    examples = help_of(command).partition("Examples:")[2].partition("Exit codes:")[0]
    assert f"batchcancel {command}" in examples


@pytest.mark.parametrize("command", COMMANDS)
def test_every_exit_code_that_is_listed_exists(command):
    assert exit_codes(command)
    assert exit_codes(command) <= KNOWN_CODES


@pytest.mark.parametrize("command", COMMANDS)
def test_exit_codes_are_told_in_words_and_not_in_names_of_the_code(command):
    told = help_of(command).partition("Exit codes:")[2].partition("Options:")[0]
    assert "_" not in told


def test_run_lists_every_exit_code():
    assert exit_codes("run") == KNOWN_CODES


def test_the_sandbox_names_every_fault():
    named = set(re.findall(r"[a-z_]+", help_of("sandbox").partition("Examples:")[0]))
    assert _SPEC_NAMES <= named


@pytest.mark.parametrize(("shell", "at"), [("bash", "2"), ("zsh", "2"), ("fish", "--max-c")])
def test_a_shell_is_given_what_completes_commands_and_options(shell, at):
    def answer(what, **variables):
        environ = {"_BATCHCANCEL_COMPLETE": f"{shell}_{what}"} | variables
        return CliRunner().invoke(cli, env=environ, prog_name="batchcancel").output

    assert "_BATCHCANCEL_COMPLETE" in answer("source")
    told = answer("complete", COMP_WORDS="batchcancel run --max-c", COMP_CWORD=at)
    assert "--max-cancel" in told
    assert "--max-requests" not in told


@pytest.mark.parametrize("command", ["plan", "run"])
def test_plan_and_run_show_every_option(command):
    told = help_of(command)
    assert [] == [option.name for option in OPTIONS if f"--{option.name}" not in told]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_one_line_for_the_list(command):
    short = cli.commands[command].short_help
    assert short.endswith(".")
    assert len(short) < 60


def test_the_version_is_the_packages():
    assert CliRunner().invoke(cli, ["--version"]).output.strip().endswith(__version__)


@pytest.mark.parametrize(("typed", "meant"), [("staus", "status"), ("plna", "plan")])
def test_a_mistyped_command_is_told_what_it_may_have_meant(typed, meant):
    ended = CliRunner().invoke(cli, [typed])

    assert ended.exit_code == ExitCode.BAD_INPUT
    assert f"Did you mean {meant}?" in ended.output


def test_no_option_of_any_command_takes_the_key():
    names = {
        name
        for command in cli.commands.values()
        for option in command.params
        if isinstance(option, click.Option)
        for name in option.opts
    }
    assert {name for name in names if "key" in name} == {"--api-key-file"}


@pytest.mark.parametrize("command", ["plan", "run"])
def test_many_options_stand_under_headings(command):
    heads = [line for line in help_of(command).splitlines() if re.fullmatch(r"\S.*:", line)]
    assert heads[-5:] == [
        *("Options:", "What is cancelled:", "When to stop, and to go on all the same:", "The API:"),
        "What is asked and told:",
    ]
