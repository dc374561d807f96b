"""`qualification`: how rightly the labelled sentences are read, and what it costs to qualify a lead.

What is aimed at is a precision of 0.95 and a recall of 0.8 on the held-out half, which neither patterns nor weights have
seen. The ratio is what was reached over the aim, of the two the lower one.
"""

from __future__ import annotations

from itertools import count
from typing import Final

from msgspec.structs import replace

from services.router.domain.qualification import qualify
from services.router.domain.qualification.statements import read_statements
from shared.policy.frames import FRAMES
from tests.bench.figure import Figure, microseconds
from tests.bench.services import Services
from tests.support.labelled_sentences import LANGUAGES, accuracy, labelled_sentences, read, training_sentences
from tests.support.scored_leads import scored_lead

_PRECISION_AIM: Final = 0.95
_RECALL_AIM: Final = 0.8
_TIMES: Final = 300
_MESSAGE: Final = (
    "Hello, we lose two days a month reconciling payouts and want to see a demo. We currently use HubSpot, and our"
    " contract runs out in March. Our CFO approved ${}k for this. Please call me next week: does it work with SAP?"
)
_ANSWERS: Final = {
    "Budget": "40-60k",
    "Timeline": "Q3",
    "Company size": "51-200",
    "Biggest challenge": "slow follow-up",
}


async def qualification(_services: Services) -> Figure:
    """Measure the figure: precision and recall by language and element, and microseconds a message."""
    held_out = read(labelled_sentences("held-out"))
    reached = accuracy(held_out)
    details = [f"learnt from: {accuracy(read(training_sentences()))}", f"half held-out: {reached}"]
    for language in LANGUAGES:
        of_language = {
            sentence: known for sentence, known in held_out.items() if sentence.language == language
        }
        details.append(f"  {language}: {accuracy(of_language)}")
    elements = dict.fromkeys(element for frame in FRAMES.values() for element in frame)
    details += [f"  {element}: {accuracy(held_out, element)}" for element in elements]
    lead = replace(scored_lead(), answers=_ANSWERS)
    new = (_MESSAGE.format(thousands) for thousands in count(1))  # what was read before costs next to nothing
    message_us = microseconds(_TIMES, lambda: read_statements(next(new)))
    lead_us = microseconds(_TIMES, lambda: qualify(replace(lead, message=next(new)), "meddpicc"))
    long_ms = microseconds(1, lambda: read_statements((next(new) * 100)[:20_000])) / 1_000
    details.append(
        f"{message_us:.0f} us a message of {len(_MESSAGE)} characters, {lead_us:.0f} us a lead with"
        f" {len(_ANSWERS)} answers, {long_ms:.1f} ms a message of 20,000 characters"
    )
    ratio = min(reached.precision / _PRECISION_AIM, reached.recall / _RECALL_AIM)
    return Figure("qualification", round(ratio, 3), 1.0, details)
