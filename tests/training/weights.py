"""Learns the weights of `services/router/domain/qualification/weights` from the labelled sentences.

The network has one hidden layer of rectified linear units; it is learnt by Adagrad in small batches, with dropout of
features and of units. What the patterns state of a sentence that they were tuned on is no measure of what they are
worth: there it has no weight, only in sentences with `first_read`, which has what they stated when they read it for the
first time.

One threshold for all elements is chosen by cross-validation over the sentences of the late authors: the lowest one with
the precision that `__main__` asks for. Nobody had seen these sentences when patterns, templates and the other sentences
were written, and all sentences of an author are in one fold, so a network is measured on authors whom it has not read. All
that is measured is measured with the integers that would be kept.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from services.router.domain.qualification.classifier import ZERO, Network, feature_key
from services.router.domain.qualification.features import part_features
from shared.policy.frames import FRAMES
from tests.support.labelled_sentences import LATE_AUTHORS, Sentence, pattern_reading

ELEMENTS: Final = tuple(element for frame in FRAMES.values() for element in frame)
Floats = np.ndarray[Any, np.dtype[np.float32]]
Integers = np.ndarray[Any, np.dtype[np.int64]]

_HIDDEN: Final = 64
_EPOCHS: Final = 20
_BATCH: Final = 128
_RATE: Final = 0.1
_FEATURES_DROPPED: Final = 0.5
_UNITS_DROPPED: Final = 0.3
_FIRST_SPREAD: Final = 0.02
_FIRST_OUTPUT_SPREAD: Final = 0.3
_FIRST_OUTPUT_BIAS: Final = -3.0
"""About the log odds of an element in a sentence of which nothing is known."""
_FIRST_SQUARES: Final = 1e-3
_ODDS_MAX: Final = 30.0
_FOLDS: Final = 4
_NEVER_MEASURED: Final = -1
_SENTENCES_MIN: Final = 8
"""A feature of fewer sentences is not learnt."""
_SCALES: Final = {
    "doubted-class": 0.3,
    "class": 0.3,
    "doubted-cluster": 0.4,
    "doubted": 0.4,
    "clusters": 0.4,
    "cluster": 0.7,
    "group": 0.7,
    "stated": 3.0,
}
"""The classes of words were tuned on most of the sentences, so they are made to count less than words."""
_IMPORTANCE_FIRST_READ: Final = 3.0
"""So many tuned sentences count as much as one with `first_read`."""
_SHARE_UNSHIFTED: Final = 0.999
"""Weights in one byte have the steps that suit all but the largest in a thousand; these are shifted."""
_SHIFT_MAX: Final = 8
_OUTPUT_STEPS: Final = 1_024
"""The steps of an output's weight in 1."""


