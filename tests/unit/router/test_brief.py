from __future__ import annotations

import re
from datetime import UTC, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from services.router.domain.brief import STAKEHOLDERS_MAX, build_brief
from services.router.domain.state import AccountContactRow
from shared.lead.events.account_enriched import FoundContact
from shared.lead.events.parts import Activity, Company, Message, Origin, Person, Trigger
from shared.lead.events.routing import (
    Brief,
    BriefAccount,
    BriefHandOff,
    BriefSource,
    BriefTrigger,
    Contact,
    OtherLead,
)
from shared.lead.events.scoring import AccountView, LiveSignal, Signals
from shared.policy.frames import Frame
from tests.support.scored_leads import AT, scored_lead

MESSAGE = (
    "We lose two days a month reconciling payouts. We currently use Rivalworks.\n"
    "Our budget is approved; it should run by the end of Q3."
)
DEMO = [Activity("demo_request", AT - timedelta(minutes=1))]


def brief_of(frame: Frame = "bant", **given: Any) -> Brief:
    changed = {"message": MESSAGE, "activities": DEMO, **given}
    return build_brief(replace(scored_lead(), derived=None, **changed), frame, at=AT, owner="Ana Ruiz")


def states(brief: Brief) -> dict[str, str]:
    return {entry.name: entry.state for entry in brief.qualification.elements}


def test_an_element_is_known_from_the_buyers_words_or_inferred_from_facts():
    brief = brief_of(person=Person(first_name="Dana", title="VP Finance"))
    assert states(brief) == {
        "budget": "known",
        "authority": "inferred",
        "need": "known",
        "timeline": "known",
    }
    evidence = {entry.name: entry.evidence for entry in brief.qualification.elements}
    assert evidence["budget"] == "“Our budget is approved; it should run by the end of Q3.”"
    assert evidence["authority"] == "the title is VP Finance"
    assert brief.ask_next == ["Who else decides, and who signs?"]


def test_meddpicc_finds_metrics_competition_and_pain():
    found = states(brief_of("meddpicc"))
    assert (found["metrics"], found["competition"], found["identify_pain"]) == ("known",) * 3
    assert (found["champion"], found["paper_process"]) == ("inferred", "unknown")


def test_elements_without_evidence_are_unknown_and_asked_for():
    brief = brief_of(message=None, activities=[], person=Person(email="a@b.example"))
    assert {*states(brief).values()} == {"unknown"}
    assert brief.pain == []
    assert len(brief.ask_next) == 4


def test_answers_are_quoted():
    answers = {"Biggest challenge": "closing the books takes us nine days", "budget": 5_000, "size": "50-100"}
    brief = brief_of(message=None, answers=answers)
    assert [(entry.quote, entry.origin) for entry in brief.pain] == [
        ("closing the books takes us nine days", "answer to “Biggest challenge”")
    ]
    evidence = {entry.name: entry.evidence for entry in brief.qualification.elements}
    assert evidence["budget"] == "answered “5000” to budget"
    assert evidence["need"] == "answered “closing the books takes us nine days” to Biggest challenge"


def test_messages_are_quoted_first_the_newest_before_the_others_with_when_and_where_from():
    earlier = [
        Message(
            "Do you support NetSuite?",
            AT - timedelta(days=30),
            "website",
            "https://www.example.com/contact?x=1",
        ),
        Message(" ", AT - timedelta(days=31)),
        Message("Hello", AT - timedelta(days=40)),
    ]
    source = Origin(
        name="website", page_url="https://www.example.com/demo", submitted_at=AT - timedelta(hours=1)
    )
    found = brief_of(
        message=" " + "late " * 101,
        earlier_messages=earlier,
        source=source,
        answers={"why": "it takes us nine days", "form name": "A form with a long name"},
    ).pain
    assert [entry.origin for entry in found] == [
        "message, an hour ago, website, /demo",
        "message, 30 days ago, website, /contact",
        "message, 40 days ago",
        "answer to “why”",
    ]
    assert found[0].quote == "late " * 99 + "late…"


def test_the_contact_says_how_to_reach_the_person():
    person = Person(
        email="dana@a.example", first_name="Dana", last_name="Okafor", title="CFO", phone="+14155550132",
        linkedin_url="https://www.linkedin.com/in/dana", email_status="verified",
    )  # fmt: skip
    assert brief_of(person=person).contact == Contact(
        name="Dana Okafor", title="CFO", email="dana@a.example", email_status="verified", phone="+14155550132",
        linkedin_url="https://www.linkedin.com/in/dana", time_zone="America/Los_Angeles",
    )  # fmt: skip
    assert brief_of(person=Person(email="a@b.example")).contact == Contact(email="a@b.example")


