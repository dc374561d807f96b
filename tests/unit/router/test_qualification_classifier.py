"""The classifier adds up weights exactly, and the weights are learnt from the labelled sentences."""

from __future__ import annotations

import json
from importlib import resources

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.domain.qualification.classifier import SentenceClassifier, Weights, classifier
from services.router.domain.qualification.features import doubted_parts, part_features, sentence_parts
from services.router.domain.qualification.tokens import tokenize
from tests.support.labelled_sentences import training_sentences
from tests.training.weights import ELEMENTS, digest, examples_of, learnt, threshold_for_precision

FOLDER = resources.files("services.router.domain.qualification") / "weights"
WEIGHTS = Weights(
    data="",
    elements=("budget", "need"),
    bias=(-400, -300),
    threshold=50,
    features={
        "stated budget": (0, 450),
        "stated need": (1, 200),
        "word money": (0, 250),
        "stem mone": (0, 30, 1, -40),
        "word lost": (1, 800),
        "doubt negation": (0, -500),
    },
)


def parts_of(text: str, *doubts: str) -> list[tuple[str, ...]]:
    tokens = tokenize(text)
    return [*sentence_parts(tokens, [()] * len(tokens), doubts, is_question=False)]


@pytest.mark.parametrize(
    ("text", "doubts", "stated", "margins"),
    [
        ("", [], [], {"budget": -450, "need": -350}),
        ("money", [], [], {"budget": -170, "need": -390}),
        ("money", [], ["budget"], {"budget": 280, "need": -390}),
        ("money money", [], [], {"budget": 110, "need": -430}),
        ("money", ["negation"], ["budget"], {"budget": -220, "need": -390}),
        ("money lost", [], ["need"], {"budget": -170, "need": 610}),
    ],
)
def test_weights_are_added_up(text, doubts, stated, margins):
    assert SentenceClassifier(WEIGHTS).margins(parts_of(text, *doubts), {*stated}) == margins


def test_what_patterns_state_may_be_refused_and_something_else_added():
    weighed = SentenceClassifier(WEIGHTS)
    assert weighed.known(parts_of("money", "negation"), {"budget"}) == []
    assert weighed.known(parts_of("money"), {"budget"}) == ["budget"]
    assert weighed.known(parts_of("lost"), set()) == ["need"]


@given(
    st.lists(st.tuples(st.integers(0, 11), st.integers(-5_000, 5_000)), max_size=40),
    st.lists(st.sampled_from(["a", "b", "unheard-of"]), max_size=200),
)
def test_the_sum_of_each_element_is_that_of_its_own_weights(pairs, words):
    """However large the weights of its neighbours in the packed integer are, and whatever their signs."""
    row = dict(pairs)
    features = {"word a": tuple(number for pair in row.items() for number in pair), "word b": (3, -4_999)}
    weights = Weights("", ELEMENTS, (0,) * len(ELEMENTS), 0, features)
    expected = [
        words.count("a") * row.get(at, 0) - (4_999 * words.count("b") if at == 3 else 0)
        for at in range(len(ELEMENTS))
    ]
    margins = SentenceClassifier(weights).margins([("word", word) for word in words], set())
    assert list(margins.values()) == expected


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
    model = json.loads((FOLDER / "model.json").read_bytes())
    assert model["data"] == digest(training_sentences())
    assert max(len(file.read_bytes()) for file in FOLDER.iterdir()) < 1_000_000


def test_learning_is_deterministic_and_leaves_out_small_weights():
    sentences = training_sentences()[-400:]
    examples = examples_of(sentences)
    first, again = learnt(examples, 0.5, "x"), learnt(examples_of(sentences), 0.5, "x")
    assert first == again
    assert first.threshold == 50
    assert min(abs(weight) for pairs in first.features.values() for weight in pairs[1::2]) >= 6


def test_the_threshold_is_the_lowest_that_is_precise_enough():
    examples = examples_of([sentence for sentence in training_sentences() if sentence.is_untuned][:20])
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


def test_pairs_are_of_stems_and_of_clusters_and_unknown_words_are_in_none():
    assert part_features(("pair", "budgets", "presupuesto")) == [
        "pair budge presu",
        "clusters budget budget",
    ]
    assert part_features(("pair", "^", "<money>")) == ["pair ^ <mone", "clusters ^ <money>"]
    assert part_features(("word", "qqqq")) == ["word qqqq"]
    assert part_features(("pair", "qqqq", "$")) == ["pair qqqq $", "clusters ? $"]
