"""What is evidence beside sentences: form answers, hand-off notes, earlier messages, facts; and what is asked next."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from services.router.domain.qualification import qualify, questions_to_ask
from services.router.domain.qualification.answers import elements_of_label, is_negative
from services.router.domain.qualification.questions import QUESTIONS
from services.router.domain.qualification.vendors import vendor_named
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.parts import Activity, Company, Message, Person
from shared.lead.events.routing import Element
from shared.lead.events.scoring import LiveSignal, Signals
from shared.policy.frames import FRAMES
from tests.support.scored_leads import AT, scored_lead


def lead_with(**given: Any) -> LeadScoredV1:
    bare: dict[str, Any] = {
        "message": None,
        "person": Person(email="ana@kestrel.example"),
        "company": Company(),
    }
    return replace(scored_lead(), derived=None, **{**bare, **given})


def element(name: str, notes: dict[str, object] | None = None, **given: Any) -> Element:
    frame = next(frame for frame, names in FRAMES.items() if name in names)
    return next(e for e in qualify(lead_with(**given), frame, notes).elements if e.name == name)


@pytest.mark.parametrize(
    ("label", "elements"),
    [
        ("Budget", ("budget",)),
        ("your_budget", ("budget",)),
        ("What is your budget?", ("budget",)),
        ("Budgetrahmen", ("budget",)),
        ("Presupuesto", ("budget",)),
        ("Orçamento", ("budget",)),
        ("When do you want to start?", ("timeline",)),
        ("Bis wann soll die Lösung laufen?", ("timeline",)),
        ("Délai souhaité", ("timeline",)),
        ("Plazo", ("timeline",)),
        ("Prazo", ("timeline",)),
        ("Are you the decision maker?", ("authority",)),
        ("Wer entscheidet?", ("authority",)),
        ("Biggest challenge", ("need", "identify_pain")),
        ("Größte Herausforderung", ("need", "identify_pain")),
        ("Which CRM do you use?", ("competition",)),
        ("Welches System nutzen Sie?", ("competition",)),
        ("economic_buyer", ("economic_buyer",)),
        ("When can we call you?", ()),
        ("Where did you hear about us?", ()),
        ("Company size", ()),
        ("Job title", ()),
        ("Best time for a demo", ()),
        ("I agree to the privacy policy", ()),
        ("crm_contact_id", ()),
        ("", ()),
    ],
)
def test_a_label_asks_for_elements_in_any_of_the_languages(label, elements):
    assert elements_of_label(label) == elements


@pytest.mark.parametrize(
    "answer",
    [
        *("none", "None.", "n/a", "N/A", "no budget", "not sure", "Not sure yet", "TBD", "-", "?", "0", "$0", "0 €"),
        *("keins", "Kein Budget", "noch offen", "k.A.", "aucun", "pas encore", "je ne sais pas", "ninguno", "no sé"),
        *("não sei", "nenhum"),
    ],
)  # fmt: skip
def test_a_negative_answer_makes_nothing_known(answer):
    assert is_negative(answer)
    assert element("budget", answers={"budget": answer}).state == "unknown"
    assert element("timeline", answers={"timeline": answer}).state == "unknown"


@pytest.mark.parametrize(
    "placeholder",
    [
        *("tbd, waiting for Q3 numbers", "TBD: after the audit", "n/a (spoke to the assistant)", "unknown, did not ask"),
        *("open, will follow up", "to be clarified with the CFO", "not discussed", "Don't know yet", "no idea so far"),
        *("offen, kommt nach Q3", "keine Angabe, war in Eile", "noch zu klären mit Frau Ek", "k. A."),
        *("à définir après juin", "pas abordé", "por definir, depende del comité", "a definir depois de junho"),
    ],
)  # fmt: skip
def test_a_placeholder_makes_nothing_known_whatever_follows(placeholder):
    for name in ("budget", "need", "timeline", "champion"):
        assert element(name, {name: placeholder}).state == "unknown"
        assert element(name, answers={name: placeholder}).state == "unknown"


@pytest.mark.parametrize(
    "answer",
    [
        "open API",
        "nothing works, leads get lost",
        "No, everything is manual",
        "no-shows",
        "Noch kein Überblick",
    ],
)
def test_an_answer_that_only_looks_like_a_placeholder_counts(answer):
    assert element("need", {"need": answer}).state == "known"
    assert element("need", answers={"need": answer}).state == "known"


@pytest.mark.parametrize(
    "answer", ["10-20k", "$40,000", "yes", "approved", "< 50.000 €", "25 mil", "up to 30k", 5000]
)
def test_a_short_answer_makes_the_budget_known(answer):
    assert element("budget", answers={"budget": answer}).state == "known"


@pytest.mark.parametrize(
    "answer",
    ["depends on the price?", "we have no budget yet", "not decided", "What would it cost?", "maybe 10k"],
)
def test_a_doubtful_answer_does_not(answer):
    assert element("budget", answers={"budget": answer}).state == "unknown"


def test_a_long_answer_counts_by_what_its_sentences_state():
    vague = "I would have to discuss this with several people here before I can tell you"
    assert element("budget", answers={"budget": vague}).state == "unknown"
    assert element("budget", answers={"comment": "Our CFO approved $60k for this."}) == Element(
        "budget", "known", "answered “Our CFO approved $60k for this.” to comment"
    )


def test_the_name_of_a_vendor_answers_what_is_used():
    assert element("competition", answers={"current_tool": "HubSpot"}).state == "known"
    assert element("competition", answers={"current_tool": "none"}).state == "unknown"


def test_labelled_lines_of_a_message_are_answers():
    message = "Budget: 40k\nTimeline: Q3\nDecision maker: our COO\nCall me: 9-17h"
    states = {e.name: (e.state, e.evidence) for e in qualify(lead_with(message=message), "bant").elements}
    assert states["budget"] == ("known", "“Budget: 40k”")
    assert states["timeline"] == ("known", "“Timeline: Q3”")
    assert states["authority"] == ("known", "“Decision maker: our COO”")
    assert element("budget", message="Budget: none").state == "unknown"


@pytest.mark.parametrize(
    ("name", "notes"),
    [
        ("need", {"need": "they lose two days a month"}),
        ("identify_pain", {"need": "they lose two days a month"}),
        ("economic_buyer", {"authority": "the COO"}),
        ("authority", {"economic_buyer": "the COO"}),
        ("timeline", {"timeline": ["June", "before the audit"]}),
        ("budget", {"summary": "CFO approved 60k, wants to start in May"}),
        ("budget", {"Budget": 40_000}),
    ],
)
def test_a_note_of_the_hand_off_makes_an_element_known_in_both_frames(name, notes):
    found = element(name, notes)
    assert found.state == "known"
    assert (found.evidence or "").endswith("”, by the hand-off")


@pytest.mark.parametrize("note", ["unknown", "no budget yet", "", None, [], "n/a", {"x": 1}])
def test_an_empty_or_negative_note_does_not(note):
    assert element("budget", {"budget": note}).state == "unknown"


def test_a_note_counts_before_the_answers_and_the_message():
    given: dict[str, Any] = {"answers": {"budget": "10k"}, "message": "Our budget is approved."}
    assert element("budget", {"budget": "60k"}, **given).evidence == "“60k”, by the hand-off"
    assert element("budget", {"budget": "no budget"}, **given).state == "unknown"


def earlier(*texts: str) -> list[Message]:
    return [Message(text, AT - timedelta(days=day)) for day, text in enumerate(texts, 1)]


def test_earlier_messages_are_read_the_newest_first():
    messages = earlier("Our budget is 50k.", "Our budget is 10k. We use HubSpot.")
    assert (
        element("budget", message="Hello again.", earlier_messages=messages).evidence
        == "“Our budget is 50k.”"
    )
    assert element("competition", earlier_messages=messages).evidence == "“We use HubSpot.”"


def test_what_a_newer_message_denies_an_older_one_does_not_make_known():
    denied = element(
        "budget", message="There is no budget any more.", earlier_messages=earlier("Our budget is 50k.")
    )
    assert denied == Element("budget", "unknown", "said “There is no budget any more.”")
    approved = element("budget", message="Our budget is 50k.", earlier_messages=earlier("We have no budget."))
    assert approved.state == "known"


def test_a_denied_element_is_not_inferred_from_facts():
    company = Company(revenue_usd=9_000_000)
    assert element("budget", company=company).state == "inferred"
    assert element("budget", company=company, message="I don't have any budget.").state == "unknown"


@pytest.mark.parametrize(
    ("name", "given", "evidence"),
    [
        ("competition", {"company": Company(technologies=["salesforce", "own tool", "snowflake"])}, "uses Salesforce, Snowflake"),
        (
            "competition",
            {"activities": [Activity("page_view", AT, url="https://www.example.com/compare/rivalworks")]},
            "viewed https://www.example.com/compare/rivalworks on 2 March 2026",
        ),
        (
            "paper_process",
            {"activities": [Activity("page_view", AT, url="https://www.example.com/security")]},
            "viewed https://www.example.com/security on 2 March 2026",
        ),
        ("decision_process", {"activities": [Activity("trial_started", AT)]}, "trial started on 2 March 2026"),
        ("economic_buyer", {"message": "My manager has the last word."}, "“My manager has the last word.”"),
    ],
)  # fmt: skip
def test_facts_and_evidence_of_the_other_frame_suggest_an_element(name, given, evidence):
    assert element(name, **given) == Element(name, "inferred", evidence)


@pytest.mark.parametrize(
    ("details", "evidence"),
    [
        (
            {"vendor": "Rivalworks", "expires_on": "2027-03-31"},
            "a contract with Rivalworks ends on 31 March 2027",
        ),
        ({"expires_on": "2027-03-31"}, "a contract ends on 31 March 2027"),
        ({"vendor": "Rivalworks", "expires_on": "soon"}, "a contract with Rivalworks ends (soon)"),
        ({"vendor": "Rivalworks"}, "a contract with Rivalworks ends"),
        ({}, "an expiring contract is among the live signals"),
    ],
)
def test_a_contract_that_ends_suggests_competition_and_timeline(details, evidence):
    live = [LiveSignal("s1", "contract_expiry", AT, 40, details=details)]
    signals = Signals(types=["contract_expiry"], live=live)
    for name in ("competition", "timeline"):
        assert element(name, signals=signals) == Element(name, "inferred", evidence)


def test_the_questions_fit_what_is_known():
    message = "There is no budget for this. We lose leads every week."
    qualification = qualify(lead_with(message=message, person=Person(title="CTO", seniority="cxo")), "bant")
    assert [(e.name, e.state) for e in qualification.elements] == [
        ("budget", "unknown"),
        ("authority", "inferred"),
        ("need", "known"),
        ("timeline", "unknown"),
    ]
    assert questions_to_ask(qualification) == [
        QUESTIONS["timeline"].unknown,
        QUESTIONS["budget"].denied,
        QUESTIONS["authority"].inferred,
    ]


def test_every_element_has_its_questions():
    assert {*QUESTIONS} == {element for frame in FRAMES.values() for element in frame}


@pytest.mark.parametrize(
    ("text", "vendor"),
    [("salesforce", "Salesforce"), ("Notion", "Notion"), ("our own tool", None), ("", None)],
)
def test_a_vendor_is_named_as_in_the_list(text, vendor):
    assert vendor_named(text) == vendor
