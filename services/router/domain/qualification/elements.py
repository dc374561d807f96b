"""Qualifies a scored lead by BANT or MEDDPICC: each element is known, inferred or unknown, with the evidence.

- known: the buyer said it (the newest words count), or the previous owner noted it at the hand-off.
- inferred: a fact about the lead suggests it; the evidence names the fact.
- unknown: nothing says it. The evidence is None, or the words by which the buyer denied it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct

from services.router.domain.qualification.answers import (
    elements_of_label,
    is_negative,
    labelled_line,
    read_answer,
)
from services.router.domain.qualification.facts import FACTS
from services.router.domain.qualification.questions import QUESTIONS
from services.router.domain.qualification.statements import read_statements
from services.router.domain.qualification.tokens import TEXT_LENGTH_MAX, answer_text, split_sentences
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.routing import Element, Qualification
from shared.policy.frames import FRAMES, Frame
from shared.shortened import shortened

_EVIDENCE_LENGTH_MAX: Final = 200
_SUGGESTS: Final = (
    ("need", "identify_pain"),
    ("identify_pain", "need"),
    ("authority", "economic_buyer"),
    ("economic_buyer", "authority"),
)
"""What is known of the first element suggests the second, which is one of the other frame.

A date says nothing of the steps to a decision, so the timeline and the decision process stay apart.
"""
_MISSING: Final = re.compile(r"(?:no|not enough|bad|wrong|missing|lack of)\s+(.{1,100})", re.IGNORECASE)
"""A reason of a rejection that says what is missing: "no budget", "bad timing"."""
_NOTED_FOR: Final = (*_SUGGESTS, ("budget", "economic_buyer"))
"""A note on the first makes the second known, unless there are better words."""


class Evidence(Struct, frozen=True):
    """What one source says: the evidence by element, and the denials by element."""

    known: dict[str, str]
    denied: dict[str, str]


class Denial(Struct, frozen=True):
    """What an owner learnt who rejected the lead: `elements` are missing, as `evidence` says.

    It is newer than the form of `revision`, than texts before `at`, and than the notes of these names.
    """

    elements: frozenset[str]
    evidence: str
    at: datetime
    revision: int
    outdated_notes: Collection[str] = ()

    @property
    def as_evidence(self) -> Evidence:
        return Evidence({}, dict.fromkeys(self.elements, self.evidence))


def elements_missing(reason: str) -> frozenset[str]:
    """Return the elements that are missing by the reason of a rejection: the budget by `no_budget`."""
    missing = _MISSING.fullmatch(reason.replace("_", " ").replace("-", " "))
    return frozenset(elements_of_label(missing[1]) if missing else ())


def elements_noted(notes: Mapping[str, object]) -> dict[str, frozenset[str]]:
    """Return the elements that each note makes known."""
    return {name: frozenset(_from_notes({name: note}).known) for name, note in notes.items()}


def qualify(
    data: LeadScoredV1,
    frame: Frame,
    notes: Mapping[str, object] | None = None,
    denials: Collection[Denial] = (),
) -> Qualification:
    """Return the state and the evidence of each element of the frame.

    `notes` are those of the hand-off to the present owner, `denials` what earlier owners learnt, the newest
    first. Sources count in this order: notes, answers and message of the newest form, earlier messages from
    the newest to the oldest, each denial before what is older. What a newer source denies, an older one does
    not make known.
    """
    known: dict[str, str] = {}
    denied: dict[str, str] = {}
    outdated = {name for denial in denials for name in denial.outdated_notes}
    noted = _from_notes({name: note for name, note in (notes or {}).items() if name not in outdated})
    earlier_noted = _from_notes({name: note for name, note in (notes or {}).items() if name in outdated})
    for evidence in (noted, *_sources(data, denials), earlier_noted):
        for element, quote in evidence.known.items():
            if element not in denied:
                known.setdefault(element, quote)
        for element, quote in evidence.denied.items():
            if element not in known:
                denied.setdefault(element, quote)
    for element, other in _NOTED_FOR:
        if element in noted.known and other not in denied:
            known.setdefault(other, noted.known[element])
    return Qualification(frame, [_element(name, data, known, denied) for name in FRAMES[frame]])


def questions_to_ask(qualification: Qualification) -> list[str]:
    """Return the questions about unknown elements, then about denied ones, then about inferred ones."""
    elements = qualification.elements
    unknown = [e for e in elements if e.state == "unknown"]
    questions = [QUESTIONS[e.name].unknown for e in unknown if e.evidence is None]
    questions += [QUESTIONS[e.name].denied for e in unknown if e.evidence is not None]
    questions += [QUESTIONS[e.name].inferred for e in elements if e.state == "inferred"]
    return [*dict.fromkeys(questions)]


def _element(name: str, data: LeadScoredV1, known: Mapping[str, str], denied: Mapping[str, str]) -> Element:
    if name in known:
        return Element(name, "known", known[name])
    if name in denied:
        return Element(name, "unknown", denied[name])
    for other, suggested in _SUGGESTS:
        if suggested == name and other in known:
            return Element(name, "inferred", known[other])
    fact = FACTS[name](data) if name in FACTS else None
    return Element(name, "unknown" if fact is None else "inferred", None if fact is None else _short(fact))


def _sources(data: LeadScoredV1, denials: Collection[Denial]) -> Iterator[Evidence]:
    (asked, beside), message = _from_answers(data), _from_text(data.message)
    form_at = data.source.submitted_at
    newer = [
        denial
        for denial in denials
        if (denial.revision >= data.revision if form_at is None else denial.at > form_at)
    ]
    yield from (denial.as_evidence for denial in newer)
    yield Evidence(
        {**beside.known, **message.known, **asked.known}, {**beside.denied, **message.denied, **asked.denied}
    )
    left = TEXT_LENGTH_MAX
    for earlier in data.earlier_messages:
        yield from (denial.as_evidence for denial in denials if denial.at > earlier.at)
        yield _from_text(earlier.text[:left])
        left -= len(earlier.text)
        if left <= 0:
            break
    yield from (denial.as_evidence for denial in denials)


def _from_notes(notes: Mapping[str, object]) -> Evidence:
    known: dict[str, str] = {}
    denied: dict[str, str] = {}
    for name, note in notes.items():
        text = answer_text(note) if isinstance(note, str | int | float | list | None) else ""
        if not text:
            continue
        quote = f"“{_short(text)}”, by the hand-off"
        if is_negative(text):
            denied |= dict.fromkeys(elements_of_label(name), quote)
            continue
        stated = read_answer(name, text)
        denied |= dict.fromkeys(stated.denied, quote)
        # A colleague noted it under this name: that is enough, unless the note says the contrary.
        for element in (*stated.known, *elements_of_label(name)):
            if element not in stated.denied:
                known[element] = quote
    return Evidence(known, denied)


def _from_answers(data: LeadScoredV1) -> tuple[Evidence, Evidence]:
    """Return what the answers say about the elements that were asked for, and what they say beside."""
    asked, beside = Evidence({}, {}), Evidence({}, {})
    for label, answer in data.answers.items():
        if text := answer_text(answer):
            stated = read_answer(label, text)
            quote = f"answered “{_short(text)}” to {_short(label)}"
            labelled = elements_of_label(label)
            for element in stated.known:
                (asked if element in labelled else beside).known.setdefault(element, quote)
            for element in stated.denied:
                (asked if element in labelled else beside).denied.setdefault(element, quote)
    return asked, beside


def _from_text(text: str | None) -> Evidence:
    sentences = split_sentences(text)
    stated = read_statements(sentences)
    for sentence in sentences:
        if (line := labelled_line(sentence)) is not None:
            answered = read_answer(*line)
            for element in answered.known:
                stated.known.setdefault(element, sentence)
            for element in answered.denied:
                stated.denied.setdefault(element, sentence)
    return Evidence(
        {element: f"“{_short(sentence)}”" for element, sentence in stated.known.items()},
        {element: f"said “{_short(sentence)}”" for element, sentence in stated.denied.items()},
    )


def _short(text: str) -> str:
    return shortened(" ".join(text.split()), _EVIDENCE_LENGTH_MAX)
