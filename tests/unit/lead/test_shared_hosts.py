"""The list of hosts that give pages or mailboxes to anybody is in order."""

from __future__ import annotations

from itertools import combinations

import pytest

from shared.lead.normalise.domains import normalise_domain
from shared.lead.normalise.shared_hosts import customer_domain, is_listed, shared_hosts

LIST = shared_hosts()
SECTIONS = {name: getattr(LIST, name) for name in LIST.__struct_fields__}


@pytest.mark.parametrize("section", sorted(SECTIONS))
def test_every_entry_is_a_host_in_normal_form(section: str):
    assert len(SECTIONS[section]) > 50
    for entry in SECTIONS[section]:
        host = entry.replace(".*", ".example")
        assert normalise_domain(host) == host, entry


def test_a_host_has_one_kind():
    both = {
        frozenset((one, other)): SECTIONS[one] & SECTIONS[other] for one, other in combinations(SECTIONS, 2)
    }
    # Their operator has a site of its own, where customers have pages too.
    assert both.pop(frozenset(("operators", "names"))) >= {"medium.com", "wordpress.com"}
    # Mail services that have a network, or sites with names of one's own, under the same domain.
    assert set().union(*both.values()) == {"kakao.com", "narod.ru"}


@pytest.mark.parametrize(
    ("host", "registrable", "entries", "listed"),
    [
        ("a.b.example", "b.example", {"b.example"}, True),
        ("a.b.example", "b.example", {"a.b.example"}, True),
        ("b.example", "b.example", {"a.b.example"}, False),
        ("a.b.co.uk", "b.co.uk", {"b.*"}, True),
        ("a.b.co.uk", "b.co.uk", {"a.b.*"}, True),
        ("ab.co.uk", "ab.co.uk", {"b.*"}, False),
        ("co.uk", None, {"b.*"}, False),
    ],
)
def test_an_entry_covers_its_subdomains_and_a_star_every_suffix(
    host: str, registrable: str | None, entries: set[str], listed: bool
):
    assert is_listed(host, registrable, frozenset(entries)) is listed


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("acme.builder.example", "acme.builder.example"),
        ("shop.acme.builder.example", "acme.builder.example"),
        ("www.builder.example", None),
        ("builder.example", None),
        ("acme.other.example", None),
    ],
)
def test_a_customer_of_a_builder_has_a_name_of_its_own(host: str, domain: str | None):
    assert customer_domain(host, frozenset({"builder.example"})) == domain
