"""Forms: labels of every spelling are read, nothing typed is lost, and nothing whatever breaks the reading."""

from __future__ import annotations

import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from services.gateway.domain.company_sizes import lower_bound
from services.gateway.domain.forms import read_form
from services.gateway.domain.label_dictionary import FIELD_OF
from services.gateway.domain.sources import HookSource, source_of
from shared.errors import Reject
from shared.lead.events.envelope import decode_data
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Company, Consent, Origin, Person
from shared.lead.events.registry import BY_MODEL
from shared.lead.normalise.labels import plain_label
from shared.policy.form_fields import FORM_FIELDS
from shared.policy.models import SourceConfig, SourceDefaults

WEBSITE = HookSource(
    "website", redirects=("https://www.example.com/",), defaults=SourceDefaults(channel="website")
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(
        ["51-200", "\x00", "\ud800", "x" * 30_000, "2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"]
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
LABELS = st.text() | st.sampled_from(sorted(FIELD_OF)) | st.sampled_from(["utm_source", "\ud800", "l" * 400])


@given(st.dictionaries(LABELS, VALUES, max_size=30))
def test_any_mapping_becomes_a_lead_that_every_reader_can_decode(body):
    lead = read_form(body, WEBSITE)
    raw = msgspec.json.encode(lead)
    assert decode_data(BY_MODEL[LeadReceivedV1], raw) == lead


@given(st.lists(st.tuples(LABELS, st.text(max_size=50)), max_size=250))
def test_a_list_of_pairs_becomes_a_lead_or_has_too_many_fields(pairs):
    if len(pairs) <= 200:
        read_form(pairs, WEBSITE)
        return
    with pytest.raises(Reject) as rejected:
        read_form(pairs, WEBSITE)
    assert (rejected.value.status, rejected.value.kind) == (422, "too-many-fields")


SPELLINGS = ["{}", "form_fields[{}]", "your-{}", "{} 2", "data.{}", "{} *", "billing {}", "What is your {}?"]


@given(
    st.lists(
        st.tuples(st.sampled_from(SPELLINGS), st.sampled_from(sorted(FIELD_OF)) | st.text(max_size=20)),
        max_size=40,
    ),
    st.sampled_from(["word{}x", "word{}x@kestrel.example", "{}-word{}x"]),
)
def test_nothing_typed_is_lost(labels, shape):
    pairs = [
        (spelling.format(label), shape.format(number, number))
        for number, (spelling, label) in enumerate(labels)
    ]
    kept = msgspec.json.encode(read_form(pairs, WEBSITE)).decode()
    assert [value for _, value in pairs if f"word{value.split('word')[1]}" not in kept] == []


def test_common_labels_fill_the_fields_of_a_lead():
    lead = read_form(
        {
            "E-Mail *": "ana@kestrel.example",
            "Your Name": "Ana Maria Ruiz",
            "jobTitle": "VP Finance",
            "Company Size": "51-200 employees",
            "company": "Kestrel",
            "Website": "https://www.kestrel.example/about",
            "How can we help?": "We reconcile by hand.",
            "utm_source": "google",
            "utm_campaign": "spring",
            "newsletter": "on",
            "Favourite colour": "green",
        },
        WEBSITE,
    )
    assert lead == LeadReceivedV1(
        person=Person(
            email="ana@kestrel.example", first_name="Ana Maria", last_name="Ruiz", title="VP Finance"
        ),
        company=Company(name="Kestrel", domain="www.kestrel.example", employees=51),
        source=Origin(
            channel="website",
            name="website",
            campaign="spring",
            utm={"source": "google", "campaign": "spring"},
        ),
        message="We reconcile by hand.",
        answers={"favourite colour": "green"},
        consent=Consent(marketing=True),
    )


def test_an_opt_out_is_read_and_every_answer_but_a_no_opts_out():
    lead = read_form({"email": "a@b.example", "Unsubscribe": "yes", "consent text": "No more mail"}, WEBSITE)
    assert lead.consent == Consent(opted_out=True, text="No more mail")
    for answer in ("maybe", "2026-03-01", "by phone"):
        assert read_form({"email": "a@b.example", "opt-out": answer}, WEBSITE).consent.opted_out is True
    refused = {"email": "a@b.example", "opt-out": "nein"}
    assert read_form(refused, WEBSITE).consent.opted_out is UNSET
    assert read_form(refused | {"newsletter": "ja"}, WEBSITE).consent.opted_out is False
    assert read_form({"email": "a@b.example", "opt-out": " "}, WEBSITE).consent.opted_out is UNSET


@pytest.mark.parametrize(
    ("fields", "company"),
    [
        (
            {"Tech stack": "Salesforce; dbt, Snowflake,"},
            Company(technologies=["Salesforce", "dbt", "Snowflake"]),
        ),
        ({"technologies": ["HubSpot", "dbt"]}, Company(technologies=["HubSpot", "dbt"])),
        ({"Revenue (USD)": "$62,000,000"}, Company(revenue_usd=62_000_000)),
        ({"company.revenue_usd": 5_000_000}, Company(revenue_usd=5_000_000)),
        ({"Revenue (USD)": "$5M-$10M"}, Company()),
        ({"technologies": "x" * 300}, Company()),
    ],
)
def test_revenue_and_technologies_of_a_company_are_read(fields, company):
    lead = read_form(fields, WEBSITE)
    assert lead.company == company
    assert bool(lead.answers) is (company == Company())


def test_a_dotted_field_name_is_a_label_of_that_field():
    lead = read_form(
        {"person.email": "a@b.example", "company.employees": 30, "data": {"phone": "+15550100"}}, WEBSITE
    )
    assert (lead.person.email, lead.company.employees) == ("a@b.example", 30)
    assert (lead.person.phone, lead.answers) == ("+15550100", {})


def test_a_value_that_does_not_fit_its_field_becomes_an_answer():
    lead = read_form(
        {"company size": "many", "phone": "1" * 300, "email": ["a@b.example", "c@d.example"]}, WEBSITE
    )
    assert lead.answers == {
        "company size": "many",
        "phone": "1" * 300,
        "email": ["a@b.example", "c@d.example"],
    }


def test_checkboxes_with_one_label_become_one_list():
    lead = read_form(
        [("email", "a@b.example"), ("interest", "x"), ("interest", "y"), ("interest", "z")], WEBSITE
    )
    assert lead.answers == {"interest": ["x", "y", "z"]}


def test_defaults_of_the_source_fill_what_the_form_leaves_out():
    source = HookSource("spring-fair", defaults=SourceDefaults(channel="event", campaign="spring"))
    assert read_form({}, source).source == Origin(channel="event", name="spring-fair", campaign="spring")
    said = {"source.channel": "kiosk", "utm_campaign": "autumn"}
    assert read_form(said, source).source == Origin(
        channel="kiosk", name="spring-fair", campaign="autumn", utm={"campaign": "autumn"}
    )
    named = HookSource("spring-fair", defaults=SourceDefaults(name="Spring Fair"))
    assert read_form({}, named).source == Origin(name="Spring Fair")


def test_the_mapping_of_a_source_goes_before_the_common_synonyms():
    labels = {
        "Geschäftliche E-Mail": "person.email",
        "Größe": "company.employees",
        "Website": "answers.shop",
        "thema": "answers.interest",
    }
    lead = read_form(
        {
            "email": "private@mail.example",
            "geschaeftliche_email": "x",
            "GESCHÄFTLICHE E-MAIL *": "ana@kestrel.example",
            "größe": "51-200",
            "website": "kestrel.example",
            "Thema": "partnership",
        },
        source_of("de", SourceConfig(kind="form", map=labels)),
    )
    assert (lead.person.email, lead.company.employees) == ("ana@kestrel.example", 51)
    assert lead.answers == {
        "email": "private@mail.example",
        "geschaeftliche email": "x",
        "shop": "kestrel.example",
        "interest": "partnership",
    }


def test_a_source_can_map_to_every_field_that_has_a_synonym():
    assert {*FORM_FIELDS} == {*FIELD_OF.values()}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("51-200", 51),
        ("51 to 200", 51),
        ("1,000+", 1000),
        ("1.000 - 5.000", 1000),
        ("10 000", 10000),
        ("5k", 5000),
        ("about 200 people", 200),
        ("< 50", 1),
        ("fewer than 10", 1),
        ("Just me", 1),
        ("", None),
        ("9" * 30, None),
    ],
)
def test_a_company_size_is_its_lower_bound(text, number):
    assert lower_bound(text) == number


