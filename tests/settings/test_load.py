from datetime import time
from pathlib import Path

import pytest

from batchcancel.api import Rate
from batchcancel.errors import InputError
from batchcancel.settings.load import Secret, load_api_settings, load_settings, manifest_source

KEY = "sk_live_0123456789"


@pytest.fixture
def job_file(tmp_path):
    path = tmp_path / "job.toml"

    def write(text: str) -> Path:
        path.write_text(text, encoding="utf-8")
        return path

    return write


def load(manifest="closure.csv", *, flags=(), job_file=None, key=KEY, **environ):
    known = {} if key is None else {"HUSKYVOICE_API_KEY": key}
    return load_settings(manifest, flags=dict(flags), environ=known | environ, job_file=job_file)


def mistakes(manifest="closure.csv", **said) -> list[str]:
    with pytest.raises(InputError) as refused:
        load(manifest, **said)
    return refused.value.message.splitlines()


def test_flags_win_over_variables_these_over_the_job_file_and_that_over_the_default(
    job_file,
):
    flag, environ = {"concurrency": "1"}, {"BATCHCANCEL_CONCURRENCY": "2"}
    job = job_file("concurrency = 3")
    assert 1 == load(flags=flag, **environ, job_file=job).concurrency
    assert 2 == load(**environ, job_file=job).concurrency
    assert 3 == load(job_file=job).concurrency
    assert load(flags={"yes": "false"}, BATCHCANCEL_YES="1").yes is False


def test_what_nobody_says_has_its_default():
    settings = load()

    assert settings.rate == Rate(60, 60)
    assert settings.base_url == "https://api.huskyvoice.ai/v1"
    assert settings.concurrency == 8
    assert settings.notice_hours is None
    assert settings.yes is False


@pytest.mark.parametrize(
    "line", ["notice-hours = 1.5", "notice_hours = 1.5", 'notice-hours = "1.5"']
)
def test_a_job_file_may_spell_a_key_and_a_number_either_way_and_hold_switches(job_file, line):
    told = load(job_file=job_file(f"yes = true\n{line}"))
    assert (1.5, True) == (told.notice_hours, told.yes)


@pytest.mark.parametrize("start", ['"09:00"', "09:00:00"])
def test_a_job_file_tells_when_sessions_begin(job_file, start):
    assert load(job_file=job_file(f"[sessions]\nMorning = {start}")).sessions == {
        "Morning": time(9)
    }


def test_every_mistake_is_told_at_once_by_who_made_it(job_file):
    text = 'tiemout = 5\nrate = "fast"\n[sessions]\nMorning = "9"'
    found = mistakes(
        flags={"limit": "0"}, BATCHCANCEL_HALT_AFTER="x", job_file=job_file(text), key=None
    )

    assert [
        "--limit",
        "BATCHCANCEL_HALT_AFTER",
        "job file",
        "job file",
        "no API key",
        "rate in the job file",
    ] == sorted(mistake.partition(":")[0] for mistake in found)


@pytest.mark.parametrize("name", ["ledger", "state-dir", "metrics-file", "api-key-file", "on-end"])
def test_what_is_given_and_empty_means_nothing_and_not_this_folder(job_file, name):
    told = ": it is given, and empty: leave it out"
    variable = f"BATCHCANCEL_{name.replace('-', '_').upper()}"
    assert f"{variable}{told}" in mistakes(**{variable: ""})
    assert f"{name} in the job file{told}" in mistakes(job_file=job_file(f'{name} = ""'))


def test_a_mistyped_key_or_variable_is_told_what_it_may_have_meant(job_file):
    assert mistakes(BATCHCANCEL_LIMTI="5", job_file=job_file("notice-hour = 5")) == [
        "job file: notice-hour is no option; did you mean notice-hours?",
        "BATCHCANCEL_LIMTI is no option; did you mean limit?",
    ]


def test_the_job_files_own_variable_and_other_programs_are_left_alone():
    assert load(BATCHCANCEL_JOB_FILE="x", BATCH="y", PATH="z").concurrency == 8


@pytest.mark.parametrize("text", ["limit = [1]", "limit = {a = 1}", "limit = 2026-01-01"])
def test_a_job_value_that_is_no_text_number_or_switch_is_refused(job_file, text):
    (mistake,) = mistakes(job_file=job_file(text))
    assert mistake == "job file: limit takes a text, a number, true or false"


@pytest.mark.parametrize(
    "content", [b"limit = ", b"\xff\xfe", b"limit = 1\nlimit = 2", b"limit = " + b"[" * 5000]
)
def test_a_job_file_that_is_no_toml_is_refused(tmp_path, content):
    path = tmp_path / "job.toml"
    path.write_bytes(content)

    with pytest.raises(InputError, match="is not TOML"):
        load(job_file=path)


