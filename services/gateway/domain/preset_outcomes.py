"""What becomes of each item of a vendor's request: an event, or something to do, or a refusal. Pure.

The same function decides for a post, for a preview, and for the examples of a preset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct, structs

from services.gateway.domain.arrival import Arrival, invalid
from services.gateway.domain.form_fields import UTM
from services.gateway.domain.form_values import read_domain, read_word, storable
from services.gateway.domain.forms import ParsedForm, parse_form
from services.gateway.domain.known_entities import NO_ENTITIES, Entities, Entity, EntityId
from services.gateway.domain.leads import ReceivedLead, receive_lead
from services.gateway.domain.preset_items import PresetItem
from services.gateway.domain.received import Received
from services.gateway.domain.signals import receive_signal
from services.gateway.domain.sources import HookSource
from shared.errors import FieldProblem, Reject
from shared.integrations.functions import instant
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.signal_received import PERSONAL_SIGNALS, SignalPerson, SignalReceivedV1
from shared.lead.identity import identify
from shared.lead.normalise.emails import Email, normalise_email
from shared.policy.form_fields import is_form_field

UNKNOWN_ENTITY: Final = "unknown-entity"

_WORD_LENGTH_MAX: Final = 200
_DETAILS: Final = "details."
_DETAILS_DEPTH_MAX: Final = 2
_TIMES: Final = frozenset({"occurred_at", "expires_at"})
_NAMES: Final = frozenset({"account.name", "person.email", "external_id"})

ReceivedSignal = Received[SignalReceivedV1]


class Ignored(Struct, frozen=True):
    """Nothing is made of the item."""

    reason: str


class ErasureNotice(Struct, frozen=True):
    """The person named by `email`, `phone` or `external_id` is to be erased."""

    by: Mapping[str, str]


class Fetch(Struct, frozen=True):
    """The lead itself is to be fetched from a provider, with these parameters."""

    provider: str
    parameters: Mapping[str, str]


class UnknownEntity(Reject):
    """Only an id says whom or what the item is about, and no earlier record says so."""

    def __init__(self, entity: EntityId) -> None:
        detail = f"No earlier record says which {entity.kind} has the id {entity.id}"
        super().__init__(422, UNKNOWN_ENTITY, f"The {entity.kind} is not known by this id", detail)
        self.entity = entity


Decided = ReceivedLead | ReceivedSignal | Ignored | ErasureNotice | Fetch


def entities_named(items: Sequence[PresetItem]) -> set[EntityId]:
    """Return the ids that have to be looked up before the items are decided on."""
    found: set[EntityId] = set()
    for item in items:
        named = (item.named("person"), item.named("account"))
        found.update(entity for entity in named if entity is not None)
        if "external_id" in item.by:
            found.add(EntityId("person", item.by["external_id"]))
    return found


def decide_item(
    item: PresetItem, source: HookSource, arrival: Arrival, entities: Entities = NO_ENTITIES
) -> Decided:
    """Return what becomes of an item. Raises `Reject` (403, 422), of which `UnknownEntity` may pass.

    Who erases or opts somebody out has to have proven itself: a public source may not.
    """
    if item.refused is not None:
        raise item.refused
    own = structs.replace(arrival, index=item.index)
    if item.do == "ignore":
        return Ignored(item.reason)
    if item.do == "fetch":
        return Fetch(item.provider, item.parameters)
    if item.do in ("erase", "opt_out") and source.public:
        detail = "Give the source a secret: anybody may post to a public one"
        raise Reject(403, "unproven-request", f"A public source cannot {item.do.replace('_', ' ')}", detail)
    if item.do == "erase":
        return ErasureNotice(item.by)
    if item.do == "opt_out":
        signal = SignalReceivedV1(
            type="opt_out",
            occurred_at=own.at,
            person=person_named(item.by, entities),
            external_id=item.values.get("external_id"),
        )
        return receive_signal(signal, b"", own, source, without_time=True)
    if item.do == "signal":
        signal, has_time = signal_of(item, own.at, entities)
        return receive_signal(signal, b"", own, source, without_time=not has_time)
    form = form_of(item, source, entities)
    return receive_lead(form.lead, b"", own, source, form.email, activity=item.activity)


def form_of(item: PresetItem, source: HookSource, entities: Entities = NO_ENTITIES) -> ParsedForm:
    """Return the lead of a form's item. Raises `Reject` (422) for too many fields, and `UnknownEntity`."""
    values = {
        name: value for name, value in item.values.items() if is_form_field(name) or name.startswith(UTM)
    }
    for part in ("name", "domain"):
        if (given := item.values.get(f"account.{part}")) is not None:
            values.setdefault(f"company.{part}", given)
    kinds = {label.label: label.kind for label in item.labels if label.kind}
    pairs = [(label.label, label.value) for label in item.labels]
    form = parse_form(pairs, source, [*values.items()], kinds)
    person, company = form.lead.person, form.lead.company
    if person.email or person.phone or person.linkedin_url:
        return form
    for kind, field in (("person", "email"), ("account", "domain")):
        entity = item.named(kind)
        if entity is None or (kind == "account" and company.domain):
            continue
        known = getattr(entities.get(entity), field, None)
        if known is None:
            raise UnknownEntity(entity)
        resolved = [*values.items(), ("person.email" if kind == "person" else "company.domain", known)]
        return parse_form(pairs, source, resolved, kinds)
    return form


