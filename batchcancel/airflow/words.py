"""Sentences of the core in the words of a task's log: arguments and Connections, and no flags.

Elsewhere somebody types a command, and is told which flag to mend. Here a Dag's author wrote an
argument, and whoever reads the log clears the task.
"""

import re

from batchcancel.settings.options import OPTIONS

_COMMAND = r"(batchcancel (?:export|find|ledger|report|resolve|restore|status|verify)\b[^`\n]*)"
"""What is typed in a terminal here too."""

_FLAG = rf"--({'|'.join(sorted((one.name for one in OPTIONS), key=len, reverse=True))})(?![\w-])"
_GIVEN = (
    rf"{_FLAG} (\d\w*)",
    r"--(column|ignore-column|date-format) '([^']*)'",
    r"--(column|ignore-column|date-format) ([^\s,;']*[^\s,;'.])",
    r"--(ledger) (\S+\.db)\b",
)
_PHRASES = {
    r"\bRun the same command(?: again)?\b": "Clear the task",
    r"\b(?:run|type) the same command(?: again)?\b": "clear the task",
    r"\bthe same command\b": "the next try",
    r"\bpass the token that it shows\b": "clear the plan, so that it is approved anew",
    r"\bbatchcancel \w+ --help lists the options\.": "The options of the command line are "
    "arguments here, with _ for -.",
    r"^MANIFEST\b": "manifest",
    r"(?=\bBATCHCANCEL_)": "the worker's variable ",
    r"--ledger(?![\w-])": "`ledger` or `ledger_conn_id`",
    r"--base-url(?![\w-])": "the host of the Connection {conn_id}",
    r"HUSKYVOICE_API_KEY(?: or --api-key-file)?|--api-key-file": "the password of the Connection "
    "{conn_id}",
}
"""What else is typed or set elsewhere, and what there is or is done here."""


def in_airflow(text: str, *, conn_id: str = "huskyvoice_default") -> str:
    """The text as it is told of a task whose HuskyVoice Connection is `conn_id`."""
    parts = re.split(_COMMAND, text)
    parts[::2] = [_told(one, conn_id) for one in parts[::2]]
    return "".join(parts)


def _told(text: str, conn_id: str) -> str:
    for pattern in _GIVEN:
        text = re.sub(pattern, lambda found: f"`{_argument(found[1])}={_value(found[2])}`", text)
    for typed, done in _PHRASES.items():
        said = done.format(conn_id=conn_id).replace("\\", r"\\")
        text = re.sub(typed, said, text, flags=re.MULTILINE)
    return re.sub(_FLAG, lambda found: f"`{_argument(found[1])}`", text)


def _argument(name: str) -> str:
    return name.replace("-", "_")


def _value(text: str) -> str:
    return text if text.isdecimal() else repr(text)
