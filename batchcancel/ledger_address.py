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
_IN_TEXT = re.compile(r"postgres(?:ql)?://\S+")
_IN_WORD = re.compile(r"postgres(?:ql)?://.*", re.DOTALL)


def is_postgres(address: str) -> bool:
    return address.startswith(("postgresql://", "postgres://"))


def shown(address: str) -> str:
    """The address without any password; what is no well-formed URL shows nothing of itself."""
    if not is_postgres(address):
        return address
    url = _URL.fullmatch(address)
    if url is None:
        return f"{address.partition('://')[0]}://..."
    told = [one for one in (url["query"] or "").split("&") if _is_harmless(one)]
    query = f"?{'&'.join(told)}" if told else ""
    return f"{url['scheme']}{url['user'] or ''}{url['at'] or ''}{url['place']}{query}"


def word_shown(word: str) -> str:
    """One word of a command line, such as `--ledger=postgresql://...`."""
    return _IN_WORD.sub(lambda url: shown(url[0]), word)


def without_passwords(text: str) -> str:
    """A text in which every PostgreSQL URL is shown without its password."""
    return _IN_TEXT.sub(lambda url: shown(url[0]), text)


def _is_harmless(parameter: str) -> bool:
    name, equals, _ = parameter.partition("=")
    is_secret = re.search("pass(?!file)|secret|scram", unquote(name).lower())
    return bool(equals) and is_secret is None
