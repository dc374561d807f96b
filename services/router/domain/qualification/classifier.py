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
from typing import Final, NamedTuple

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


class Network(Struct, frozen=True):
    """The network without the weights of the features.

    An element is known if its output is at least `threshold`. `hidden_bias` has a number for each hidden
    unit, `outputs` a row for each of `elements` with the weights of the hidden units, and `output_bias` a
    number for each element. `data` is the digest of the sentences that all of it was learnt from.
    """

    data: str
    elements: tuple[str, ...]
    threshold: int
    hidden_bias: tuple[int, ...]
    outputs: tuple[tuple[int, ...], ...]
    output_bias: tuple[int, ...]


class PackedWeights(NamedTuple):
    """The weights of some features for all hidden units, added up in one integer with a field for each unit.

    A field is too large by `excess`, so that none is negative.
    """

    fields: int
    excess: int


class FeatureWeights:
    """The weights of the features: `units` bytes for each, found by the CRC-32 of the feature.

    `table` has the CRC-32 of all features in ascending order (32 bits, little-endian), then for each of them
    the bits by which its weights are shifted to the left, then for each its weights, to which `ZERO` was
    added. An unknown feature has no weight: one in 50,000 has the CRC-32 of a known one.
    """

    def __init__(self, table: bytes, units: int) -> None:
        count = len(table) // (_KEY_BYTES + 1 + units)
        self._keys = array("I", table[: count * _KEY_BYTES])
        if sys.byteorder == "big":
            self._keys.byteswap()
        self._shifts = table[count * _KEY_BYTES : count * (_KEY_BYTES + 1)]
        self._weights = table[count * (_KEY_BYTES + 1) :]
        self._units = units

    def packed(self, feature: str) -> PackedWeights:
        """Return the weights of a feature."""
        key = feature_key(feature)
        at = bisect_left(self._keys, key)
        if at == len(self._keys) or self._keys[at] != key:
            return PackedWeights(0, 0)
        fields = bytearray(self._units * _FIELD_BYTES)
        fields[::_FIELD_BYTES] = self._weights[at * self._units : (at + 1) * self._units]
        shift = self._shifts[at]
        return PackedWeights(int.from_bytes(fields, "little") << shift, ZERO << shift)


class SentenceClassifier:
    """Adds up the weights of a sentence's features for all hidden units at once."""

    def __init__(self, network: Network, weights: FeatureWeights) -> None:
        self._network = network
        self._features = weights
        self._unpack = struct.Struct(f"<{len(network.hidden_bias)}I")
        self._weights = lru_cache(maxsize=_PARTS_CACHED)(self._weights_of)

    def known(self, parts: Iterable[Part], stated: AbstractSet[str]) -> list[str]:
        """Return the elements that a sentence makes known. `stated` are those that the patterns state."""
        return [element for element, margin in self.margins(parts, stated).items() if margin >= 0]

    def margins(self, parts: Iterable[Part], stated: AbstractSet[str]) -> dict[str, int]:
        """Return by how much the output of each element is above the threshold."""
        fields = excess = 0
        for part in (*parts, *(("stated", element) for element in stated)):
            weights = self._weights(part)
            fields += weights.fields
            excess += weights.excess
        network = self._network
        sums = self._unpack.unpack(fields.to_bytes(self._unpack.size, "little"))
        hidden = [max(unit - excess + bias, 0) for unit, bias in zip(sums, network.hidden_bias, strict=True)]
        return {
            element: sum(map(mul, hidden, row)) + bias - network.threshold
            for element, row, bias in zip(network.elements, network.outputs, network.output_bias, strict=True)
        }

    def _weights_of(self, part: Part) -> PackedWeights:
        packed = [self._features.packed(feature) for feature in part_features(part)]
        return PackedWeights(sum(one.fields for one in packed), sum(one.excess for one in packed))


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
