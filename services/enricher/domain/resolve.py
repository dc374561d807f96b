"""Which lead a form belongs to. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from shared.lead.identity import Identity


class Known(Struct, frozen=True):
    """What is known of the leads that an identity may mean.

    `has_email` has every lead there is among them; `owners` says which leads an identifier belongs to.
    """

    has_email: Mapping[str, bool] = {}
    aliases: Mapping[str, str] = {}
    owners: Mapping[str, Sequence[str]] = {}


class Resolution(Struct, frozen=True):
    """The lead that a form is a revision of, or that it begins.

    `alias` is the id that the form's own identifiers give, when that id must answer for the lead from now on.
    """

    lead_id: str
    alias: str | None = None


def resolve(identity: Identity, known: Known) -> Resolution:
    """Return the lead that a form with this identity belongs to.

    The form's own id, or what it is an alias of, wins when there is such a lead. Else a new e-mail joins a
    lead without e-mail that has the same phone or profile, and a form without e-mail joins the one lead
    that its phone or profile belongs to. Two e-mails never join by themselves.
    """
    own = identity.lead_id
    lead = known.aliases.get(own, own)
    if lead in known.has_email:
        return Resolution(lead)
    joined = _without_email(identity, known) if identity.kind == "email" else _sole_owner(identity, known)
    return Resolution(joined, alias=own) if joined else Resolution(own)


def shared_identifiers(identity: Identity) -> tuple[str, ...]:
    """Return the identifiers that need not mean one lead: phone and profile."""
    return tuple([name for name in identity.identifiers if name.startswith(("phone:", "linkedin:"))])


def _without_email(identity: Identity, known: Known) -> str | None:
    owners = (lead for name in shared_identifiers(identity) for lead in known.owners.get(name, ()))
    return next((lead for lead in owners if known.has_email.get(lead) is False), None)


def _sole_owner(identity: Identity, known: Known) -> str | None:
    """Return the one lead that phone and profile agree on; each counts only if it has one owner."""
    owners = [known.owners.get(name, ()) for name in shared_identifiers(identity)]
    sole = {leads[0] for leads in owners if len(leads) == 1}
    return sole.pop() if len(sole) == 1 else None
