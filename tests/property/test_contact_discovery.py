"""Laws of contact discovery: it ends, within the account's budget, asks nothing twice, and keeps few people."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.enricher.domain.account_people import store_answer
from services.enricher.domain.consent import opt_out_statement
from services.enricher.domain.discovery import (
    DISCOVER_CONTACTS,
    AccountDiscoveryRow,
    ContactLookup,
    ContactQuestion,
    DiscoverContacts,
    next_question,
)
from services.enricher.domain.found_contacts import (
    FoundContactRow,
    contacts_in,
    found_contacts,
    in_order,
)
from services.enricher.domain.merge import with_consent
from services.enricher.domain.record import ROLE, LeadRow
from shared.lead.buying_roles import BUYING_ROLES
from shared.lead.events.account_enriched import CONTACTS_MAX, AccountEnrichedV1
from shared.lead.events.parts import Person
from shared.lead.events.signal_received import SignalPerson, SignalReceivedV1
from shared.storage.rows import IdentityMap, Put
from shared.worker.rows import TimerRow, TombstoneRow
from tests.support.account_people import ACCOUNT, TERMS, answer_of
from tests.support.forms import AT

TITLES = ("CEO", "CFO", "VP Sales", "Head of Operations", "CTO", "Data Engineer", "Assistant", "")
names = st.sampled_from(["ann", "bo", "cy", "di", "ed", "flo"])


@st.composite
def people(draw: st.DrawFn) -> Person:
    name = draw(names)
    return Person(
        first_name=name.title(),
        last_name=draw(st.sampled_from(["Moreau", "Berg", None])),
        title=draw(st.sampled_from(TITLES)),
        email=draw(st.sampled_from([f"{name}@{ACCOUNT}", f"{name}@gmail.com", "no address", None])),
        email_status=draw(st.sampled_from(["verified", "invalid", None])),
        linkedin_url=draw(st.sampled_from([f"https://www.linkedin.com/in/{name}", None])),
    )


answers = st.tuples(
    st.sampled_from(["match", "no_match", "failed", "timeout", "skipped"]),
    st.lists(people(), max_size=40),
)
terms = st.builds(
    lambda roles, cents, prices: replace(TERMS, roles=roles, per_account_cents=cents, prices=prices),
    st.lists(st.sampled_from(BUYING_ROLES), min_size=1, max_size=3, unique=True).map(tuple),
    st.integers(0, 60),
    st.dictionaries(st.sampled_from(["apollo", "hunter", "lusha", "zoominfo"]), st.integers(0, 30)),
)


def first_question() -> ContactQuestion:
    question = next_question(TERMS, AccountDiscoveryRow(ACCOUNT), (), (), AT)
    assert question is not None
    return question


def hashed(name: str) -> str:
    return f"hash of {name}"


@settings(max_examples=150)
@given(terms=terms, known=st.frozensets(st.sampled_from(BUYING_ROLES)), data=st.data())
def test_it_ends_within_the_budget_and_asks_nothing_twice(terms, known, data):
    rows, at, spent = IdentityMap(), AT, 0
    asked: Counter[tuple[str, str]] = Counter()
    rows.apply([Put(TimerRow(ACCOUNT, ROLE, DISCOVER_CONTACTS, at))])
    for _round in range(400):
        timer = rows.get(TimerRow, ACCOUNT, ROLE, DISCOVER_CONTACTS)
        if timer is None:
            break
        at = max(at, timer.due_at)
        assert at - AT < terms.fresh
        row = rows.get(AccountDiscoveryRow, ACCOUNT) or AccountDiscoveryRow(ACCOUNT)
        question = next_question(terms, row, rows.all(FoundContactRow), known, at)
        answer = None
        if question is not None and question.due_at <= at:
            outcome, found = data.draw(answers)
            assert question.price_cents <= terms.per_account_cents - spent
            assert known.isdisjoint(question.roles)
            cost = data.draw(st.sampled_from([0, question.price_cents])) if outcome != "skipped" else 0
            answer = answer_of(
                question, *(found if outcome == "match" else ()), outcome=outcome, cost=cost, at=at
            )
            spent += cost
            if answer.is_conclusive:
                asked.update((question.provider, role) for role in question.roles)
        fired = DiscoverContacts(
            timer.subject, timer.role, timer.kind, timer.due_at, lookup=ContactLookup(terms, known, answer)
        )
        step = store_answer(rows, fired, hashed, at)
        rows.apply(step.changes)
        contacts = rows.all(FoundContactRow)
        assert len(contacts) <= CONTACTS_MAX
        assert {one.role for one in contacts} <= set(terms.roles)
        assert all(one.person.email_status != "invalid" and one.person.phone is None for one in contacts)
        assert not any(role in known for role in (one.role for one in contacts))
        for emit in step.emits:
            assert isinstance(emit.data, AccountEnrichedV1)
            assert emit.data.contacts == found_contacts(in_order(contacts))
    else:
        raise AssertionError("it does not end")
    assert max(asked.values(), default=1) == 1
    assert spent <= terms.per_account_cents
    for stored in rows.all(AccountDiscoveryRow):
        assert stored.cost == spent
        assert len(stored.steps) <= 5 * len(terms.prices)


@given(found=st.lists(people(), max_size=20))
def test_a_person_is_kept_once_and_costs_add_up_to_the_price(found):
    question = first_question()
    contacts = contacts_in(answer_of(question, *found, cost=8), ACCOUNT)
    assert len({one.contact_id for one in contacts}) == len(contacts)
    assert sum(one.cost for one in contacts) == (8 if contacts else 0)
    assert all(one.role in question.roles and one.person.title for one in contacts)


@settings(max_examples=150)
@given(
    found=st.lists(people(), max_size=15),
    gone=st.lists(st.tuples(people(), st.sampled_from(["erased", "lead", "opted out"])), max_size=5),
)
def test_nobody_is_kept_who_is_a_lead_opted_out_or_was_erased(found, gone):
    question = first_question()
    rows, hidden = IdentityMap(), set()
    for person, why in gone:
        for contact in contacts_in(answer_of(question, person), ACCOUNT):
            hidden |= {*contact.ids}
            lead = LeadRow(contact.contact_id)
            opt_out = SignalReceivedV1("opt_out", AT, person=SignalPerson(email="x@y.example"))
            by_reason: dict[str, list[Any]] = {
                "erased": [TombstoneRow(hashed(name), ROLE, AT) for name in contact.ids],
                "lead": [replace(LeadRow(name), revision=1) for name in contact.ids],
                "opted out": [
                    with_consent(replace(lead, lead_id=name), opt_out_statement(opt_out, AT))
                    for name in contact.ids
                ],
            }
            rows.apply(Put(row) for row in by_reason[why])
    lookup = ContactLookup(TERMS, frozenset(), answer_of(question, *found))
    step = store_answer(
        rows, DiscoverContacts(ACCOUNT, ROLE, DISCOVER_CONTACTS, AT, lookup=lookup), hashed, AT
    )
    rows.apply(step.changes)
    assert all(hidden.isdisjoint(one.ids) for one in rows.all(FoundContactRow))


@given(at=st.timedeltas(timedelta(0), timedelta(days=200)), people=st.lists(people(), max_size=5))
def test_the_same_is_asked_again_only_once_fresh_has_passed(at, people):
    question = first_question()
    lookup = ContactLookup(TERMS, frozenset(), answer_of(question, *people))
    rows = IdentityMap()
    step = store_answer(
        rows, DiscoverContacts(ACCOUNT, ROLE, DISCOVER_CONTACTS, AT, lookup=lookup), hashed, AT
    )
    rows.apply(step.changes)
    [row] = rows.all(AccountDiscoveryRow)
    again = next_question(TERMS, row, rows.all(FoundContactRow), (), AT + at)
    is_asked_again = again is not None and again.provider == question.provider
    assert is_asked_again == (at >= TERMS.fresh)
