"""Learns the weights of `services/router/domain/qualification/weights.json` from the labelled sentences.

For each element there is one logistic regression (L2) over the features of a sentence and over what the patterns
state. What they state of a sentence that they were tuned on is no measure of what they are worth: there it has no
weight, only in sentences with `first_read`, which has what they stated when they read it for the first time.

One threshold for all elements is chosen by cross-validation over the sentences with `first_read`: the lowest one with a
precision of 0.95. Thresholds by element, of which some have only a few dozen sentences, did worse in sentences that they
were not chosen on.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from services.router.domain.qualification.classifier import Weights
from services.router.domain.qualification.features import part_features
from services.router.domain.qualification.statements import (
    is_question,
    read_by_patterns,
    spoken_languages,
)
from services.router.domain.qualification.tokens import tokenize
from services.router.domain.qualification.vendors import with_vendors
from shared.policy.frames import FRAMES
from tests.support.labelled_sentences import Sentence

ELEMENTS: Final = tuple(element for frame in FRAMES.values() for element in frame)
_HUNDREDTHS: Final = 100
_INVERSE_L2: Final = 1.0
_FOLDS: Final = 5
_SENTENCES_MIN: Final = 2
"""A feature of fewer sentences is not learnt."""
_WEIGHT_MIN: Final = 12
"""Smaller weights, in hundredths, are left out of the file."""
_SCALES: Final = {"near": 0.2, "class": 0.3}
"""The classes of words were tuned on most of the sentences, so they are made to count less than words."""
_SCALE_STATED: Final = 3.0
_IMPORTANCE_FIRST_READ: Final = 3.0
"""So many tuned sentences count as much as one with `first_read`."""


class Examples(NamedTuple):
    """The sentences as matrices, with a row for each sentence."""

    features: csr_matrix
    names: Sequence[str]
    stated: np.ndarray[Any, Any]
    known: np.ndarray[Any, Any]
    first_read: np.ndarray[Any, Any]
    importance: np.ndarray[Any, Any]
    fold: np.ndarray[Any, Any]


def digest(sentences: Iterable[Sentence]) -> str:
    """Return a digest of the sentences that weights are learnt from, by which a test sees that they are theirs."""
    lines = sorted(
        f"{sentence.text}\t{sorted(sentence.known)}\t{sentence.first_read and sorted(sentence.first_read)}"
        for sentence in sentences
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def examples_of(sentences: Sequence[Sentence]) -> Examples:
    """Return the features, labels and weights of labelled sentences."""
    counts = [_feature_counts(sentence.text) for sentence in sentences]
    in_sentences = Counter(feature for count in counts for feature in count)
    vectorizer = DictVectorizer()
    features = vectorizer.fit_transform(
        {
            feature: number * _SCALES.get(feature.split(" ", 1)[0], 1.0)
            for feature, number in count.items()
            if in_sentences[feature] >= _SENTENCES_MIN
        }
        for count in counts
    )
    return Examples(
        features=features,
        names=vectorizer.feature_names_,
        stated=np.array([[e in (s.first_read or ()) for e in ELEMENTS] for s in sentences], float),
        known=np.array([[element in sentence.known for element in ELEMENTS] for sentence in sentences]),
        first_read=np.array([sentence.first_read is not None for sentence in sentences]),
        importance=np.array(
            [s.importance * (1.0 if s.first_read is None else _IMPORTANCE_FIRST_READ) for s in sentences]
        ),
        fold=np.array([zlib.crc32(sentence.text.encode()) // 7 % _FOLDS for sentence in sentences]),
    )


def cross_validated(examples: Examples) -> np.ndarray[Any, Any]:
    """Return the log odds of each element in each sentence by regressions that have not seen the sentence."""
    odds = np.zeros(examples.known.shape)
    for at in range(len(ELEMENTS)):
        matrix = _with_stated(examples, at)
        for fold in range(_FOLDS):
            test = examples.fold == fold
            odds[test, at] = _fitted(examples, matrix, at, ~test).decision_function(matrix[test])
    return odds


def threshold_for_precision(examples: Examples, odds: np.ndarray[Any, Any], precision: float) -> float:
    """Return the lowest log odds from which on what is taken as known is right with this precision.

    If no odds are, that is more than the highest of them, so that nothing is known.
    """
    known = examples.known[examples.first_read].ravel()
    found = odds[examples.first_read].ravel()
    order = np.argsort(-found, kind="stable")
    odds_down = found[order]
    last_of_equals = np.append(odds_down[1:] != odds_down[:-1], True)
    reached = last_of_equals & (np.cumsum(known[order]) / np.arange(1, len(order) + 1) >= precision)
    return float(odds_down[np.flatnonzero(reached)[-1]]) if reached.any() else float(odds_down[0]) + 1


def learnt(examples: Examples, threshold: float, data: str) -> Weights:
    """Return the weights of all sentences, rounded, without those that are too small to matter."""
    fitted = [
        _fitted(examples, _with_stated(examples, at), at, np.full(len(examples.known), True))
        for at in range(len(ELEMENTS))
    ]
    scale = np.array([_SCALES.get(name.split(" ", 1)[0], 1.0) for name in examples.names])
    rounded = np.array([_rounded(model.coef_[0][: len(scale)] * scale) for model in fitted])
    rounded[np.abs(rounded) < _WEIGHT_MIN] = 0
    features = {
        name: tuple(number for at in np.flatnonzero(row) for number in (int(at), int(row[at])))
        for name, row in zip(examples.names, rounded.T, strict=True)
        if row.any()
    }
    return Weights(
        data=data,
        elements=ELEMENTS,
        bias=tuple(int(_rounded(model.intercept_[0])) for model in fitted),
        stated=tuple(int(_rounded(model.coef_[0][len(scale)] * _SCALE_STATED)) for model in fitted),
        threshold=int(_rounded(threshold)),
        features=features,
    )


def written(weights: Weights) -> str:
    """Return the text of the file: one feature a line, so that a change can be read."""
    document = {name: getattr(weights, name) for name in weights.__struct_fields__ if name != "features"}
    lines = [f'"{name}": {json.dumps(value)},' for name, value in document.items()]
    features = [
        f"{json.dumps(name, ensure_ascii=False)}:{json.dumps(pairs, separators=(',', ':'))}"
        for name, pairs in sorted(weights.features.items())
    ]
    return "\n".join(["{", *lines, '"features": {', ",\n".join(features), "}", "}", ""])


def _feature_counts(text: str) -> Counter[str]:
    tokens = with_vendors(tokenize(text))
    spoken, _ = spoken_languages(tokens)
    reading = read_by_patterns(tokens, spoken, is_question=is_question(text))
    return Counter(feature for part in reading.parts for feature in part_features(part))


def _with_stated(examples: Examples, at: int) -> csr_matrix:
    """Return the features of an element: those of the sentence, whether patterns state it, whether that is told."""
    stated = examples.stated[:, [at]] * _SCALE_STATED
    return hstack([examples.features, stated, ~examples.first_read[:, None] * 1.0]).tocsr()


def _fitted(
    examples: Examples, matrix: csr_matrix, at: int, rows: np.ndarray[Any, Any]
) -> LogisticRegression:
    model = LogisticRegression(C=_INVERSE_L2, solver="liblinear", tol=1e-3)
    return model.fit(matrix[rows], examples.known[rows, at], sample_weight=examples.importance[rows])


def _rounded(log_odds: Any) -> Any:
    return np.rint(np.asarray(log_odds) * _HUNDREDTHS).astype(int)
