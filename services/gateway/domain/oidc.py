"""Sign-in by OpenID Connect: who a person is by the claims of their ID token, and what they may do. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from services.gateway.domain.access import SCOPES, KnownKey, Principal, Scope, included
from shared.errors import Reject

OIDC_CALLBACK: Final = "/sign-in/oidc/callback"
_NAME_LENGTH_MAX: Final = 80
_ID_BYTES: Final = 12
_GROUPS_MAX: Final = 1_000


class OidcSettings(Struct, frozen=True):
    """`groups` gives scopes by the name of a group, `reps` the id of a rep by e-mail address, folded."""

    issuer: str
    client_id: str
    redirect_uri: str
    label: str
    scope: str
    groups_claim: str
    groups: Mapping[str, Scope]
    reps: Mapping[str, str]

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of what decides who may do what: whoever signed in by other settings signs in anew."""
        decided = (self.issuer, self.client_id, self.groups_claim, dict(self.groups), dict(self.reps))
        return hashlib.sha256(msgspec.json.encode(decided, order="deterministic")).hexdigest()


class OidcPerson(Struct, frozen=True):
    """A person by the claims of their ID token: an id that stays, a name, and what they may do."""

    id: str
    name: str
    scopes: list[Scope]
    rep: str | None

    def known_by(self, settings: OidcSettings) -> KnownKey:
        """Return the person as a session compares a key."""
        scopes = tuple(self.scopes)
        return KnownKey(
            Principal(self.id, included(self.scopes), self.rep, self.name, scopes), settings.fingerprint
        )


def person_of(claims: Mapping[str, Any], settings: OidcSettings) -> OidcPerson:
    """Return who a person is by the claims of a verified ID token.

    The person is named by a digest of issuer and subject: an address may change. An address that the provider
    calls unverified names no rep. Raises `Reject` (403) for a person who is in no group that opens anything.
    """
    email = claims.get("email")
    address = email.strip().casefold() if isinstance(email, str) else ""
    verified = claims.get("email_verified") in (None, True, "true")
    rep = settings.reps.get(address) if verified else None
    given = claims.get(settings.groups_claim)
    groups = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    named = {settings.groups[group] for group in groups[:_GROUPS_MAX] if group in settings.groups}
    if rep is None:
        named.discard("rep")
    scopes = [scope for scope in SCOPES if scope in named]
    if not scopes:
        detail = "Ask an administrator to add you to a group of Baton"
        raise Reject(403, "no-group", "You are in no group that may use Baton", detail)
    names = (claims.get(name) for name in ("name", "preferred_username", "email"))
    name = next((name for name in names if isinstance(name, str) and name.isprintable() and name), "")
    subject = f"{settings.issuer}\n{claims['sub']}".encode()
    id_ = "oidc:" + hashlib.sha256(subject).hexdigest()[: 2 * _ID_BYTES]
    return OidcPerson(id_, name[:_NAME_LENGTH_MAX] or id_, scopes, rep)
