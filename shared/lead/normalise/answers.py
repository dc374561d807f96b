"""Answers of a form: values under plain labels, several under one label as a list. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from shared.lead.events.parts import Answer, Answers
from shared.lead.normalise.labels import answer_label


def with_answers(answers: Answers, more: Iterable[tuple[str, Answer]]) -> Answers:
    """Return the answers, whose labels are plain, with more; those of one label become a list."""
    merged = dict(answers)
    for typed, value in more:
        label = answer_label(typed)
        if label in merged:
            merged[label] = [*_listed(merged[label]), *_listed(value)]
        else:
            merged[label] = value
    return merged


def plain_answers(answers: Answers) -> Answers:
    """Return the answers under plain labels."""
    return with_answers({}, answers.items())


def _listed(answer: Answer) -> list[str | int | float | bool | None]:
    return answer if isinstance(answer, list) else [answer]
