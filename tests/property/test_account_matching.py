"""Laws of matching: it never raises, is symmetric, bounded and deterministic, and a recorded match follows again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.lead.events.matching import CANDIDATES_MAX, CompanyProfile
from shared.lead.matching.account_match import CandidateAccount, choose_candidate, match_account
from shared.lead.matching.company_facts import (
    conflicting_facts,
    is_same_switchboard,
    profile_of,
    shared_facts,
)
from shared.lead.matching.company_names import WORDS_MAX, company_name_of, name_blocks
from shared.lead.matching.name_similarity import compare_names

FORMS = ["", " GmbH", " Inc.", ", LLC", " S.p.A.", " Sp. z o.o.", " GmbH & Co. KG", " Pty Ltd"]
STEMS = [
    "Brightloom",
    "Bright Loom",
    "Brightlom",
    "Brightloom Group",
    "Müller Maschinenbau",
    "Mueller Maschinenbau",
]
STEMS += [
    "IBM",
    "International Business Machines",
    "Consulting",
    "Bank of Elmont",
    "Apple",
    "Apple Leisure Group",
]
names = st.one_of(
    st.text(max_size=300), st.builds(str.__add__, st.sampled_from(STEMS), st.sampled_from(FORMS))
)
maybe = st.none() | st.text(max_size=60)
profiles = st.builds(
    profile_of,
    st.builds(str.__add__, st.sampled_from(STEMS), st.sampled_from(FORMS)),
    st.sampled_from([None, "DE", "US"]),
    st.sampled_from([None, "Berlin", "Austin"]),
    st.sampled_from([None, "10115", "78701"]),
    st.sampled_from([None, "+493012345600", "+14155550123"]),
)
accounts = st.lists(
    st.builds(
        CandidateAccount,
        st.sampled_from([f"{letter}.example" for letter in "abcdefghij"]),
        st.lists(profiles, min_size=1, max_size=3),
        st.sampled_from(["customer", "target", "none"]),
        st.lists(profiles, max_size=1),
        st.lists(profiles, max_size=2),
    ),
    max_size=12,
    unique_by=lambda account: account.account,
)


@given(names, maybe, maybe, maybe, maybe)
def test_anything_is_read_without_an_error_and_is_bounded(name, country, city, postcode, phone):
    profile = profile_of(name, country, city, postcode, phone)
    assert all(len(str(value)) <= 200 for value in (profile.name, profile.city or "", profile.postcode or ""))
    compared = company_name_of(name)
    if compared is not None:
        assert 1 <= len(compared.words) <= WORDS_MAX
        assert all(0 < len(block) <= 70 for block in name_blocks(compared))
        assert compare_names(compared, compared).score == 100


@given(names, names)
def test_the_comparison_of_names_is_symmetric(one, other):
    first, second = company_name_of(one), company_name_of(other)
    if first is not None and second is not None:
        there, back = compare_names(first, second), compare_names(second, first)
        assert there.score == back.score
        assert 0 <= there.score <= 100
        assert (there.difference is None) == (back.difference is None)


@given(profiles, profiles)
def test_facts_agree_or_contradict_both_ways(one: CompanyProfile, other: CompanyProfile):
    assert shared_facts(one, other) == shared_facts(other, one)
    assert conflicting_facts(one, other) == conflicting_facts(other, one)
    if one.phone and other.phone:
        assert is_same_switchboard(one.phone, other.phone) == is_same_switchboard(other.phone, one.phone)


@given(profiles, accounts, st.randoms(use_true_random=False), st.booleans())
def test_a_match_depends_on_no_order_and_follows_again_from_its_record(lead, known, random, has_domain):
    match = match_account(lead, known, has_domain=has_domain)
    shuffled = list(known)
    random.shuffle(shuffled)
    assert match_account(lead, shuffled, has_domain=has_domain) == match
    if match is None:
        return
    assert len(match.candidates) <= CANDIDATES_MAX
    if match.account is not None:
        taken = next(one for one in match.candidates if one.account == match.account)
        assert (taken.score, taken.rejected) == (match.score, None)
        assert taken.facts
    if sum(one.rejected is None for one in match.candidates) < CANDIDATES_MAX:
        assert choose_candidate(match.candidates) == match
