from __future__ import annotations

import pytest

from services.enricher.domain.resolve import IdentityMatches, Resolution, resolve
from shared.lead.identity import Identity, identify

PHONE, PROFILE = "+4930901820", "https://www.linkedin.com/in/ana"
CALL, SEEN = f"phone:{PHONE}", f"linkedin:{PROFILE}"


def _identity(**texts: str) -> Identity:
    identity = identify(**texts)
    assert identity is not None
    return identity


EMAIL = _identity(email="ana@brightloom.example", phone=PHONE, linkedin_url=PROFILE)
NO_EMAIL = _identity(phone=PHONE, linkedin_url=PROFILE)


@pytest.mark.parametrize("identity", [EMAIL, NO_EMAIL])
def test_an_unknown_identity_begins_a_lead_under_its_own_id(identity):
    assert resolve(identity, IdentityMatches()) == Resolution(identity.lead_id)


@pytest.mark.parametrize("identity", [EMAIL, NO_EMAIL])
def test_a_lead_under_the_own_id_or_its_alias_comes_first(identity):
    known = IdentityMatches(has_email={identity.lead_id: False, "other": False}, owners={CALL: ["other"]})
    assert resolve(identity, known) == Resolution(identity.lead_id, merged=("other",))
    known = IdentityMatches(has_email={"other": True}, aliases={identity.lead_id: "other"})
    assert resolve(identity, known) == Resolution("other")


def test_a_new_email_joins_a_lead_without_one():
    known = IdentityMatches(has_email={"a": True, "b": False}, owners={CALL: ["a"], SEEN: ["a", "b"]})
    assert resolve(EMAIL, known) == Resolution("b", alias=EMAIL.lead_id)


def test_two_emails_do_not_join():
    known = IdentityMatches(has_email={"a": True}, owners={CALL: ["a"], SEEN: ["a"]})
    assert resolve(EMAIL, known) == Resolution(EMAIL.lead_id)


def test_a_form_without_email_joins_the_one_owner():
    known = IdentityMatches(has_email={"a": True, "b": True}, owners={CALL: ["a", "b"], SEEN: ["b"]})
    assert resolve(NO_EMAIL, known) == Resolution("b", alias=NO_EMAIL.lead_id)


@pytest.mark.parametrize("owners", [{CALL: ["a", "b"], SEEN: []}, {CALL: ["a"], SEEN: ["b"]}])
def test_several_possible_owners_are_not_joined(owners):
    known = IdentityMatches(has_email={"a": True, "b": True}, owners=owners)
    assert resolve(NO_EMAIL, known) == Resolution(NO_EMAIL.lead_id)


def test_an_account_lead_joins_nobody():
    identity = _identity(domain="brightloom.example")
    assert resolve(identity, IdentityMatches()) == Resolution(identity.lead_id)


A, B, OWN = "a", "b", NO_EMAIL.lead_id

# Which leads exist and have an e-mail address, and whose phone and profile are: what becomes of a form.
MERGES = {
    "an e-mail lead takes the lead of its phone": (
        EMAIL,
        IdentityMatches({EMAIL.lead_id: True, A: False}, {}, {CALL: [A], SEEN: []}),
        Resolution(EMAIL.lead_id, merged=(A,)),
    ),
    "and that of its profile": (
        EMAIL,
        IdentityMatches({EMAIL.lead_id: True, A: False, B: False}, {}, {CALL: [A], SEEN: [B]}),
        Resolution(EMAIL.lead_id, merged=(A, B)),
    ),
    "a new address joins one of two and merges the other": (
        EMAIL,
        IdentityMatches({A: False, B: False}, {}, {CALL: [A], SEEN: [B]}),
        Resolution(A, alias=EMAIL.lead_id, merged=(B,)),
    ),
    "two addresses stay two leads": (
        EMAIL,
        IdentityMatches({EMAIL.lead_id: True, A: True}, {}, {CALL: [A], SEEN: []}),
        Resolution(EMAIL.lead_id),
    ),
    "the lead of the profile becomes part of that of the phone": (
        NO_EMAIL,
        IdentityMatches({OWN: False, B: False}, {}, {CALL: [OWN], SEEN: [B]}),
        Resolution(OWN, merged=(B,)),
    ),
    "the lead of the phone becomes part of that of the address with its profile": (
        NO_EMAIL,
        IdentityMatches({OWN: False, B: True}, {}, {CALL: [OWN], SEEN: [B]}),
        Resolution(B, merged=(OWN,)),
    ),
    "an address is found by profile, and takes the lead of the phone": (
        NO_EMAIL,
        IdentityMatches({A: False, B: True}, {}, {CALL: [A], SEEN: [B]}),
        Resolution(B, alias=OWN, merged=(A,)),
    ),
    "phone and profile of two addresses show nothing": (
        NO_EMAIL,
        IdentityMatches({OWN: False, A: True, B: True}, {}, {CALL: [OWN, A], SEEN: [B]}),
        Resolution(OWN),
    ),
    "the phone of two addresses shows nothing": (
        NO_EMAIL,
        IdentityMatches({OWN: False, A: True, B: True}, {}, {CALL: [OWN, A, B], SEEN: []}),
        Resolution(OWN),
    ),
}


@pytest.mark.parametrize("case", MERGES)
def test_leads_of_one_person_are_merged(case: str):
    identity, matches, expected = MERGES[case]
    assert resolve(identity, matches) == expected