@pytest.mark.parametrize("label", ["E-Mail", "e_mail", "eMail", " E  mail: ", "E\u2011Mail"])
def test_spellings_of_one_label_are_one(label):
    assert plain_label(label) == "e mail"


def test_a_long_label_is_not_kept_in_memory():
    label = "E-Mail" + " " * 10_000
    held = sys.getrefcount(label)
    assert plain_label(label) == "e mail"
    assert sys.getrefcount(label) == held


@pytest.mark.parametrize("label", ["LinkedIn", "LinkedIn URL", "linkedin_url", "LinkedInProfile", "linkedin"])
def test_a_linkedin_profile_is_read_under_every_spelling_of_its_label(label):
    url = "https://www.linkedin.com/in/ana-ruiz"
    assert read_form({label: url}, WEBSITE).person.linkedin_url == url


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://www.example.com/", True),
        ("https://www.example.com/thanks?x=1", True),
        ("https://www.example.com.evil.example/", False),
        ("https://www.example.com", False),
        ("https://www.example.com/\r\nSet-Cookie: x", False),
        ("https://www.example.com/../admin", False),
        ("https://www.example.com/%2e%2e/admin", False),
        ("https://www.example.com/\\evil.example", False),
        ("//www.example.com/", False),
        ("javascript:alert(1)", False),
        ("https://www.example.com/" + "a" * 3000, False),
    ],
)
def test_a_redirect_needs_an_allowed_url_without_tricks(url, allowed):
    assert WEBSITE.may_redirect(url) is allowed
