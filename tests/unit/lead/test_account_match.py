"""Names of companies and second facts: which of them make one company, on pairs that people labelled."""

from __future__ import annotations

import pytest

from shared.lead.events.matching import AccountMatch, CompanyProfile
from shared.lead.matching.account_match import CandidateAccount, match_account
from shared.lead.matching.company_facts import (
    city_key,
    is_same_switchboard,
    places_in_answers,
    postcode_of,
    profile_of,
)
from shared.lead.matching.company_names import company_name_of, name_blocks
from tests.support.company_pairs import company_pairs

PRECISION_MIN = 0.98
RECALL_MIN = 0.95


def account(key: str, relation="target", **facts: str) -> CandidateAccount:
    return CandidateAccount(key, [profile_of("Brightloom", **facts)], relation)


def matched(*accounts: CandidateAccount, present: str | None = None, **facts: str) -> AccountMatch:
    match = match_account(profile_of("Brightloom", **facts), accounts, present=present)
    assert match is not None
    return match


def test_precision_and_recall_on_the_labelled_pairs():
    pairs = company_pairs()
    assert len(pairs) >= 300
    found = [pair for pair in pairs if pair.is_matched]
    right = [pair for pair in found if pair.same]
    wrong = [f"{pair.lead.name} / {pair.account.name}" for pair in found if not pair.same]
    missed = [
        f"{pair.lead.name} / {pair.account.name}" for pair in pairs if pair.same and not pair.is_matched
    ]
    assert len(right) / len(found) >= PRECISION_MIN, wrong
    assert len(right) / sum(pair.same for pair in pairs) >= RECALL_MIN, missed


def test_pairs_of_one_company_are_found_by_a_key_of_their_names():
    """What no key finds is never compared."""
    not_found = [
        f"{pair.lead.name} / {pair.account.name}"
        for pair in company_pairs()
        if pair.same and blocks(pair.lead.name).isdisjoint(blocks(pair.account.name))
    ]
    assert len(not_found) <= 3, not_found


def test_the_keys_of_a_long_name_fit_into_their_column():
    """They are stored behind `told/` or `seen/` in 80 characters."""
    for name in ("aiaiouaia" * 20, "bcdfg" * 40, "ab " * 60):
        assert max(map(len, blocks(name))) <= 75


def blocks(name: str) -> set[str]:
    compared = company_name_of(name)
    assert compared is not None
    return set(name_blocks(compared))


WORDS = [
    ("Brightloom GmbH & Co. KG", ("brightloom",)),
    ("The Brightloom Company, Inc.", ("brightloom",)),
    ("Brightloom Sp. z o.o.", ("brightloom",)),
    ("S.A. Brightloom", ("sa", "brightloom")),
    ("AB Brightloom", ("brightloom",)),
    ("株式会社日立製作所", ("rilizhizuosuo",)),
    ("Brightloom GmbH Austria", ("brightloom", "austria")),
    ("Maersk A/S", ("maersk",)),
    ("AT&T Inc.", ("att",)),
    ("H & M", ("hm",)),
    ("Smith & Sons", ("smith", "sons")),
    ("GmbH", ("gmbh",)),
]


@pytest.mark.parametrize(("text", "words"), WORDS)
def test_the_words_of_a_name_are_without_legal_form(text, words):
    name = company_name_of(text)
    assert name is not None
    assert name.words == words


def test_a_text_without_a_word_is_no_name():
    assert [company_name_of(text) for text in (None, "", " \x00 ", "!?", "---")] == [None] * 5


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("94105-1234", "94105"),
        ("D-10115", "10115"),
        ("ec1a 1bb", "EC1A1BB"),
        ("00-001", "00001"),
        ("Berlin", None),
        ("", None),
        ("1", None),
    ],
)
def test_postcodes_in_one_spelling(text, code):
    assert postcode_of(text) == code


