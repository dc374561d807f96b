"""What each field of a form stands for, and which of its e-mail addresses is the person's. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from services.gateway.domain.label_meaning import LabelMeaning, meaning_of
from services.gateway.domain.opt_outs import says_opted_out
from services.gateway.domain.sources import HookSource
from shared.lead.normalise.emails import Email, normalise_email
from shared.lead.normalise.labels import LABEL_LENGTH_MAX

EMAIL: Final = "person.email"
OPTED_OUT: Final = "consent.opted_out"
NAME_PARTS: Final = frozenset({"person.name", "person.first_name", "person.last_name"})
UTM: Final = "source.utm."
"""What begins with this is a UTM parameter, under the name that follows."""

_NO_KINDS: Final[Mapping[str, str]] = {}
_WORD_LENGTH_MAX: Final = 200
_LIST_LENGTH_MAX: Final = 1_000
_TRIED_MAX: Final = 10
"""Of how many fields, and of how many values in one, an address is parsed, which takes time."""
_ADDRESS = re.compile(r"[^\s@<>\"',;]{1,64}@[^\s@<>\"',;]{1,255}\.[^\s@<>\"',;]{1,63}")
_BETWEEN_ADDRESSES = re.compile(r"[\s,;|/]+")


class FormField(Struct, frozen=True):
    """A field that is filled in: what its label means, its value, and the field of a lead, if it is known.

    `is_mapped`: the source says so itself, so it goes before what the label is commonly taken for.
    """

    meaning: LabelMeaning
    value: Any
    stands_for: str | None
    is_mapped: bool = False


class TypedAddress(Struct, frozen=True):
    """An e-mail address as it was typed, and parsed."""

    text: str
    email: Email


def form_fields(
    pairs: Iterable[tuple[str, Any]], source: HookSource, kinds: Mapping[str, str] = _NO_KINDS
) -> list[FormField]:
    """Return the fields of a form of `source` that are filled in, with what they stand for.

    `kinds` gives for a label what to read it as where it says nothing itself: a question of a title that is
    not known may be one for an e-mail address.
    """
    fields: list[FormField] = []
    for label, value in pairs:
        if is_empty(value):
            continue
        meaning = meaning_of(label[:LABEL_LENGTH_MAX])
        mapped = source.fields.get(meaning.plain) or source.fields.get(meaning.inner)
        if mapped is not None:
            fields.append(FormField(meaning, value, mapped, is_mapped=True))
        elif label in kinds and meaning.says_nothing:
            read_as = meaning_of(kinds[label][:LABEL_LENGTH_MAX])
            fields.append(FormField(replace(read_as, answer=meaning.answer), value, read_as.field))
        elif meaning.is_opt_out or (meaning.is_status and says_opted_out(value)):
            fields.append(FormField(meaning, value, OPTED_OUT))
        else:
            fields.append(FormField(meaning, value, meaning.field))
    return fields


def mapped_fields(given: Iterable[tuple[str, Any]]) -> list[FormField]:
    """Return fields of a lead that a preset gives by their names: `person.email`, `source.utm.medium`."""
    fields: list[FormField] = []
    for name, value in given:
        if is_empty(value):
            continue
        utm = name.removeprefix(UTM) if name.startswith(UTM) else None
        meaning = meaning_of(name if utm is None else f"utm_{utm}")
        fields.append(FormField(meaning, value, name if utm is None else None, is_mapped=True))
    return fields


def with_whole_name(fields: Sequence[FormField]) -> list[FormField]:
    """Return the fields of a form; where only one of them is a part of a name, it may be all of it.

    Many forms in Romance languages ask for `Nom`, `Nombre` or `Nome` alone.
    """
    named = [index for index, field in enumerate(fields) if field.stands_for in NAME_PARTS]
    found = list(fields)
    if len(named) == 1:
        field = found[named[0]]
        if field.meaning.may_be_whole_name and not field.is_mapped and " " in str(field.value).strip():
            found[named[0]] = replace(field, stands_for="person.name")
    return found


def is_empty(value: Any) -> bool:
    """Tell whether a field was left blank."""
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def address_in(value: Any) -> TypedAddress | None:
    """Return the e-mail address that a value is, the first that it lists, None when there is none."""
    if isinstance(value, list | tuple):
        return next((address for item in value[:_TRIED_MAX] if (address := address_in(item))), None)
    if not isinstance(value, str):
        return None
    if (email := normalise_email(value)) is not None:
        text = value.strip()
        return TypedAddress(text if len(text) <= _WORD_LENGTH_MAX else email.address, email)
    if value.count("@") > 1 and len(value) <= _LIST_LENGTH_MAX:
        return address_in(_BETWEEN_ADDRESSES.split(value, _TRIED_MAX)[:_TRIED_MAX])
    return None


def persons_email(fields: Sequence[FormField]) -> tuple[int, TypedAddress] | None:
    """Return the address of the person, and the index of its field; None when none is certain.

    The label decides: one that the source maps, then one that asks for the address at work, then any that
    asks for an address, then one for a private address. Where no label does, it is the only value that is an
    address.
    """
    ranked: list[tuple[int, int]] = []
    for index, field in enumerate(fields):
        if field.stands_for == EMAIL and field.is_mapped:
            ranked.append((0, index))
        elif field.stands_for in (EMAIL, None) and field.meaning.email_rank is not None:
            ranked.append((field.meaning.email_rank, index))
    for _rank, index in sorted(ranked)[:_TRIED_MAX]:
        if (address := address_in(fields[index].value)) is not None:
            return index, address
    return _only_address(fields, of_somebody_else=False)


def somebodys_email(fields: Sequence[FormField]) -> TypedAddress | None:
    """Return the only e-mail address of somebody else in a form, such as that of a billing contact."""
    found = _only_address(fields, of_somebody_else=True)
    return None if found is None else found[1]


def _only_address(fields: Sequence[FormField], *, of_somebody_else: bool) -> tuple[int, TypedAddress] | None:
    """Return the only value that is an address and nothing else, with the index of its field.

    Its label is unknown, or that of the message.
    """
    found = [
        (index, address)
        for index, field in enumerate(fields)
        if field.stands_for in (None, "message")
        and not field.is_mapped
        and field.meaning.is_somebody_elses is of_somebody_else
        and isinstance(field.value, str)
        and _ADDRESS.fullmatch(field.value.strip())
        and (address := address_in(field.value)) is not None
    ]
    return found[0] if len(found) == 1 else None
