"""The fields that the answers of a data vendor can have, by what it is asked about. Pure."""

from __future__ import annotations

from typing import Final

from shared.integrations.provider_preset import AnswerReading, AskSubject, ProviderPreset
from shared.lead.fields import FactKeys

_FROM_TITLE: Final = frozenset({FactKeys.SENIORITY, FactKeys.DEPARTMENT})
_NEVER_OF_COMPANY: Final = frozenset({FactKeys.COMPANY_DOMAIN})
"""A company is asked about by its domain."""


def answer_reading(preset: ProviderPreset, subject: AskSubject) -> AnswerReading:
    """Return how the answer about a subject is read: as its ask says, else as the preset says."""
    ask = preset.ask.get(subject)
    return ask.answer if ask is not None and ask.answer is not None else preset.answer


def fields_given(preset: ProviderPreset, subject: AskSubject) -> frozenset[str]:
    """Return the fields that an answer about a subject can have."""
    ask = preset.ask.get(subject)
    if ask is None:
        return frozenset()
    if ask.gives is not None:
        return frozenset(ask.gives)
    reading = answer_reading(preset, subject)
    names = set(reading.fields)
    if reading.phones is not None:
        names.add(FactKeys.PHONE)
    if FactKeys.EMAIL in names and reading.fields[FactKeys.EMAIL].status is not None:
        names.add(FactKeys.EMAIL_STATUS)
    if FactKeys.TITLE in names:
        names |= _FROM_TITLE
    if subject == "company":
        return frozenset(name for name in names if name.startswith("company.")) - _NEVER_OF_COMPANY
    return frozenset(names)
