"""The brief as Markdown: which lines it has, and that the buyer's text cannot add markup."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import cmarkgfm
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec.structs import replace

from services.router.domain.brief import build_brief
from services.router.domain.brief_markdown import escape_text, render_markdown
from shared.lead.events.parts import Company, Person, Trigger
from shared.lead.events.routing import Brief, Quote, Stakeholder
from shared.lead.events.scoring import AccountView, Score, ScoreLine, Signals
from tests.support.scored_leads import AT, scored_lead


def page(*, brief: dict[str, Any] | None = None, **given: Any) -> str:
    """Render the brief of a lead; `brief` replaces fields of the brief, `given` fields of the lead."""
    lead = replace(scored_lead(), derived=None, **given)
    made: Brief = replace(build_brief(lead, "sdr", at=AT), **(brief or {}))
    return render_markdown(lead, made)


def section(text: str, heading: str) -> list[str]:
    """Return the lines under a heading."""
    [_before, after] = text.split(f"## {heading}\n")
    return after.split("\n\n##")[0].splitlines()


# The company and the occasion


@pytest.mark.parametrize(
    ("company", "heading"),
    [
        (Company(name="Kestrel", domain="kestrel.example"), "# Kestrel"),
        (Company(domain="kestrel.example"), "# kestrel.example"),
        (Company(), "# ana.example"),
    ],
)
def test_the_heading_is_the_name_the_domain_or_the_account(company, heading):
    assert page(company=company).splitlines()[0] == heading


def test_the_facts_about_the_company_are_one_line():
    company = Company(
        name="Kestrel", domain="kestrel.example", industry="Software", employees=12_000,
        country="DE", revenue_usd=3_500_000,
    )  # fmt: skip
    lines = page(company=company, account_view=AccountView(relation="customer")).splitlines()
    assert lines[1] == "Software · 12,000 people · DE · 3,500,000 USD revenue · kestrel.example · customer"


def test_a_company_without_employees_is_a_fact_and_an_unknown_number_is_not():
    assert page(company=Company(name="K", employees=0)).splitlines()[1] == "0 people"
    lines = page(company=Company(name="K"), account_view=AccountView(relation="none")).splitlines()
    assert lines[1:3] == ["", "- **Why now** lead: demo request"]


def test_the_occasion_and_the_signals_are_in_words():
    text = page(
        trigger=Trigger("signal", "s", "funding_round"), signals=Signals(types=["funding_round", "hiring"])
    )
    assert "\n- **Why now** signal: funding round\n- **Signals** funding round, hiring\n" in text
    assert "\n- **Why now** decay\n" in page(trigger=Trigger("decay", "d", None))
    assert "**Signals**" not in page()


def test_every_quote_is_a_block_with_its_source():
    text = page(brief={"pain": [Quote("We lose time.", "message"), Quote("nine days", "answers.close")]})
    assert "\n> We lose time.\n> — message\n\n> nine days\n> — answers.close\n" in text


# People


def test_people_have_name_and_title_and_roles_are_somebody():
    people = [
        Stakeholder("Dana Okafor", "VP Finance", "finance", "this lead"),
        Stakeholder(None, "CTO", None, "another lead"),
        Stakeholder("ben@a.example", None, None, "another lead"),
        Stakeholder(None, None, "legal", "the account"),
        Stakeholder(None, None, "hr", "the account"),
    ]
    assert section(page(brief={"stakeholders": people}), "People") == [
        "- Dana Okafor, VP Finance (this lead)",
        "- CTO (another lead)",
        "- `ben@a.example` (another lead)",
        "- somebody in legal (the account)",
        "- somebody in HR (the account)",
    ]


def test_without_people_there_is_no_such_section():
    assert "## People" not in page(brief={"stakeholders": []})


# Qualification, score and what to do next


def test_every_element_has_its_state_and_evidence():
    text = page(message="Our budget is approved.", person=Person(title="CTO", seniority="cxo"), activities=[])
    assert section(text, "BANT") == [
        "- budget (known): “Our budget is approved.”",
        "- authority (inferred): the title is CTO",
        "- need (?)",
        "- timeline (?)",
    ]


def test_an_element_of_several_words_is_written_with_blanks():
    brief = build_brief(replace(scored_lead(), derived=None, message=None), "senior-ae", at=AT)
    lines = section(render_markdown(scored_lead(), brief), "MEDDPICC")
    assert "- paper process (?)" in lines
    assert "- economic buyer" in "".join(lines)


def line_of(rule: str, points: int, why: str = "because") -> ScoreLine:
    return ScoreLine("fit", rule, "company.employees", points, why)


def test_the_six_strongest_lines_of_the_score_come_first_and_the_others_are_counted():
    points = [1, -9, 30, 4, 5, 6, 7, 2]
    lines = [line_of(f"rule-{number}", number) for number in points]
    text = page(score=Score(72, 40, 32, "B2", "mql", None, lines))
    assert section(text, "Score 72 (B2): fit 40, intent 32") == [
        "- +30 rule-30: because",
        "- -9 rule--9: because",
        "- +7 rule-7: because",
        "- +6 rule-6: because",
        "- +5 rule-5: because",
        "- +4 rule-4: because",
        "- and 2 more lines",
    ]


def test_six_lines_are_all_and_a_reason_does_not_repeat_its_rule():
    lines = [line_of(f"rule-{number}", 10 - number, f"rule-{number}: 200 employees") for number in range(6)]
    shown = section(page(score=Score(60, 60, 0, "B3", "mql", None, lines)), "Score 60 (B3): fit 60, intent 0")
    assert len(shown) == 6
    assert shown[0] == "- +10 rule-0: 200 employees"


def test_the_questions_and_the_opening_end_the_page():
    text = page(brief={"ask_next": ["Who signs?", "By when?"], "warm_intro": "Hi Dana."})
    assert text.endswith("\n## Ask next\n- Who signs?\n- By when?\n\n## Opening\nHi Dana.")
    assert "## Ask next" not in page(brief={"ask_next": []})


# Escaping


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("Plain text, as most is (really).", "Plain text, as most is (really)."),
        ("two\nlines\tand  blanks", "two lines and blanks"),
        ("# heading", "\\# heading"),
        ("*bold* _it_ `code`", "\\*bold\\* \\_it\\_ \\`code\\`"),
        ("[link](x) <b> &amp; a|b ~s~ \\", "\\[link\\](x) \\<b\\> \\&amp; a\\|b \\~s\\~ \\\\"),
        ("see https://evil.example", "see https:\\//evil.example"),
        ("see www.evil.example/x", "see www\\.evil.example/x"),
        ("(WWW.evil.com)", "(WWW\\.evil\\.com)"),
        ("evil.com/x, kestrel.de", "evil\\.com/x, kestrel\\.de"),
        ("mailto:x@evil.example", "`mailto:x@evil.example`"),
        ("ask ana_b@kestrel.example.", "ask `ana_b@kestrel.example.`"),
        ("mailto:nobody", "mailto\\:nobody"),
        ("3 p.m., Kestrel Inc.", "3 p.m., Kestrel Inc."),
        ("- item", "\\- item"),
        ("+ item", "\\+ item"),
        ("1. item", "1\\. item"),
        ("12) item", "12\\) item"),
        ("--- ", "\\---"),
        ("=== ", "\\==="),
        ("-5 degrees", "-5 degrees"),
        ("1.5 times", "1.5 times"),
        ("", ""),
    ],
)
def test_text_is_one_line_without_markup(text, escaped):
    assert escape_text(text) == escaped


def test_text_is_cut_to_300_characters():
    assert escape_text("a" * 300) == "a" * 300
    assert escape_text("a" * 301) == "a" * 299 + "…"


@given(
    st.text(alphabet=st.sampled_from("ab1 .-+=#*_`[]<>|~&\\\n:/@") | st.characters(exclude_categories=["Cs"]))
)
def test_no_text_is_rendered_as_markup(text):
    line = escape_text(text)
    assert "\n" not in line
    without_addresses = re.sub(r"`[^\s`@]+@[^\s`@]+`", "", line)
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]<>#|~&]", without_addresses)
    assert not re.match(r"\d{0,9}[-+.)](\s|$)", line)
    assert "://" not in line


_linkify = MarkdownIt("gfm-like")
LINKS = [
    "www.evil.example",
    "mailto:x@evil.example",
    "x@evil.example",
    "evil.com/x",
    "https://evil.com",
    "//evil.com",
]


@given(
    st.lists(
        st.sampled_from(
            [*LINKS, "`", "\\", "*", "(", ")", "_", "<", ">", " ", ":", "@", "a", "xmpp:", "ftp://"]
        ),
        min_size=1,
        max_size=8,
    ).map("".join)
)
def test_no_renderer_finds_a_link_in_what_a_stranger_wrote(text):
    """GitHub's renderer, and one that links bare hosts; what is shown is what was written."""
    line = escape_text(text)
    for html in (cmarkgfm.github_flavored_markdown_to_html(f"x {line} x"), _linkify.render(f"x {line} x")):
        assert "<a" not in html, html
        shown = unescape(re.sub(r"</?(?:p|code)>", "", html))
        assert shown.split() == ["x", *" ".join(text.split()).split(), "x"]
