"""What each field of a form stands for, and which of its e-mail addresses is the person's. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from services.gateway.domain.labels import (
    asks_for_email,
    field_of,
    inner_label,
    is_somebody_elses,
)
from services.gateway.domain.opt_outs import is_opt_out_label, is_status_label, says_opted_out
from services.gateway.domain.sources import HookSource
from shared.lead.normalise.emails import normalise_email
from shared.lead.normalise.labels import plain_label
from shared.lead.normalise.text import without_accents

EMAIL: Final = "person.email"
OPTED_OUT: Final = "consent.opted_out"

_WORK = re.compile(
    r"\b(?:work|business|corporate|professional|geschaftlich\w*|dienstlich\w*|beruflich\w*|professionnel\w*|corporativ\w*"
    r"|profesional\w*|trabajo|aziendale|lavoro|profissional|trabalho|zakelijk\w*)\b"
)
_PRIVATE = re.compile(r"\b(?:private?|personal|home|privat\w*|personnel\w*|personale|pessoal)\b")
_ADDRESS = re.compile(r"[^\s@<>\"',;]{1,64}@[^\s@<>\"',;]{1,255}\.[^\s@<>\"',;]{1,63}")


class FormField(Struct, frozen=True):
    """One field of a form: its label as it came, its value, and the field of a lead it stands for, if known.

    `is_mapped`: the source says so itself, so it goes before what the label is commonly taken for.
    """

    label: str
    value: Any
    stands_for: str | None
    is_mapped: bool = False


def form_field(label: str, value: Any, source: HookSource) -> FormField:
    """Return a field of a form of `source` with what it stands for."""
    for spelling in (label, inner_label(label)):
        mapped = source.fields.get(plain_label(spelling))
        if mapped is not None:
            return FormField(label, value, mapped, is_mapped=True)
    if is_opt_out_label(label) or (is_status_label(label) and says_opted_out(value)):
        return FormField(label, value, OPTED_OUT)
    return FormField(label, value, field_of(label))


def address_in(value: Any) -> str | None:
    """Return the e-mail address that a value is, the first that it lists, None when there is none."""
    if isinstance(value, list | tuple):
        return next((address for item in value if (address := address_in(item))), None)
    if not isinstance(value, str):
        return None
    if (email := normalise_email(value)) is not None:
        text = value.strip()
        return text if len(text) <= 200 else email.address
    listed = re.split(r"[\s,;|/]+", value) if value.count("@") > 1 and len(value) <= 1_000 else []
    return next((part for part in listed if normalise_email(part)), None)


def persons_email(fields: Sequence[FormField]) -> int | None:
    """Return the index of the field with the e-mail address of the person, None when none is certain.

    The label decides: one that the source maps, then one that asks for the address at work, then any that
    asks for an address, then one for a private address. Where no label does, it is the only value that is an
    address.
    """
    ranks = {
        index: rank
        for index, field in enumerate(fields)
        if (rank := _email_rank(field)) is not None and address_in(field.value)
    }
    if ranks:
        return min(ranks, key=lambda index: (ranks[index], index))
    unlabelled = [
        index
        for index, field in enumerate(fields)
        if field.stands_for is None
        and not is_somebody_elses(field.label)
        and isinstance(field.value, str)
        and _ADDRESS.fullmatch(field.value.strip())
        and address_in(field.value)
    ]
    return unlabelled[0] if len(unlabelled) == 1 else None


def somebodys_email(fields: Sequence[FormField]) -> int | None:
    """Return the index of the only field with somebody else's address, such as a billing contact's."""
    others = [
        index
        for index, field in enumerate(fields)
        if field.stands_for is None and is_somebody_elses(field.label) and address_in(field.value)
    ]
    return others[0] if len(others) == 1 else None


def _email_rank(field: FormField) -> int | None:
    """Return how well a label asks for the person's e-mail address, from 0; None where it asks for none."""
    if field.stands_for == EMAIL and field.is_mapped:
        return 0
    if field.stands_for not in (EMAIL, None) or not (field.stands_for or asks_for_email(field.label)):
        return None
    if is_somebody_elses(field.label):
        return None
    plain = without_accents(plain_label(field.label))
    if _WORK.search(plain):
        return 1
    if _PRIVATE.search(plain):
        return 4
    return 2 if field.stands_for == EMAIL else 3
