"""The options of `options.py` as a task and a Connection give them."""

from collections.abc import Collection, Mapping
from typing import Any

from batchcancel.errors import InputError
from batchcancel.options import OPTIONS
from batchcancel.settings import did_you_mean

_SAID_OTHERWISE = {"ledger", "batch", "base_url", "api_key_file"}
_FOR_A_TERMINAL = {"yes", "json", "log_format", "progress"}

FIELDS = tuple(
    option.field for option in OPTIONS if option.field not in _SAID_OTHERWISE | _FOR_A_TERMINAL
)
"""What an operator takes as arguments of its own, and a Connection as extras."""


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """The values as they would be typed; None and an empty text mean that nothing was said.

    So a field of a form that is left empty is no option.
    """
    return {name: _text(value) for name, value in values.items() if value not in (None, "")}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def require_known(extras: Collection[str], *, conn_id: str) -> None:
    """Refuse extras of a Connection that mean nothing here."""
    unknown = sorted(set(extras) - set(FIELDS))
    if unknown:
        raise InputError(
            "\n".join(
                f"Connection {conn_id}: the extra {one} is no option{did_you_mean(one)}"
                for one in unknown
            ),
            hint=f"Its extras can be {', '.join(FIELDS)}. Nothing was sent.",
        )
