"""The qualification frames of sales, and the elements that a lead is qualified by in each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Frame = Literal["bant", "meddpicc"]

FRAMES: Final[Mapping[Frame, tuple[str, ...]]] = {
    "bant": ("budget", "authority", "need", "timeline"),
    "meddpicc": (
        "metrics",
        "economic_buyer",
        "decision_criteria",
        "decision_process",
        "paper_process",
        "identify_pain",
        "champion",
        "competition",
    ),
}
"""The elements of each qualification frame."""
