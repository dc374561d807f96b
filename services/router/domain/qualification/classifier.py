"""Decides by weights whether a sentence makes an element known: one logistic regression for each element.

The patterns propose, the weights decide: what a pattern states has a weight like any other feature, so that a
statement in unlikely surroundings is not believed, and a likely one is known although no pattern matches.
The files of `weights` are made by `make qualification`; nothing else changes them. `model.json` has all but
the features, each other file has the features of one kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from functools import cache, lru_cache
from importlib import resources
from typing import Final

import msgspec
from msgspec import Struct

from services.router.domain.qualification.features import Part, part_features

FOLDER: Final = "weights"
MODEL_FILE: Final = "model.json"
_PARTS_CACHED: Final = 32_768
_BITS: Final = 32
_HALF: Final = 1 << (_BITS - 1)
_MASK: Final = (1 << _BITS) - 1


class Weights(Struct, frozen=True):
    """Log odds in hundredths, of each element in the order of `elements`.

    An element is known from `threshold` on. `features` have the weights that are not 0: the place of an
    element, its weight, the place of the next one, and so on. What a pattern states is a feature like any
    other: `stated budget`.
    `data` is the digest of the sentences that the weights were learnt from.
    """

    data: str
    elements: tuple[str, ...]
    bias: tuple[int, ...]
    threshold: int
    features: dict[str, tuple[int, ...]] = {}


class SentenceClassifier:
    """Adds up the weights of all elements at once: one integer has a field of 32 bits for each of them."""

    def __init__(self, weights: Weights) -> None:
        self._elements = weights.elements
        self._features = {
            feature: _packed(zip(pairs[::2], pairs[1::2], strict=True))
            for feature, pairs in weights.features.items()
        }
        self._start = _packed(enumerate(bias - weights.threshold for bias in weights.bias))
        self._weight = lru_cache(maxsize=_PARTS_CACHED)(self._weight_of)

    def known(self, parts: Iterable[Part], stated: AbstractSet[str]) -> list[str]:
        """Return the elements that a sentence makes known. `stated` are those that the patterns state."""
        return [element for element, margin in self.margins(parts, stated).items() if margin >= 0]

    def margins(self, parts: Iterable[Part], stated: AbstractSet[str]) -> dict[str, int]:
        """Return by how many hundredths of log odds each element is above its threshold."""
        total = self._start + sum(map(self._weight, parts))
        total += sum(self._weight(("stated", element)) for element in stated)
        margins: dict[str, int] = {}
        for element in self._elements:
            margin = ((total + _HALF) & _MASK) - _HALF
            margins[element] = margin
            total = (total - margin) >> _BITS
        return margins

    def _weight_of(self, part: Part) -> int:
        return sum(self._features.get(feature, 0) for feature in part_features(part))


def _packed(weights: Iterable[tuple[int, int]]) -> int:
    """Return weights as the fields of one integer, by their places; a sum of such integers has their sums."""
    return sum(weight << (_BITS * place) for place, weight in weights)


@cache
def classifier() -> SentenceClassifier:
    """Return the classifier of the built-in weights, loaded once."""
    folder = resources.files(__package__).joinpath(FOLDER)
    weights = msgspec.json.decode(folder.joinpath(MODEL_FILE).read_bytes(), type=Weights)
    of_kind = msgspec.json.Decoder(dict[str, tuple[int, ...]])
    for file in folder.iterdir():
        if file.name != MODEL_FILE:
            kind = file.name.removesuffix(".json")
            features = of_kind.decode(file.read_bytes())
            weights.features.update((f"{kind} {name}", pairs) for name, pairs in features.items())
    return SentenceClassifier(weights)
