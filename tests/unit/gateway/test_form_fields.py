"""Form fields: which label means which field, and which values fit each field."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.form_values import (
    READERS,
    read_consent,
    read_dollars,
    read_domain,
    read_employees,
    read_message,
    read_time,
    read_url,
    read_word,
    read_words,
    storable_scalar,
    storable_text,
)
from services.gateway.domain.forms import is_intake_shape, read_form, with_defaults
from services.gateway.domain.label_dictionary import FIELD_OF
from services.gateway.domain.sources import HookSource
from shared.errors import Reject
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Origin
from shared.lead.normalise.labels import plain_label
from shared.policy.models import SourceDefaults

SOURCE = HookSource("website")
NOTHING = LeadReceivedV1(source=Origin(name="website"))

SAMPLES = {
    "person.name": "Ana Ruiz",
    "company.domain": "kestrel.example",
    "company.employees": "51-200",
    "company.revenue_usd": "$5,000,000",
    "company.technologies": "dbt",
    "consent.marketing": "yes",
    "consent.opted_out": "yes",
    "consent.at": "2026-03-01T09:00:00Z",
    "source.submitted_at": "2026-03-01T09:00:00Z",
}


@pytest.mark.parametrize(("label", "field"), FIELD_OF.items())
def test_every_synonym_fills_its_field_and_leaves_no_answer(label: str, field: str):
    value = SAMPLES.get(field, "Ana Ruiz")
    lead = read_form({label: value}, SOURCE)
    assert lead.answers == {}
    assert lead != NOTHING


@pytest.mark.parametrize("label", FIELD_OF)
def test_every_synonym_is_in_plain_form_so_that_it_can_be_found(label: str):
    assert plain_label(label) == label


@given(st.text(max_size=150))
def test_a_plain_label_stays_as_it_is(label: str):
    plain = plain_label(label)
    assert plain == plain.strip()
    assert plain_label(plain.upper()) == plain_label(plain_label(plain.upper()))


@pytest.mark.parametrize(
    ("label", "plain"),
    [
        ("Company Name *", "company name"),
        ("company_name", "company name"),
        ("companyName", "company name"),
        ("COMPANY-NAME:", "company name"),
        ("\uff23ompany Name", "company name"),
        ("utm_source", "utm source"),
        ("Straße", "strasse"),
        ("***", ""),
        ("", ""),
    ],
)
def test_labels_are_compared_as_plain_words(label: str, plain: str):
    assert plain_label(label) == plain


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (" Kestrel ", "Kestrel"),
        ("", None),
        ("   ", None),
        ("x" * 200, "x" * 200),
        ("x" * 201, None),
        (7, "7"),
        (7.5, "7.5"),
        (True, None),
        (None, None),
        (["Kestrel"], None),
        ({"name": "Kestrel"}, None),
    ],
)
def test_a_word_has_up_to_200_characters(value: object, text: str | None):
    assert read_word(value) == text


@pytest.mark.parametrize(
    ("reader", "length_max"), [(read_word, 200), (read_url, 2_000), (read_message, 20_000)]
)
def test_texts_have_a_longest_length(reader, length_max: int):
    assert reader("x" * length_max) == "x" * length_max
    assert reader("x" * (length_max + 1)) is None


@pytest.mark.parametrize(
    ("value", "domain"),
    [
        ("https://www.Kestrel.example/about?x=1", "www.kestrel.example"),
        ("kestrel.example", "kestrel.example"),
        ("ana@kestrel.example", "kestrel.example"),
        ("Kestrel", None),
        ("127.0.0.1", None),
        (7, None),
    ],
)
def test_a_domain_is_read_from_a_url_or_an_address(value: object, domain: str | None):
    assert read_domain(value) == domain


@pytest.mark.parametrize(
    ("value", "employees"),
    [
        ("51-200", 51),
        (120, 120),
        (120.0, 120),
        ("1.200", 1200),
        ("2k+", 2000),
        ("up to 10", 1),
        ("less than 50", 1),
        ("Below 5", 1),
        ("many", None),
        ("999999999999k", None),
        (True, None),
        ([51], None),
    ],
)
def test_a_company_size_is_what_it_says_at_least(value: object, employees: int | None):
    assert read_employees(value) == employees


@pytest.mark.parametrize(
    ("value", "dollars"),
    [
        ("$5,000,000", 5_000_000),
        ("$ 62 000 000", 62_000_000),
        ("5000", 5_000),
        (5_000, 5_000),
        ("1.000.000", 1_000_000),
        ("5M", None),
        ("1-5", None),
        ("€5,000", None),
        ("about 5000", None),
        (None, None),
    ],
)
def test_revenue_is_a_whole_amount_in_dollars_and_never_a_guess(value: object, dollars: int | None):
    assert read_dollars(value) == dollars


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("dbt, Snowflake; Fivetran|HubSpot\nJira", ["dbt", "Snowflake", "Fivetran", "HubSpot", "Jira"]),
        (["dbt", "", None, "Jira"], ["dbt", "Jira"]),
        ("dbt,,", ["dbt"]),
        (["dbt", ["nested"]], None),
        (["dbt", "x" * 201], None),
        (["x"] * 500, ["x"] * 500),
        (["x"] * 501, None),
        ([], None),
        ("", None),
        (None, None),
    ],
)
def test_a_list_of_words_is_read_as_a_whole_or_not_at_all(value: object, words: list[str] | None):
    assert read_words(value) == words


@pytest.mark.parametrize(
    ("value", "consent"),
    [
        *[
            (word, True)
            for word in ("yes", "Y", " TRUE ", "1", "on", "checked", "I agree", "ja", "oui", "si", True, 1)
        ],
        *[(word, False) for word in ("no", "N", "false", "0", "off", "unchecked", "nein", "non", False, 0)],
        *[(word, None) for word in ("maybe", "later", 2, None, [], ["maybe"])],
    ],
)
def test_consent_is_a_clear_yes_or_no(value: object, consent: bool | None):
    assert read_consent(value) is consent


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026-03-01T09:00:00Z", datetime(2026, 3, 1, 9, tzinfo=UTC)),
        ("2026-03-01T09:00:00+0000", datetime(2026, 3, 1, 9, tzinfo=UTC)),
        ("2026-03-01T11:00:00+02:00", datetime(2026, 3, 1, 11, tzinfo=timezone(timedelta(hours=2)))),
        ("2026-03-01T09:00:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("yesterday", None),
        (1772355600, datetime(2026, 3, 1, 9, tzinfo=UTC)),
        (None, None),
    ],
)
def test_a_time_has_a_zone_and_a_year_that_every_table_can_store(value: object, at: datetime | None):
    assert read_time(value) == at


@pytest.mark.parametrize("field", READERS)
@pytest.mark.parametrize("value", [{}, {"a": 1}, float("nan"), "\ud800", "x" * 30_000, [None], -1, b"x"])
def test_a_reader_returns_a_value_or_none_for_whatever_is_sent(field: str, value: object):
    READERS[field](value)


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("a\0b\ud800c", "abc"),
        (None, None),
        (True, True),
        (7, 7),
        (2**63 - 1, 2**63 - 1),
        (2**63, str(2**63)),
        (10**5000 // 10**3000, None),
        (7.5, 7.5),
        (float("inf"), "Infinity"),
        (float("nan"), "NaN"),
        ({"a": [1]}, '{"a": [1]}'),
        (datetime(2026, 3, 1, tzinfo=UTC), '"2026-03-01 00:00:00+00:00"'),
    ],
)
def test_an_answer_is_stored_as_what_json_and_every_table_can_take(value: object, stored: object):
    found = storable_scalar(value)
    if stored is None and value is not None:
        assert isinstance(found, str)
        assert len(found) <= 2_000
    else:
        assert found == stored


def test_an_answer_that_is_nested_too_deep_says_so():
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    assert storable_scalar(nested) == "(nested too deep)"
    circular: dict[str, object] = {}
    circular["itself"] = circular
    assert storable_scalar(circular) == "(nested too deep)"


@given(st.text(st.characters(), max_size=50))
def test_a_stored_text_has_an_encoding_and_no_nul(text: str):
    stored = storable_text(text)
    assert "\0" not in stored
    assert json.loads(json.dumps(stored)) == stored
    stored.encode()


@pytest.mark.parametrize(
    ("form", "first", "last", "answers"),
    [
        ({"name": "Ana Maria Ruiz"}, "Ana Maria", "Ruiz", {}),
        ({"name": "Ana"}, "Ana", None, {}),
        ({"name": "Ana", "last name": "Ruiz"}, "Ana", "Ruiz", {}),
        ({"first name": "Ana", "name": "Ana Ruiz"}, "Ana", None, {"name": "Ana Ruiz"}),
        ({"last name": "Ruiz", "full name": "Ana Ruiz"}, None, "Ruiz", {"full name": "Ana Ruiz"}),
        ({"name": "x" * 201}, None, None, {"name": "x" * 201}),
    ],
)
def test_a_full_name_is_split_at_its_last_space_unless_its_parts_are_given(form, first, last, answers):
    lead = read_form(form, SOURCE)
    assert (lead.person.first_name, lead.person.last_name, lead.answers) == (first, last, answers)


def test_the_first_value_of_a_field_counts_and_the_next_is_an_answer():
    lead = read_form([("phone", "+14155550100"), ("Mobile", "+14155550101")], SOURCE)
    assert (lead.person.phone, lead.answers) == ("+14155550100", {"mobile": "+14155550101"})


@pytest.mark.parametrize(
    ("form", "utm", "answers"),
    [
        ({"utm_source": " google "}, {"source": "google"}, {}),
        ({"UTM Content ID": "7"}, {"content_id": "7"}, {}),
        ({"utm_source": 7}, {}, {"utm source": 7}),
        ({"utm_source": "x" * 2_001}, {}, {"utm source": "x" * 2_001}),
        ([("utm_term", "a"), ("utm-term", "b")], {"term": "a"}, {"utm term": "b"}),
    ],
)
def test_utm_parameters_are_texts_each_of_which_counts_once(form, utm, answers):
    lead = read_form(form, SOURCE)
    assert (lead.source.utm, lead.answers) == (utm, answers)


def test_a_form_has_up_to_30_utm_parameters():
    lead = read_form({f"utm_p{number}": "x" for number in range(31)}, SOURCE)
    assert len(lead.source.utm) == 30
    assert list(lead.answers) == ["utm p30"]


@pytest.mark.parametrize("blank", ["", "   ", "\n", None])
def test_a_field_that_was_left_empty_is_not_there(blank: str | None):
    lead = read_form({"email": "", "Colour": blank or ""}, SOURCE)
    assert (lead.person.email, lead.answers) == (None, {})


def test_an_answer_without_a_label_is_kept():
    assert read_form({"": "green"}, SOURCE).answers == {"unnamed": "green"}


def test_lists_of_one_label_are_joined():
    pairs = [("interest", "a"), ("interest", ["b", "c"]), ("interest", "d")]
    assert read_form(pairs, SOURCE).answers == {"interest": ["a", "b", "c", "d"]}


@pytest.mark.parametrize(
    ("names", "values"),
    [
        ("name", "value"),
        ("name", "values"),
        ("label", "value"),
        ("column_name", "string_value"),
        ("question", "answer"),
    ],
)
def test_a_list_of_named_values_is_a_form(names: str, values: str):
    fields = [{names: "User Email", values: "a@b.example"}, {names: "Interest", values: "demo"}]
    lead = read_form({"submission": {"fields": fields, "number": 7}}, SOURCE)
    assert (lead.person.email, lead.answers) == ("a@b.example", {"interest": "demo", "number": 7})


@pytest.mark.parametrize(
    "items",
    [[{"name": "x"}], [{"value": "x"}], [{"name": 5, "value": "x"}], ["x", {"name": "a", "value": "b"}]],
)
def test_any_other_list_stays_an_answer(items: list[object]):
    assert set(read_form({"things": items}, SOURCE).answers) == {"things"}


def test_of_many_addresses_only_some_are_parsed():
    lead = read_form({f"email {number}": ["x@"] * 1_000 for number in range(200)}, SOURCE)
    assert lead.person.email is None


def test_objects_within_objects_have_dotted_labels_to_a_depth_of_five():
    nested: object = "deep"
    for name in ("gg", "ff", "ee", "dd", "cc", "bb", "aa"):
        nested = {name: nested}
    assert read_form({"xx": nested}, SOURCE).answers == {"xx aa bb cc dd ee": '{"ff": {"gg": "deep"}}'}


def test_a_form_has_up_to_200_fields():
    assert len(read_form({f"q{number}": "x" for number in range(200)}, SOURCE).answers) == 200
    with pytest.raises(Reject) as rejected:
        read_form({f"q{number}": "x" for number in range(201)}, SOURCE)
    assert (rejected.value.kind, rejected.value.detail) == ("too-many-fields", "200 are allowed")


def test_a_field_has_up_to_1000_values():
    assert read_form({"q": ["x"] * 1_000}, SOURCE).answers == {"q": ["x"] * 1_000}
    with pytest.raises(Reject) as rejected:
        read_form({"q": ["x"] * 1_001}, SOURCE)
    assert (rejected.value.kind, rejected.value.detail) == ("too-many-fields", "1000 are allowed")


@pytest.mark.parametrize(
    ("body", "is_lead"),
    [
        ({"person": {"email": "a@b.example"}}, True),
        ({"company": {}}, True),
        ({"person": "Ana"}, False),
        ({"company": "Kestrel"}, False),
        ({}, False),
    ],
)
def test_a_body_with_a_person_or_a_company_object_is_a_lead_of_the_api(
    body: dict[str, object], is_lead: bool
):
    assert is_intake_shape(body) is is_lead


@pytest.mark.parametrize("given_", [None, "given"])
@pytest.mark.parametrize("default", [None, "default"])
@pytest.mark.parametrize("name", ["channel", "name", "campaign"])
def test_a_default_of_the_source_counts_where_the_form_says_nothing(name, default, given_):
    source = HookSource("website", defaults=SourceDefaults(**{name: default}))
    lead = with_defaults(LeadReceivedV1(source=Origin(**{name: given_})), source)
    fallback = "website" if name == "name" else None
    assert getattr(lead.source, name) == (given_ or default or fallback)


def test_a_source_without_defaults_gives_its_name():
    assert with_defaults(LeadReceivedV1(), SOURCE) == NOTHING
