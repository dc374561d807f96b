"""What a scored lead tells about BANT or MEDDPICC: known from the buyer, inferred from facts, or unknown.

Known is only what the buyer said, and the evidence quotes it. Inferred is what a fact suggests, and the
evidence names the fact. The SDRs qualify by BANT; where bigger deals are worked, it is MEDDPICC.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, Literal

from msgspec import Struct

from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.parts import Answer
from shared.lead.events.routing import Element, Qualification
from shared.policy.models import FRAMES

_MEDDPICC_QUEUES: Final = frozenset({"senior-ae", "bdr"})
_EVIDENCE_LENGTH_MAX: Final = 200
_SENTENCES_READ_MAX: Final = 40
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


class _Sign(Struct, frozen=True):
    """How one element shows, and what to ask while it does not.

    `answers` are words in the label of an answer, `said` in a sentence of the message; `suggests` gives the
    fact that lets infer it.
    """

    ask: str
    answers: tuple[str, ...]
    said: re.Pattern[str]
    suggests: Callable[[LeadScoredV1], str | None] = lambda _data: None


def frame_of(queue: str) -> Literal["bant", "meddpicc"]:
    """Return the frame by which the leads of a queue are qualified."""
    return "meddpicc" if queue in _MEDDPICC_QUEUES else "bant"


def qualify(data: LeadScoredV1, queue: str) -> Qualification:
    """Return what is known for qualification, element by element."""
    frame = frame_of(queue)
    said = sentences_of(data.message)
    return Qualification(frame, [_element(name, _SIGNS[name], data, said) for name in FRAMES[frame]])


def questions(qualification: Qualification) -> list[str]:
    """Return what to ask next: first for what is unknown, then to confirm what is inferred."""
    order = ("unknown", "inferred")
    return [
        _SIGNS[each.name].ask for state in order for each in qualification.elements if each.state == state
    ]


def sentences_of(text: str | None) -> list[str]:
    """Return the first sentences of a text, each on one line."""
    parts = _SENTENCE_END.split(text or "", maxsplit=_SENTENCES_READ_MAX)[:_SENTENCES_READ_MAX]
    return [sentence for part in parts if (sentence := " ".join(part.split()))]


def answer_text(answer: Answer) -> str:
    """Return what was answered as one line; nothing for an answer that says nothing."""
    answers = answer if isinstance(answer, list) else [answer]
    return ", ".join(" ".join(str(each).split()) for each in answers if each not in (None, "", False))


def _element(name: str, sign: _Sign, data: LeadScoredV1, said: list[str]) -> Element:
    quote = next(_quotes(sign, data, said), None)
    if quote is not None:
        return Element(name, "known", quote)
    fact = sign.suggests(data)
    return Element(name, "unknown" if fact is None else "inferred", fact)


def _quotes(sign: _Sign, data: LeadScoredV1, said: list[str]) -> Iterator[str]:
    for label, answer in data.answers.items():
        words = label.casefold().replace("_", " ").replace("-", " ").split()
        if not {*sign.answers}.isdisjoint(words) and (text := answer_text(answer)):
            yield f"answered “{_short(text)}” to {_short(label)}"
    for sentence in said:
        if sign.said.search(sentence):
            yield f"“{_short(sentence)}”"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _EVIDENCE_LENGTH_MAX else f"{line[: _EVIDENCE_LENGTH_MAX - 1]}…"


# What facts suggest


def _money(data: LeadScoredV1) -> str | None:
    if "funding_round" in data.signals.types:
        return "a funding round is among the live signals"
    if data.company.last_funding_at is not None:
        return f"funded last on {data.company.last_funding_at.date().isoformat()}"
    return f"revenue of {data.company.revenue_usd:,} USD" if data.company.revenue_usd else None


def _decides(data: LeadScoredV1) -> str | None:
    title, level = data.person.title, data.person.seniority
    return f"the title is {_short(title or level)}" if level in ("cxo", "vp", "director") else None


def _holds_the_purse(data: LeadScoredV1) -> str | None:
    title, level = data.person.title, data.person.seniority
    holds = level == "cxo" or (level == "vp" and data.person.department == "finance")
    return f"the title is {_short(title or level or '')}" if holds else None


def _asked(data: LeadScoredV1) -> str | None:
    wanted = ("demo_request", "contact_request", "trial_started")
    asked = next((each for each in data.activities if each.type in wanted), None)
    return f"{asked.type.replace('_', ' ')} on {asked.at.date().isoformat()}" if asked else None


def _expiry(data: LeadScoredV1) -> str | None:
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

_SIGNS: Final[dict[str, _Sign]] = {
    "budget": _Sign(
        "What is set aside for this, and when is it decided?", ("budget", "spend", "price"), _MONEY, _money
    ),
    "authority": _Sign(
        "Who else decides, and who signs?", ("authority", "decision", "decides", "decider"), _WHO, _decides
    ),
    "need": _Sign(
        "What happens if nothing changes?",
        ("need", "needs", "problem", "challenge", "challenges", "pain", "goal", "goals"),
        _PAIN,
        _asked,
    ),
    "timeline": _Sign(
        "By when should this work?",
        ("timeline", "timeframe", "timing", "when", "start", "deadline"),
        _WHEN,
        _expiry,
    ),
    "metrics": _Sign(
        "Which number should be better, and by how much?",
        ("metric", "metrics", "kpi", "kpis", "target", "goal", "goals", "volume"),
        _NUMBERS,
    ),
    "economic_buyer": _Sign(
        "Whose budget pays for this?", ("budget", "buyer", "sponsor"), _words(r"my budget|our (?:cfo|ceo)"),
        _holds_the_purse,
    ),
    "decision_criteria": _Sign(
        "What must a solution do to be chosen?",
        ("criteria", "requirement", "requirements"),
        _words(r"must (?:have|support|integrate)|requirements?|criteria|integrat\w+ with"),
    ),
    "decision_process": _Sign(
        "Which steps lead to a decision, and who takes part?",
        ("process", "decision", "evaluation"),
        _words(r"evaluat\w+|shortlist\w*|comparing|pilot|proof of concept|rfp|tender"),
    ),
    "paper_process": _Sign(
        "What do legal, security and procurement ask for?",
        ("legal", "procurement", "security", "contract"),
        _words(r"procurement|legal review|security review|nda|dpa|purchase order"),
    ),
    "identify_pain": _Sign(
        "What does the problem cost today?",
        ("need", "needs", "problem", "challenge", "challenges", "pain"),
        _PAIN,
    ),
    "champion": _Sign(
        "Who gains most from this, and speaks for it inside?",
        ("champion",),
        _words(r"i (?:will|would|want to) (?:recommend|push|propose|introduce)"),
        _asked,
    ),
    "competition": _Sign(
        "What is used today, and who else is being looked at?",
        ("competitor", "competitors", "competition", "current", "vendor", "tool", "tools", "using"),
        _words(r"currently us\w+|we use|we are using|instead of|replac\w+|switch\w* from|versus|vs"),
        _expiry,
    ),
}  # fmt: skip
"""By the names of `FRAMES`."""
