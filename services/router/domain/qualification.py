"""Qualifies a scored lead by BANT or MEDDPICC: each element is known, inferred or unknown.

- known: the buyer said it; the evidence quotes the message or the answer.
- inferred: a fact about the lead suggests it; the evidence names the fact.
- unknown: there is no evidence.

SDRs qualify by BANT. The queues that work bigger deals use MEDDPICC.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, Literal

from msgspec import Struct

from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.parts import Answer
from shared.lead.events.routing import Element, Qualification
from shared.policy.frames import FRAMES

_MEDDPICC_QUEUES: Final = frozenset({"senior-ae", "bdr"})
_EVIDENCE_LENGTH_MAX: Final = 200
_SENTENCES_READ_MAX: Final = 40
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


class _Indicator(Struct, frozen=True):
    """How to detect one element, and the question that asks for it.

    The element is known if the label of an answer contains one of `label_words` or a sentence of the message
    matches `message_pattern`. It is inferred if `infer` returns a fact as evidence.
    """

    ask: str
    label_words: tuple[str, ...]
    message_pattern: re.Pattern[str]
    infer: Callable[[LeadScoredV1], str | None] = lambda _data: None


def frame_of(queue: str) -> Literal["bant", "meddpicc"]:
    """Return the qualification frame of a queue."""
    return "meddpicc" if queue in _MEDDPICC_QUEUES else "bant"


def qualify(data: LeadScoredV1, queue: str) -> Qualification:
    """Return the state and the evidence of each element of the queue's frame."""
    frame = frame_of(queue)
    sentences = split_sentences(data.message)
    elements = []
    for name in FRAMES[frame]:
        indicator = _INDICATORS[name]
        quote = next(_quotes(indicator, data, sentences), None)
        fact = indicator.infer(data) if quote is None else None
        if quote is not None:
            elements.append(Element(name, "known", quote))
        else:
            elements.append(Element(name, "unknown" if fact is None else "inferred", fact))
    return Qualification(frame, elements)


def questions_to_ask(qualification: Qualification) -> list[str]:
    """Return the questions for unknown elements, then those that confirm inferred ones."""
    return [
        _INDICATORS[element.name].ask
        for state in ("unknown", "inferred")
        for element in qualification.elements
        if element.state == state
    ]


def split_sentences(text: str | None) -> list[str]:
    """Return the first 40 sentences of a text, each on one line."""
    parts = _SENTENCE_END.split(text or "", maxsplit=_SENTENCES_READ_MAX)[:_SENTENCES_READ_MAX]
    return [sentence for part in parts if (sentence := " ".join(part.split()))]


def answer_text(answer: Answer) -> str:
    """Return an answer as one line; empty for an empty answer."""
    answers = answer if isinstance(answer, list) else [answer]
    return ", ".join(" ".join(str(value).split()) for value in answers if value not in (None, "", False))


def _quotes(indicator: _Indicator, data: LeadScoredV1, sentences: list[str]) -> Iterator[str]:
    for label, answer in data.answers.items():
        words = label.casefold().replace("_", " ").replace("-", " ").split()
        if not {*indicator.label_words}.isdisjoint(words) and (text := answer_text(answer)):
            yield f"answered “{_short(text)}” to {_short(label)}"
    for sentence in sentences:
        if indicator.message_pattern.search(sentence):
            yield f"“{_short(sentence)}”"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _EVIDENCE_LENGTH_MAX else f"{line[: _EVIDENCE_LENGTH_MAX - 1]}…"


def funding_or_revenue(data: LeadScoredV1) -> str | None:
    """Return evidence of money: funding or revenue."""
    if "funding_round" in data.signals.types:
        return "a funding round is among the live signals"
    if data.company.last_funding_at is not None:
        return f"funded last on {data.company.last_funding_at.date().isoformat()}"
    return f"revenue of {data.company.revenue_usd:,} USD" if data.company.revenue_usd else None


def decision_maker_title(data: LeadScoredV1) -> str | None:
    """Return the title when it is that of somebody who decides."""
    title, level = data.person.title, data.person.seniority
    return f"the title is {_short(title or level)}" if level in ("cxo", "vp", "director") else None


def budget_holder_title(data: LeadScoredV1) -> str | None:
    """Return the title when it is that of somebody who holds a budget."""
    title, level = data.person.title, data.person.seniority
    holds = level == "cxo" or (level == "vp" and data.person.department == "finance")
    return f"the title is {_short(title or level or '')}" if holds else None


