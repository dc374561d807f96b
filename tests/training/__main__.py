"""`python -m tests.training`: learns the weights of the qualification anew and prints what they reach.

A file of new labelled sentences as the argument is added to `development.jsonl` before, each with what the patterns
state of it now, so that the weights learn what that is worth.
"""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

from services.router.domain.qualification.classifier import FEATURES_FILE, FOLDER, NETWORK_FILE
from tests.support.labelled_sentences import (
    accuracy,
    add_sentences,
    training_sentences,
)
from tests.training.weights import (
    ELEMENTS,
    cross_validated,
    digest,
    examples_of,
    network_of,
    quantized,
    table_of,
    threshold_for_precision,
    written,
)

WEIGHTS = Path(str(resources.files("services.router.domain.qualification") / FOLDER))
_PRECISION = 0.96
"""Of sentences of authors whom a network has not read; a little more than the aim, 0.95, because new authors write differently."""


def main() -> None:
    """Write the files of `weights`, and print precision and recall in cross-validation."""
    for file in sys.argv[1:]:
        add_sentences(Path(file))
    sentences = training_sentences()
    examples = examples_of(sentences)
    odds = cross_validated(examples)
    threshold = threshold_for_precision(examples, odds, _PRECISION)
    weights = quantized(examples)
    table = table_of(weights, examples.keys)
    network = network_of(weights, table, threshold, digest(sentences))
    (WEIGHTS / NETWORK_FILE).write_text(written(network), encoding="utf-8")
    (WEIGHTS / FEATURES_FILE).write_bytes(table)
    reached = {
        sentence: frozenset(e for e, odd in zip(ELEMENTS, row, strict=True) if odd >= threshold)
        for sentence, row, is_measured in zip(sentences, odds, examples.is_measured, strict=True)
        if is_measured
    }
    stated = {sentence: sentence.first_read or frozenset() for sentence in reached}
    print(f"{len(sentences)} sentences, {len(table):,} bytes; cross-validated in {len(reached)} sentences:")
    for element in (None, *ELEMENTS):
        name = element or "all"
        print(f"{name}: {accuracy(reached, element)}; patterns alone {accuracy(stated, element)}")


main()
