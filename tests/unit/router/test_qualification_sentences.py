"""How well sentences are read: precision and recall on the labelled sentences, and the sentences of the docs."""

from __future__ import annotations

import pytest

from services.router.domain.qualification.statements import read_statements
from shared.policy.frames import FRAMES
from tests.support.labelled_sentences import Half, accuracy, labelled_sentences, read

ELEMENTS = {element for frame in FRAMES.values() for element in frame}


@pytest.mark.parametrize(
    ("half", "precision", "recall"),
    [("development", 0.98, 0.88), ("held-out", 0.95, 0.9), ("blind", 0.9, 0.78), ("blind-2", 0.7, 0.3)],
)
def test_the_labelled_sentences_are_read_rightly(half: Half, precision, recall):
    reached = accuracy(read(labelled_sentences(half)))
    assert (reached.precision >= precision, reached.recall >= recall) == (True, True), str(reached)


def test_half_of_the_labelled_sentences_make_nothing_known():
    for half in ("development", "held-out"):
        sentences = labelled_sentences(half)
        assert len(sentences) > 200
        assert 0.45 < sum(not sentence.known for sentence in sentences) / len(sentences) < 0.6
        assert {element for sentence in sentences for element in sentence.known} == ELEMENTS


@pytest.mark.parametrize(
    ("sentence", "known"),
    [
        ("I don't have any budget.", set()),
        ("Our CFO approved $60k.", {"budget", "authority", "economic_buyer"}),
        ("Our contract with Rivalworks runs out in March.", {"competition", "timeline"}),
        ("We need this before June.", {"timeline"}),
        ("Need this before June.", {"timeline"}),
    ],
)
def test_the_examples_of_the_contract(sentence, known):
    assert {*read_statements(sentence).known} == known


@pytest.mark.parametrize(
    ("sentence", "known"),
    [
        ("We lost many leads last year.", {"need", "identify_pain"}),
        ("We lost many leads last year, but that has been fixed since.", set()),
        ("The board approved $60k, but it was cut.", {"authority", "economic_buyer"}),
        ("We use HubSpot.", {"competition"}),
        ("My sister uses HubSpot.", set()),
        ("I need a tool for my thesis.", set()),
    ],
)
def test_what_is_solved_withdrawn_or_about_somebody_else_is_not_known(sentence, known):
    assert {*read_statements(sentence).known} == known


def test_a_denial_counts_only_where_it_is_stated():
    assert {*read_statements("There is no budget for this.").denied} == {"budget"}
    assert read_statements("Is there no budget for this?").denied == {}
