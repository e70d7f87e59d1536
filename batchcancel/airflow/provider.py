"""Provider metadata for Airflow's entry point `apache_airflow_provider`: the Connection type."""

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


def get_provider_info() -> dict[str, Any]:
    """The metadata that Airflow reads: a Connection type with its form."""
    return {
        "package-name": "batchcancel",
        "name": "batchcancel",
        "description": "Bulk cancellation of HuskyVoice appointments.",
        "versions": [__version__],
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