def test_a_job_file_that_is_not_there_and_sessions_in_no_table_are_refused(job_file, tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load(job_file=tmp_path / "none.toml")
    (mistake,) = mistakes(job_file=job_file('sessions = "09:00"'))
    assert "[sessions]" in mistake


def test_the_ledger_lies_beside_the_manifest_and_both_names_come_from_it():
    settings = load("/data/closed day.csv")

    assert settings.ledger == "/data/closed day.ledger.db"
    assert settings.batch == "closed_day"


@pytest.mark.parametrize("manifest", ["", ".", "/"])
def test_a_manifest_that_names_no_file_is_a_mistake_like_others(manifest):
    assert len(mistakes(manifest)) == 1


def test_a_manifest_from_stdin_needs_both_names():
    assert [line.split()[0] for line in mistakes("-")] == ["--ledger", "--batch"]
    settings = load("-", flags={"ledger": "l.db", "batch": "b"})
    assert (settings.ledger, settings.batch) == ("l.db", "b")


@pytest.mark.parametrize("address", ["s3://closures/closed day.csv", "https://h/monday.csv?sig=x"])
def test_a_mistyped_manifest_far_away_and_a_missing_ledger_are_mistakes_like_others(address):
    (mistake,) = mistakes(address)
    assert mistake.split()[0] in ("MANIFEST:", "--ledger")


def test_a_manifest_far_away_names_the_batch_and_not_the_ledger():
    settings = load("s3://closures/closed%20day.csv?versionId=1", flags={"ledger": "l.db"})
    assert ("l.db", "closed_day") == (settings.ledger, settings.batch)


@pytest.mark.parametrize(
    "address", ["ftp://h/monday.csv", "s3://closures/", "https://u:sig@h/m.csv"]
)
def test_where_a_manifest_lies_is_told_or_refused_without_a_secret(address):
    assert "monday" == manifest_source("monday.csv").stem
    with pytest.raises(InputError, match=r"^MANIFEST: ") as refused:
        manifest_source(address)
    assert "sig" not in refused.value.message + refused.value.hint


@pytest.mark.parametrize("address", ["s3://closures/", "https://store.example/?f=monday.csv"])
def test_an_address_that_names_no_file_is_a_mistake(address):
    (mistake,) = mistakes(address, flags={"ledger": "l.db"})
    assert mistake.endswith("names no file")


def test_the_signature_of_an_address_shows_neither_in_repr_nor_in_mistakes():
    signed = "https://store.example/monday.csv?sig=canary"
    settings = load(signed, flags={"ledger": "l.db"})

    assert signed == settings.manifest.reveal()
    assert "canary" not in repr(settings) + str(settings)
    assert "canary" not in "".join(mistakes(signed) + mistakes("https://a:canary@h/monday.csv"))


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_key_file_wins_and_may_end_its_line(tmp_path, end):
    path = tmp_path / "key"
    path.write_text(f"sk_from_file{end}")

    assert (KEY, "sk_from_file") == (
        load().api_key.reveal(),
        load(flags={"api_key_file": str(path)}).api_key.reveal(),
    )


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_bytes(b"\xff\xfes\0k\0"), "it is no UTF-8 text"),
    ],
)
def test_a_key_file_that_cannot_be_read_is_refused_with_the_reason(tmp_path, make, why):
    path = tmp_path / "key"
    make(path)

    (mistake,) = mistakes(flags={"api_key_file": str(path)})
    assert mistake == f"--api-key-file: {path} cannot be read: {why}"


def test_a_key_in_the_place_of_its_file_is_not_repeated():
    told = mistakes(flags={"api_key_file": KEY})
    assert "what was given looks like the key, not like its file" in str(told)
    assert KEY not in str(told)


@pytest.mark.parametrize("key", [f"{KEY}\nx", f"{KEY} x", f"{KEY}é", f"\ufeff{KEY}"])
def test_a_bad_key_is_refused_and_stands_in_no_error(tmp_path, key):
    path = tmp_path / "key"
    path.write_text(key, encoding="utf-8")

    told = [*mistakes(key=key), *mistakes(flags={"api_key_file": str(path)})]

    assert len(told) == 2
    assert KEY not in "".join(told)


def test_the_key_shows_neither_in_repr_nor_in_text():
    settings = load()

    assert KEY not in repr(settings) + str(settings) + f"{settings.api_key}"


def test_a_fingerprint_tells_keys_apart_and_holds_none_of_them():
    one, other = Secret(KEY), Secret(KEY + "1")

    assert one.fingerprint == Secret(KEY).fingerprint
    assert one.fingerprint != other.fingerprint
    assert KEY not in one.fingerprint


def test_the_origin_is_that_of_the_address():
    assert load(flags={"base_url": "http://localhost:4010/v1"}).origin == "http://localhost:4010"


def test_what_a_ledger_may_keep_of_the_options_holds_no_secret_and_no_notes():
    flags = {"notes": "Mrs Rao knows", "ledger": "postgresql://u:hidden@db/x", "limit": "5"}
    told = load("s3://b/m.csv", flags=flags).recorded()

    assert ("5", "postgresql://u@db/x") == (told["limit"], told["ledger"])
    assert not any(word in str(told) for word in ("Rao", "hidden", KEY))


class TestOtherCommands:
    def test_take_what_concerns_the_api_from_the_job_file_of_a_run(self, tmp_path):
        job = tmp_path / "job.toml"
        job.write_text('rate = "30/m"\nnotice-hours = 4\n[sessions]\nMorning = "09:00"\n')
        settings = load_api_settings(
            "verify", flags={"timeout": "3"}, environ={"HUSKYVOICE_API_KEY": "sk_1"}, job_file=job
        )
        assert (settings.rate.limit, settings.timeout) == (30, 3)
        assert list(settings.sessions) == ["Morning"]

    def test_name_all_mistakes_at_once_and_their_own_help(self):
        with pytest.raises(InputError) as raised:
            load_api_settings("verify", flags={"timeout": "x"}, environ={"BATCHCANCEL_RTE": "1"})
        assert "--timeout" in raised.value.message
        assert "did you mean rate?" in raised.value.message
        assert "no API key" in raised.value.message
        assert "batchcancel verify --help" in raised.value.hint
