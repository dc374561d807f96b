"""Golden examples of what titles, countries, names and messages mean, and that any text is tolerated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.lead.normalise.countries import country_code
from shared.lead.normalise.names import company_key, company_name, person_name
from shared.lead.normalise.spam import SpamReason, spam_score
from shared.lead.normalise.titles import department, seniority

ANYTHING = st.none() | st.text(st.characters(codec=None, exclude_categories=()), max_size=300)


@pytest.mark.parametrize(
    ("title", "level", "part"),
    [
        ("CFO", "cxo", "finance"),
        ("C.E.O.", "cxo", "other"),
        ("President & CEO", "cxo", "other"),
        ("Co-Founder & CTO", "cxo", "engineering"),
        ("Owner", "cxo", "other"),
        ("Founder", "cxo", "other"),
        ("Partner", "cxo", None),
        ("Managing Director", "cxo", "other"),
        ("Geschäftsführer", "cxo", "other"),
        ("Chief Data & Analytics Officer", "cxo", "it"),
        ("Chief Procurement Officer", "cxo", "procurement"),
        ("VP Finance Operations", "vp", "finance"),
        ("V.P. of Sales", "vp", "sales"),
        ("Vice-President, Marketing", "vp", "marketing"),
        ("SVP Engineering", "vp", "engineering"),
        ("VP Sales at Owner.com", "vp", "sales"),
        ("General Counsel", "vp", "legal"),
        ("Head of Sales", "director", "sales"),
        ("HEAD OF PEOPLE", "director", "hr"),
        ("Head of R&D", "director", "engineering"),
        ("Senior Director, IT", "director", "it"),
        ("Sales - Director", "director", "sales"),
        ("Chief of Staff", "director", "other"),
        ("Chief Architect", "director", "engineering"),
        ("Directeur commercial", "director", "sales"),
        ("Vertriebsleiter", "director", "sales"),
        ("IT-Leiterin", "director", "it"),
        ("Director of Student Affairs", "director", "other"),
        ("RevOps Lead", "manager", "sales"),
        ("Sales Lead EMEA", "manager", "sales"),
        ("Lead", "manager", None),
        ("Controller", "manager", "finance"),
        ("FP&A Manager", "manager", "finance"),
        ("Product Owner", "manager", "product"),
        ("Product Marketing Manager", "manager", "marketing"),
        ("Partner Manager", "manager", "partnerships"),
        ("Purchasing Mgr", "manager", "procurement"),
        ("Teamleiter Vertrieb", "manager", "sales"),
        ("Customer Success Manager", "manager", "other"),
        ("Lead Engineer", "senior", "engineering"),
        ("Sr. Software Engineer", "senior", "engineering"),
        ("Executive Assistant to the CFO", "entry", "other"),
        ("Director's Assistant", "entry", None),
        ("Intern", "entry", None),
        ("Jr Developer", "entry", "engineering"),
        ("Student Assistant", "entry", "other"),
        ("Student", "student", "other"),
        ("Computer Science Student at MIT", "student", "other"),
        ("PhD Candidate", "student", None),
        ("Werkstudent Marketing", "student", "marketing"),
        ("Student, Founder of Kestrel", "cxo", "other"),
        ("Student Success Manager", "manager", "other"),
        ("Account Executive", None, "sales"),
        ("Lead Generation Specialist", None, "marketing"),
        ("HR Business Partner", None, "hr"),
        ("Ninja", None, None),
        ("Director", "director", None),
        ("  ", None, None),
        (None, None, None),
    ],
)
def test_title(title, level, part):
    assert (seniority(title), department(title)) == (level, part)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("us", "US"),
        (" U.S.A. ", "US"),
        ("United States of America", "US"),
        ("UK", "GB"),
        ("England", "GB"),
        ("great  britain", "GB"),
        ("DEU", "DE"),
        ("Deutschland", "DE"),
        ("ドイツ", "DE"),
        ("NO", "NO"),
        ("The Netherlands", "NL"),
        ("Czech Republic", "CZ"),
        ("South Korea", "KR"),
        ("Korea, Republic of", "KR"),
        ("Korea", "KR"),
        ("North Korea", "KP"),
        ("Türkiye", "TR"),
        ("Russia", "RU"),
        ("St. Lucia", "LC"),
        ("Côte d\u2019Ivoire", "CI"),
        ("Niger", "NE"),
        ("Nigeria", "NG"),
        ("Guinea", "GN"),
        ("Kosovo", "XK"),
        ("Brasil", "BR"),
        ("Atlantis", None),
        ("XX", None),
        ("the", None),
        ("", None),
        (None, None),
    ],
)
def test_country(text, code):
    assert country_code(text) == code


@pytest.mark.parametrize(
    ("text", "name", "key"),
    [
        ("  Kestrel \n Works,  Inc. ", "Kestrel Works, Inc.", "kestrel works"),
        ("KESTREL WORKS", "KESTREL WORKS", "kestrel works"),
        ("Müller GmbH & Co. KG", "Müller GmbH & Co. KG", "muller"),
        ("The Kestrel S.p.A.", "The Kestrel S.p.A.", "kestrel"),
        ("Acme sp. z o.o.", "Acme sp. z o.o.", "acme"),
        ("Inc", "Inc", "inc"),
        ("A.B. Volvo", "A.B. Volvo", "ab volvo"),
        ("!!!", "!!!", None),
        ("\x00", None, None),
        (None, None, None),
    ],
)
def test_company(text, name, key):
    assert (company_name(text), company_key(text)) == (name, key)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Ana Ruiz", "Ana Ruiz"),
        (" ana\truiz ", "Ana Ruiz"),
        ("ANA RUIZ", "Ana Ruiz"),
        ("ana McRuiz", "ana McRuiz"),
        ("vincent van gogh", "Vincent van Gogh"),
        ("o'brien-smith", "O'Brien-Smith"),
        ("JP", "JP"),
        ("", None),
        (None, None),
    ],
)
def test_person_name(text, name):
    assert person_name(text) == name


class TestSpam:
    @pytest.mark.parametrize(
        ("message", "first_name", "last_name"),
        [
            (None, None, None),
            ("We need a demo for 200 seats, see https://kestrel.example/rfp", "Ana", "Ruiz"),
            ("Is SSO on the ENTERPRISE plan? ASAP please!", "Krzysztof", "Brzezinski"),
            ("Pricing?", "Kurt", "Hirschsprung"),
            ("Pricing?", "Sarah", "Knightsbridge-McDonald"),
        ],
    )
    def test_a_plain_question_has_no_points(self, message, first_name, last_name):
        found = spam_score(message, first_name, last_name)
        assert (found.score, found.reasons) == (0, ())

    def test_an_offer_with_links_is_suppressed_by_the_default_policy(self):
        found = spam_score("SEO service! Rank on Google: https://a.example https://b.example")
        assert found.reasons == (SpamReason("links", 30), SpamReason("seo_offer", 80))
        assert found.score == 100

    def test_keyboard_names_are_suppressed_by_the_default_policy(self):
        assert spam_score("hi", "asdf", "qwertz").score == 80

    def test_a_link_for_a_name_with_markup(self):
        found = spam_score("[url=https://a.example]x[/url]", "https://a.example", None)
        assert {reason.rule for reason in found.reasons} == {"markup", "name_is_link"}

    @pytest.mark.parametrize(
        "message",
        [
            "We keep the notes at https://a.example and https://b.example for now, is that all right?",
            "<a href='https://a.example'>",
            "THIS IS THE LONGEST MESSAGE THAT YOU WILL EVER SEE",
            "casino",
        ],
    )
    def test_one_sign_alone_does_not_suppress(self, message):
        found = spam_score(message, "Ana", "Ruiz")
        assert len(found.reasons) == 1
        assert 0 < found.score < 80


@given(ANYTHING)
def test_any_text_is_tolerated(text):
    seniority(text)
    department(text)
    code = country_code(text)
    assert code is None or country_code(code) == code


@given(ANYTHING)
def test_names_are_idempotent(text):
    for normalise in (company_name, company_key, person_name):
        once = normalise(text)
        assert once is None or normalise(once) == once


@given(st.sampled_from(["VP Sales", "Head of IT", "Chief Financial Officer", "Student"]), st.data())
def test_case_and_space_do_not_change_a_title(title, data):
    spelled = "".join(data.draw(st.sampled_from([char.lower(), char.upper()])) for char in title)
    spaced = f" {spelled.replace(' ', data.draw(st.sampled_from([' ', '  ', chr(9)])))} "
    assert (seniority(spaced), department(spaced)) == (seniority(title), department(title))


@given(ANYTHING, ANYTHING, ANYTHING)
def test_the_reasons_sum_to_the_score(message, first_name, last_name):
    found = spam_score(message, first_name, last_name)
    assert found.score == min(100, max(0, sum(reason.points for reason in found.reasons)))
    assert not found.reasons or any(reason.points > 0 for reason in found.reasons)
