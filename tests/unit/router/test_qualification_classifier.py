"""The classifier computes its network exactly, and the network is learnt from the labelled sentences."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import resources

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.domain.qualification.classifier import (
    FeatureWeights,
    Network,
    SentenceClassifier,
    classifier,
    feature_key,
)
from services.router.domain.qualification.features import doubted_parts, part_features, sentence_parts
from services.router.domain.qualification.tokens import tokenize
from tests.support.labelled_sentences import training_sentences
from tests.training.weights import (
    ELEMENTS,
    Quantized,
    digest,
    examples_of,
    network_of,
    quantized,
    table_of,
    threshold_for_precision,
    written,
)

FOLDER = resources.files("services.router.domain.qualification") / "weights"
FEATURES = {
    "word money": (250, 0),
    "stem mone": (30, -40),
    "stem money": (0, 0),
    "word lost": (0, 800),
    "doubt negation": (-500, 4),
    "stated budget": (448, 0),
    "stated need": (0, 200),
}


def quantized_of(features: Mapping[str, tuple[int, ...]]) -> tuple[Quantized, list[int]]:
    """Return a network of two hidden units, one for the first and one for the second element, and the keys."""
    by_key = {feature_key(name): row for name, row in sorted(features.items())}
    rows = np.array([row for _key, row in sorted(by_key.items())], dtype=np.int64).reshape(-1, 2)
    outputs = np.zeros((len(ELEMENTS), 2), dtype=np.int64)
    outputs[0, 0] = outputs[1, 1] = 2
    outputs[1, 0] = -1
    bias = np.zeros(len(ELEMENTS), dtype=np.int64)
    return Quantized(rows, np.array([10, -20]), outputs, bias, 1.0), sorted(by_key)


def classifier_of(features: Mapping[str, tuple[int, ...]]) -> SentenceClassifier:
    weights, keys = quantized_of(features)
    table = table_of(weights, keys)
    return SentenceClassifier(network_of(weights, table, 50, ""), FeatureWeights(table, 2))


def parts_of(text: str, *doubts: str) -> list[tuple[str, ...]]:
    tokens = tokenize(text)
    return [*sentence_parts(tokens, [()] * len(tokens), doubts, is_question=False)]


@pytest.mark.parametrize(
    ("text", "doubts", "stated", "units"),
    [
        ("", [], [], (10, 0)),
        ("money", [], [], (290, 0)),
        ("money", [], ["budget"], (738, 0)),
        ("money money", [], [], (570, 0)),
        ("money", ["negation"], ["budget"], (238, 0)),
        ("money", ["negation"], [], (0, 0)),
        ("money lost", [], ["need"], (290, 940)),
    ],
)
def test_weights_are_added_up_and_units_below_zero_are_silent(text, doubts, stated, units):
    first, second = units
    margins = classifier_of(FEATURES).margins(parts_of(text, *doubts), {*stated})
    assert (margins[ELEMENTS[0]], margins[ELEMENTS[1]]) == (2 * first - 50, 2 * second - first - 50)
    assert {margins[element] for element in ELEMENTS[2:]} == {-50}


def test_what_patterns_state_may_be_refused_and_something_else_added():
    weighed = classifier_of(FEATURES)
    assert weighed.known(parts_of("money", "negation"), set()) == []
    assert weighed.known(parts_of("money"), {"budget"}) == [ELEMENTS[0]]
    assert weighed.known(parts_of("lost"), set()) == [ELEMENTS[1]]


@given(
    st.dictionaries(
        st.sampled_from("abcdefgh"), st.tuples(st.integers(-4_000, 4_000), st.integers(-4_000, 4_000))
    ),
    st.lists(st.sampled_from("abcdefghi"), max_size=200),
)
def test_the_sums_are_those_that_are_measured_in_training(features, words):
    """However large the weights of a unit's neighbours are, whatever their signs, with the steps of a byte."""
    weights, keys = quantized_of({f"word {word}": row for word, row in features.items()})
    shifts = [max(int(np.ceil(np.log2(max(np.abs(row).max() / 127, 1)))), 0) for row in weights.features]
    rows = [(row >> shift) << shift for row, shift in zip(weights.features, shifts, strict=True)]
    kept = weights._replace(features=np.array(rows, dtype=np.int64).reshape(-1, 2))
    table = table_of(kept, keys)
    read = SentenceClassifier(network_of(kept, table, 0, ""), FeatureWeights(table, 2))
    by_key = dict(zip(keys, rows, strict=True))
    zero = np.zeros(2, dtype=np.int64)
    sums = sum((by_key.get(feature_key(f"word {word}"), zero) for word in words), zero)
    hidden = np.maximum(sums + kept.hidden_bias, 0)
    expected = kept.outputs @ hidden + kept.output_bias
    assert [*read.margins([("word", word) for word in words], set()).values()] == expected.tolist()


