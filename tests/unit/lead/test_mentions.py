"""Who names an erased person is found by keyed hashes alone, in texts, in JSON and in briefs."""

from __future__ import annotations

import msgspec
import pytest

from shared.lead.events.parts import Person
from shared.lead.identity import identify
from shared.lead.literal_text import literal_text
from shared.lead.mentions import Mentions, hashes_of_person, named_in_record
from shared.messaging.manifest import MIB

IDENTITY = identify("ana.ruiz@kestrel.example", "+49 30 901820", "https://linkedin.com/in/ana-ruiz")
KNOWN_AS = [Person(first_name="Ana María", last_name="Ruiz-Soto"), Person(first_name="Ana", last_name="Ruiz")]


def hashed(text: str) -> str:
    return f"hash of {text}"


@pytest.fixture
def mentions() -> Mentions:
    assert IDENTITY is not None
    hashes = hashes_of_person(IDENTITY.identifiers, KNOWN_AS, hashed)
    return Mentions(frozenset(hashes), hashed)


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("Ana Ruiz joined as CFO", "[erased] joined as CFO"),
        ("the new CFO, ANA RUIZ.", "the new CFO, [erased]."),
        ("Ana María Ruiz-Soto and Ana Ruiz", "[erased] and [erased]"),
        ("write to Ana.Ruiz+x@Kestrel.example now", "write to [erased] now"),
        ("<mailto:ana.ruiz@kestrel.example>", "<mailto:[erased]>"),
        ("call +49 (30) 901820", "call [erased]"),
        ("call 0049 30 901820", "call [erased]"),
        ("see https://www.linkedin.com/in/Ana-Ruiz/ for more", "see [erased] for more"),
        ("Ana, Ruiz", "[erased]"),
        # Not the person:
        ("Ana joined, as did Ruiz", "Ana joined, as did Ruiz"),
        ("Diana Ruiz", "Diana Ruiz"),
        ("ben@kestrel.example", "ben@kestrel.example"),
        ("+49 30 901821", "+49 30 901821"),
        ("", ""),
    ],
)
def test_what_names_the_person_is_struck_out_of_a_text(mentions: Mentions, text: str, without: str):
    assert mentions.struck_out(text) == without
    assert mentions.in_text(text) is (text != without)


def test_a_json_value_without_a_mention_is_the_same_object(mentions: Mentions):
    value = {"a": ["Ben", 1, None, True], "b": {"c": 2.5}}
    assert mentions.removed_from(value) is value
    named = {"a": ["Ana Ruiz", 1], "b": {"c": 2.5}}
    assert mentions.removed_from(named) == {"a": ["[erased]", 1], "b": {"c": 2.5}}


def test_a_brief_loses_the_stakeholder_and_the_line_about_them(mentions: Mentions):
    brief = {
        "stakeholders": [
            {"name": "Ben Berg", "title": "CTO", "role": "it", "known_from": "this lead"},
            {"name": "Ana Ruiz", "title": "CFO", "role": "finance", "known_from": "another lead"},
            {"name": "ana.ruiz@kestrel.example", "title": None, "role": None, "known_from": "another lead"},
            {"name": None, "title": None, "role": "hr", "known_from": "the account"},
        ],
        "markdown": "# Kestrel\n## People\n- Ben Berg, CTO (this lead)\n- Ana Ruiz, CFO (another lead)\n- ask",
    }
    without = mentions.removed_from(brief)
    assert [one["name"] for one in without["stakeholders"]] == ["Ben Berg", None]
    assert without["markdown"] == "# Kestrel\n## People\n- Ben Berg, CTO (this lead)\n- ask"


def test_a_stakeholder_of_a_single_name_is_known_by_it_alone():
    hashes = hashes_of_person((), [Person(first_name="Ana")], hashed)
    mentions = Mentions(frozenset(hashes), hashed)
    assert mentions.removed_from({"stakeholders": [{"name": "Ana"}]}) == {"stakeholders": []}
    assert mentions.struck_out("Ana called") == "Ana called"


def test_an_address_that_markdown_escapes_is_found(mentions: Mentions):
    hashes = hashes_of_person(("email:ana_r@kestrel.example",), [], hashed)
    escaped = Mentions(frozenset(hashes), hashed)
    assert escaped.removed_from({"markdown": "- ana\\_r@kestrel.example\n- next"}) == {"markdown": "- next"}


def test_a_name_or_an_address_within_literal_text_is_found():
    hashes = hashes_of_person(("email:_ana_r@kestrel.com",), [Person(first_name="Ana")], hashed)
    mentions = Mentions(frozenset(hashes), hashed)
    page = [f"> “{literal_text('ask _ana_r@kestrel.com')}”", "- Colleague Ana, CFO, with Bo", "- Need: Ana"]
    brief = {"markdown": "\n".join(page), "other_leads": [{"name": "Ana"}, {"name": "Bo"}]}
    assert mentions.removed_from(brief) == {"markdown": "- Need: Ana", "other_leads": [{"name": "Bo"}]}


@pytest.mark.parametrize(
    "text", ["a", "a@", "a@a.example ", "00 123456789 ", "linkedin.com/in/x ", "0", "a-"]
)
def test_a_record_of_the_largest_size_is_searched_in_proportion_to_its_size(text: str):
    """A search that tries every start of every pattern would take minutes, and hold up the process."""
    record = text * (16 * MIB // len(text))
    assert len(list(named_in_record((record, "ana.ruiz@kestrel.example"), None))) <= 5_000


def test_escapes_of_json_hide_nothing():
    record = r'{"message": "ask ana.ruiz\u0040kestrel.example"}'
    named = named_in_record((record,), msgspec.json.decode(record))
    assert set(named) == {"email:ana.ruiz@kestrel.example"}
