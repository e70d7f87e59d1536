"""Where a ledger is: a file's path, or the URL of a PostgreSQL database; and how it is shown.

A URL may hold a password, and what is shown may be read by anybody.
"""

import re
from urllib.parse import unquote

_URL = re.compile(
    r"(?P<scheme>postgres(?:ql)?://)"
    r"(?:(?P<user>[^:@/?#]*)(?P<password>:[^@/?#]*)?(?P<at>@))?"
    r"(?P<place>[^@?#\s]*)"
    r"(?:\?(?P<query>[^#@\s]*))?"
)
_IN_TEXT = re.compile(r"postgres(?:ql)?://[^\s'\"`]+")
_TOLD = {"passfile"}


def is_postgres(address: str) -> bool:
    return address.startswith(("postgresql://", "postgres://"))


def shown(address: str) -> str:
    """The address without any password; what is no well-formed URL shows nothing of itself."""
    if not is_postgres(address):
        return address
    url = _URL.fullmatch(address)
    if url is None:
        return f"{address.partition('://')[0]}://..."
    told = [one for one in (url["query"] or "").split("&") if one and not _is_secret(one)]
    query = f"?{'&'.join(told)}" if told else ""
    return f"{url['scheme']}{url['user'] or ''}{url['at'] or ''}{url['place']}{query}"


def without_passwords(text: str) -> str:
    """A sentence in which every PostgreSQL URL is shown without its password."""
    return _IN_TEXT.sub(lambda url: shown(url[0]), text)


def _is_secret(parameter: str) -> bool:
    name = unquote(parameter.partition("=")[0]).lower()
    return name not in _TOLD and ("pass" in name or "secret" in name)
