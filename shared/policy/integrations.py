"""The installed integrations, as far as the policy names them. The policy is checked against them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from shared.lead.fields import FactKeys

PLAIN_FORM: Final = "form"
PLAIN_SIGNAL: Final = "signal"
PLAIN_SIGNATURES: Final = ("standard", "hub")
"""Schemes of signatures that a source may name besides the vendors that sign."""


class KnownIntegrations(Struct, frozen=True):
    """The installed integrations by name: the fields that each provider gives, by lookup subject.

    `forms` and `signals` are vendors, of which those in `signing` sign what they send, those in `polled` are
    asked, each by way of the provider integration named there, and those in `fetched` only name leads, which
    are fetched from the provider integrations named there.
    `shared.integrations.installed` makes it of the folders, which this package does not know.
    """

    providers: Mapping[str, Mapping[str, frozenset[str]]] = {}
    forms: frozenset[str] = frozenset()
    signals: frozenset[str] = frozenset()
    polled: Mapping[str, str] = {}
    fetched: Mapping[str, frozenset[str]] = {}
    signing: frozenset[str] = frozenset()


def asked_fields(gives: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return the fields for which a provider is asked, under any subject."""
    return frozenset(
        [name for subject, names in gives.items() for name in names if is_reason_to_ask(subject, name)]
    )


def is_reason_to_ask(subject: str, name: str) -> bool:
    """Return whether a subject (`company`, `person`, `email`, `find_email`) is asked about for a field.

    What an answer about a person says of the employer or of the address is kept, but comes by the way.
    """
    if name == FactKeys.EMAIL_STATUS:
        return subject == "email"
    if name == FactKeys.EMAIL:
        return subject in ("find_email", "person")
    if subject in ("find_email", "contacts", "lead"):
        return False
    return subject == "company" or not name.startswith("company.")
