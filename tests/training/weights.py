"""Learns the weights of `services/router/domain/qualification/weights` from the labelled sentences.

For each element there is one logistic regression (L2) over the features of a sentence and over what the patterns
state; all are learnt at once by L-BFGS. What they state of a sentence that they were tuned on is no measure of what they
are worth: there it has no weight, only in sentences with `first_read`, which has what they stated when they read it for
the first time.

One threshold for all elements is chosen by cross-validation over the half "training" of `labelled.jsonl`: the lowest one
with the precision that `__main__` asks for. Paraphrases are in the same fold. Thresholds by element, of which some have
only a few dozen sentences, did worse in sentences that they were not chosen on.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction import DictVectorizer

from services.router.domain.qualification.classifier import MODEL_FILE, Weights
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
_L2: Final = 0.25
_STEPS: Final = 50
_FOLDS: Final = 4
_SENTENCES_MIN: Final = 3
"""A feature of fewer sentences is not learnt."""
_WEIGHT_MIN: Final = 6
"""Smaller weights, in hundredths, are left out of the files."""
_WEIGHT_MIN_FOLLOWS: Final = 12
"""The same for words that follow each other: there are many of them, and most are rare."""
_SCALES: Final = {
    "near": 0.2,
    "class": 0.3,
    "doubted-class": 0.3,
    "doubted-cluster": 0.4,
    "doubted": 0.4,
    "clusters": 0.4,
    "pair": 0.5,
    "cluster": 0.7,
    "group": 0.7,
    "stated": 3.0,
}
"""The classes of words were tuned on most of the sentences, so they are made to count less than words."""
_IMPORTANCE_FIRST_READ: Final = 3.0
"""So many tuned sentences count as much as one with `first_read`."""


class Examples(NamedTuple):
    """The sentences as matrices, with a row for each sentence."""

    features: csr_matrix
    names: Sequence[str]
    known: np.ndarray[Any, Any]
    untuned: np.ndarray[Any, Any]
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
    counts = [_feature_counts(sentence) for sentence in sentences]
    in_sentences = Counter(feature for count in counts for feature in count)
    vectorizer = DictVectorizer()
    features = vectorizer.fit_transform(
        {
            feature: number * _scale(feature)
            for feature, number in count.items()
            if in_sentences[feature] >= _SENTENCES_MIN
        }
        for count in counts
    )
    first_read = np.array([sentence.first_read is not None for sentence in sentences])
    return Examples(
        # The last column says that it is not told what patterns stated at first; no sentence to be read has it.
        features=hstack([features, csr_matrix(~first_read[:, None] * 1.0)]).tocsr().astype(np.float32),
        names=vectorizer.feature_names_,
        known=np.array([[element in sentence.known for element in ELEMENTS] for sentence in sentences]),
        untuned=np.array([sentence.first_read is not None and sentence.is_untuned for sentence in sentences]),
        importance=np.array(
            [s.importance * (1.0 if s.first_read is None else _IMPORTANCE_FIRST_READ) for s in sentences]
        ),
        fold=np.array([zlib.crc32((s.family if s.is_untuned else s.text).encode()) // 7 for s in sentences])
        % _FOLDS,
    )


def cross_validated(examples: Examples) -> np.ndarray[Any, Any]:
    """Return the log odds of each element in each sentence by regressions that have not seen the sentence.

    They are those of the weights that would be kept.
    """
    odds = np.zeros(examples.known.shape)
    for fold in range(_FOLDS):
        test = examples.fold == fold
        coefficients, bias = _fitted(examples, ~test)
        scale = _scales(examples.names)
        coefficients[: len(scale)] = _kept(examples.names, coefficients) / scale / _HUNDREDTHS
        odds[test] = examples.features[test] @ coefficients + bias
    return odds


def threshold_for_precision(examples: Examples, odds: np.ndarray[Any, Any], precision: float) -> float:
    """Return the lowest log odds from which on what is taken as known is right with this precision.

    Only sentences of the half "training" count. If no odds are, that is more than the highest of them, so that nothing is known.
    """
    known = examples.known[examples.untuned].ravel()
    found = odds[examples.untuned].ravel()
    order = np.argsort(-found, kind="stable")
    odds_down = found[order]
    last_of_equals = np.append(odds_down[1:] != odds_down[:-1], True)
    reached = last_of_equals & (np.cumsum(known[order]) / np.arange(1, len(order) + 1) >= precision)
    return float(odds_down[np.flatnonzero(reached)[-1]]) if reached.any() else float(odds_down[0]) + 1


def learnt(examples: Examples, threshold: float, data: str) -> Weights:
    """Return the weights of all sentences, rounded, without those that are too small to matter."""
    coefficients, bias = _fitted(examples, np.full(len(examples.known), True))
    features = {
        name: tuple(number for at in np.flatnonzero(row) for number in (int(at), int(row[at])))
        for name, row in zip(examples.names, _kept(examples.names, coefficients), strict=True)
        if row.any()
    }
    return Weights(
        data=data,
        elements=ELEMENTS,
        bias=tuple(int(number) for number in _rounded(bias)),
        threshold=int(_rounded(threshold)),
        features=features,
    )


def written(weights: Weights) -> dict[str, str]:
    """Return the text of each file: those of features have one a line, so that a change can be read."""
    document = {name: getattr(weights, name) for name in weights.__struct_fields__ if name != "features"}
    lines = [f'"{name}": {json.dumps(value)}' for name, value in document.items()]
    lines_by_kind: dict[str, list[str]] = {MODEL_FILE: lines}
    for feature, pairs in sorted(weights.features.items()):
        kind, name = feature.split(" ", 1)
        line = f"{json.dumps(name, ensure_ascii=False)}:{json.dumps(pairs, separators=(',', ':'))}"
        lines_by_kind.setdefault(f"{kind}.json", []).append(line)
    return {file: "\n".join(["{", ",\n".join(rows), "}", ""]) for file, rows in lines_by_kind.items()}


def _feature_counts(sentence: Sentence) -> Counter[str]:
    tokens = with_vendors(tokenize(sentence.text))
    spoken, _ = spoken_languages(tokens)
    reading = read_by_patterns(tokens, spoken, is_question=is_question(sentence.text))
    stated = [("stated", element) for element in sentence.first_read or ()]
    return Counter(feature for part in [*reading.parts, *stated] for feature in part_features(part))


def _scale(feature: str) -> float:
    return _SCALES.get(feature.split(" ", 1)[0], 1.0)


def _scales(names: Sequence[str]) -> np.ndarray[Any, Any]:
    """Return a column of the scales of features."""
    return np.array([[_scale(name)] for name in names])


def _kept(names: Sequence[str], coefficients: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the weights of features in hundredths, 0 for those that are too small to be kept."""
    rounded: np.ndarray[Any, Any] = _rounded(coefficients[: len(names)] * _scales(names))
    least = [[_WEIGHT_MIN_FOLLOWS if name.startswith("follows ") else _WEIGHT_MIN] for name in names]
    rounded[np.abs(rounded) < least] = 0
    return rounded


