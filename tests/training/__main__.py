"""`python -m tests.training`: learns the weights of the qualification anew and prints what they reach.

A file of new labelled sentences as the argument is added to `development.jsonl` before, each with what the patterns
state of it now, so that the weights learn what that is worth.
"""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

from services.router.domain.qualification.classifier import FOLDER
from tests.support.labelled_sentences import accuracy, add_sentences, training_sentences
from tests.training.weights import (
    ELEMENTS,
    cross_validated,
    digest,
    examples_of,
    learnt,
    threshold_for_precision,
    written,
)

WEIGHTS = Path(str(resources.files("services.router.domain.qualification") / FOLDER))
_PRECISION = 0.965
"""Of the half "training". It is more than the aim, 0.95: templates were written by somebody who had read its errors."""


def main() -> None:
    """Write the files of `weights`, and print precision and recall in cross-validation."""
    for file in sys.argv[1:]:
        add_sentences(Path(file))
    sentences = training_sentences()
    examples = examples_of(sentences)
    odds = cross_validated(examples)
    threshold = threshold_for_precision(examples, odds, _PRECISION)
    files = written(learnt(examples, threshold, digest(sentences)))
    for old in WEIGHTS.glob("*.json"):
        old.unlink()
    for name, text in files.items():
        (WEIGHTS / name).write_text(text, encoding="utf-8")
    reached = {
        sentence: frozenset(e for e, odd in zip(ELEMENTS, row, strict=True) if odd >= threshold)
        for sentence, row in zip(sentences, odds, strict=True)
        if sentence.is_untuned
    }
    stated = {sentence: sentence.first_read or frozenset() for sentence in reached}
    size = sum(map(len, files.values()))
    print(f"{len(sentences)} sentences, {size:,} bytes; cross-validated in {len(reached)} sentences:")
    for element in (None, *ELEMENTS):
        name = element or "all"
        print(f"{name}: {accuracy(reached, element)}; patterns alone {accuracy(stated, element)}")


main()
