import pytest

from batchcancel.errors import InputError
from batchcancel.settings.load import load_settings
from batchcancel.settings.options import OPTIONS, again, reach

BY_NAME = {option.name: option for option in OPTIONS}


def test_no_option_takes_the_key_itself():
    assert not {"key", "api-key"} & BY_NAME.keys()


def test_a_variable_is_the_name_in_capitals():
    assert BY_NAME["notice-hours"].variable == "BATCHCANCEL_NOTICE_HOURS"


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_default_is_a_text_that_its_option_accepts(option):
    assert option.default is None or option.parse(option.default) is not None


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_help_is_one_line_without_a_full_stop(option):
    assert option.help
    assert "\n" not in option.help
    assert not option.help.endswith(".")


@pytest.mark.parametrize("name", ["nightly", "2026-11-23", "dag:run+05@x=1", "a" * 200])
def test_a_batch_name_has_letters_digits_and_a_few_signs(name):
    assert name == BY_NAME["batch"].parse(name)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a" * 201, "März", "a\n", "$(x)", "a;b"])
def test_any_other_batch_name_is_refused(name):
    with pytest.raises(ValueError, match="batch's name"):
        BY_NAME["batch"].parse(name)


@pytest.mark.parametrize("notes", ["", "x" * 2001])
def test_notes_are_neither_empty_nor_a_book(notes):
    with pytest.raises(ValueError, match="2,000 characters"):
        BY_NAME["notes"].parse(notes)


def test_notes_that_are_no_unicode_are_refused_in_a_sentence():
    with pytest.raises(ValueError, match="notes are Unicode text"):
        BY_NAME["notes"].parse("Caf\udce9")


def test_notes_keep_every_character():
    assert BY_NAME["notes"].parse(" Praxis zu: Ärztin krank ☎\n") == " Praxis zu: Ärztin krank ☎\n"


def test_a_log_format_is_one_of_two_words():
    with pytest.raises(ValueError, match="write console or json"):
        BY_NAME["log-format"].parse("xml")


@pytest.mark.parametrize(
    ("name", "text"),
    [("rate", "fast"), ("concurrency", "0"), ("notice-hours", "soon"), ("timezone", "IST"),
     ("limit", "0"), ("max-cancel", "some"), ("halt-after", "x"), ("max-attempts", "0"),
     ("timeout", "0"), ("max-retry-after", "-1"), ("max-duration", "long"), ("yes", "maybe"),
     ("max-requests", "0"), ("allow-rejected-rows", "x"), ("progress", "x"), ("base-url", "x"),
     ("log-format", "x")],
)  # fmt: skip
def test_a_mistake_in_an_option_is_told_by_the_flag_it_came_from(name, text):
    with pytest.raises(InputError, match=f"^--{name}: "):
        load_settings(
            "m.csv",
            flags={name.replace("-", "_"): text},
            environ={"HUSKYVOICE_API_KEY": "sk_live_1"},
        )


FIELDS = {option.field for option in OPTIONS} - {"ledger", "batch"}
URL = "http://localhost:4010/v1"


def told(job: str, tmp_path, *, flags=None, **environ):
    path = tmp_path / "job.toml"
    path.write_text(job)
    environ = {"HUSKYVOICE_API_KEY": "sk_1", **environ}
    flags = {"base_url": URL, **(flags or {})}
    return load_settings("x.csv", flags=flags, environ=environ, job_file=path).recorded(), path


class TestToTypeAgain:
    def test_a_job_file_is_named_and_what_was_typed_over_it_even_where_it_is_the_default(
        self, tmp_path
    ):
        kept, path = told("rate = '30/60s'\nmax-attempts = 9\nyes = true", tmp_path,
                          flags={"rate": "60/60s", "yes": "false"})  # fmt: skip
        words = ["--rate", "60/60s", "--base-url", URL]
        assert ["--job-file", str(path), *words, "--no-yes"] == again(kept, {"job_file", *FIELDS})
        assert reach(kept) == f" --job-file {path} --rate 60/60s --base-url {URL}"

    def test_what_a_job_file_said_is_typed_where_it_is_gone(self, tmp_path):
        kept, path = told("rate = '30/60s'\nmax-attempts = 9", tmp_path)
        path.unlink()
        assert reach(kept) == f" --rate 30/60s --base-url {URL}"

    def test_what_is_usual_is_not_typed_and_an_older_ledger_tells_what_it_kept(self):
        kept = {"rate": "60/60s", "base_url": URL, "timezone": "Asia/Kolkata", "yes": "False"}
        assert reach(kept) == f" --timezone Asia/Kolkata --base-url {URL}"
        assert reach({}) == ""
