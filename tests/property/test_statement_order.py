"""The forms of a lead give the same record in whatever order they arrive: newer wins, and proof wins."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from services.enricher.domain.consent import (
    Choice,
    ConsentStatements,
    consent_of,
    merge_consent,
)
from services.enricher.domain.form import Form
from services.enricher.domain.merge import merge
from services.enricher.domain.record import LeadRow
from services.enricher.domain.statements import Statement, outweighs
from shared.lead.events.parts import Company, Consent, Origin
from tests.support.forms import ANA, AT, form

ARRIVED = AT + timedelta(days=30)
trusts = st.sampled_from([None, "signed", "internal", "public"])
opt_outs: st.SearchStrategy[bool | UnsetType] = st.sampled_from([UNSET, True, False])
titles = st.none() | st.sampled_from(["CTO", "VP of Sales", "Student", "Wizard"])


@st.composite
def dated_forms(draw: st.DrawFn) -> list[Form]:
    """Return up to four forms of one person, each of a time of its own."""
    hours = draw(st.lists(st.integers(0, 500), min_size=2, max_size=4, unique=True))
    return [
        form(
            Company(
                name=draw(st.none() | st.sampled_from(["Brightloom", "Copperfen"])),
                domain=draw(st.sampled_from([None, None, "brightloom.example", "copperfen.example"])),
                employees=draw(st.none() | st.integers(1, 5_000)),
            ),
            email=draw(st.sampled_from([ANA, "Ana+x@brightloom.example"])),
            title=draw(titles),
            seniority=draw(st.sampled_from([None, None, "cxo", "entry"])),
            phone=draw(st.sampled_from([None, "+4930901820", "+4930901821", "ask for Ana"])),
            message=draw(st.none() | st.sampled_from(["Hello", "Call me"])),
            answers=draw(st.dictionaries(st.sampled_from("ab"), st.integers(0, 3), max_size=2)),
            source=Origin(
                submitted_at=AT + timedelta(hours=hour),
                channel=draw(st.none() | st.sampled_from(["website", "paid"])),
            ),
            consent=Consent(
                marketing=draw(st.none() | st.booleans()),
                opted_out=draw(opt_outs),
            ),
            trust=draw(trusts),
        )
        for hour in hours
    ]


def folded(forms: list[Form], arrived: datetime = ARRIVED) -> LeadRow:
    lead = LeadRow("lead")
    for one in forms:
        lead = merge(lead, one, arrived)
    return lead


def comparable(lead: LeadRow) -> LeadRow:
    """Return the lead without what may depend on the order: since when an unchanged value is known."""
    undated: dict[str, Any] = {name: replace(one, at=AT) for name, one in lead.provenance.items()}
    return replace(lead, provenance=undated, answers=dict(sorted(lead.answers.items())))


@given(dated_forms())
def test_the_record_is_the_same_in_whatever_order_the_forms_arrive(forms):
    records = [comparable(folded(list(order))) for order in permutations(forms)]
    assert all(record == records[0] for record in records)


@given(dated_forms())
def test_each_form_again_changes_nothing(forms):
    lead = folded(forms)
    assert comparable(folded([*forms, *forms])) == comparable(lead)


@given(dated_forms())
def test_no_public_form_changes_a_field_that_a_known_source_stated(forms):
    proven = [one for one in forms if one.normalised.trust != "public"]
    known, all_of_them = folded(proven), folded(forms)
    for name in known.provenance:
        part, _, field = name.partition(".")
        before, after = getattr(known, part), getattr(all_of_them, part)
        if not (name == "person.phone" and before.phone == "ask for Ana"):
            assert getattr(after, field) == getattr(before, field)


@given(
    st.lists(st.builds(Choice, at=st.integers(0, 9).map(lambda n: AT + timedelta(n)), value=st.booleans()))
)
def test_an_opt_out_is_lifted_by_a_newer_opt_in_alone(choices):
    state = ConsentStatements()
    for choice in choices:
        state = merge_consent(state, ConsentStatements(proven=choice))
    newest = max((choice.at for choice in choices), default=None)
    said = [choice.value for choice in choices if choice.at == newest]
    assert consent_of(state).opted_out == (any(said) if said else UNSET)


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 5)), max_size=5))
def test_a_proven_opt_out_is_lifted_by_no_unproven_word(choices):
    state = ConsentStatements(proven=Choice(AT, value=True))
    for value, proven, days in choices:
        choice = Choice(AT + timedelta(days), value=value or proven)
        one = ConsentStatements(proven=choice) if proven else ConsentStatements(unproven=choice)
        state = merge_consent(state, one)
    consent = consent_of(state)
    assert (consent.opted_out, consent.proven) == (True, None)


statements = st.builds(
    Statement,
    at=st.integers(0, 3).map(lambda hours: AT + timedelta(hours=hours)),
    public=st.booleans(),
    unparsed=st.booleans(),
    derived=st.booleans(),
)


@given(st.sampled_from(["person.title", "message"]), statements, statements, statements)
def test_weights_are_a_total_order(name, one, other, third):
    assert outweighs(name, one, other) or outweighs(name, other, one)
    if outweighs(name, one, other) and outweighs(name, other, third):
        assert outweighs(name, one, third)
