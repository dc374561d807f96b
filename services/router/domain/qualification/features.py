"""The features of a sentence that `classifier` weighs: its words, and their classes in a language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from services.router.domain.qualification.tokens import Token

Part = tuple[str, ...]
"""A part of a sentence that has features: its kind, and the words or classes that it consists of."""

_STEM_LENGTHS: Final = (4, 5, 6)
_NEAR: Final = 3
"""Up to so many tokens apart, the classes of two words count together."""
_AND: Final = "+"


def sentence_parts(
    tokens: Sequence[Token], classes: Sequence[Sequence[str]], doubts: Iterable[str], *, is_question: bool
) -> Iterator[Part]:
    """Yield the parts of a sentence. `classes` are those of each token in the language that is spoken."""
    yield ("ends", "?" if is_question else ".")
    for doubt in sorted({*doubts}):
        yield ("doubt", doubt)
    for at, token in enumerate(tokens):
        word = token.folded if token.kind == "word" else f"<{token.kind}>"
        yield ("word", word)
        if classes[at]:
            yield ("class", *classes[at])
            for other in classes[at + 1 : at + 1 + _NEAR]:
                if other:
                    yield ("near", *classes[at], _AND, *other)


def part_features(part: Part) -> list[str]:
    """Return the features of a part. Stems make features that the inflections of a word share."""
    kind, *names = part
    if kind == "word":
        word = names[0]
        stems = [length for length in _STEM_LENGTHS if len(word) > length and word[0].isalpha()]
        return [f"word {word}", *(f"stem {word[:length]}" for length in stems)]
    if kind == "class":
        return [f"class {name}" for name in names]
    if kind == "near":
        between = names.index(_AND)
        return [f"near {first} {second}" for first in names[:between] for second in names[between + 1 :]]
    return [" ".join(part)]
