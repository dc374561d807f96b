"""What a vendor's request says, as its preset reads it: items, each with what becomes of it. Pure.

An expression that finds nothing gives nothing: what a vendor leaves out costs only what it would have said.
But when the budget of steps is used up, values are missing that may be there, so that the item is not
believed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.structs import replace

from services.gateway.domain.company_sizes import lower_bound
from services.gateway.domain.known_entities import EntityId
from shared.errors import Reject
from shared.integrations.expressions import Evaluation, Expression
from shared.integrations.functions import ExpressionScope

if TYPE_CHECKING:
    from shared.integrations.intake_preset import IntakePreset, OutcomeAction

ITEMS_MAX: Final = 1_000
"""The most leads or signals of one request."""
ENTITY_ID_LENGTH_MAX: Final = 200
_EXTERNAL_ID_LENGTH_MAX: Final = 200
_SEPARATOR: Final = ":"
_EVERY_ITEM: Final = "[@]"
_OBJECTS: Final = ("account", "person", "details")
_IDENTIFYING_FIELDS: Final = ("person.email", "account.domain", "company.domain")


class PresetRequest(Struct, frozen=True):
    """A request as the expressions of a preset see it: the parsed body, and headers in lower case.

    `root` is where `detect` and `items` start, `body` what the function `body()` gives.
    """

    root: Any
    body: Any
    at: datetime
    headers: Mapping[str, str] = {}
    query: Mapping[str, str] = {}


class LabelledValue(Struct, frozen=True):
    """A label and its value; `kind` is what to read the label as where it says nothing itself."""

    label: str
    value: Any
    kind: str | None = None


class PresetItem(Struct, frozen=True):
    """One item of a request, and what is to become of it.

    `by` says whose data an erasure or an opt-out is about; `provider` and `parameters` where a lead is
    fetched. `values` are fields of a lead or a signal by name, `labels` what a form asked and was answered.
    `entity_ids` are the ids that the item gives to its person and account. `node` is the part of the body
    that it was read from; `refused` says why it could not be read.
    """

    index: int
    do: OutcomeAction
    reason: str = ""
    by: Mapping[str, str] = {}
    provider: str = ""
    parameters: Mapping[str, str] = {}
    values: Mapping[str, Any] = {}
    labels: Sequence[LabelledValue] = ()
    activity: str | None = None
    entity_ids: Sequence[EntityId] = ()
    node: Any = None
    refused: Reject | None = None

    def named(self, kind: str) -> EntityId | None:
        """Return the id by which the item names its person or account."""
        id_ = entity_id(self.values.get(f"{kind}.external_id"))
        return EntityId(kind, id_) if id_ else None


def is_recognised(preset: IntakePreset, body: Any, evaluation: Evaluation) -> bool:
    """Tell whether a body has the shape of the vendor."""
    return preset.detect is None or evaluation.holds(preset.detect, body)


def evaluation_of(preset: IntakePreset, request: PresetRequest) -> Evaluation:
    """Return the evaluation of a preset's expressions for one request."""
    return Evaluation(
        ExpressionScope(
            at=request.at,
            body=request.body,
            headers=request.headers,
            query=request.query,
            tables=preset.tables,
            read_range=lower_bound,
        )
    )


def read_items(
    preset: IntakePreset, request: PresetRequest, evaluation: Evaluation | None = None
) -> list[PresetItem] | None:
    """Return the items of a request, None for a body that has not the shape of the vendor.

    `evaluation` is that of the request where several parts of its body are read: they share one budget.
    Raises `Reject` (422) for too many items.
    """
    evaluation = evaluation or evaluation_of(preset, request)
    if not is_recognised(preset, request.root, evaluation):
        return None
    found = (
        [request.root] if preset.items.text == _EVERY_ITEM else evaluation.value(preset.items, request.root)
    )
    nodes = found if isinstance(found, list) else [] if found is None else [found]
    if len(nodes) > ITEMS_MAX:
        raise Reject(422, "list-too-long", f"The body has {len(nodes)} items, {ITEMS_MAX} are allowed")
    return read_nodes(preset, evaluation, nodes)


def read_nodes(preset: IntakePreset, evaluation: Evaluation, nodes: Sequence[Any]) -> list[PresetItem]:
    """Return the items that these parts of a body are."""
    items: list[PresetItem] = []
    for index, node in enumerate(nodes):
        try:
            item = read_item(preset, evaluation, node, index)
        except Reject as refused:
            item = PresetItem(index, "ignore", refused=refused)
        if evaluation.is_exhausted:
            too_complex = Reject(422, "too-complex", "The body is too complex", "Send fewer items at a time")
            item = PresetItem(index, "ignore", refused=too_complex)
        items.append(replace(item, node=node))
    return items


