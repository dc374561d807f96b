"""Makes a lead of whatever a form sends: known labels become fields, all others answers. Pure.

Nothing that somebody typed is lost: a value that does not fit its field (a phone number of 300 characters, a
company size of "many") stays among the answers under its own label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from services.gateway.domain.form_values import (
    READERS,
    TEXT_LENGTH_MAX,
    WORD_LENGTH_MAX,
    read_word,
    storable_scalar,
    storable_text,
)
from services.gateway.domain.labels import FIELD_OF, plain_label
from services.gateway.domain.sources import HookSource
from shared.errors import Reject
from shared.lead.events.lead_received import LeadReceivedV1
from shared.policy.form_fields import ANSWER

FIELDS_MAX: Final = 200
_UTM_MAX: Final = 30
_DEPTH_MAX: Final = 5

Pairs = Sequence[tuple[str, Any]]


def is_intake_shape(body: Mapping[str, Any]) -> bool:
    """Tell whether a JSON body is a lead as the API takes it, rather than a flat form."""
    return isinstance(body.get("person"), Mapping) or isinstance(body.get("company"), Mapping)


def read_form(body: Mapping[str, Any] | Pairs, source: HookSource) -> LeadReceivedV1:
    """Return the lead that a form describes. Raises `Reject` (422) only when it has too many fields.

    A label that comes more than once (checkboxes) becomes a list among the answers.
    """
    pairs = list(_flattened(body.items() if isinstance(body, Mapping) else body))
    if len(pairs) > FIELDS_MAX:
        detail = f"{FIELDS_MAX} are allowed"
        raise Reject(422, "too-many-fields", f"The form has {len(pairs)} fields", detail)
    form = _FormReader(source.fields)
    # Labels that the source maps itself come first, so that no mere synonym fills their field.
    for label, value in sorted(pairs, key=lambda pair: plain_label(pair[0]) not in source.fields):
        form.read(label, value)
    return with_defaults(form.lead(), source)


def with_defaults(lead: LeadReceivedV1, source: HookSource) -> LeadReceivedV1:
    """Return the lead with its source's channel, name and campaign where the form does not give them."""
    given, defaults = lead.source, source.defaults
    origin = msgspec.structs.replace(
        given,
        channel=given.channel or (defaults and defaults.channel),
        name=given.name or (defaults and defaults.name) or source.name,
        campaign=given.campaign or (defaults and defaults.campaign),
    )
    return msgspec.structs.replace(lead, source=origin)


class _FormReader:
    """Collects the fields, UTM parameters and answers of one form.

    `mapped` is the source's own mapping of plain labels to fields, which goes before the common synonyms.
    """

    def __init__(self, mapped: Mapping[str, str]) -> None:
        self._mapped = mapped
        self._fields: dict[str, Any] = {}
        self._utm: dict[str, str] = {}
        self._answers: dict[str, Any] = {}

    def read(self, label: str, value: Any) -> None:
        """Put one value where its label says, or among the answers when it does not fit there."""
        if isinstance(value, str) and not value.strip():
            return
        plain = plain_label(label)
        field = self._mapped.get(plain) or FIELD_OF.get(plain)
        if field is None:
            fits = plain.startswith("utm ") and self._read_utm(plain.removeprefix("utm "), value)
        elif field.startswith(ANSWER):
            label, fits = field.removeprefix(ANSWER), False
        elif field == "person.name":
            fits = self._read_name(value)
        else:
            fits = field not in self._fields and self._read_field(field, value)
        if not fits:
            self._add_answer(label, value)

    def _read_field(self, field: str, value: Any) -> bool:
        reader: Callable[[Any], Any] = READERS.get(field, read_word)
        read = reader(value)
        if read is None:
            return False
        self._fields[field] = read
        return True

    def _read_name(self, value: Any) -> bool:
        """Split a full name at its last space: most family names are one word."""
        name = read_word(value)
        if name is None or {"person.first_name", "person.last_name"} & self._fields.keys():
            return False
        first, _, last = name.rpartition(" ")
        self._fields["person.first_name"] = first.rstrip() or last
        if first:
            self._fields["person.last_name"] = last
        return True

    def _read_utm(self, words: str, value: Any) -> bool:
        name = words.replace(" ", "_")
        if not isinstance(value, str) or name in self._utm or len(self._utm) == _UTM_MAX:
            return False
        if len(text := value.strip()) > TEXT_LENGTH_MAX:
            return False
        self._utm[name[:WORD_LENGTH_MAX]] = text
        return True

    def _add_answer(self, label: str, value: Any) -> None:
        name = label.strip()[:WORD_LENGTH_MAX] or "unnamed"
        if name not in self._answers:
            self._answers[name] = value
            return
        before = self._answers[name]
        values = before if isinstance(before, list) else [before]
        self._answers[name] = [*values, *(value if isinstance(value, list) else [value])]

    def lead(self) -> LeadReceivedV1:
        """Return what was read as a lead."""
        if "campaign" in self._utm:
            self._fields.setdefault("source.campaign", self._utm["campaign"][:WORD_LENGTH_MAX])
        shape: dict[str, Any] = {"answers": self._answers}
        for field, value in self._fields.items():
            part, _, name = field.partition(".")
            if name:
                shape.setdefault(part, {})[name] = value
            else:
                shape[part] = value
        shape.setdefault("source", {})["utm"] = self._utm
        return msgspec.convert(shape, LeadReceivedV1)


def _flattened(pairs: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield labels and storable values. Objects within objects become dotted labels, lists of one an item."""
    for label, value in pairs:
        name = prefix + storable_text(str(label))
        if isinstance(value, Mapping) and depth < _DEPTH_MAX:
            yield from _flattened(value.items(), name + ".", depth + 1)
        elif isinstance(value, list | tuple):
            scalars = [storable_scalar(item) for item in value]
            yield name, scalars[0] if len(scalars) == 1 else scalars
        else:
            yield name, storable_scalar(value)