def request_activity(data: LeadScoredV1) -> str | None:
    """Return the first request of the buyer, with its date."""
    types = ("demo_request", "contact_request", "trial_started")
    request = next((activity for activity in data.activities if activity.type in types), None)
    return f"{request.type.replace('_', ' ')} on {request.at.date().isoformat()}" if request else None


def contract_expiry(data: LeadScoredV1) -> str | None:
    """Return evidence of a contract that runs out."""
    expires = "contract_expiry" in data.signals.types
    return "an expiring contract is among the live signals" if expires else None


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)


_PAIN: Final = _words(
    r"los(?:e|es|ing)|waste[sd]?|wasting|struggl\w*|problem\w*|pain\w*|manual(?:ly)?|hand-made|slow\w*"
    r"|difficult|hard|need(?:s|ed)?|tired|cannot|can't|unable|too (?:much|many|long)|errors?"
)
_MONEY: Final = _words(r"budget\w*|funds?|approved spend|price range")
_WHO: Final = _words(
    r"i decide|decision[- ]maker|sign(?:s|ed)? off|my (?:boss|cfo|ceo|cto|vp)|our (?:cfo|ceo|cto|board)"
)
_WHEN: Final = _words(
    r"asap|urgent\w*|this (?:week|month|quarter|year)|next (?:week|month|quarter|year)|by (?:the )?end of"
    r"|within \w+ (?:days?|weeks?|months?)|in q[1-4]|by q[1-4]|deadline|go live"
    r"|by (?:january|february|march|april|may|june|july|august|september|october|november|december)"
)
_NUMBERS: Final = re.compile(
    r"(?:\d[\d.,]*\s*(?:%|percent|hours?|days?|weeks?|months?|people|k\b|m\b|usd|eur|dollars|euros))"
    r"|[$€£]\s?\d|\b(?:one|two|three|four|five|six|ten)\s+(?:hours?|days?|weeks?|months?)\b",
    re.IGNORECASE,
)

_INDICATORS: Final[dict[str, _Indicator]] = {
    "budget": _Indicator(
        "What is set aside for this, and when is it decided?", ("budget", "spend", "price"), _MONEY,
        funding_or_revenue,
    ),
    "authority": _Indicator(
        "Who else decides, and who signs?", ("authority", "decision", "decides", "decider"),
        _WHO, decision_maker_title,
    ),
    "need": _Indicator(
        "What happens if nothing changes?",
        ("need", "needs", "problem", "challenge", "challenges", "pain", "goal", "goals"),
        _PAIN,
        request_activity,
    ),
    "timeline": _Indicator(
        "By when should this work?",
        ("timeline", "timeframe", "timing", "when", "start", "deadline"),
        _WHEN,
        contract_expiry,
    ),
    "metrics": _Indicator(
        "Which number should be better, and by how much?",
        ("metric", "metrics", "kpi", "kpis", "target", "goal", "goals", "volume"),
        _NUMBERS,
    ),
    "economic_buyer": _Indicator(
        "Whose budget pays for this?", ("budget", "buyer", "sponsor"), _words(r"my budget|our (?:cfo|ceo)"),
        budget_holder_title,
    ),
    "decision_criteria": _Indicator(
        "What must a solution do to be chosen?",
        ("criteria", "requirement", "requirements"),
        _words(r"must (?:have|support|integrate)|requirements?|criteria|integrat\w+ with"),
    ),
    "decision_process": _Indicator(
        "Which steps lead to a decision, and who takes part?",
        ("process", "decision", "evaluation"),
        _words(r"evaluat\w+|shortlist\w*|comparing|pilot|proof of concept|rfp|tender"),
    ),
    "paper_process": _Indicator(
        "What do legal, security and procurement ask for?",
        ("legal", "procurement", "security", "contract"),
        _words(r"procurement|legal review|security review|nda|dpa|purchase order"),
    ),
    "identify_pain": _Indicator(
        "What does the problem cost today?",
        ("need", "needs", "problem", "challenge", "challenges", "pain"),
        _PAIN,
    ),
    "champion": _Indicator(
        "Who gains most from this, and speaks for it inside?",
        ("champion",),
        _words(r"i (?:will|would|want to) (?:recommend|push|propose|introduce)"),
        request_activity,
    ),
    "competition": _Indicator(
        "What is used today, and who else is being looked at?",
        ("competitor", "competitors", "competition", "current", "vendor", "tool", "tools", "using"),
        _words(r"currently us\w+|we use|we are using|instead of|replac\w+|switch\w* from|versus|vs"),
        contract_expiry,
    ),
}  # fmt: skip
"""By the element names of `FRAMES`."""
