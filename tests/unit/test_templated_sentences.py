"""Sentences of templates: each makes known what its templates do, and the same files make the same sentences."""

from __future__ import annotations

import re

import pytest

from shared.policy.frames import FRAMES
from tests.support.labelled_sentences import LANGUAGES
from tests.support.templated_sentences import templated

ELEMENTS = {element for frame in FRAMES.values() for element in frame}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_templates_of_a_language_make_sentences_of_every_element_and_near_misses(language):
    sentences = templated(language)
    assert len(sentences) > 2_000
    assert {element for known in sentences.values() for element in known} == ELEMENTS
    assert 0.2 < sum(not known for known in sentences.values()) / len(sentences) < 0.6
    assert not [text for text in sentences if re.search(r"[{}\[\]@]|  ", text)]
    assert templated(language) == sentences


def test_what_is_joined_makes_known_what_its_parts_do():
    sentences = templated("en")
    joined = [known for text, known in sentences.items() if ", but " in text]
    assert joined
    assert any({"budget", "timeline"} <= known for known in sentences.values())
