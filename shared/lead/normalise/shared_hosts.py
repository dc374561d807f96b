"""Hosts that give pages or mailboxes to anybody, so that they are nobody's company: `shared_hosts.txt`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Final

from msgspec import Struct

_LIST: Final = "shared_hosts.txt"
_OPERATOR_NAMES: Final = frozenset(
    {
        "www",
        "app",
        "blog",
        "careers",
        "dev",
        "developer",
        "docs",
        "help",
        "info",
        "jobs",
        "m",
        "mail",
        "support",
    }
)
"""Names below a host that are its operator's own, not those of a customer."""


class SharedHosts(Struct, frozen=True):
    """The entries of the list by section. What each section means is explained at the top of the list."""

    pages: frozenset[str]
    operators: frozenset[str]
    names: frozenset[str]
    mailboxes: frozenset[str]


@cache
def shared_hosts() -> SharedHosts:
    """Return the list that comes with Baton."""
    sections: dict[str, set[str]] = {name: set() for name in SharedHosts.__struct_fields__}
    section: set[str] = set()
    for line in resources.files(__package__).joinpath(_LIST).read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("["):
            section = sections[text.strip("[]")]
        else:
            section.update(text.split())
    return SharedHosts(**{name: frozenset(entries) for name, entries in sections.items()})


def is_listed(host: str, registrable: str | None, entries: frozenset[str]) -> bool:
    """Return whether a host, or a domain that it is below, is among the entries."""
    suffix = (registrable or "").partition(".")[2]
    for name in _up_to(host, registrable or host):
        if name in entries or (suffix and f"{name.removesuffix(suffix)}*" in entries):
            return True
    return False


def customer_domain(host: str, names: frozenset[str]) -> str | None:
    """Return the name that a customer has below a host of the section `names`, `None` for any other host."""
    for above in _up_to(host, ""):
        if above in names:
            label = host.removesuffix(f".{above}").rpartition(".")[2]
            return None if host == above or label in _OPERATOR_NAMES else f"{label}.{above}"
    return None


def _up_to(host: str, last: str) -> Iterator[str]:
    """Yield a host and the domains that it is below, up to `last`."""
    yield host
    while host != last and "." in host:
        host = host.partition(".")[2]
        yield host
