"""Provider metadata for Airflow's entry point `apache_airflow_provider`: what there is of ours."""

from typing import Any

from batchcancel import __version__

_FORM: dict[str, Any] = {
    "hidden-fields": ["schema", "login"],
    "relabeling": {"host": "API address", "password": "API key"},
    "placeholders": {"host": "https://api.huskyvoice.ai/v1", "password": "sk_live_..."},
}

_FIELDS = {
    "rate": {
        "label": "Rate limit of the key",
        "description": "Like 60/60s, which is the default",
        "schema": {"type": ["string", "null"]},  # null, or the form refuses an empty field
    },
    "timezone": {
        "label": "Timezone",
        "description": "Like Asia/Kolkata; what the API says unless given",
        "schema": {"type": ["string", "null"]},
    },
}


_INTEGRATION = "HuskyVoice"


def _modules(*names: str) -> dict[str, Any]:
    modules = [f"batchcancel.airflow.{name}" for name in names]
    return {"integration-name": _INTEGRATION, "python-modules": modules}


def get_provider_info() -> dict[str, Any]:
    """The metadata that Airflow reads: a Connection type with its form, and where the rest is."""
    return {
        "package-name": "batchcancel",
        "name": "batchcancel",
        "description": "Bulk cancellation of HuskyVoice appointments.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "tags": ["service"],
            }
        ],
        "operators": [_modules("operators", "looking", "account", "approval_step")],
        "hooks": [_modules("hook")],
        "triggers": [_modules("arrivals", "trigger")],
        "extra-links": ["batchcancel.airflow.outputs.OutputLink"],
        "connection-types": [
            {
                "connection-type": "huskyvoice",
                "hook-name": "HuskyVoice",
                "hook-class-name": "batchcancel.airflow.hook.HuskyVoiceHook",
                "conn-fields": _FIELDS,
                "ui-field-behaviour": _FORM,
            }
        ],
    }
