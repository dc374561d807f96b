"""E-mail addresses in normal form, the mailbox behind them, and what kind of mailbox it is.

An address is read as people paste it: from an address book (`Ana Ruiz <ana@…>`), a link
(`mailto:…?subject=`), a sentence or a spreadsheet, with characters that nobody sees.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Final, Literal
from urllib.parse import unquote

from email_validator import EmailNotValidError, validate_email
from msgspec import Struct

from shared.lead.normalise.domains import PLAIN_HOST, ascii_host, domain_traits
from shared.lead.normalise.text import bounded, lower, without_invisible

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

_PASTED_LENGTH_MAX: Final = 1_000
"""The longest text that an address is looked for in."""
_JOINERS: Final = "\u200c\u200d"
_MAILTO = re.compile(
    r"(?:mailto|smtp):\s*/{0,2}(?P<address>[^@\"'<>|\s]+(?:@|%40)[^@?&\"'<>|\s)\]]+)", re.IGNORECASE
)
# A label ends in a colon, which no local part has: "E-mail: ", "From: ", "https://".
_LABEL = re.compile(r"\A[^@:]{1,40}:\s*/{0,2}")
_LIST_MARK = re.compile(r"\A(?:[-*+]|\d{1,2}[.)])\s+")
_IN_BRACKETS = (
    re.compile(r"<([^<>]*@[^<>]*)>"),
    re.compile(r"[(\[{]\s*([^\s()\[\]{}]+@[^\s()\[\]{}]+)\s*[)\]}]"),
)
_COMMENT = re.compile(r"(?:\A|(?<=@))\s*\([^()@]*\)\s*|\s*\([^()@]*\)\s*(?=@|\Z)")
_BEFORE = re.compile(r"\A(?:=(?=[\"'])|[\s\x00-\x1f\x7f,;:<>()\[\]{}\"'`]|[^\w\x00-\x7f])+")
_AFTER = re.compile(r"[\W_]+\Z")
_EMPHASIS = re.compile(r"\A([*_~|]{1,3})([^@]+@[^@]+[^\W_])\1\Z")
_AROUND_AT = re.compile(r"\s*@\s*")
_ENTITY = re.compile(r"&(?:lt|gt|quot|nbsp|commat|amp|#\d{1,4}|#x[0-9a-f]{1,4});", re.IGNORECASE)
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
    """Return the parsed address, or `None` when the text does not hold exactly one valid address.

    Every syntactically valid domain is accepted, reserved ones (`.example`, `.test`, `.local`) too. Letters
    that only look alike, such as a Cyrillic and a Latin o, stay different.
    """
    if not text or len(text) > _PASTED_LENGTH_MAX:
        return None
    parts = split_plain_email(text) if len(text) <= EMAIL_LENGTH_MAX else None
    if parts is None:
        typed = bounded(unwrapped_address(text), EMAIL_LENGTH_MAX)
        parts = None if typed is None else split_plain_email(typed) or split_any_email(typed)
    return None if parts is None else _email(*parts)


def unwrapped_address(text: str) -> str:
    """Return what is left of a pasted address without what belongs to its surroundings.

    Full-width and other compatibility characters become the usual ones (NFKC).
    """
    typed = unicodedata.normalize("NFKC", without_invisible(text, keep=_JOINERS)).strip()
    if _ENTITY.search(typed):
        typed = html.unescape(typed)
    if link := _MAILTO.search(typed):
        typed = unquote(link["address"])
    else:
        found = next((found for found in (one.findall(typed) for one in _IN_BRACKETS) if found), [])
        typed = found[0] if len(found) == 1 else typed
    for unwanted in (_COMMENT, _BEFORE, _LIST_MARK, _LABEL, _BEFORE):
        typed = unwanted.sub("", typed)
    typed = _AFTER.sub("", _EMPHASIS.sub(r"\2", typed))
    return _AROUND_AT.sub("@", typed if "@" in typed else typed.replace("%40", "@"))


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
        checked = validate_email(
            f"{lower(without_invisible(local))}@{_ANY_DOMAIN}", check_deliverability=False
        )
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