def test_cities_have_one_key_in_all_languages():
    assert city_key("München") == city_key("Munich") == city_key("MUENCHEN")
    assert city_key("Sankt Gallen") == city_key("St. Gallen")
    assert city_key("Austin, TX") == city_key("austin")
    assert city_key("Paris") != city_key("Parma")


def test_answers_name_the_place_by_the_label_of_the_field():
    assert places_in_answers({"Company City": "Köln", "PLZ": 50667, "Country": "DE"}) == ("Köln", "50667")
    assert places_in_answers({"velocity": "12", "zip": True, "town": ["a"]}) == (None, None)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("+493012345600", "+493012345600", True),
        ("+493012345600;ext=12", "+493012345600", True),
        ("+493012345678", "+493012345600", True),
        ("+14155550123", "+14155550199", True),
        ("+14155550123", "+14155660123", False),
        ("+493012345600", "+494012345600", False),
        ("+4930123", "+4930124", False),
    ],
)
def test_direct_dials_of_one_switchboard_are_one_phone(one, other, same):
    assert is_same_switchboard(one, other) is same


def test_the_country_suffices_for_an_equal_name_of_one_account_only():
    assert matched(account("a", country="US"), country="US").account == "a"
    both = matched(account("a", country="US"), account("b", country="US"), country="US")
    assert (both.by, both.account, both.tie_break) == ("none", None, "ambiguous: 2 accounts are close")
    assert [one.account for one in both.candidates] == ["a", "b"]


def test_the_better_second_fact_decides_before_the_relation():
    near = account("near", relation="none", country="US", city="Austin")
    customer = account("customer", relation="customer", country="US")
    match = matched(near, customer, country="US", city="Austin")
    assert (match.account, match.score, match.tie_break) == ("near", 93, None)


def test_a_customer_goes_before_a_target_and_what_was_told_before_what_only_leads_say():
    target = account("target", country="US")
    seen = CandidateAccount("seen", relation="customer", seen=[profile_of("Brightloom", "US")])
    customer = account("customer", relation="customer", country="US")
    assert matched(seen, target, country="US").account == "target"
    match = matched(seen, target, customer, country="US")
    assert (match.account, match.tie_break) == ("customer", "of 3 that are close, it is a customer")


def test_a_lead_stays_where_it_was_matched_before():
    both = [account("a", country="US"), account("b", country="US")]
    match = matched(*both, present="b", country="US")
    assert (match.account, match.tie_break) == ("b", "it was matched to this account before")
    assert matched(*both, present="c", country="US").account is None


def test_the_account_that_is_taken_is_among_those_that_are_shown():
    many = [account(f"a-{number}.example", country="DE", city="Berlin") for number in range(9)]
    match = matched(*many, present="a-8.example", country="DE", city="Berlin")
    assert match.account == "a-8.example"
    assert [one.account for one in match.candidates] == [
        "a-0.example",
        "a-1.example",
        "a-2.example",
        "a-3.example",
        "a-8.example",
    ]


def test_a_lead_of_another_domain_needs_more_than_the_country():
    lead, known = profile_of("Brightloom", "US", "Austin"), account("a", country="US", city="Austin")
    match = match_account(lead, [known], has_domain=True)
    assert match is not None
    assert match.account == "a"
    match = match_account(profile_of("Brightloom", "US"), [known], has_domain=True)
    assert match is not None
    assert match.candidates[0].rejected == "its domain is another one, and only the country agrees"


def test_a_company_that_was_split_from_an_account_is_not_matched_there_again():
    profile = CompanyProfile("Brightloom", "US", "Austin")
    split = CandidateAccount("a", [profile], "customer", splits=[profile])
    assert matched(split, country="US", city="Austin").account is None
    elsewhere = CandidateAccount(
        "a", [profile], "customer", splits=[CompanyProfile("Brightloom", "US", "Boston")]
    )
    assert matched(elsewhere, country="US", city="Austin").account is None
    french = CandidateAccount("a", [profile], "customer", splits=[CompanyProfile("Brightloom", "FR")])
    assert matched(french, country="US", city="Austin").account == "a"
