"""Which lead a form belongs to (identity resolution). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from shared.lead.identity import Identity


class IdentityMatches(Struct, frozen=True):
    """The stored leads that an identity may mean.

    `has_email` says of each lead that exists whether it has an e-mail address, `aliases` give the lead that
    answers for an id, and `owners` the leads of a phone number or a profile.
    """

    has_email: Mapping[str, bool] = {}
    aliases: Mapping[str, str] = {}
    owners: Mapping[str, Sequence[str]] = {}


class Resolution(Struct, frozen=True):
    """The lead that a form is a revision of, or that it begins.

    `alias` is the id that the form's own identifiers give, when the lead has to answer for that id too.
    `merged` are other leads that the form shows to be the same person: they become part of this one.
    """

    lead_id: str
    alias: str | None = None
    merged: tuple[str, ...] = ()


def resolve(identity: Identity, matches: IdentityMatches) -> Resolution:
    """Return the lead that a form with this identity belongs to.

    A lead under the form's own id, or under the id that this is an alias of, comes first. Otherwise a new
    e-mail address joins a lead without one that has the same phone or profile, and a form without e-mail
    joins the only lead that its phone or profile belongs to.

    The other leads that the form names are merged into that lead if they have no e-mail address: phone and
    profile are of one person then. Two addresses are never joined, as people share phones. So a form without
    e-mail whose phone and profile lead to different addresses begins a lead of its own.
    """
    own = identity.lead_id
    lead = matches.aliases.get(own, own)
    exists = lead in matches.has_email
    with_email, without_email = _named_leads(identity, matches, lead)
    if identity.kind == "email":
        survivor = lead if exists else (without_email or [own])[0]
    else:
        if exists:
            (with_email if matches.has_email[lead] else without_email).insert(0, lead)
        if len(with_email) > 1:
            return Resolution(lead if exists else own)
        survivor = (with_email or without_email or [own])[0]
    return Resolution(
        survivor,
        alias=None if exists or survivor == own else own,
        merged=tuple([named for named in without_email if named != survivor]),
    )


def _named_leads(identity: Identity, matches: IdentityMatches, lead: str) -> tuple[list[str], list[str]]:
    """Return the leads other than `lead` that phone and profile lead to: those with and without e-mail.

    The phone or profile of several people with e-mail says nothing about a form without.
    """
    named: dict[str, bool] = {}
    for name in shared_identifiers(identity):
        owners = {owner: matches.has_email[owner] for owner in matches.owners.get(name, ())}
        if identity.kind == "email" or sum(owners.values()) <= 1:
            named |= owners
    named.pop(lead, None)
    return [one for one in named if named[one]], [one for one in named if not named[one]]


def shared_identifiers(identity: Identity) -> tuple[str, ...]:
    """Return the identifiers that several leads may share: phone and profile."""
    return tuple([name for name in identity.identifiers if name.startswith(("phone:", "linkedin:"))])
