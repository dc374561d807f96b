"""What a seller asks next about each element of qualification, by what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct


class Questions(Struct, frozen=True):
    """`unknown`: nothing is known; `denied`: the buyer said there is none; `inferred`: a fact suggests it."""

    unknown: str
    denied: str
    inferred: str


QUESTIONS: Final[Mapping[str, Questions]] = {
    "budget": Questions(
        "What is set aside for this, and when is it decided?",
        "When could a budget be decided, and what would have to be shown for it?",
        "How much of it is set aside for this?",
    ),
    "authority": Questions(
        "Who else decides, and who signs?",
        "Who decides instead, and can we meet them together?",
        "Who else decides, and who signs?",
    ),
    "need": Questions(
        "What happens if nothing changes?",
        "What made you look at this all the same?",
        "What did you hope to find when you wrote to us?",
    ),
    "timeline": Questions(
        "By when should this work?",
        "What would make this urgent?",
        "Should this work before the present contract ends?",
    ),
    "metrics": Questions(
        "Which number should be better, and by how much?",
        "How will you notice that it works?",
        "Which number should be better, and by how much?",
    ),
    "economic_buyer": Questions(
        "Whose budget pays for this?",
        "Whose budget pays for this, if not yours?",
        "Is this paid from your budget?",
    ),
    "decision_criteria": Questions(
        "What must a solution do to be chosen?",
        "What would make you choose one solution over another?",
        "What must a solution do to be chosen?",
    ),
    "decision_process": Questions(
        "Which steps lead to a decision, and who takes part?",
        "How was the last tool of this kind chosen?",
        "Which steps follow the trial, and who takes part?",
    ),
    "paper_process": Questions(
        "What do legal, security and procurement ask for?",
        "How is a contract signed at your company?",
        "What do legal, security and procurement ask for?",
    ),
    "identify_pain": Questions(
        "What does the problem cost today?",
        "What made you look at this all the same?",
        "What does the problem cost today?",
    ),
    "champion": Questions(
        "Who gains most from this, and speaks for it inside?",
        "Who else would gain from this?",
        "Would you speak for this inside, and what do you need for it?",
    ),
    "competition": Questions(
        "What is used today, and who else is being looked at?",
        "How is it done today, without a tool?",
        "What do you use it for today, and who else is being looked at?",
    ),
}
"""By the element names of `shared.policy.frames`."""