def read_item(preset: IntakePreset, evaluation: Evaluation, node: Any, index: int) -> PresetItem:
    """Return the item that a node is. Raises `Reject` (422)."""
    default: OutcomeAction = "lead" if preset.kind == "form" else "signal"
    matched = next((one for one in preset.outcomes if evaluation.holds(one.when, node)), None)
    action = default if matched is None else matched.do
    known = [(entity.kind, entity_id(evaluation.value(entity.id, node))) for entity in preset.known_entities]
    item = PresetItem(index, action, entity_ids=[EntityId(kind, id_) for kind, id_ in known if id_])
    event_id = None if preset.event_id is None else entity_id(evaluation.value(preset.event_id, node))
    if matched is not None and action == "ignore":
        # Nothing is made of it, but it may tell whose an id is.
        named = {
            name: evaluation.value(preset.map[name], node)
            for name in _IDENTIFYING_FIELDS
            if name in preset.map
        }
        values = (
            {name: value for name, value in named.items() if value is not None} if item.entity_ids else {}
        )
        return replace(item, reason=matched.reason or "", values=values)
    if matched is not None and action in ("erase", "opt_out"):
        by = _ids(evaluation, matched.by, node)
        if not by:
            detail = f"None of {', '.join(matched.by)} is given"
            raise Reject(422, "nobody-named", "The body does not say whose data it is about", detail)
        return replace(item, by=by, values={"external_id": event_id})
    if matched is not None and action == "fetch":
        parameters = _ids(evaluation, matched.with_, node)
        if missing := matched.with_.keys() - parameters.keys():
            detail = f"There is no value of {', '.join(sorted(missing))}"
            raise Reject(422, "nothing-to-fetch", "The body does not say what is to be fetched", detail)
        return replace(item, provider=matched.provider or "", parameters=parameters)
    mapping = matched.signal if matched is not None and matched.signal and action == "signal" else preset.map
    found = {name: evaluation.value(member, node) for name, member in mapping.items()}
    values = {name: value for name, value in found.items() if value is not None}
    if event_id is not None:
        values.setdefault("event_id" if action == "lead" else "external_id", event_id)
    if action == "signal":
        values.setdefault("external_id", dedupe_id(preset, evaluation, node))
        return replace(item, values=with_parts(values))
    activity = next((one.type for one in preset.activity if evaluation.holds(one.when, node)), None)
    labels = list(read_labels(preset, evaluation, node))
    return replace(item, values=values, labels=labels, activity=activity)


def _ids(evaluation: Evaluation, members: Mapping[Any, Expression], node: Any) -> dict[str, str]:
    """Return the ids that these expressions find, by name."""
    found = {name: entity_id(evaluation.value(member, node)) for name, member in members.items()}
    return {name: id_ for name, id_ in found.items() if id_}


def with_parts(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a signal with the members of its objects by their dotted names.

    What is mapped by its own name goes before a member of an object.
    """
    parts: dict[str, Any] = {}
    for name in _OBJECTS:
        whole = values.get(name)
        parts |= {f"{name}.{key}": member for key, member in whole.items()} if isinstance(whole, dict) else {}
    return parts | {name: value for name, value in values.items() if name not in _OBJECTS}


def dedupe_id(preset: IntakePreset, evaluation: Evaluation, node: Any) -> str | None:
    """Return an id made of the parts that make a signal the same one, where the vendor has none."""
    parts = [evaluation.value(part, node) for part in preset.dedupe]
    if not any(part not in (None, "", [], {}) for part in parts):
        return None
    text = json.dumps(parts, sort_keys=True, default=str)
    plain = _SEPARATOR.join(str(part) for part in parts)
    is_plain = all(isinstance(part, str | int) for part in parts) and len(plain) <= _EXTERNAL_ID_LENGTH_MAX
    return plain if is_plain else hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def read_labels(preset: IntakePreset, evaluation: Evaluation, node: Any) -> Iterator[LabelledValue]:
    """Yield labels and values of a form's item. A label without text is read as its kind."""
    for source in preset.labels:
        found = evaluation.value(source.pairs, node)
        if source.label is not None:
            pairs: Sequence[Any] = [(source.label, found)]
        elif isinstance(found, dict):
            pairs = list(found.items())
        else:
            pairs = found if isinstance(found, list) else ()
        for pair in pairs:
            label, value, kind = label_pair(pair)
            if value is not None:
                yield LabelledValue(label or kind, value, kind or None)


def label_pair(pair: Any) -> tuple[str, Any, str]:
    """Return label, value and kind of one pair, however the preset writes it."""
    if isinstance(pair, dict):
        return _word(pair.get("label")), pair.get("value"), _word(pair.get("kind"))
    if isinstance(pair, list | tuple) and len(pair) == 2:
        return _word(pair[0]), pair[1], ""
    return "", None, ""


def _word(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def entity_id(value: Any) -> str | None:
    """Return an id as a vendor writes it: a text or a number. None for what is none, or is too long."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).strip()
    return text if 0 < len(text) <= ENTITY_ID_LENGTH_MAX else None
