"""The classifier adds up weights exactly, and `weights.json` is learnt from the labelled sentences."""

from __future__ import annotations

import json
from importlib import resources

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.domain.qualification.classifier import SentenceClassifier, Weights, classifier
from services.router.domain.qualification.features import part_features, sentence_parts
from services.router.domain.qualification.tokens import tokenize
from tests.support.labelled_sentences import training_sentences
from tests.training.weights import ELEMENTS, digest, examples_of, learnt, threshold_for_precision

FILE = resources.files("services.router.domain.qualification") / "weights.json"
WEIGHTS = Weights(
    data="",
    elements=("budget", "need"),
    bias=(-400, -300),
    stated=(450, 200),
    threshold=50,
    features={
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
    weights = Weights("", ELEMENTS, (0,) * len(ELEMENTS), (0,) * len(ELEMENTS), 0, features)
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
    assert len(parts) <= 4 * len(tokenize(text)) + 1
    assert all(len(part_features(part)) <= 4 for part in parts)


def test_the_weights_are_of_the_present_sentences():
    """If this fails, the labelled sentences have changed since: `make qualification` learns the weights anew."""
    content = FILE.read_bytes()
    assert json.loads(content)["data"] == digest(training_sentences())
    assert len(content) < 300_000


def test_learning_is_deterministic_and_leaves_out_small_weights():
    sentences = training_sentences()[-400:]
    examples = examples_of(sentences)
    first, again = learnt(examples, 0.5, "x"), learnt(examples_of(sentences), 0.5, "x")
    assert first == again
    assert first.threshold == 50
    assert min(abs(weight) for pairs in first.features.values() for weight in pairs[1::2]) >= 12


def test_the_threshold_is_the_lowest_that_is_precise_enough():
    examples = examples_of([sentence for sentence in training_sentences() if sentence.first_read][-20:])
    odds = np.where(examples.known, 2.0, -1.0)
    assert threshold_for_precision(examples, odds, 0.95) == 2.0
    wrong = np.flatnonzero(~examples.known.ravel())[0]
    odds.flat[wrong] = 3.0
    assert threshold_for_precision(examples, odds, 0.9) == 2.0
    assert threshold_for_precision(examples, np.where(examples.known, -1.0, 2.0), 0.95) == 3.0
