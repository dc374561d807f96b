from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.router.domain.brief import STAKEHOLDERS_MAX, build_brief
from services.router.domain.state import AccountContactRow
from shared.lead.events.parts import Activity, Company, Person, Trigger
from shared.lead.events.routing import Brief
from shared.lead.events.scoring import AccountView, Signals
from tests.support.scored_leads import AT, scored_lead

MESSAGE = (
    "We lose two days a month reconciling payouts. We currently use Rivalworks.\n"
    "Our budget is approved; it should run by the end of Q3."
)
DEMO = [Activity("demo_request", AT - timedelta(minutes=1))]


def brief_of(queue: str = "sdr", **given: Any) -> Brief:
    changed = {"message": MESSAGE, "activities": DEMO, **given}
    return build_brief(replace(scored_lead(), derived=None, **changed), queue, at=AT, owner="Ana Ruiz")


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


@pytest.mark.parametrize(
    ("queue", "frame"), [("sdr", "bant"), ("bdr", "meddpicc"), ("senior-ae", "meddpicc")]
)
def test_the_qualification_frame_depends_on_the_queue(queue, frame):
    assert brief_of(queue).qualification.frame == frame


def test_meddpicc_finds_metrics_competition_and_pain():
    found = states(brief_of("senior-ae"))
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
        ("closing the books takes us nine days", "answers.Biggest challenge")
    ]
    evidence = {entry.name: entry.evidence for entry in brief.qualification.elements}
    assert evidence["budget"] == "answered “5000” to budget"
    assert evidence["need"] == "answered “closing the books takes us nine days” to Biggest challenge"


def test_the_message_is_quoted_first_and_cut():
    found = brief_of(message=" " + "late " * 101, answers={"why": "it takes us nine days"}).pain
    assert [entry.origin for entry in found] == ["message", "answers.why"]
    assert found[0].quote == "late " * 99 + "late…"


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
    found = build_brief(lead, "sdr", at=AT, contacts=known).stakeholders
    assert (found[0].name, found[0].role, found[0].known_from) == ("Dana Okafor", "finance", "this lead")
    assert (found[1].name, found[1].title, found[1].known_from) == ("0@a.example", "CTO", "another lead")
    assert len([entry for entry in found if entry.name]) == STAKEHOLDERS_MAX
    assert [(entry.role, entry.known_from) for entry in found if entry.name is None] == [
        ("legal", "the account")
    ]


def test_the_opening_names_the_occasion_and_is_signed_by_the_owner():
    assert brief_of(person=Person(first_name="Dana")).warm_intro == (
        "Hi Dana, thank you for asking for a demo for Kestrel. Would a short call this week help? Best, Ana Ruiz"
    )
    asked_earlier = brief_of(trigger=Trigger("lead", "a1", "page_view"), person=Person())
    assert asked_earlier.warm_intro.startswith("Hello, thank you for asking for a demo for Kestrel.")
    asked_now = brief_of(trigger=Trigger("lead", "a1", "webinar"), activities=[], person=Person())
    assert asked_now.warm_intro.startswith("Hello, thank you for joining our webinar")
    news = brief_of(trigger=Trigger("signal", "s1", "funding_round"), person=Person())
    assert news.warm_intro.startswith("Hello, I saw the news at Kestrel (funding round).")


def test_the_markdown_is_a_screenful_and_escapes_the_buyers_text():
    message = "# Click [here](http://evil.example) <script>*now*</script>\n- we lose | a `lot` &amp; ~~more~~"
    brief = brief_of("senior-ae", message=message, company=Company(name="1. Kestrel", employees=420))
    page = brief.markdown
    assert "\\[here\\](http:\\//evil.example) \\<script\\>\\*now\\*" in page
    assert page.startswith("# 1\\. Kestrel\n")
    assert "420 people" in page
    assert page.count("\n") < 45
    assert [line for line in page.splitlines() if line.startswith("#")] == [
        "# 1\\. Kestrel",
        "## People",
        "## MEDDPICC",
        "## Score 60 (B3): fit 60, intent 40",
        "## Ask next",
        "## Opening",
    ]


TEXTS = st.none() | st.text(max_size=60) | st.sampled_from([MESSAGE, "\n\n", "…", "budget", "# a\n> b"])


@given(
    message=TEXTS,
    answers=st.dictionaries(st.text(max_size=20), st.none() | st.text() | st.integers() | st.booleans()),
    person=st.builds(Person, email=TEXTS, first_name=TEXTS, last_name=TEXTS, title=TEXTS),
    company=st.builds(Company, name=TEXTS, domain=TEXTS, industry=TEXTS, employees=st.none() | st.just(0)),
    signals=st.builds(Signals, types=st.lists(st.sampled_from(["funding_round", "contract_expiry", "x"]))),
    queue=st.sampled_from(["sdr", "bdr", "senior-ae", "partner"]),
)
def test_every_lead_has_a_brief_and_its_quotes_are_the_buyers_words(queue, **given_):
    lead = replace(scored_lead(), **given_)
    brief = build_brief(lead, queue, at=AT)
    assert msgspec.json.encode(brief)
    said = [" ".join(str(text).split()) for text in (lead.message, *lead.answers.values())]
    for quote in brief.pain:
        assert any(" ".join(quote.quote.rstrip("…").split()) in entry for entry in said)
    for element in brief.qualification.elements:
        assert (element.evidence is None) is (element.state == "unknown")
        quoted = re.search("“(.*?)…?”", element.evidence or "", re.DOTALL)
        assert quoted is None or any(quoted[1] in entry for entry in said)
    assert len(brief.markdown.splitlines()) < 70