def test_the_source_names_channel_form_campaign_and_page():
    source = Origin(
        channel="website", form_id="f1", utm={"campaign": "q4"}, page_url="https://www.example.com/demo"
    )
    assert brief_of(source=source).source == BriefSource(
        "website", "f1", "q4", "https://www.example.com/demo"
    )
    named = brief_of(source=replace(source, campaign="q1"), answers={"form name": "Demo request"}).source
    assert (named.form, named.campaign) == ("Demo request", "q1")


def test_the_account_has_its_owner_by_name_and_colleagues_with_what_they_did():
    lead = replace(
        scored_lead(), account_view=AccountView(relation="target", owner="ae-1", open_opportunity=True)
    )
    webinar = Activity("webinar", AT - timedelta(days=3))
    contacts = [
        AccountContactRow(lead.lead_id, "a", lead.person, webinar, "sdr-1"),
        AccountContactRow("b", "a", Person(first_name="Bob", title="CTO"), webinar, "sdr-1"),
        AccountContactRow("c", "a", Person(email="c@a.example")),
    ]
    names = {"ae-1": "Farah Haddad", "sdr-1": "Ana Ruiz"}
    brief = build_brief(lead, "bant", at=AT, contacts=contacts, name_of=lambda rep: names.get(rep, rep))
    assert brief.account == BriefAccount(
        "target",
        "Farah Haddad",
        open_opportunity=True,
        other_leads=[
            OtherLead("b", "Bob", "CTO", "Ana Ruiz", "attended a webinar 3 days ago"),
            OtherLead("c", "c@a.example"),
        ],
    )


def test_the_brief_has_the_hand_off_and_the_trigger_in_words():
    hand_off = BriefHandOff("Bo Ek", {"need": "payouts"})
    brief = build_brief(replace(scored_lead(), activities=DEMO), "bant", at=AT, hand_off=hand_off)
    assert brief.hand_off == hand_off
    assert brief.trigger == BriefTrigger("lead", "demo_request", DEMO[0].at, "asked for a demo a minute ago")


@pytest.mark.parametrize(
    ("person", "name", "title"),
    [
        (Person(email="d@a.example"), "d@a.example", None),
        (Person(first_name="Dana"), "Dana", None),
        (Person(title="CFO"), None, "CFO"),
    ],
    ids=str,
)
def test_a_name_or_a_title_makes_a_stakeholder(person, name, title):
    (found,) = brief_of(person=person).stakeholders
    assert (found.name, found.title) == (name, title)


def test_stakeholders_are_people_of_the_account_then_roles_without_a_person():
    lead = replace(
        scored_lead(person=Person(first_name="Dana", last_name="Okafor", title="VP Finance")),
        account_view=AccountView(roles=["finance", "legal"]),
    )
    known = [AccountContactRow(lead.lead_id, "a", lead.person)]
    known += [AccountContactRow(f"{n}", "a", Person(email=f"{n}@a.example", title="CTO")) for n in range(20)]
    found = build_brief(lead, "bant", at=AT, contacts=known).stakeholders
    assert (found[0].name, found[0].role, found[0].known_from) == ("Dana Okafor", "finance", "this lead")
    assert (found[1].name, found[1].title, found[1].known_from) == ("0@a.example", "CTO", "another lead")
    assert len([entry for entry in found if entry.name]) == STAKEHOLDERS_MAX
    assert [(entry.role, entry.known_from) for entry in found if entry.name is None] == [
        ("legal", "the account")
    ]


INES = FoundContact(
    "Ines Moreau",
    "VP Finance",
    "economic_buyer",
    "apollo",
    0.8,
    8,
    AT,
    email="ines@kestrel.example",
    linkedin_url="https://www.linkedin.com/in/ines",
)