def _fitted(
    examples: Examples, rows: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the coefficients by feature and element, and the bias by element."""
    features = examples.features[rows]
    transposed = features.T.tocsr()
    signs = np.where(examples.known[rows], 1.0, -1.0).astype(np.float32)
    importance = examples.importance[rows][:, None].astype(np.float32)
    shape = features.shape[1], signs.shape[1]

    def loss_and_gradient(values: np.ndarray[Any, Any]) -> tuple[float, np.ndarray[Any, Any]]:
        single = values.astype(np.float32)  # half as much memory to go through, and exact enough
        coefficients, bias = single[: -shape[1]].reshape(shape), single[-shape[1] :]
        margins = (features @ coefficients + bias) * signs
        slope = -importance * signs / (1 + np.exp(np.clip(margins, -30, 30)))
        loss = (importance * np.logaddexp(0, -margins)).sum() + _L2 / 2 * (coefficients**2).sum()
        gradient = np.append(transposed @ slope + _L2 * coefficients, slope.sum(0))
        return float(loss), gradient.astype(np.float64)

    start = np.zeros((shape[0] + 1) * shape[1])
    found = minimize(
        loss_and_gradient, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS, "maxcor": 6}
    )
    return found.x[: -shape[1]].reshape(shape), found.x[-shape[1] :]


def _rounded(log_odds: Any) -> Any:
    return np.rint(np.asarray(log_odds) * _HUNDREDTHS).astype(int)
