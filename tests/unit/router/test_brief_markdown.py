"""The brief as Markdown: which lines it has, and that no text of a stranger adds markup or a link."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import cmarkgfm
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec.structs import replace

from services.router.domain.brief import build_brief
from services.router.domain.state import AccountContactRow
from shared.lead.events.parts import Activity, Company, Message, Origin, Person, Trigger
from shared.lead.events.routing import BriefHandOff
from shared.lead.events.scoring import AccountView, LiveSignal, Score, ScoreLine, Signals
from shared.policy.frames import Frame
from tests.support.scored_leads import AT, scored_lead

ANA = Person(email="ana@kestrel.example", first_name="Ana", title="VP Sales")


def page(*, frame: Frame = "bant", hand_off: BriefHandOff | None = None, **given: Any) -> str:
    """Render the brief of a lead; `given` replaces fields of the lead."""
    lead = replace(scored_lead(person=ANA), **{"derived": None, **given})
    return build_brief(lead, frame, at=AT, owner="Bo Ek", hand_off=hand_off).markdown


def section(text: str, title: str) -> list[str]:
    """Return the lines under a title; none when there is no such section."""
    _before, _title, after = text.partition(f"*{title}*\n")
    return after.split("\n\n*")[0].rstrip("\n").split("\n") if after else []


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"person": replace(ANA, last_name="Ruiz")}, "*Lead:* Ana Ruiz, VP Sales at Kestrel"),
        ({"company": Company(domain="kestrel.example")}, "*Lead:* Ana, VP Sales at kestrel.example"),
        ({"company": Company()}, "*Lead:* Ana, VP Sales at ana.example"),
        ({"person": Person(email="a@kestrel.example")}, "*Lead:* `a@kestrel.example` at Kestrel"),
        (
            {"person": Person(email="a@kestrel.example", title="CFO")},
            "*Lead:* `a@kestrel.example`, CFO at Kestrel",
        ),
        ({"person": Person()}, "*Lead:* Kestrel, no contact yet"),
        ({"company": Company(), "account": scored_lead().lead_id}, "*Lead:* Ana, VP Sales"),
    ],
)
def test_the_first_line_says_who_it_is(given, line):
    assert page(**given).splitlines()[0] == line


def test_the_trigger_comes_next_and_what_else_happened():
    signal = LiveSignal(
        "s", "funding_round", AT - timedelta(days=12), 40, True, None, {"amount_usd": 30_000_000}
    )
    text = page(
        signals=Signals(True, ["funding_round"], [signal]),
        trigger=Trigger("signal", "s", "funding_round"),
        activities=[Activity("webinar", AT - timedelta(days=1))],
    )
    assert text.split("\n\n")[1] == "*Why now:* raised 30 M USD, 12 days ago\n- attended a webinar a day ago"


def test_the_buyers_words_are_quotations_and_chosen_answers_a_list():
    text = page(
        message="We lose time.",
        earlier_messages=[Message("Hello?", AT - timedelta(days=9), "website")],
        answers={
            "team_size": "5-10",
            "terms": True,
            "no": False,
            "why": "we lose nine days a month",
            "form name": "Demo",
            "x": "",
        },
    )
    assert section(text, "In their words") == [
        "> “We lose time.” (message)",
        "",
        "> “Hello?” (message, 9 days ago, website)",
        "",
        "> “we lose nine days a month” (answer to “why”)",
        "",
        "- Team size: 5-10",
        "- Terms: yes",
    ]
    assert section(page(message=None), "In their words") == []


def test_the_contact_data_can_be_copied_and_only_the_profile_is_a_link():
    person = replace(
        ANA, email="ana_b@kestrel.com", email_status="risky", phone="+12125550132;ext=7",
        linkedin_url="https://www.linkedin.com/in/ana-b", country="US",
    )  # fmt: skip
    source = Origin(channel="website", campaign="q4_search", page_url="https://www.example.com/demo?x=1")
    assert section(page(person=person, source=source), "Contact") == [
        "- E-mail: `ana_b@kestrel.com` (risky, may bounce)",
        "- Phone: +12125550132 ext. 7",
        "- LinkedIn: https://www.linkedin.com/in/ana-b",
        "- Time zone: America/New York",
        "- Source: website, campaign “q4_search”, page /demo",
    ]
    elsewhere = section(page(person=replace(person, linkedin_url="https://evil.com/in/ana")), "Contact")
    assert elsewhere[2] == "- LinkedIn: `https://evil.com/in/ana`"


def test_the_company_in_words():
    company = Company(
        name="Kestrel", domain="kestrel.example", industry="software", employees=12_000, country="DE",
        revenue_usd=3_500_000, growth_pct=12, parent="Harrier", funding_total_usd=41_000_000,
        last_funding_at=AT, technologies=["salesforce", "dbt"], hiring=["data engineer"],
    )  # fmt: skip
    assert section(page(company=company), "Company") == [
        "- Size: 12,000 employees, revenue 3.5 M USD, grew by 12 %",
        "- Industry: software",
        "- Country: DE",
        "- Domain: `kestrel.example`",
        "- Belongs to: Harrier",
        "- Funding: 41 M USD in all, last on 2 March 2026",
        "- Uses: salesforce, dbt",
        "- Hires: data engineer",
    ]
    assert section(page(company=Company(name="Kestrel")), "Company") == []
    assert section(page(company=Company(name="K", employees=0)), "Company") == ["- Size: 0 employees"]


def test_the_account_with_colleagues_new_executives_and_roles():
    hire = LiveSignal("h", "executive_hire", AT, 40, True, None, {"name": "Rosa Lindqvist", "title": "CRO"})
    lead = replace(
        scored_lead(person=ANA),
        account_view=AccountView(
            relation="customer", owner="ae-1", open_opportunity=True, roles=["legal", "hr"]
        ),
        signals=Signals(True, ["executive_hire"], [hire]),
    )
    bob = AccountContactRow(
        "b", "a", Person(first_name="Bob", title="CTO"), Activity("webinar", AT - timedelta(days=3)), "sdr-1"
    )
    eve = AccountContactRow("e", "a", Person(email="eve@a.example"))
    text = build_brief(
        lead, "bant", at=AT, contacts=[bob, eve], name_of={"ae-1": "Farah", "sdr-1": "Ana"}.__getitem__
    )
    assert section(text.markdown, "At the account") == [
        "- Customer, open opportunity, owner Farah",
        "- Colleague Bob, CTO, attended a webinar 3 days ago, with Ana",
        "- Colleague `eve@a.example`",
        "- New there: Rosa Lindqvist, CRO",
        "- Also active: somebody in legal, HR",
    ]
    assert section(page(account_view=AccountView()), "At the account") == []


def test_the_notes_of_a_hand_off_are_by_name_and_in_words():
    notes = {
        "need": "payouts",
        "decision_process": ["pilot", "board"],
        "empty": "",
        "users": 25,
        "x": {"a_b": 1},
    }
    assert section(page(hand_off=BriefHandOff("Bo Ek", notes)), "Handed over by Bo Ek") == [
        "- Need: payouts",
        "- Decision process: pilot, board",
        "- Users: 25",
        "- X: a_b: 1",
    ]
    assert section(page(hand_off=BriefHandOff(None, {"need": "x"})), "Hand-over notes") == ["- Need: x"]
    assert "Hand" not in page(hand_off=BriefHandOff("Bo Ek", {}))


def test_what_is_not_known_is_one_line():
    text = page(message="Our budget is approved.", person=Person(title="CTO", seniority="cxo"), activities=[])
    assert section(text, "Qualification (BANT)")[-1].startswith("- Not known yet: ")
    assert "- Budget: “Our budget is approved.”" in text
    assert "paper process" in page(frame="meddpicc", message=None)


def test_questions_opening_and_score_end_the_page():
    lines = [ScoreLine("fit", "size", "company.employees", 60, ""), ScoreLine("fit", "tools", "x", 0, "")]
    text = page(score=Score(60, 60, 0, "B4", "cold", None, lines))
    assert section(text, "Ask next")
    assert section(text, "Opening")[0].startswith("> Hi Ana, ")
    assert section(text, "Score 60, grade B4")[:1] == ["- Size: 200 employees (+60)"]
    assert text.endswith("\n\nAs of 2 March 2026, 09:00 UTC")


# Safety

HOSTILE = [
    "www.evil.example", "mailto:x@evil.example", "x@evil.example", "evil.com/x", "https://evil.com", "//evil.com",
    "[a](b)", "![a](b)", "[a]: b", "**b**", "__b__", "~~s~~", "`c`", "\\", "*", "_", "<b>", "<!-- ", "&lt;", "# h",
    "\n# h", "\n- l", "\n\n1. l", "> q", "```\n", "| a | b |\n|---|---|", "---", "===", "\n===", "a", " ", "- [ ] t",
    "\t", "\r", "http:", "javascript:alert(1)", "<https://evil.com>", "<!channel>", "1)", "+ x", "“", "x",
]  # fmt: skip
_texts = st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=5).map("".join)
_linkify = MarkdownIt("gfm-like")


def everything(text: str) -> str:
    """Render a brief in which every text that a stranger, a vendor or a note can give is `text`."""
    signal = LiveSignal("s", "funding_round", AT, 40, True, text, {"amount": text, "round": text})
    hire = LiveSignal("h", "executive_hire", AT, 40, True, None, {"name": text, "title": text})
    other = LiveSignal("o", "other", AT, 1, False, None, {text: text})
    person = Person(
        email=text, first_name=text, last_name=text, title=text, phone=text, linkedin_url=text, country=text
    )
    lead = replace(
        scored_lead(
            person=person, message=text, answers={text: text, "why": f"{text} a b c d", "form name": text}
        ),
        company=Company(
            name=text,
            domain=text,
            industry=text,
            country=text,
            parent=text,
            technologies=[text],
            hiring=[text],
        ),
        source=Origin(channel=text, name=text, campaign=text, page_url=f"https://x.example/{text}"),
        earlier_messages=[Message(text, AT, text, text)],
        activities=[
            Activity("page_view", AT, url=f"/{text}"),
            Activity("webinar", AT, details={"title": text}),
        ],
        signals=Signals(True, ["funding_round"], [signal, hire, other]),
        trigger=Trigger("signal", "s", "funding_round"),
        account_view=AccountView(relation="target", owner=text, roles=[text]),
        score=Score(1, 1, 0, "D4", "cold", None, [ScoreLine("fit", "rule", "company.industry", 1, text)]),
    )
    contact = AccountContactRow("b", "a", person, Activity("webinar", AT, details={"title": text}), text)
    note = BriefHandOff("Bo Ek", {"need": text, text: [text, text]})
    return build_brief(lead, "bant", at=AT, owner="Bo Ek", contacts=[contact], hand_off=note).markdown


def elements(markdown: str) -> list[set[str]]:
    """Return the kinds of HTML elements that two renderers make of a text."""
    pages = (cmarkgfm.github_flavored_markdown_to_html(markdown), _linkify.render(markdown))
    return [set(re.findall(r"<(\w+)", html)) for html in pages]


OWN = {"p", "em", "ul", "li", "blockquote", "code"}


@given(_texts)
def test_no_text_of_a_stranger_is_markup_or_a_link(text):
    """Whatever a stranger writes, the page has the elements of a page of ordinary words and no others."""
    markdown = everything(text)
    assert [found - OWN for found in elements(markdown)] == [set(), set()], markdown
    emphases = [
        html.count("<em>") for html in (_linkify.render(markdown), _linkify.render(everything("word")))
    ]
    assert emphases[0] <= emphases[1]
    assert len(markdown) < 20_000


@given(st.text(max_size=300))
def test_no_text_breaks_the_page_or_makes_it_endless(text):
    markdown = everything(text)
    assert markdown == everything(text)
    assert [found - OWN for found in elements(markdown)] == [set(), set()], markdown
    assert len(markdown) < 20_000


def test_a_page_of_the_longest_texts_is_bounded():
    assert len(everything("word " * 4_000)) < 20_000
