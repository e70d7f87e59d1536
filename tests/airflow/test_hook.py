import importlib
import json
from importlib import resources

import jsonschema
import pytest
from airflow.providers_manager import ProvidersManager
from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

import batchcancel.airflow
from batchcancel.airflow import HuskyVoiceHook
from batchcancel.airflow.provider import get_provider_info
from batchcancel.errors import InputError

CONNECTION = {"conn_type": "huskyvoice", "password": "sk_live_1"}


def settings(manifest="closure.csv", **options):
    return HuskyVoiceHook().settings(manifest, options=options)


@pytest.fixture
def default(connect):
    """Make the default Connection."""

    def default(**fields):
        connect("huskyvoice_default", **(CONNECTION | fields))

    return default


# The form


def test_airflow_knows_the_connection_type_and_how_its_form_looks():
    assert "HuskyVoice" == ProvidersManagerTaskRuntime().hooks["huskyvoice"].hook_name
    manager = ProvidersManager()
    behaviour = manager.field_behaviours["huskyvoice"]
    assert "API key" == behaviour["relabeling"]["password"]
    assert {"schema", "login"} == set(behaviour["hidden_fields"])
    fields = {name for name in manager.connection_form_widgets if "huskyvoice" in name}
    assert fields == {"extra__huskyvoice__rate", "extra__huskyvoice__timezone"}


def test_airflow_finds_every_operator_in_the_module_that_is_listed():
    info = get_provider_info()
    [group] = info["operators"]
    [integration] = info["integrations"]
    assert integration["integration-name"] == group["integration-name"]
    modules = [importlib.import_module(one) for one in group["python-modules"]]
    operators = {name for name in batchcancel.airflow.__all__ if name.endswith("Operator")}
    assert operators <= {name for module in modules for name in dir(module)}


def test_airflow_accepts_all_that_is_told_of_the_package():
    schema = json.loads(
        resources.files("airflow").joinpath("provider_info.schema.json").read_text()
    )
    jsonschema.validate(get_provider_info(), schema)
    manager = ProvidersManager()
    assert "batchcancel.airflow.outputs.OutputLink" in manager.extra_links_class_names


def test_a_connection_finds_its_hook(default):
    default()
    hook = HuskyVoiceHook.get_hook("huskyvoice_default")
    assert ("HuskyVoiceHook", "huskyvoice_default") == (
        type(hook).__name__,
        hook.huskyvoice_conn_id,
    )


# What it says


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ({}, "https://api.huskyvoice.ai/v1"),
        ({"host": "https://example.test/api/v2"}, "https://example.test/api/v2"),
        ({"host": "example.test/api/v2"}, "https://example.test/api/v2"),
        ({"host": "example.test"}, "https://example.test/v1"),
        ({"host": "example.test", "port": 8443}, "https://example.test:8443/v1"),
    ],
)
def test_the_host_is_an_address_or_a_name(default, fields, address):
    default(**fields)
    assert address == settings().base_url


def test_the_key_is_the_password_whatever_the_worker_s_environment_says(default, monkeypatch):
    default()
    monkeypatch.setenv("HUSKYVOICE_API_KEY", "another")
    monkeypatch.setenv("BATCHCANCEL_API_KEY_FILE", "/etc/another")
    assert "sk_live_1" == settings().api_key.reveal()


def test_a_connection_without_a_key_is_refused(default):
    default(password="")
    with pytest.raises(InputError, match="huskyvoice_default has no API key"):
        settings()


def test_a_task_s_options_win_over_extras_and_those_over_the_environment(default, monkeypatch):
    default(extra={"rate": "30/m", "timezone": "Asia/Kolkata"})
    for name in ("RATE", "TIMEZONE", "CONCURRENCY"):
        monkeypatch.setenv(f"BATCHCANCEL_{name}", {"CONCURRENCY": "3"}.get(name, "x"))
    settled = settings(rate="20/m", timezone=None)
    assert ("20/60s", "Asia/Kolkata", 3) == (
        str(settled.rate), str(settled.timezone), settled.concurrency,
    )  # fmt: skip


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_field_of_a_form_that_is_left_empty_is_no_option(default, nothing):
    default()
    assert settings(notes=nothing, max_cancel=nothing).max_cancel is None


def test_what_takes_several_values_takes_a_list_of_them(default):
    default(extra={"ignore_column": ["date", "session"]})
    settled = settings(column=["appointment_id=Booking, ref"], status=[])
    assert ("date", "session") == settled.ignore_column
    assert ("appointment_id=Booking, ref",) == settled.column
    assert ("confirmed", "rescheduled") == settled.status


def test_zero_and_false_are_options(default):
    default()
    settled = settings(notice_hours=0, retry_refused=False)
    assert (0.0, False) == (settled.notice_hours, settled.retry_refused)


@pytest.mark.parametrize("extra", ["notice_hour", "api_key_file", "batch", "yes"])
def test_an_extra_that_means_nothing_is_refused(default, extra):
    default(extra={extra: "1"})
    with pytest.raises(InputError, match=f"the extra {extra} is no option"):
        settings()


def test_a_misspelt_extra_is_told_what_was_meant(default):
    default(extra={"notice_hour": 3})
    with pytest.raises(InputError, match="did you mean notice_hours"):
        settings()


def test_a_connection_that_nobody_made_is_named_with_its_argument():
    with pytest.raises(InputError, match="there is no Connection nobody") as caught:
        HuskyVoiceHook("nobody").get_conn()
    assert "another with huskyvoice_conn_id" in caught.value.hint


def test_a_mistake_of_an_extra_names_the_connection_and_one_of_an_argument_the_argument(default):
    default(extra={"rate": "often", "timezone": "Mars"})
    with pytest.raises(InputError) as caught:
        settings(timezone="Moon")
    told = HuskyVoiceHook().words(caught.value.message)
    assert [
        "the extra rate of the Connection huskyvoice_default", "`timezone`",
    ] == [line.partition(":")[0] for line in told.splitlines()]  # fmt: skip


# The button


def test_a_connection_is_tested_by_asking_for_the_organisation_s_settings(stage, organisation):
    organisation()
    works, told = HuskyVoiceHook().test_connection()
    assert works
    assert "allows cancelling, with 24.0 hours of notice, in Asia/Kolkata" in told
    assert 1 == stage.arrivals


def test_a_key_that_is_not_known_fails_the_test_and_is_not_shown(stage, organisation):
    organisation(password="sk_live_unknown")
    works, told = HuskyVoiceHook().test_connection()
    assert not works
    assert "sk_live_unknown" not in told
    assert "key" in told


def test_an_address_where_nobody_answers_fails_the_test(default):
    default(host="http://127.0.0.1:9/v1")
    works, told = HuskyVoiceHook().test_connection()
    assert not works
    assert "does not answer" in told