class Examples(NamedTuple):
    """The sentences as matrices, with a row for each sentence.

    `counts` says how often a sentence has each of the features with these ascending `keys`; a feature counts
    by its `scale`. Sentences of which nothing is measured have the fold `_NEVER_MEASURED`.
    """

    counts: csr_matrix
    keys: Sequence[int]
    scale: Floats
    known: np.ndarray[Any, np.dtype[np.bool_]]
    importance: Floats
    fold: Integers

    @property
    def is_measured(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which sentences are measured in cross-validation."""
        return self.fold != _NEVER_MEASURED


class _Learnt(NamedTuple):
    """A network in floating point: the weights of scaled features, and those of hidden units."""

    features: Floats
    hidden_bias: Floats
    outputs: Floats
    output_bias: Floats


class Quantized(NamedTuple):
    """A network in the integers that are kept. An output of `per_odds` is a log odds of 1."""

    features: Integers
    hidden_bias: Integers
    outputs: Integers
    output_bias: Integers
    per_odds: float


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
    # Of two features with the same key, the last is learnt.
    by_key = {
        feature_key(name): name for name in sorted(in_sentences) if in_sentences[name] >= _SENTENCES_MIN
    }
    names = [name for _key, name in sorted(by_key.items())]
    column = {name: at for at, name in enumerate(names)}
    cells = [
        (row, column[name], number)
        for row, count in enumerate(counts)
        for name, number in count.items()
        if name in column
    ]
    rows, columns, numbers = np.array(cells).T
    return Examples(
        counts=csr_matrix((numbers.astype(np.float32), (rows, columns)), shape=(len(counts), len(names))),
        keys=sorted(by_key),
        scale=np.array([_SCALES.get(name.split(" ", 1)[0], 1.0) for name in names], dtype=np.float32),
        known=np.array([[element in sentence.known for element in ELEMENTS] for sentence in sentences]),
        importance=np.array(
            [s.importance * (1.0 if s.first_read is None else _IMPORTANCE_FIRST_READ) for s in sentences],
            dtype=np.float32,
        ),
        fold=np.array([_fold_of(sentence) for sentence in sentences]),
    )


def cross_validated(examples: Examples) -> np.ndarray[Any, Any]:
    """Return the log odds of each element in each measured sentence, by networks that know none of its author."""
    odds = np.zeros(examples.known.shape)
    for fold in range(_FOLDS):
        test = examples.fold == fold
        network = quantized(examples, ~test)
        odds[test] = _outputs(network, examples.counts[test]) / network.per_odds
    return odds


def threshold_for_precision(examples: Examples, odds: np.ndarray[Any, Any], precision: float) -> float:
    """Return the lowest log odds from which on what is taken as known is right with this precision.

    Only measured sentences count. If no threshold is, that is more than the highest odds, so that nothing is
    known.
    """
    known = examples.known[examples.is_measured].ravel()
    found = odds[examples.is_measured].ravel()
    order = np.argsort(-found, kind="stable")
    odds_down = found[order]
    last_of_equals = np.append(odds_down[1:] != odds_down[:-1], True)
    reached = last_of_equals & (np.cumsum(known[order]) / np.arange(1, len(order) + 1) >= precision)
    return float(odds_down[np.flatnonzero(reached)[-1]]) if reached.any() else float(odds_down[0]) + 1


def quantized(examples: Examples, rows: np.ndarray[Any, Any] | None = None) -> Quantized:
    """Return the network that is learnt from some of the examples, or from all."""
    learnt = _learnt(examples, np.full(len(examples.known), True) if rows is None else rows)
    features = learnt.features * examples.scale[:, None]
    step = float(np.quantile(np.abs(features), _SHARE_UNSHIFTED)) / (ZERO - 1)
    whole = np.rint(features / step).astype(np.int64)
    shifts = _shifts(whole)[:, None]
    per_odds = _OUTPUT_STEPS / step
    return Quantized(
        features=np.clip(np.rint(whole / (1 << shifts)).astype(np.int64), 1 - ZERO, ZERO - 1) << shifts,
        hidden_bias=np.rint(learnt.hidden_bias / step).astype(np.int64),
        outputs=np.rint(learnt.outputs.T * _OUTPUT_STEPS).astype(np.int64),
        output_bias=np.rint(learnt.output_bias * per_odds).astype(np.int64),
        per_odds=per_odds,
    )


def network_of(weights: Quantized, table: bytes, threshold: float, sentences_digest: str) -> Network:
    """Return the network as it is kept, with its table of features. `threshold` is in log odds."""
    return Network(
        sentences_digest=sentences_digest,
        features_digest=hashlib.sha256(table).hexdigest(),
        elements=ELEMENTS,
        threshold=round(threshold * weights.per_odds),
        hidden_bias=tuple(map(int, weights.hidden_bias)),
        outputs=tuple(tuple(map(int, row)) for row in weights.outputs),
        output_bias=tuple(map(int, weights.output_bias)),
    )


def table_of(weights: Quantized, keys: Sequence[int]) -> bytes:
    """Return the weights of the features with these ascending keys as `FeatureWeights` reads them."""
    shifts = _shifts(weights.features)
    if shifts.max(initial=0) > _SHIFT_MAX:
        raise ValueError("weights are too large for the fields in which they are added up")
    kept = (weights.features >> shifts[:, None]) + ZERO
    return (
        np.array(keys, dtype="<u4").tobytes()
        + shifts.astype(np.uint8).tobytes()
        + kept.astype(np.uint8).tobytes()
    )


def written(network: Network) -> str:
    """Return the text of the network's file."""
    lines = [f'"{name}": {json.dumps(getattr(network, name))}' for name in network.__struct_fields__]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _fold_of(sentence: Sentence) -> int:
    if sentence.author not in LATE_AUTHORS:
        return _NEVER_MEASURED
    return LATE_AUTHORS.index(sentence.author) % _FOLDS


def _feature_counts(sentence: Sentence) -> Counter[str]:
    parts = pattern_reading(sentence.text).parts
    stated = [("stated", element) for element in sentence.first_read or ()]
    return Counter(feature for part in [*parts, *stated] for feature in part_features(part))


def _shifts(features: Integers) -> Integers:
    """Return for each feature by how many bits its weights are too large for a byte."""
    most = np.abs(features).max(axis=1, initial=0)
    return np.ceil(np.log2(np.maximum(most / (ZERO - 1), 1))).astype(np.int64)


def _outputs(network: Quantized, counts: csr_matrix) -> Integers:
    """Return the outputs of the elements for sentences with these features."""
    hidden = np.maximum(counts.astype(np.int64) @ network.features + network.hidden_bias, 0)
    return hidden @ network.outputs.T + network.output_bias


class _Adagrad:
    """A matrix that learns: each step of a number is divided by the root of the squares of its gradients.

    The numbers of a row share these squares, if `by_row` is set.
    """

    def __init__(self, values: Floats, *, by_row: bool = False) -> None:
        self.values = values
        self._by_row = by_row
        shape = (len(values), 1) if by_row else values.shape
        self._squares = np.full(shape, _FIRST_SQUARES, dtype=np.float32)

    def step(self, gradient: Floats, rate: float, rows: Any = slice(None)) -> None:
        """Change the values of some rows against their gradient."""
        squares = (gradient**2).mean(axis=1, keepdims=True) if self._by_row else gradient**2
        self._squares[rows] += squares
        self.values[rows] -= rate * gradient / np.sqrt(self._squares[rows])


def _learnt(examples: Examples, rows: np.ndarray[Any, Any]) -> _Learnt:
    """Return the network that is learnt from some of the examples."""
    random = np.random.default_rng(0)
    scaled = csr_matrix(examples.counts[rows].multiply(examples.scale))
    known, importance = examples.known[rows].astype(np.float32), examples.importance[rows][:, None]

    def spread(*shape: int, by: float) -> Floats:
        return (random.standard_normal(shape) * by).astype(np.float32)

    features = _Adagrad(spread(scaled.shape[1], _HIDDEN, by=_FIRST_SPREAD), by_row=True)
    hidden_bias = _Adagrad(np.zeros(_HIDDEN, dtype=np.float32))
    outputs = _Adagrad(spread(_HIDDEN, len(ELEMENTS), by=_FIRST_OUTPUT_SPREAD))
    output_bias = _Adagrad(np.full(len(ELEMENTS), _FIRST_OUTPUT_BIAS, dtype=np.float32))
    steps = [
        batch
        for _epoch in range(_EPOCHS)
        for batch in np.split(random.permutation(len(known)), range(_BATCH, len(known), _BATCH))
    ]
    for number, batch in enumerate(steps):
        rate = _RATE * (1 - number / len(steps))
        columns, present = _dropped(scaled[batch], random)
        sums = present @ features.values[columns] + hidden_bias.values
        kept = (random.random(sums.shape) >= _UNITS_DROPPED).astype(np.float32) / (1 - _UNITS_DROPPED)
        units = np.maximum(sums, 0) * kept
        odds = np.clip(units @ outputs.values + output_bias.values, -_ODDS_MAX, _ODDS_MAX)
        by_output = (1 / (1 + np.exp(-odds)) - known[batch]) * importance[batch] / _BATCH
        by_unit = (by_output @ outputs.values.T) * kept * (sums > 0)
        outputs.step(units.T @ by_output, rate)
        output_bias.step(by_output.sum(axis=0), rate)
        hidden_bias.step(by_unit.sum(axis=0), rate)
        features.step(present.T @ by_unit, rate, columns)
    # An unknown feature has no weight when a sentence is read, so none here, where only others have it.
    features.values[scaled.getnnz(axis=0) == 0] = 0
    return _Learnt(features.values, hidden_bias.values, outputs.values, output_bias.values)


def _dropped(scaled: csr_matrix, random: np.random.Generator) -> tuple[Integers, csr_matrix]:
    """Return the columns that the sentences have, and the sentences in these, with some features left out."""
    kept = random.random(scaled.nnz) >= _FEATURES_DROPPED
    columns, places = np.unique(scaled.indices, return_inverse=True)
    values = (scaled.data * kept / (1 - _FEATURES_DROPPED)).astype(np.float32)
    return columns, csr_matrix((values, places, scaled.indptr), shape=(scaled.shape[0], len(columns)))
