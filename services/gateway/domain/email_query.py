"""An e-mail address or a phone number as it arrives in the query of a URL. Pure."""

from __future__ import annotations

from shared.lead.normalise.emails import normalise_email


def with_plus_signs(email: str | None) -> str | None:
    """Return the address with a plus for each blank, unless it can be read as it is.

    A plus that was not percent-encoded is decoded to a blank, and no address that is not quoted has one.
    """
    if email is None or " " not in email or normalise_email(email) is not None:
        return email
    return email.strip().replace(" ", "+")


def with_plus_sign(phone: str) -> str:
    """Return the number with a plus for a blank in front: a plus that was not percent-encoded."""
    return f"+{phone.strip()}" if phone.startswith(" ") else phone
