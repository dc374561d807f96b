"""Finds the cluster of a word: words of five languages that mean much the same, by `word_clusters.txt`.

A line is a cluster: the name of its group, which are clusters close to each other, then its words. The first
word names the cluster.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Final

_FILE: Final = "word_clusters.txt"


@cache
def word_clusters() -> dict[str, tuple[str, str]]:
    """Return the cluster and the group of each word, folded as tokens are."""
    text = resources.files(__package__).joinpath(_FILE).read_text(encoding="utf-8")
    rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return {word: (words[0], group) for group, *words in rows for word in words}
