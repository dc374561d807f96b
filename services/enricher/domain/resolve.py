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
    """

    lead_id: str
    alias: str | None = None


def resolve(identity: Identity, matches: IdentityMatches) -> Resolution:
    """Return the lead that a form with this identity belongs to.

    A lead under the form's own id, or under the id that this is an alias of, comes first. Otherwise a new
    e-mail address joins a lead without one that has the same phone or profile, and a form without e-mail
    joins the only lead that its phone or profile belongs to. Two e-mail addresses are never joined, as
    people share phones.
    """
    own = identity.lead_id
    lead = matches.aliases.get(own, own)
    if lead in matches.has_email:
        return Resolution(lead)
    owners = [matches.owners.get(name, ()) for name in shared_identifiers(identity)]
    joined: str | None
    if identity.kind == "email":
        candidates = (lead for leads in owners for lead in leads)
        joined = next((lead for lead in candidates if matches.has_email.get(lead) is False), None)
    else:
        sole_owners = {leads[0] for leads in owners if len(leads) == 1}
        joined = sole_owners.pop() if len(sole_owners) == 1 else None
    return Resolution(joined, alias=own) if joined else Resolution(own)


def shared_identifiers(identity: Identity) -> tuple[str, ...]:
    """Return the identifiers that several leads may share: phone and profile."""
    return tuple([name for name in identity.identifiers if name.startswith(("phone:", "linkedin:"))])
