"""How well sentences are read: precision and recall on the labelled sentences, and the sentences of the docs."""

from __future__ import annotations

import pytest

from services.router.domain.qualification.statements import read_statements
from shared.policy.frames import FRAMES
from tests.support.labelled_sentences import (
    AUTHORS,
    LANGUAGES,
    accuracy,
    development_sentences,
    independent_sentences,
    labelled_sentences,
    read,
    training_sentences,
    variant_sentences,
)

ELEMENTS = {element for frame in FRAMES.values() for element in frame}


HELD_OUT_PRECISION, HELD_OUT_RECALL = 0.95, 0.8
"""What is aimed at, and reached: 0.958 and 0.806 on 28 November 2026. Never tune on this half."""


def test_the_held_out_half_is_read_rightly():
    reached = accuracy(read(labelled_sentences("held-out")))
    assert (reached.precision >= HELD_OUT_PRECISION, reached.recall >= HELD_OUT_RECALL) == (True, True), str(
        reached
    )


def test_what_has_been_learnt_is_read_rightly():
    for sentences in (labelled_sentences("training"), development_sentences()):
        reached = accuracy(read(sentences))
        assert (reached.precision >= 0.98, reached.recall >= 0.88) == (True, True), str(reached)


def test_half_of_the_labelled_sentences_make_nothing_known():
    for half in ("training", "held-out"):
        sentences = labelled_sentences(half)
        assert len(sentences) > 1_000
        assert 0.4 < sum(not sentence.known for sentence in sentences) / len(sentences) < 0.6
        assert {element for sentence in sentences for element in sentence.known} == ELEMENTS
        assert {sentence.language for sentence in sentences} == {*LANGUAGES}


def test_independent_authors_wrote_about_all_elements_and_half_of_it_makes_nothing_known():
    for author in AUTHORS:
        sentences = independent_sentences(author)
        assert len(sentences) > 1_000
        assert 0.4 < sum(not sentence.known for sentence in sentences) / len(sentences) < 0.6
        assert {element for sentence in sentences for element in sentence.known} == ELEMENTS
        assert {sentence.language for sentence in sentences} >= {*LANGUAGES} - {"en"}


def test_variants_of_the_examples_of_the_contract_are_read_rightly():
    found = read(variant_sentences())
    wrong = {sentence.text: sorted(known) for sentence, known in found.items() if known != sentence.known}
    assert len(wrong) <= 5, wrong
    assert len(found) == 147


def test_nothing_that_is_held_out_is_learnt_from():
    held_out = labelled_sentences("held-out")
    learnt = training_sentences()
    assert {sentence.text for sentence in held_out} & {sentence.text for sentence in learnt} == set()
    assert {sentence.family for sentence in held_out} & {sentence.family for sentence in learnt} == set()


@pytest.mark.parametrize(
    ("sentence", "known"),
    [
        ("I don't have any budget.", set()),
        ("Our CFO approved $60k.", {"budget", "authority", "economic_buyer"}),
        ("Our contract with Rivalworks runs out in March.", {"competition", "timeline"}),
        ("We need this before June.", {"timeline"}),
        ("Need this before June.", {"timeline"}),
        ("The CFO green-lit 45k yesterday", {"budget", "authority", "economic_buyer"}),
        ("Notre contrat avec vous se termine en mars", set()),
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
