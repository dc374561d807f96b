"""Whatever a buyer writes is qualified, quotes only what was written, and takes time in its length only."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.router.domain.qualification import qualify
from services.router.domain.qualification.language import languages
from services.router.domain.qualification.statements import read_statements
from services.router.domain.qualification.tokens import TEXT_LENGTH_MAX, split_sentences, tokenize
from shared.policy.frames import FRAMES
from tests.support.labelled_sentences import training_sentences
from tests.support.scored_leads import scored_lead

SENTENCES = [sentence.text for sentence in training_sentences()]
WORDS = sorted({word for text in SENTENCES for word in text.split()})
PIECES = st.sampled_from(
    [*WORDS, ",", ".", "?", "\n", "not", "no", "if", "$60k", "€ 1.000,00", "10%", "'", "\u2019t", "30."]
)
TEXTS = st.text(max_size=200) | st.lists(PIECES, max_size=60).map(" ".join)


@given(TEXTS)
def test_every_text_is_read_and_its_evidence_is_a_sentence_of_it(text):
    stated = read_statements(text)
    sentences = split_sentences(text)
    assert {*stated.known.values(), *stated.denied.values()} <= {*sentences}
    assert {*stated.known} <= {element for frame in FRAMES.values() for element in frame}


@given(TEXTS)
def test_a_sentence_that_ends_with_a_question_mark_denies_nothing(text):
    question = f"{' '.join(text.replace('.', ' ').replace('!', ' ').split())}?"
    if len(split_sentences(question)) == 1:
        assert read_statements(question).denied == {}


@given(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=6))
def test_the_evidence_is_a_sentence_of_the_message(sentences):
    together = read_statements("\n\n".join(sentences)).known
    assert {*together.values()} <= {line for sentence in sentences for line in split_sentences(sentence)}


@given(
    TEXTS,
    st.dictionaries(st.sampled_from(["Budget", "Timeline", "need", "x"]), TEXTS | st.none() | st.integers()),
)
def test_an_unknown_element_has_no_evidence_but_a_denial(message, answers):
    lead = replace(scored_lead(message=message), answers=answers)
    for frame in FRAMES:
        for element in qualify(lead, frame).elements:
            assert element.evidence is not None or element.state == "unknown"
            assert len(element.evidence or "") < 700


@given(TEXTS)
def test_tokens_and_symbols_are_as_many(text):
    tokens = tokenize(text)
    assert all(len(language.encode(tokens)) == len(tokens) for language in languages())


ADVERSARIAL = [
    *(
        "a ",
        "a'",
        "a\n",
        "1 ",
        "1",
        ".",
        " ",
        "\n",
        ",",
        "budget ",
        "not no ",
        "Budget: 40k\n",
        "$1,111.11 ",
        "ä",
    ),
    "we need to lose 10 hours before june we ",
    "we have no budget because our cfo approved 60k if ",
]


@pytest.mark.parametrize("piece", ADVERSARIAL, ids=repr)
def test_the_time_grows_with_the_length_only(piece):
    """Twice the text takes about twice the time; a quadratic or exponential pattern would take 4 times or more."""
    read_statements(piece * 20)  # compiles the patterns

    def seconds(length: int) -> float:
        text = (piece * TEXT_LENGTH_MAX)[:length]
        rounds = []
        for _ in range(3):
            began = time.process_time()
            read_statements(text)
            rounds.append(time.process_time() - began)
        return min(rounds)

    assert seconds(TEXT_LENGTH_MAX) < 20 * seconds(TEXT_LENGTH_MAX // 8) + 0.25
