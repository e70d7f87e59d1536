"""Addresses of manifests and ledgers as values, with secrets redacted for display.

An address may hold a signature or a password, while logs, ledgers and terminals may be read by
anybody. So `str` of an address is redacted, and the whole of it has to be asked for by name.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Final
from urllib.parse import unquote

STDIN: Final = "-"

SCHEMES: Final = ("s3", "gs", "az", "https")
"""The stores a manifest is fetched from; nothing else that looks like an address is taken."""

_PRINTABLE = re.compile(r"[!-~]+", re.ASCII)
_VERSION = re.compile(r"versionId=[!-~]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a manifest lies; as text it is fit to be shown.

    `scheme` is empty for a path and for stdin, `query` is what an address has after `?`. A query
    may be a signature, so it does not show, but for the version of an object.
    """

    scheme: str
    place: str
    query: str = ""

    @property
    def is_remote(self) -> bool:
        return bool(self.scheme)

    @property
    def is_stdin(self) -> bool:
        return self.place == STDIN and not self.is_remote

    @property
    def stem(self) -> str:
        """The file's name without its ending; empty where no file is named."""
        if not self.is_remote:
            return _stem(PurePath(self.place))
        path = self.place.partition("/")[2]
        return "" if path.endswith("/") else _stem(PurePosixPath(unquote(path)))

    def absolute(self) -> str:
        """The same from any folder, fit to be shown."""
        is_file = not (self.is_remote or self.is_stdin)
        return str(Path(self.place).absolute()) if is_file else str(self)

    def reveal(self) -> str:
        """The whole of it, for whoever opens it."""
        return self._written(self.query)

    def __str__(self) -> str:
        return self._written("***" if self.query and self.scheme == "https" else self.query)

    def __repr__(self) -> str:
        return f"Source({str(self)!r})"

    def _written(self, query: str) -> str:
        scheme = f"{self.scheme}://" if self.is_remote else ""
        return f"{scheme}{self.place}{query and '?'}{query}"


def _stem(path: PurePath) -> str:
    """Without `.gz` too: a table that is packed is the same manifest."""
    packed = path.suffix == ".gz" and PurePath(path.stem).suffix in (".csv", ".tsv", ".parquet")
    return PurePath(path.stem).stem if packed else path.stem


def source_of(text: str) -> Source:
    """Read what was typed; raises ValueError with a sentence that repeats no secret."""
    scheme, is_address, rest = text.partition("://")
    if not is_address:
        return Source(scheme="", place=text)
    if scheme not in SCHEMES:
        raise ValueError(_why_no_source(scheme))
    place, _, query = rest.partition("?")
    if not _PRINTABLE.fullmatch(rest) or "#" in rest:
        raise ValueError("an address has neither spaces nor #; write them percent-encoded")
    if "@" in place.partition("/")[0]:
        raise ValueError("an address holds no user or password here")
    if query and scheme != "https" and not (scheme == "s3" and _VERSION.fullmatch(query)):
        raise ValueError(
            "an address takes no query but ?versionId= with s3:// and any with https://"
        )
    if not place.partition("/")[0]:
        raise ValueError("the address names no host or bucket")
    return Source(scheme=scheme, place=place, query=query)


def found_at(path: Path) -> os.stat_result | None:
    """What is there; None also where the system does not look: a name too long, a loop of links."""
    try:
        return path.stat()
    except OSError:
        return None


def redacted_manifest(text: str) -> str:
    """The text, or the part of it that may be shown where it is an address with a signature."""
    if not text.startswith("https://"):
        return text
    try:
        return str(source_of(text))
    except ValueError:
        return "https://***"


def _why_no_source(scheme: str) -> str:
    if scheme == "http":
        return "http:// would let the manifest be changed on its way; use https://"
    known = ", ".join(f"{one}://" for one in SCHEMES)
    return f"an address begins with one of {known}"


# Not urlsplit: libpq takes several hosts and ports in one URL, which urlsplit refuses to read.
_URL = re.compile(
    r"(?P<scheme>postgres(?:ql)?://)"
    r"(?:(?P<user>[^:@/?#]*)(?P<password>:[^@/?#]*)?(?P<at>@))?"
    r"(?P<place>[^@?#\s]*)"
    r"(?:\?(?P<query>[^#@\s]*))?"
)
_LOGIN = re.compile(r"(https?://[^\s/?#@:]*:)[^\s/?#]*@")
_KEY = re.compile(r"sk_(?:live|test)_[A-Za-z0-9_\-]+")
_IN_TEXT = re.compile(r"postgres(?:ql)?://\S+")
# What is typed as one word is a URL to its end, even where a blank makes it an invalid one.
_IN_WORD = re.compile(r"postgres(?:ql)?://.*", re.DOTALL)


# As libpq takes them, and as people write them for other drivers.
_PARAMETERS = re.compile(
    r"(^|[\s;])(host(addr|name)?|server|port|db(name)?|database|user( ?name| ?id)?|uid|pwd|password"
    r"|passfile|service|sslmode|sslrootcert|target_session_attrs|connect_timeout|options"
    r"|application_name)\s*=|^\s*postgres(ql)?:",
    re.IGNORECASE,
)
_PASSWORD = re.compile(
    r"""(\b\w*(?:pass(?!file)|pwd|secret|scram)\w*\s*=\s*)('(?:[^'\\]|\\.)*'?|"[^"]*"?|[^\s;&]+)""",
    re.IGNORECASE,
)


def is_postgres(address: str) -> bool:
    return address.startswith(("postgresql://", "postgres://"))


def is_parameters(address: str) -> bool:
    """Whether it looks like the parameters of a connection, and so is no file's name."""
    return not is_postgres(address) and _PARAMETERS.search(address) is not None


def redacted_ledger(address: str) -> str:
    """The address without any password; of a malformed URL only its scheme is left."""
    if not is_postgres(address):
        scheme, is_url, _ = address.partition("://")
        return f"{scheme}://..." if is_url else _PASSWORD.sub(r"\1***", address)
    url = _URL.fullmatch(address)
    if url is None:
        return f"{address.partition('://')[0]}://..."
    told = [one for one in (url["query"] or "").split("&") if _is_harmless(one)]
    query = f"?{'&'.join(told)}" if told else ""
    return f"{url['scheme']}{url['user'] or ''}{url['at'] or ''}{url['place']}{query}"


def redacted_word(word: str) -> str:
    """One word of a command line, such as `--ledger=postgresql://...`."""
    return redacted_text(_IN_WORD.sub(lambda url: redacted_ledger(url[0]), word))


def redacted_text(text: str) -> str:
    """A text without the passwords of its addresses, and without what looks like a key."""
    text = _IN_TEXT.sub(lambda url: redacted_ledger(url[0]), text)
    text = _PASSWORD.sub(r"\1***", _LOGIN.sub(r"\1***@", text))
    return _KEY.sub("sk_***", text)


def _is_harmless(parameter: str) -> bool:
    name, equals, _ = parameter.partition("=")
    # passfile is a path; password, sslpassword and the SCRAM keys are secrets.
    is_secret = re.search("pass(?!file)|secret|scram", unquote(name).lower())
    return bool(equals) and is_secret is None