def signal_of(
    item: PresetItem, at: datetime, entities: Entities = NO_ENTITIES
) -> tuple[SignalReceivedV1, bool]:
    """Return the signal of an item, and whether the item says when it was; else it was at `at`.

    Raises `Reject` (422) for values that no signal has, and `UnknownEntity`.
    """
    shape: dict[str, Any] = {}
    for field, value in item.values.items():
        if (read := signal_value(field, value)) is None:
            continue
        part, _, name = field.partition(".")
        if not name:
            shape[part] = read
        elif part == "details":
            details = shape.setdefault("details", {})
            outer, _, inner = name.partition(".")
            known = details.get(outer)
            members = known if isinstance(known, dict) else {}
            details[outer] = {**members, inner: read} if inner else read
        elif name != "external_id":
            shape.setdefault(part, {})[name] = read
    has_time = "occurred_at" in shape
    shape.setdefault("occurred_at", at)
    is_personal = shape.get("type") in PERSONAL_SIGNALS
    resolve_entities(item, shape, entities, is_personal=is_personal)
    try:
        return msgspec.convert(shape, SignalReceivedV1), has_time
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$")
        pointer = path.rstrip("`").replace(".", "/")
        raise invalid((FieldProblem(pointer, text),)) from error


def resolve_entities(
    item: PresetItem, shape: dict[str, Any], entities: Entities, *, is_personal: bool
) -> None:
    """Put in what the ids of the item stand for. Raises `UnknownEntity` where only an id says it."""
    account, person = shape.setdefault("account", {}), shape.get("person", {})
    named_person, named_account = item.named("person"), item.named("account")
    if named_person is not None and "email" not in person:
        known = entities.get(named_person)
        if known is not None and known.email:
            person = {**person, "email": known.email}
        if known is not None and known.domain and not account:
            account["domain"] = known.domain
        elif known is None and (is_personal or not (account or named_account)):
            raise UnknownEntity(named_person)
    if named_account is not None and "domain" not in account:
        known = entities.get(named_account)
        if known is not None and known.domain:
            account["domain"] = known.domain
        elif not account and not (is_personal and person):
            raise UnknownEntity(named_account)
    if person:
        shape["person"] = person


def signal_value(field: str, value: Any) -> Any:
    """Return a value as the field of a signal takes it, None for one that says nothing there."""
    if isinstance(value, str) and not value.strip():
        return None
    if field in _TIMES:
        return instant(value)
    if field == "strength":
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return max(0, min(100, round(value))) if is_number and value == value else None  # noqa: PLR0124 - NaN
    if field == "account.domain":
        return (read_domain(value) or read_word(value) or "").removeprefix("www.") or None
    if field in _NAMES:
        return str(value).strip()[:_WORD_LENGTH_MAX] if isinstance(value, str | int) else None
    return _detail(value) if field.startswith(_DETAILS) else value


def _detail(value: Any, depth: int = 0) -> Any:
    """Return a detail of a signal: what is nested deeper than an activity's details becomes text."""
    if isinstance(value, dict) and depth < _DETAILS_DEPTH_MAX:
        return {str(name)[:_WORD_LENGTH_MAX]: _detail(member, depth + 1) for name, member in value.items()}
    return storable(value)


def person_named(by: Mapping[str, str], entities: Entities) -> SignalPerson:
    """Return the person of an opt-out. Raises `UnknownEntity`, and `Reject` (422) for a phone number only."""
    if "email" in by:
        return SignalPerson(email=by["email"])
    if "external_id" in by:
        entity = EntityId("person", by["external_id"])
        known = entities.get(entity)
        if known is None or not known.email:
            raise UnknownEntity(entity)
        return SignalPerson(email=known.email)
    raise invalid((FieldProblem("/person/email", "An opt-out needs an e-mail address"),))


def _identified_entity(address: Email | None, domain: str | None) -> Entity:
    """Return an entity under the lead id of its address, by which an erasure finds it."""
    identity = None if address is None else identify(address)
    email, lead_id = address and address.address, identity and identity.lead_id
    return Entity(email or None, domain, lead_id or None)


def entities_of_item(item: PresetItem, decided: Decided) -> dict[EntityId, Entity]:
    """Return the entities that the ids in an item stand for, as far as its event says.

    An item of which no event is made may say it, too.
    """
    if isinstance(decided, Ignored):
        address = normalise_email(_text(item.values.get("person.email")))
        named = (item.values.get("account.domain"), item.values.get("company.domain"))
        domain = next(filter(None, map(_text, named)), None)
        entity = _identified_entity(address, domain)
    elif isinstance(decided, Received):
        event, data = decided.event, decided.event.data
        address = normalise_email(data.person.email if data.person else None)
        if isinstance(data, LeadReceivedV1):
            domain = data.company.domain or (event.key if event.key != event.subject else None)
            entity = structs.replace(_identified_entity(address, domain), lead_id=event.subject)
        else:
            entity = _identified_entity(address, data.account.domain)
    else:
        return {}
    found: dict[EntityId, Entity] = {}
    for entity_id in item.entity_ids:
        if entity_id.kind == "account" and entity.domain:
            found[entity_id] = Entity(domain=entity.domain)
        elif entity_id.kind == "person" and (entity.email or entity.lead_id):
            found[entity_id] = entity
    return found


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
