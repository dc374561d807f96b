"""Decides whether a sentence makes an element known: a feed-forward network with one hidden layer of units.

The patterns propose, the network decides: what a pattern states is a feature like any other, so that a
statement in unlikely surroundings is not believed, and a likely one is known although no pattern matches.
The files of `weights` are made by `make qualification`; nothing else changes them. All numbers are integers,
so every machine decides alike, and no library for arrays has to be in memory for a few additions.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from functools import cache, lru_cache
from importlib import resources
from operator import mul
from typing import Final

import msgspec
from msgspec import Struct

from services.router.domain.qualification.features import Part, part_features

FOLDER: Final = "weights"
NETWORK_FILE: Final = "network.json"
FEATURES_FILE: Final = "features.bin"
ZERO: Final = 128
"""The byte that stands for a weight of 0."""
_KEY_BYTES: Final = 4
_PARTS_CACHED: Final = 32_768
_FIELD_BYTES: Final = 4
_HALF: Final = 1 << (_FIELD_BYTES * 8 - 1)
"""Is added to each field before it is read, so that none is negative."""


class Network(Struct, frozen=True):
    """The network without the weights of the features.

    An element is known if its output is at least `threshold`. `hidden_bias` has a number for each hidden
    unit, `outputs` a row for each of `elements` with the weights of the hidden units, and `output_bias` a
    number for each element. `sentences_digest` is that of the sentences that all of it was learnt from,
    `features_digest` the SHA-256 of the file with the weights of the features.
    """

    sentences_digest: str
    features_digest: str
    elements: tuple[str, ...]
    threshold: int
    hidden_bias: tuple[int, ...]
    outputs: tuple[tuple[int, ...], ...]
    output_bias: tuple[int, ...]


class FeatureWeights:
    """The weights of the features: `units` bytes for each, found by the CRC-32 of the feature.

    `table` has the CRC-32 of all features in ascending order (32 bits, little-endian), then for each of them
    the bits by which its weights are shifted to the left, then for each its weights, to which `ZERO` was
    added. An unknown feature has no weight: one in 50,000 has the CRC-32 of a known one.
    """

    def __init__(self, table: bytes, units: int) -> None:
        count, rest = divmod(len(table), _KEY_BYTES + 1 + units)
        if rest:
            raise ValueError(f"a table for {units} units has no size of {len(table)} bytes")
        self._keys = array("I", table[: count * _KEY_BYTES])
        if sys.byteorder == "big":
            self._keys.byteswap()
        self._shifts = table[count * _KEY_BYTES : count * (_KEY_BYTES + 1)]
        self._weights = table[count * (_KEY_BYTES + 1) :]
        self._units = units
        self._zeros = packed([ZERO] * units)

    def packed(self, feature: str) -> int:
        """Return the weights of a feature, as `packed` does."""
        key = feature_key(feature)
        at = bisect_left(self._keys, key)
        if at == len(self._keys) or self._keys[at] != key:
            return 0
        fields = bytearray(self._units * _FIELD_BYTES)
        fields[::_FIELD_BYTES] = self._weights[at * self._units : (at + 1) * self._units]
        return (int.from_bytes(fields, "little") - self._zeros) << self._shifts[at]


class SentenceClassifier:
    """Adds up the weights of a sentence's features for all hidden units at once: see `packed`."""

    def __init__(self, network: Network, weights: FeatureWeights) -> None:
        self._network = network
        self._features = weights
        self._start = packed([bias + _HALF for bias in network.hidden_bias])
        self._unpack = struct.Struct(f"<{len(network.hidden_bias)}I")
        self._weights = lru_cache(maxsize=_PARTS_CACHED)(self._weights_of)

    def known(self, parts: Iterable[Part], stated: AbstractSet[str]) -> list[str]:
        """Return the elements that a sentence makes known. `stated` are those that the patterns state."""
        return [element for element, margin in self.margins(parts, stated).items() if margin >= 0]

    def margins(self, parts: Iterable[Part], stated: AbstractSet[str]) -> dict[str, int]:
        """Return by how much the output of each element is above the threshold."""
        network = self._network
        total = self._start + sum(map(self._weights, parts))
        total += sum(self._weights(("stated", element)) for element in stated)
        fields = self._unpack.unpack(total.to_bytes(self._unpack.size, "little"))
        hidden = [max(field - _HALF, 0) for field in fields]
        return {
            element: sum(map(mul, hidden, row)) + bias - network.threshold
            for element, row, bias in zip(network.elements, network.outputs, network.output_bias, strict=True)
        }

    def _weights_of(self, part: Part) -> int:
        return sum(map(self._features.packed, part_features(part)))


def packed(numbers: Iterable[int]) -> int:
    """Return numbers as the fields of one integer, 32 bits each; a sum of such integers has their sums."""
    return sum(number << (_FIELD_BYTES * 8 * place) for place, number in enumerate(numbers))


def feature_key(feature: str) -> int:
    """Return the number by which the weights of a feature are found."""
    return zlib.crc32(feature.encode())


@cache
def classifier() -> SentenceClassifier:
    """Return the classifier of the built-in weights, loaded once."""
    folder = resources.files(__package__).joinpath(FOLDER)
    network = msgspec.json.decode(folder.joinpath(NETWORK_FILE).read_bytes(), type=Network)
    table = folder.joinpath(FEATURES_FILE).read_bytes()
    return SentenceClassifier(network, FeatureWeights(table, len(network.hidden_bias)))
