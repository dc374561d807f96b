"""E-mail addresses in normal form, the mailbox behind them, and what kind of mailbox it is."""

from __future__ import annotations

import re
from typing import Final, Literal

from email_validator import EmailNotValidError, validate_email
from msgspec import Struct

from shared.lead.normalise.domains import PLAIN_HOST, ascii_host, domain_traits
from shared.lead.normalise.text import bounded, lower

EmailKind = Literal["work", "free", "disposable", "role", "none"]

EMAIL_LENGTH_MAX: Final = 254

_ROLES: Final = """
    abuse accounting accounts admin administrator billing career careers contact customerservice enquiries
    enquiry feedback finance hello help helpdesk hi hostmaster hr info information inquiries inquiry invoice
    invoices it jobs kontakt legal mail mailbox marketing media news newsletter no-reply noc noreply office
    orders partner partners postmaster press privacy purchasing reception recruiting recruitment root sales
    security service services staff support sysadmin team tech vertrieb webmaster welcome
"""
ROLE_LOCAL_PARTS: Final = frozenset(_ROLES.split())
"""Local parts that stand for a function of a company (`sales@`) rather than for a person."""

_GMAIL_DOMAINS: Final = frozenset({"gmail.com", "googlemail.com"})
# Deliberately narrower than RFC 5321: this pattern decides the common case without the library (about ten
# times faster), and whatever it does not match is left to the library.
_PLAIN_EMAIL = re.compile(rf"(?=[^@]{{1,64}}@)([a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*)@({PLAIN_HOST})")
# The shortest valid domain: with it, the library judges the local part and only that.
_ANY_DOMAIN: Final = "a.bc"


class Email(Struct, frozen=True):
    """A syntactically valid e-mail address.

    `address` is the address as typed, in lower case and with an ASCII domain: mail can be sent there.
    `identity` is the mailbox behind it (no plus-tag; for Gmail no dots either): it determines the lead id.
    """

    address: str
    identity: str
    domain: str
    kind: EmailKind


def normalise_email(text: str | None) -> Email | None:
    """Return the parsed address, or `None` when the text is not exactly one valid address.

    Every syntactically valid domain is accepted, reserved ones (`.example`, `.test`, `.local`) too.
    """
    if not text:
        return None
    parts = split_plain_email(text) if len(text) <= EMAIL_LENGTH_MAX else None
    if parts is None:
        typed = bounded(text, EMAIL_LENGTH_MAX)
        parts = None if typed is None else split_plain_email(typed) or split_any_email(typed)
    return None if parts is None else _email(*parts)


def stored_email(address: str | None) -> Email | None:
    """Return the `Email` of an address that is in normal form already, e.g. of a lead record.

    It is only split at the `@`, not validated again; text from outside goes to `normalise_email`.
    """
    if not address:
        return None
    local, _, domain = address.rpartition("@")
    return _email(local, domain)


def split_plain_email(typed: str) -> tuple[str, str] | None:
    """Return local part and domain of a common ASCII address, as `split_any_email` would; else `None`."""
    match = _PLAIN_EMAIL.fullmatch(typed.lower()) if typed.isascii() else None
    return None if match is None else (match[1], match[2])


def split_any_email(typed: str) -> tuple[str, str] | None:
    """Return local part and domain of any valid address in normal form, `None` for anything else."""
    # The domain goes through `ascii_host` like a company's domain does, so that the keys of both agree. The
    # library would refuse reserved domains, so it is given the local part only.
    local, _, domain = typed.rpartition("@")
    host = ascii_host(domain)
    if host is None:
        return None
    try:
        checked = validate_email(f"{lower(local)}@{_ANY_DOMAIN}", check_deliverability=False)
    except EmailNotValidError:
        return None
    local = checked.local_part
    fits = len(local.encode()) + 1 + len(host) <= EMAIL_LENGTH_MAX
    return (local, host) if fits else None


def _email(local: str, domain: str) -> Email:
    # An address that is only a tag (`+x@…`) is a mailbox of its own; a dot before the tag belongs to the tag.
    mailbox = local.partition("+")[0].rstrip(".") or local
    home = domain
    if domain in _GMAIL_DOMAINS:
        mailbox, home = mailbox.replace(".", ""), "gmail.com"
    kind: EmailKind = domain_traits(domain).mailboxes
    if kind == "work" and mailbox in ROLE_LOCAL_PARTS:
        kind = "role"
    return Email(f"{local}@{domain}", f"{mailbox}@{home}", domain, kind)
