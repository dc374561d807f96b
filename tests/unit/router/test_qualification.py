"""Qualification by BANT and MEDDPICC: what makes an element known, inferred or unknown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from services.router.domain.qualification import (
    answer_text,
    qualify,
    questions_to_ask,
    split_sentences,
)
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.parts import Activity, Company, Person
from shared.lead.events.routing import Element
from shared.lead.events.scoring import Signals
from shared.policy.frames import FRAMES, Frame
from tests.support.scored_leads import AT, scored_lead

UNTITLED = Person(email="ana@kestrel.example")


def lead_with(**given: Any) -> LeadScoredV1:
    """Return a lead that has no evidence for anything but what is given."""
    bare: dict[str, Any] = {
        "message": None,
        "answers": {},
        "activities": [],
        "person": UNTITLED,
        "company": Company(),
    }
    return replace(scored_lead(), derived=None, **{**bare, **given})


def element(name: str, frame: Frame = "bant", **given: Any) -> Element:
    elements = qualify(lead_with(**given), frame).elements
    return next(element for element in elements if element.name == name)


@pytest.mark.parametrize("frame", FRAMES)
def test_nothing_is_known_of_a_lead_without_evidence(frame):
    qualification = qualify(lead_with(), frame)
    assert qualification.frame == frame
    assert [element.name for element in qualification.elements] == list(FRAMES[frame])
    assert {(element.state, element.evidence) for element in qualification.elements} == {("unknown", None)}


@pytest.mark.parametrize(
    ("name", "frame", "sentence"),
    [
        ("budget", "bant", "We have a budget of ten."),
        ("budget", "bant", "The funds are approved."),
        ("authority", "bant", "I decide on this."),
        ("authority", "bant", "My CFO signs."),
        ("need", "bant", "We are losing invoices."),
        ("need", "bant", "It is too slow."),
        ("timeline", "bant", "We want to go live soon."),
        ("timeline", "bant", "It must run by the end of June."),
        ("timeline", "bant", "We start within three weeks."),
        ("metrics", "meddpicc", "Save 20 % of the work."),
        ("metrics", "meddpicc", "It takes two days."),
        ("metrics", "meddpicc", "It costs us $400 a month."),
        ("economic_buyer", "meddpicc", "It is my budget."),
        ("decision_criteria", "meddpicc", "It must integrate well."),
        ("decision_process", "meddpicc", "We run a pilot first."),
        ("paper_process", "meddpicc", "Procurement wants an NDA."),
        ("identify_pain", "meddpicc", "Everything is manual."),
        ("champion", "meddpicc", "I will recommend you."),
        ("competition", "meddpicc", "We currently use Rivalworks."),
    ],
)
def test_a_sentence_of_the_message_that_speaks_of_an_element_makes_it_known(name, frame, sentence):
    message = f"Hello there.\n{sentence} Bye."
    assert element(name, frame, message=message) == Element(name, "known", f"“{sentence}”")


@pytest.mark.parametrize("message", ["Hello there.", "A refund, please.", "The budgie decides.", "", None])
def test_other_sentences_leave_the_elements_unknown(message):
    states = {entry.state for entry in qualify(lead_with(message=message), "bant").elements}
    assert states == {"unknown"}


@pytest.mark.parametrize("label", ["budget", "Budget", "your_budget", "planned-spend", "The price?  budget"])
def test_an_answer_is_recognised_by_a_word_of_its_label(label):
    assert element("budget", answers={label: 5_000}) == Element(
        "budget", "known", f"answered “5000” to {' '.join(label.split())}"
    )


@pytest.mark.parametrize("answer", [None, "", False, [], [None, ""]])
def test_an_empty_answer_is_no_evidence(answer):
    assert element("budget", answers={"budget": answer}).state == "unknown"


def test_an_answer_counts_before_the_message_and_both_before_facts():
    found = element(
        "budget",
        answers={"budget": "yes"},
        message="Our budget is approved.",
        signals=Signals(types=["funding_round"]),
    )
    assert found.evidence == "answered “yes” to budget"
    found = element("budget", message="Our budget is approved.", signals=Signals(types=["funding_round"]))
    assert (found.state, found.evidence) == ("known", "“Our budget is approved.”")


@pytest.mark.parametrize(
    ("name", "frame", "given", "evidence"),
    [
        ("budget", "bant", {"signals": Signals(types=["funding_round"])}, "a funding round is among the live signals"),
        ("budget", "bant", {"company": Company(last_funding_at=AT)}, "funded last on 2 March 2026"),
        ("budget", "bant", {"company": Company(revenue_usd=1_500_000)}, "revenue of 1,500,000 USD"),
        ("authority", "bant", {"person": Person(title="VP Finance", seniority="vp")}, "the title is VP Finance"),
        ("authority", "bant", {"person": Person(seniority="director")}, "the title is director"),
        ("timeline", "bant", {"signals": Signals(types=["contract_expiry"])}, "an expiring contract is among the live signals"),
        ("economic_buyer", "meddpicc", {"person": Person(title="CEO", seniority="cxo")}, "the title is CEO"),
        (
            "economic_buyer",
            "meddpicc",
            {"person": Person(title="VP Finance", seniority="vp", department="finance")},
            "the title is VP Finance",
        ),
        ("competition", "meddpicc", {"signals": Signals(types=["contract_expiry"])}, "an expiring contract is among the live signals"),
        ("champion", "meddpicc", {"activities": [Activity("demo_request", AT)]}, "demo request on 2 March 2026"),
    ],
)  # fmt: skip
def test_a_fact_about_the_lead_suggests_an_element(name, frame, given, evidence):
    assert element(name, frame, **given) == Element(name, "inferred", evidence)


@pytest.mark.parametrize(
    ("name", "frame", "given"),
    [
        ("budget", "bant", {"company": Company(revenue_usd=0)}),
        ("authority", "bant", {"person": Person(title="Manager", seniority="manager")}),
        ("economic_buyer", "meddpicc", {"person": Person(title="VP Sales", seniority="vp", department="sales")}),
        ("economic_buyer", "meddpicc", {"person": Person(title="Head", seniority="director", department="finance")}),
        ("champion", "meddpicc", {"activities": [Activity("pageview", AT)]}),
        ("metrics", "meddpicc", {"signals": Signals(types=["funding_round", "contract_expiry"])}),
    ],
)  # fmt: skip
def test_a_fact_that_says_too_little_suggests_nothing(name, frame, given):
    assert element(name, frame, **given) == Element(name, "unknown", None)


def test_a_funding_round_says_more_about_the_budget_than_its_date_and_both_more_than_revenue():
    rich = Company(revenue_usd=9, last_funding_at=AT)
    assert element("budget", company=rich).evidence == "funded last on 2 March 2026"
    signals = Signals(types=["funding_round"])
    assert (
        element("budget", company=rich, signals=signals).evidence
        == "a funding round is among the live signals"
    )


def test_the_first_request_of_the_buyer_is_the_evidence_of_a_champion():
    later = AT + timedelta(days=1)
    activities = [Activity("pageview", AT), Activity("trial_started", AT), Activity("demo_request", later)]
    assert element("champion", "meddpicc", activities=activities).evidence == "trial started on 2 March 2026"


def test_long_evidence_is_cut_to_200_characters_on_one_line():
    found = element("need", answers={"need": "a long\n answer " * 40})
    assert found.evidence is not None
    quoted = found.evidence.removeprefix("answered “").removesuffix("” to need")
    assert (len(quoted), quoted[-1], "\n" in quoted) == (200, "…", False)
    exact = "b" * 200
    assert element("budget", answers={"budget": exact}).evidence == f"answered “{exact}” to budget"


def test_unknown_elements_are_asked_for_before_inferred_ones_and_known_ones_not_at_all():
    qualification = qualify(
        lead_with(message="Our budget is approved.", person=Person(title="CTO", seniority="cxo")), "bant"
    )
    assert [element.state for element in qualification.elements] == [
        "known",
        "inferred",
        "unknown",
        "unknown",
    ]
    assert questions_to_ask(qualification) == [
        "What happens if nothing changes?",
        "By when should this work?",
        "Who else decides, and who signs?",
    ]


@pytest.mark.parametrize("frame", ["bant", "meddpicc"])
def test_every_element_has_a_question(frame):
    questions = questions_to_ask(qualify(lead_with(), frame))
    assert len({*questions}) == len(FRAMES[frame])
    assert all(question.endswith("?") for question in questions)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (None, []),
        ("", []),
        (" \n ", []),
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("One\n\n  two   words\nthree", ["One", "two words", "three"]),
        ("Version 1.5 is out", ["Version 1.5 is out"]),
    ],
)
def test_a_text_is_split_into_sentences_of_one_line(text, sentences):
    assert split_sentences(text) == sentences


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("two\n words ", "two words"),
        (5, "5"),
        (0, ""),
        (True, "True"),
        (False, ""),
        (None, ""),
        (["a", "", None, "b  c"], "a, b c"),
        ([], ""),
    ],
)
def test_an_answer_is_one_line_of_text(answer, text):
    assert answer_text(answer) == text


@pytest.mark.parametrize(
    ("note", "element"),
    [
        ("need", "identify_pain"),
        ("budget", "economic_buyer"),
        ("authority", "economic_buyer"),
        ("identify_pain", "need"),
        ("economic_buyer", "authority"),
    ],
)
def test_a_note_by_one_frame_answers_for_the_other(note: str, element: str):
    data, notes = scored_lead(message=None), {note: "it was told"}
    for frame in ("bant", "meddpicc"):
        states = {one.name: one for one in qualify(data, frame, notes).elements}
        if element in states:
            assert states[element].state == "known"
            assert states[element].evidence == "“it was told”, by the hand-off"


@pytest.mark.parametrize(
    ("given", "notes"),
    [
        ({"message": "We need this before June."}, {}),
        ({"answers": {"timeline": "before June"}}, {}),
        ({}, {"timeline": "live before June"}),
    ],
)
def test_a_timeline_says_nothing_of_the_decision_process(given: dict[str, Any], notes: dict[str, str]):
    known = {one.name: one.state for one in qualify(lead_with(**given), "bant", notes).elements}
    assert known["timeline"] == "known"
    elements = qualify(lead_with(**given), "meddpicc", notes).elements
    assert Element("decision_process", "unknown", None) in elements


def test_the_buyers_own_words_come_before_a_note_on_something_near():
    data = scored_lead(message="Closing the books takes us nine days, which is far too slow.")
    elements = qualify(data, "meddpicc", {"need": "reports"}).elements
    [pain] = [one for one in elements if one.name == "identify_pain"]
    assert pain.evidence is not None
    assert "nine days" in pain.evidence
