"""API keys, their scopes, and which scope includes which others. Pure."""

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
    """A row of `api_keys`. It has the hash of the key, never its text."""

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
        """The caller that the key identifies."""
        return Principal(self.id, included(self.scopes), self.rep, self.name, tuple(self.scopes))


class Principal(Struct, frozen=True):
    """The caller of a request: id and name of its key, and its rep, if it has one.

    `granted` are the scopes that the key was created with, `scopes` these and all that they include.
    """

    key_id: str
    scopes: frozenset[Scope]
    rep: str | None = None
    name: str = ""
    granted: tuple[Scope, ...] = ()

    def may(self, scope: Scope) -> bool:
        """Return whether the key has `scope`."""
        return scope in self.scopes


class KnownKey(Struct, frozen=True):
    """A live key as sessions compare it: who it identifies, and the SHA-256 of its text in hex."""

    principal: Principal
    hash: str


ADMIN: Final = Principal("admin", frozenset(SCOPES), name="admin", granted=("admin",))


def included(scopes: list[Scope]) -> frozenset[Scope]:
    """Return the scopes and all that they include: manager includes rep, rep includes read, admin all.

    No scope but admin includes `intake` or is included in it, so that a key in the back end of a web page
    can write leads and read none.
    """
    return frozenset().union(*(_INCLUDED[scope] for scope in scopes))


@lru_cache(maxsize=1_024)
def key_hash(key: str) -> str:
    """Return the SHA-256 of a key in hex, which is what is stored.

    A slow hash would add nothing: a key is 256 random bits and cannot be guessed.
    The result is cached, because a client sends the same key with every request.
    """
    return hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()


def new_key(random_bytes: bytes) -> str:
    """Return the text of a new key. `random_bytes` are `KEY_BYTES` unguessable bytes."""
    return KEY_PREFIX + urlsafe_b64encode(random_bytes).rstrip(b"=").decode()
