"""Who may do what: API keys, scopes, and which scope includes which. Pure."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from datetime import datetime
from functools import lru_cache
from typing import ClassVar, Final, Literal, get_args

from msgspec import Struct

from shared.storage.rows import Row

Scope = Literal["intake", "read", "rep", "manager", "admin"]

SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
_INCLUDED: Final[dict[Scope, frozenset[Scope]]] = {
    "intake": frozenset({"intake"}),
    "read": frozenset({"read"}),
    "rep": frozenset({"rep", "read"}),
    "manager": frozenset({"manager", "rep", "read"}),
    "admin": frozenset(SCOPES),
}
KEY_PREFIX: Final = "bk_"
KEY_BYTES: Final = 32


class ApiKey(Row, frozen=True):
    """A stored key: its hash, never its text."""

    id: str
    name: str
    hash: str
    scopes: list[Scope]
    rep: str | None
    created_at: datetime
    revoked_at: datetime | None
    table: ClassVar[str] = "api_keys"
    key_fields: ClassVar[tuple[str, ...]] = ("id",)

    @property
    def principal(self) -> Principal:
        """Whom the key stands for."""
        return Principal(self.id, included(self.scopes), self.rep)


class Principal(Struct, frozen=True):
    """Who asks: the id of the key, all that it may do, and the rep that it stands for, if it does."""

    key_id: str
    scopes: frozenset[Scope]
    rep: str | None = None

    def may(self, scope: Scope) -> bool:
        """Tell whether what needs `scope` is allowed."""
        return scope in self.scopes


ADMIN: Final = Principal("admin", frozenset(SCOPES))


def included(scopes: list[Scope]) -> frozenset[Scope]:
    """Return the scopes with all that they include: manager includes rep, rep includes read, admin all.

    `intake` stands alone, so that a key in a web page's back end can write leads and read none.
    """
    return frozenset().union(*(_INCLUDED[scope] for scope in scopes))


@lru_cache(maxsize=1_024)
def key_hash(key: str) -> str:
    """Return what is stored of a key. Keys are 256 random bits, so a fast hash will do.

    A client sends the same key with every request, so it is hashed once.
    """
    return hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()


def new_key(random_bytes: bytes) -> str:
    """Return a new key, made of 32 unguessable bytes."""
    return KEY_PREFIX + urlsafe_b64encode(random_bytes).rstrip(b"=").decode()