def test_people_whom_a_provider_named_are_stakeholders_and_say_who_named_them():
    lead = replace(scored_lead(), stakeholders_found=[INES, replace(INES, name="Tom", email=None)])
    brief = build_brief(lead, "bant", at=AT)
    found = [one for one in brief.stakeholders if one.known_from == "apollo"]
    assert [(one.name, one.title, one.role, one.email) for one in found] == [
        ("Ines Moreau", "VP Finance", "economic_buyer", "ines@kestrel.example"),
        ("Tom", "VP Finance", "economic_buyer", UNSET),
    ]
    assert (
        "- Found there: Ines Moreau, VP Finance (economic buyer, named by apollo), `ines@kestrel.example`, "
        "https://www.linkedin.com/in/ines"
    ) in brief.markdown
    assert "Ines" not in brief.warm_intro


@pytest.mark.parametrize(
    "person",
    [
        Person(first_name="INES", last_name="Moreau"),
        Person(email="ines@kestrel.example"),
        Person(linkedin_url="https://www.linkedin.com/in/ines"),
    ],
    ids=["name", "address", "profile"],
)
def test_nobody_is_a_stakeholder_twice(person):
    lead = replace(scored_lead(), stakeholders_found=[INES])
    for brief in (
        build_brief(replace(lead, person=person), "bant", at=AT),
        build_brief(lead, "bant", at=AT, contacts=[AccountContactRow("other", "a", person)]),
    ):
        assert [one.known_from for one in brief.stakeholders if one.known_from == "apollo"] == []


UNQUOTED = st.text(st.characters(codec="utf-8", exclude_characters="“"), max_size=60)
"""Texts without a quotation mark of their own, so that the only quotations of a brief are those it makes."""
TEXTS = st.none() | UNQUOTED | st.sampled_from([MESSAGE, "\n\n", "…", "budget", "# a\n> b"])


@given(
    message=TEXTS,
    answers=st.dictionaries(st.text(max_size=20), st.none() | st.text() | st.integers() | st.booleans()),
    person=st.builds(
        Person, email=TEXTS, first_name=TEXTS, last_name=TEXTS, title=TEXTS, phone=TEXTS, country=TEXTS
    ),
    company=st.builds(Company, name=TEXTS, domain=TEXTS, industry=TEXTS, employees=st.none() | st.just(0)),
    signals=st.builds(
        Signals,
        types=st.lists(st.sampled_from(["funding_round", "contract_expiry", "x"])),
        live=st.lists(
            st.builds(
                LiveSignal,
                st.just("live"),
                st.sampled_from(["funding_round", "contract_expiry", "executive_hire", "x"]),
                st.datetimes(timezones=st.just(UTC)),
                st.integers(0, 100),
                person=TEXTS,
                details=st.dictionaries(
                    st.sampled_from(["amount", "name", "title", "expires_on", "x"]),
                    st.none() | UNQUOTED | st.floats(),
                ),
            ),
            max_size=3,
        ),
    ),
    frame=st.sampled_from(["bant", "meddpicc"]),
    activities=st.lists(
        st.builds(
            Activity,
            st.sampled_from(["demo_request", "page_view", "x"]) | st.text(min_size=1, max_size=20),
            st.datetimes(timezones=st.just(UTC)),
            TEXTS,
            st.dictionaries(
                st.sampled_from(["title", "x"]), st.none() | st.integers() | st.text(), max_size=2
            ),
        ),
        max_size=3,
    ),
    trigger=st.builds(
        Trigger,
        st.sampled_from(["lead", "signal", "account", "enrichment", "decay", "outcome", "policy"]),
        st.just("live"),
        st.none() | st.sampled_from(["demo_request", "funding_round", "target", "x"]),
    ),
    source=st.builds(Origin, channel=TEXTS, name=TEXTS, campaign=TEXTS, page_url=TEXTS),
)
def test_every_lead_has_a_brief_and_its_quotes_are_the_buyers_words(frame, **given_):
    lead = replace(scored_lead(), **given_)
    brief = build_brief(lead, frame, at=AT)
    assert msgspec.json.encode(brief)
    assert build_brief(lead, frame, at=AT) == brief
    said = [" ".join(str(text).split()) for text in (lead.message, *lead.answers.values())]
    for quote in brief.pain:
        assert any(" ".join(quote.quote.rstrip("…").split()) in entry for entry in said)
    for element in brief.qualification.elements:
        assert (element.evidence is None) is (element.state == "unknown")
        quoted = re.search("“(.*?)…?”", element.evidence or "", re.DOTALL)
        assert quoted is None or any(quoted[1] in entry for entry in said)
    assert len(brief.markdown.splitlines()) < 90
    assert len(brief.markdown) < 20_000
