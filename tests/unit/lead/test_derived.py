"""The fields that follow from others: derived at the merge, and made up for where an old record lacks them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from shared.lead.derived import derive_fields, derived_of, with_derived
from shared.lead.events.parts import Company, DerivedFields, Origin, Person
from shared.lead.ids import lead_id_of
from shared.lead.normalise.phones import is_filler
from shared.lead.normalise.spam import is_gibberish, is_shouting
from tests.support.enriched_leads import enriched_lead

KESTREL = Company(name="The Kestrel Co., Ltd.")


def test_domain_mailbox_and_company_key_follow_from_the_contact_details():
    derived = derive_fields(Person(email="ana+demo@kestrel.example"), KESTREL, None, Origin())
    assert derived == DerivedFields("kestrel.example", lead_id_of("email:ana@kestrel.example"), "kestrel", 0)


def test_nothing_follows_from_nothing():
    assert derive_fields(Person(), Company(), None, Origin()) == DerivedFields()


def test_the_spam_score_is_that_of_the_message_and_the_names():
    links = "We keep the notes at http://a.example and http://b.example"
    assert derive_fields(Person(), Company(), links, Origin()).spam_score == 30
    assert derive_fields(Person(first_name="Qwerty"), Company(), None, Origin()).spam_score == 40
    assert derive_fields(Person(first_name="Ana"), Company(), None, Origin(honeypot=True)).spam_score == 100


def old(**person: str | None):
    """Return a lead as it was written before derived fields travelled."""
    lead = enriched_lead()
    return replace(lead, derived=None, person=Person(email="ana@kestrel.example", **person))  # type: ignore[arg-type]


def test_an_old_lead_gets_its_derived_fields_its_seniority_and_its_department():
    lead = with_derived(old(title="VP Finance"))
    assert lead.derived == derived_of(old())
    assert (lead.person.seniority, lead.person.department) == ("vp", "finance")


def test_what_a_provider_said_of_a_person_is_not_derived_again():
    person = with_derived(old(title="VP Finance", seniority="director", department="legal")).person
    assert (person.seniority, person.department) == ("director", "legal")


def test_a_person_without_a_title_has_no_derived_level():
    assert with_derived(old()).person.seniority is None


def test_a_lead_that_carries_derived_fields_is_returned_as_it_is():
    lead = enriched_lead()
    assert with_derived(lead) is lead
    assert derived_of(lead) is lead.derived


@pytest.mark.parametrize(
    ("digits", "filler"),
    [
        ("0000000000", True),
        ("1212121212", True),
        ("1234567890", True),
        ("9876543210", True),
        ("0123456789012", True),
        ("4155550132", False),
        ("1234567899", False),
    ],
)
def test_a_number_typed_to_fill_the_field_is_no_identifier(digits, filler):
    assert is_filler(digits) is filler


@pytest.mark.parametrize(
    ("text", "shouting"),
    [
        ("BUY NOW AND SAVE A LOT OF MONEY THIS WEEK", True),
        ("BUY NOW", False),
        ("We would like to see a demo of your product next week.", False),
        ("PLEASE CALL ME BACK, we want to buy this today or tomorrow.", False),
        ("ÄÖÜ" * 30, False),
    ],
)
def test_a_text_mostly_in_capitals_shouts_once_it_has_some_length(text, shouting):
    assert is_shouting(text) is shouting


@pytest.mark.parametrize(
    ("name", "gibberish"),
    [
        ("Ana Reyes", False),
        ("Hirschsprung", False),
        ("Knightsbridge", False),
        ("McDonald", False),
        ("qwertz", True),
        ("asdf asdf", True),
        ("xkcdpqrtz", True),
        ("dfghjk", True),
        ("aBcDeFgH", True),
        ("", False),
    ],
)
def test_a_name_typed_at_random_is_gibberish(name, gibberish):
    assert is_gibberish(name) is gibberish
