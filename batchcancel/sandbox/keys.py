"""Bearer keys and what each may do."""

from collections.abc import Iterable, Mapping

SCOPES = frozenset(
    {
        "appointments:read",
        "appointments:write",
        "slots:read",
        "slots:write",
        "calls:create",
        "calls:read",
        "calls:cancel",
        "calls:delete",
    }
)
FULL_KEY = "sk_sandbox_full"


class Keys:
    """The keys in force; may change while requests arrive."""

    def __init__(self, keys: Mapping[str, Iterable[str]] | None = None) -> None:
        self._scopes: dict[str, frozenset[str]] = {}
        self.add(FULL_KEY, SCOPES)
        for key, scopes in (keys or {}).items():
            self.add(key, scopes)

    def add(self, key: str, scopes: Iterable[str]) -> None:
        asked = frozenset(scopes)
        if unknown := asked - SCOPES:
            raise ValueError(f"Unknown scopes: {', '.join(sorted(unknown))}.")
        self._scopes[key] = asked

    def revoke(self, key: str) -> None:
        self._scopes.pop(key, None)

    def known(self, authorization: str) -> str | None:
        """Return the key of an `Authorization` header, or None when it opens nothing."""
        scheme, _, key = authorization.partition(" ")
        return key if scheme.lower() == "bearer" and key in self._scopes else None

    def allows(self, key: str, scope: str) -> bool:
        return scope in self._scopes.get(key, frozenset())