@given(st.text(max_size=300), st.sets(st.sampled_from(ELEMENTS)))
def test_every_text_is_weighed_the_same_each_time(text, stated):
    parts = parts_of(text)
    margins = classifier().margins(parts, stated)
    assert {*margins} == {*ELEMENTS}
    assert classifier().margins(parts, stated) == margins
    assert len(parts) <= 9 * len(tokenize(text)) + 4
    assert all(len(part_features(part)) <= 6 for part in parts)


def test_the_weights_are_of_the_present_sentences():
    """If this fails, the labelled sentences have changed since: `make qualification` learns the weights anew."""
    network = json.loads((FOLDER / "network.json").read_bytes())
    assert network["sentences_digest"] == digest(training_sentences())
    assert network["features_digest"] == hashlib.sha256((FOLDER / "features.bin").read_bytes()).hexdigest()
    assert network["elements"] == [*ELEMENTS]
    assert sum(len(file.read_bytes()) for file in FOLDER.iterdir()) < 6_000_000


def test_learning_is_deterministic_and_fits_in_bytes():
    sentences = training_sentences()[:600]
    examples = examples_of(sentences)
    first, again = quantized(examples), quantized(examples_of(sentences))
    table = table_of(first, examples.keys)
    assert table == table_of(again, examples.keys)
    network = network_of(first, table, 0.5, "x")
    assert network == network_of(again, table, 0.5, "x")
    assert msgspec.json.decode(written(network), type=Network) == network
    read = SentenceClassifier(network, FeatureWeights(table, len(network.hidden_bias)))
    assert {*read.margins(parts_of("we have a budget"), set())} == {*ELEMENTS}


def test_the_threshold_is_the_lowest_that_is_precise_enough():
    examples = examples_of([sentence for sentence in training_sentences() if sentence.author == "g"][:60])
    odds = np.where(examples.known, 2.0, -1.0)
    assert threshold_for_precision(examples, odds, 0.95) == 2.0
    wrong = np.flatnonzero(~examples.known.ravel())[0]
    odds.flat[wrong] = 3.0
    assert threshold_for_precision(examples, odds, 0.9) == 2.0
    assert threshold_for_precision(examples, np.where(examples.known, -1.0, 2.0), 0.95) == 3.0


def test_what_follows_a_doubt_in_its_clause_is_weighed_as_doubted():
    tokens = tokenize("no budget, money")
    parts = [*doubted_parts(tokens, [(), ("budget",), (), ()], "negation", 1, 2)]
    assert parts == [("doubted", "negation", "budget", "budget")]
    assert part_features(parts[0]) == [
        "doubted negation budge",
        "doubted-cluster negation budget",
        "doubted-class negation budget",
    ]
    assert len([*doubted_parts(tokenize("no " + "word " * 50), [()] * 51, "negation", 1, 51)]) == 6


@pytest.mark.parametrize(
    ("words", "other"),
    [("budget", "presupuesto"), ("approved", "aprovado"), ("we", "nous"), ("tomorrow", "yesterday")],
)
def test_words_that_mean_much_the_same_share_features(words, other):
    shared = {*part_features(("word", words))} & {*part_features(("word", other))}
    assert any(feature.startswith(("cluster ", "group ")) for feature in shared)


def test_near_words_count_by_their_clusters_and_unknown_words_are_in_none():
    parts = parts_of("budgets presupuesto qqqq")
    assert [part for part in parts if part[0] == "clusters"] == [
        ("clusters", "^", "budget"),
        ("clusters", "^", "budget"),
        ("clusters", "^", "?"),
        ("clusters", "budget", "budget"),
        ("clusters", "budget", "?"),
        ("clusters", "budget", "$"),
        ("clusters", "budget", "?"),
        ("clusters", "budget", "$"),
        ("clusters", "?", "$"),
    ]
    assert part_features(("clusters", "^", "budget")) == ["clusters ^ budget"]
    assert part_features(("word", "qqqq")) == ["word qqqq"]


def test_a_table_of_another_size_is_refused():
    with pytest.raises(ValueError, match="no size of 8 bytes"):
        FeatureWeights(bytes(8), 2)
