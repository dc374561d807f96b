"""Leads that came before their account was told: they are matched when it is, whatever comes first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.scorer.domain import rematch
from services.scorer.domain.state import LeadCompanyNameRow, RematchRow, ScoreRow
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.lead_matched import LeadMatchedV1
from shared.lead.events.parts import Company, Person
from shared.worker.rows import TimerRow
from tests.support.enriched_leads import lead_id
from tests.unit.scorer.conftest import SimulatedScorer
from tests.unit.scorer.test_lead_matching import ANA, TOLD, free_mail

GROUP = AccountReceivedV1("group.example", name="Brightloom Group", aliases=["brightloom.example"])


def settle(scorer: SimulatedScorer) -> list[Any]:
    """Fire the timers of rematches until none is left; return the scores that were emitted."""
    scored = []
    while any(timer.kind == rematch.REMATCH for timer in scorer.rows.all(TimerRow)):
        scorer.at = max(scorer.at, *(row.due_at for row in scorer.rows.all(RematchRow)))
        scorer.fire_due()
        scored += scorer.scored()
    assert scorer.rows.all(RematchRow) == []
    return scored


def account_of(scorer: SimulatedScorer, id_: str = ANA) -> str:
    row = scorer.rows.get(ScoreRow, id_)
    assert row is not None
    return row.account


def test_a_lead_joins_an_account_that_is_told_later(scorer):
    assert free_mail(scorer).account == ANA
    scorer.receive(TOLD)
    [scored] = settle(scorer)
    assert (scored.account, scored.account_match.by, scored.trigger.kind) == (
        "brightloom.example",
        "name",
        "account",
    )
    assert scorer.account("brightloom.example").leads == 1
    scorer.receive(TOLD)
    assert settle(scorer) == []


@pytest.mark.parametrize(
    "changed",
    [
        replace(TOLD, name="Somebody Else"),
        replace(TOLD, country="FR", city="Paris"),
        AccountReceivedV1(TOLD.domain),
    ],
    ids=["name", "place", "withdrawn"],
)
def test_a_lead_leaves_an_account_that_is_told_otherwise_and_returns(scorer, changed):
    scorer.receive(TOLD)
    free_mail(scorer)
    scorer.receive(changed)
    settle(scorer)
    assert account_of(scorer) == ANA
    scorer.receive(TOLD)
    settle(scorer)
    assert account_of(scorer) == TOLD.domain


def test_a_lead_goes_to_the_account_of_its_own_domain_once_that_is_known(scorer):
    scorer.receive(TOLD)
    lead = free_mail(scorer, account="elsewhere.example")
    assert lead.account == TOLD.domain
    scorer.receive(AccountReceivedV1("elsewhere.example"))
    settle(scorer)
    assert account_of(scorer) == "elsewhere.example"
    assert scorer.rows.all(LeadCompanyNameRow) == []


@pytest.mark.parametrize(("people", "expected"), [("ana", TOLD.domain), ("ana bob", "own.example")])
def test_a_lead_that_is_alone_at_an_unknown_domain_joins_and_of_two_none_does(scorer, people, expected):
    rows = [free_mail(scorer, name, account="own.example") for name in people.split()]
    scorer.receive(TOLD)
    settle(scorer)
    assert {account_of(scorer, row.lead_id) for row in rows} == {expected}


def test_what_a_person_decided_is_not_decided_again(scorer):
    scorer.receive(TOLD)
    free_mail(scorer)
    scorer.receive(LeadMatchedV1(ANA))
    bob = free_mail(scorer, "bob", company="Else")
    scorer.receive(LeadMatchedV1(bob.lead_id, TOLD.domain))
    for told in (replace(TOLD, name="Else"), TOLD, AccountReceivedV1(TOLD.domain)):
        scorer.receive(told)
        settle(scorer)
        assert (account_of(scorer), account_of(scorer, bob.lead_id)) == (ANA, TOLD.domain)


def test_names_told_of_an_alias_bring_its_leads(scorer):
    scorer.receive(replace(GROUP, name=None))
    free_mail(scorer)
    scorer.receive(TOLD)
    settle(scorer)
    assert account_of(scorer) == "group.example"
    scorer.receive(replace(GROUP, name=None, aliases=[]))
    settle(scorer)
    assert account_of(scorer) == TOLD.domain


def test_many_leads_are_matched_in_chunks_and_a_telling_meanwhile_begins_again(scorer, monkeypatch):
    monkeypatch.setattr(rematch, "MATCHED_AT_ONCE_MAX", 3)
    monkeypatch.setattr(rematch, "NAMES_AT_ONCE_MAX", 4)
    monkeypatch.setattr("tests.unit.scorer.conftest.NAMES_AT_ONCE_MAX", 4)
    ids = [free_mail(scorer, f"person-{number}").lead_id for number in range(10)]
    free_mail(scorer, "other", company="Brightness Lamps")  # begins with the same letters
    scorer.receive(TOLD)
    scorer.at = scorer.rows.all(RematchRow)[0].due_at
    scorer.fire_due()
    assert 0 < len(scorer.scored()) <= 3
    assert scorer.rows.all(RematchRow) != []
    scorer.receive(replace(TOLD, phone="+4930123456"))
    settle(scorer)
    assert {account_of(scorer, id_) for id_ in ids} == {TOLD.domain}
    assert scorer.account(TOLD.domain).leads == 10


def test_two_accounts_that_are_told_at_once_give_a_lead_two_scores_with_ids_of_their_own(scorer):
    free_mail(scorer, company="Brightloom Group")
    scorer.receive(replace(TOLD, domain="b.example", name="Brightloom Group"))
    scorer.receive(replace(TOLD, domain="a.example", city=None, name="Brightloom"))
    scorer.advance(timedelta(seconds=1))
    ids = [event.id for event in scorer.emitted]
    assert len({*ids}) == len(ids)


NAMES = ["Brightloom", "Kestrel Optics"]
PLACES = [{"country": "DE", "city": "Berlin"}, {"country": "DE", "city": "Hamburg"}, {"country": "FR"}, {}]
told = st.builds(
    lambda domain, name, place, aliases: AccountReceivedV1(
        domain, name=name, aliases=[alias for alias in aliases if alias != domain], **place
    ),
    st.sampled_from(["one.example", "two.example", "three.example", "own.example"]),
    st.sampled_from([*NAMES, None]),
    st.sampled_from(PLACES),
    st.sets(st.sampled_from(["two.example", "three.example"]), max_size=2),
)
people_and_names = st.one_of(
    st.tuples(st.sampled_from(["ana", "bob"]), st.sampled_from(["Brightloom GmbH", "Bright Loom", "Else"])),
    # What this lead says of its company counts for those that come after it, so it says nothing of theirs.
    st.tuples(st.just("own"), st.sampled_from(["Kestrel Optics", "Kestrel Optic", "Other"])),
)
forms = st.builds(
    lambda who, place: (*who, place),
    people_and_names,
    st.sampled_from([("DE", "Berlin"), ("DE", "Hamburg"), ("FR", "Paris")]),
)


def write(scorer: SimulatedScorer, form: tuple[str, str, tuple[str, str]], sequence: int) -> None:
    """Process a form. `own` writes from a domain of which nothing else is known."""
    person, name, (country, city) = form
    id_ = lead_id(person, "gmail.com")
    scorer.enrich(
        person,
        lead_id=id_,
        account="own.example" if person == "own" else id_,
        person=Person(email=f"{person}@gmail.com"),
        company=Company(name=name, country=country),
        answers={"city": city},
        revision=sequence,
        sequence=sequence,
    )


def accounts_after(steps: list[Any], fires: list[bool]) -> dict[str, ScoreRow]:
    """Return the leads after these steps; after some of them the timers fire before the next."""
    scorer = SimulatedScorer()
    for number, (step, fire) in enumerate(zip(steps, fires, strict=True), start=1):
        if isinstance(step, AccountReceivedV1):
            scorer.receive(step)
        else:
            write(scorer, step, number)
        if fire:
            scorer.advance(timedelta(seconds=1))
    settle(scorer)
    return {row.lead_id: row for row in scorer.rows.all(ScoreRow)}


@settings(max_examples=150)
@given(st.lists(told, max_size=5), st.lists(forms, max_size=5), st.randoms(use_true_random=False), st.data())
def test_leads_are_in_the_accounts_that_they_would_be_in_had_everything_been_told_first(
    tellings, letters, random, data
):
    """Whatever order leads and accounts come in. A tie is the exception: there the account before stays."""
    mixed: list[Any] = [*tellings]
    at = 0
    for letter in letters:
        at = random.randint(at, len(mixed))
        mixed.insert(at, letter)
        at += 1
    fires = data.draw(st.lists(st.booleans(), min_size=len(mixed), max_size=len(mixed)))
    interleaved = accounts_after(mixed, fires)
    in_order = accounts_after([*tellings, *letters], [False] * len(mixed))
    for id_, row in in_order.items():
        match = row.account_match
        if match is None or match.tie_break is None:
            assert interleaved[id_].account == row.account


def test_an_erased_lead_and_a_merged_one_leave_no_name_behind(scorer):
    free_mail(scorer)
    free_mail(scorer, "bob")
    assert len(scorer.rows.all(LeadCompanyNameRow)) == 4
    scorer.erase(ANA)
    assert {row.lead_id for row in scorer.rows.all(LeadCompanyNameRow)} == {lead_id("bob", "gmail.com")}
    free_mail(scorer, "eve", company="Else", merged=[lead_id("bob", "gmail.com")])
    assert {row.lead_id for row in scorer.rows.all(LeadCompanyNameRow)} == {lead_id("eve", "gmail.com")}
