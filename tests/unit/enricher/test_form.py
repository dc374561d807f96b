"""A form in normal form: what is parsed, what is kept as it was typed, and what it says itself."""

from __future__ import annotations

import pytest

from services.enricher.domain.form import company_account, identity_of, normalise_form, stated, stripped
from shared.errors import DataError
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Company, Origin, Person
from shared.lead.ids import lead_id_of
from tests.support.forms import ANA, form


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ({"email": " Ana@BRIGHTLOOM.example "}, {"email": ANA, "email_kind": "work"}),
        ({"email": "info@brightloom.example"}, {"email_kind": "role"}),
        ({"email": "ana@gmail.com"}, {"email_kind": "free"}),
        ({"first_name": "ANA", "last_name": "van  der BERG"}, {"first_name": "Ana"}),
        ({"phone": "+49 30 901820"}, {"phone": "+4930901820"}),
        ({"phone": "030 901820", "country": "Germany"}, {"phone": "+4930901820", "country": "DE"}),
        ({"linkedin_url": "linkedin.com/in/Ana/"}, {"linkedin_url": "https://www.linkedin.com/in/ana"}),
        ({"title": " VP of Sales "}, {"title": "VP of Sales", "seniority": "vp", "department": "sales"}),
        ({"title": "VP of Sales", "seniority": "cxo"}, {"seniority": "cxo"}),
        ({"title": "VP of Sales", "department": "Finance"}, {"department": "finance"}),
        ({"country": "Atlantis"}, {"country": None}),
    ],
    ids=str,
)
def test_a_person_is_brought_to_normal_form(typed, normal):
    person = form(**{"email": ANA} | typed).normalised.person
    assert {name: getattr(person, name) for name in normal} == normal


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        (Company(domain="https://WWW.brightloom.example/about?x"), {"domain": "www.brightloom.example"}),
        (Company(domain="gmail.com"), {"domain": None}),
        (Company(domain="not a domain"), {"domain": None}),
        (Company(domain="ü" * 60 + "." + "ü" * 60 + "." + "ü" * 60 + ".example"), {"domain": None}),
        (Company(country="Deutschland"), {"country": "DE"}),
        (Company(industry=" ", parent=" Acme "), {"industry": None, "parent": "Acme"}),
        (Company(employees=0), {"employees": 0}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_company_is_brought_to_normal_form(typed, normal):
    company = form(typed).normalised.company
    assert {name: getattr(company, name) for name in normal} == normal


def test_the_phone_is_read_in_the_country_of_the_company_when_the_person_states_none():
    assert form(Company(country="DE"), phone="030 901820").normalised.person.phone == "+4930901820"


def test_what_cannot_be_parsed_keeps_what_was_typed_and_is_marked():
    typed = form(phone="ask for Ana", linkedin_url="on LinkedIn")
    assert typed.unparsed == {"phone", "linkedin_url"}
    assert typed.normalised.person.phone == "ask for Ana"
    assert typed.normalised.person.linkedin_url == "on LinkedIn"


def test_blank_answers_and_blank_texts_are_dropped():
    normalised = form(
        message=" \n",
        answers={"a": "x", "b": " ", "c": None, "d": [], "e": 0, "f": False},
        source=Origin(channel=" paid ", campaign=" "),
    ).normalised
    assert normalised.message is None
    assert normalised.answers == {"a": "x", "e": 0, "f": False}
    assert (normalised.source.channel, normalised.source.campaign) == ("paid", None)


def test_given_are_the_fields_that_the_form_has_itself():
    assert form(title="VP of Sales").given == ("person.email", "person.title")
    stated_seniority = form(Company(employees=0), title="VP of Sales", seniority="cxo")
    assert set(stated_seniority.given) == {
        "person.email",
        "person.title",
        "person.seniority",
        "company.employees",
    }


def test_normalising_again_changes_nothing():
    once = form(
        Company(name="brightloom gmbh", domain="www.brightloom.example", country="Germany"),
        first_name="ANA",
        phone="+49 30 901820",
        country="Germany",
        title="vp sales",
    )
    again = normalise_form(once.normalised)
    assert again.normalised == once.normalised
    assert again.identity == once.identity


class TestIdentity:
    @pytest.mark.parametrize(
        ("received", "lead_id"),
        [
            (LeadReceivedV1(person=Person(email=ANA, phone="+4930901820")), lead_id_of(f"email:{ANA}")),
            (LeadReceivedV1(person=Person(phone="+4930901820")), lead_id_of("phone:+4930901820")),
            (LeadReceivedV1(person=Person(email="x", phone="+4930901820")), lead_id_of("phone:+4930901820")),
        ],
    )
    def test_the_strongest_identifier_that_can_be_read_gives_the_lead_id(self, received, lead_id):
        assert identity_of(received).lead_id == lead_id == normalise_form(received).identity.lead_id

    @pytest.mark.parametrize("person", [Person(), Person(first_name="Ana"), Person(email="at example")])
    def test_a_form_without_any_identifies_nobody(self, person):
        with pytest.raises(DataError, match="no e-mail"):
            identity_of(LeadReceivedV1(person=person))


@pytest.mark.parametrize(("text", "result"), [(" x ", "x"), (" ", None), ("", None), (None, None)])
def test_a_text_is_stripped_and_none_when_blank(text, result):
    assert stripped(text) == result


def test_zero_and_false_are_stated_and_empty_texts_and_lists_are_not():
    assert stated(Company(name="", employees=0, technologies=[])) == {"employees": 0}


@pytest.mark.parametrize(
    ("domain", "account"),
    [
        ("brightloom.example", "brightloom.example"),
        ("eu.brightloom.example", "brightloom.example"),
        ("gmail.com", ""),
    ],
)
def test_the_account_of_a_domain_is_its_registrable_part(domain, account):
    assert company_account(domain) == account
