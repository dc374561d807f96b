"""`preset.yaml` of data vendors: how they are asked, what their answers mean, and what they cost.

`docs/integrations/format.md` describes every key. The root of `outcomes` is `{status, headers, body,
asked}`, that of `answer` the body, or the item where an ask has `items`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BeforeValidator, Field

from shared.integrations.intake_preset import Tables
from shared.integrations.preset_types import (
    Cents,
    Expr,
    HeaderName,
    OneOf,
    Sentence,
    Spread,
    TemplateBody,
    TemplateText,
    Vendor,
    vendor_title,
)
from shared.policy.models.policy_model import Name, PlainDuration, PolicyModel, Text, Url, whole_number
from shared.rules.times import Duration

AskSubject = Literal["company", "person", "email", "find_email", "contacts", "lead"]
"""What a vendor is asked about; `lead` fetches a form's lead, `contacts` finds people of an account."""
ReplyOutcome = Literal[
    "match",
    "partial",
    "no_match",
    "pending",
    "retry_later",
    "quota_exhausted",
    "bad_credentials",
    "bad_request",
    "invalid_email",
    "job_lost",
    "unknown",
]
EmailStatus = Literal["verified", "invalid", "risky", "unknown"]
AskedName = Literal[
    "email",
    "domain",
    "first_name",
    "last_name",
    "full_name",
    "phone",
    "linkedin_url",
    "company_name",
    "title",
    "id",
    "reference",
]
"""What a question may tell, as the names in templates."""
ASKED_NAMES: Final[tuple[str, ...]] = get_args(AskedName)
_ASKED_PLACE: Final = re.compile(rf"\{{({'|'.join(ASKED_NAMES)})\}}")
ITEMS: Final = "{items}"
"""Where the body of a batch has the list of its questions."""
Query = Annotated[Mapping[Text, TemplateText], Field(max_length=50)]
Headers = Annotated[Mapping[HeaderName, TemplateText], Field(max_length=20)]


class Price(PolicyModel):
    """Cents for each thing that the vendor bills. `call` is for every answer, whatever it says."""

    match: Cents = 0
    partial: Cents | None = None
    no_match: Cents = 0
    call: Cents = 0
    polled: Cents = 0
    found_field: Annotated[Mapping[Text, Cents], Field(max_length=50)] = {}


class Auth(PolicyModel):
    """Where the API key stands: a header, a query parameter, or HTTP basic authentication."""

    header: HeaderName | None = None
    query: Text | None = None
    value: TemplateText = Field(default="{key}", validate_default=True)
    basic: TemplateText | None = None


class WindowHeaders(PolicyModel):
    """The headers that say how many calls are left in a window, and when it ends (seconds or a time)."""

    remaining: HeaderName
    reset: HeaderName | None = None


class Limits(PolicyModel):
    """The vendor's own limits; those of providers.yaml may be lower."""

    per_second: Annotated[int, whole_number(1, 10_000)] | None = None
    per_minute: Annotated[int, whole_number(1, 100_000)] | None = None
    per_day: Annotated[int, whole_number(1, 10_000_000)] | None = None
    in_flight: Annotated[int, whole_number(1, 1_000)] | None = None
    window_headers: WindowHeaders | None = None


class BatchRequest(PolicyModel):
    """Several questions in one request. `each` stands for one of them where the body says `{items}`.

    Without `each`, the list with one part in the body is repeated for each question. `reference` is where an
    answered item repeats the reference of its question; a vendor that takes none repeats another value of it,
    named by `by`. A question waits at most `wait_ms` for others.
    """

    max: Annotated[int, whole_number(2, 1_000)]
    reference: Expr
    by: AskedName = "reference"
    each: TemplateBody = Field(default={}, validate_default=True)
    wait_ms: Annotated[int, whole_number(0, 5_000)] = 50


class FieldReading(PolicyModel):
    """How a field is read: its value, the vendor's status word, how sure it is, and when it holds."""

    value: Expr
    status: Expr | None = None
    confidence: Expr | None = None
    when: Expr | None = None


def read_field(value: Any) -> Any:
    return {"value": value} if isinstance(value, str) else value


Reading = Annotated[FieldReading, BeforeValidator(read_field), OneOf({"type": "string"})]


class Employer(PolicyModel):
    """The company that an answer about a person names as the present employer."""

    name: Expr | None = None
    domain: Expr | None = None


class AnswerConfidence(PolicyModel):
    """How sure the vendor is, from 0 to 1 or to 100: by field, by part (`company.*`), else `default`."""

    default: Annotated[Annotated[int, whole_number(0, 100)] | Expr, OneOf()] = 80
    fields: Annotated[Mapping[Text, Expr], Field(max_length=60)] = {}


def read_confidence(value: Any) -> Any:
    if isinstance(value, Mapping) and "fields" not in value:
        fields = {name: member for name, member in value.items() if name != "default"}
        return {"default": value.get("default", 80), "fields": fields}
    return value


class AnswerReading(PolicyModel):
    """What an answer says, in Baton's fields. `guards` have to hold, else the answer says nothing."""

    fields: Annotated[Mapping[Text, Reading], Field(max_length=80)] = {}
    as_of: Expr | None = None
    confidence: Annotated[AnswerConfidence, BeforeValidator(read_confidence), Spread("fields")] = (
        AnswerConfidence()
    )
    guards: Annotated[tuple[Expr, ...], Field(max_length=20)] = ()
    phones: Expr | None = None
    employer: Employer | None = None


_OWN_KEYS: Final = frozenset(AnswerReading.model_fields)


def read_answer(value: Any) -> Any:
    """Return the reading of an answer, whose fields stand beside its other keys in a file."""
    if not isinstance(value, Mapping) or "fields" in value:
        return value
    own = {key: member for key, member in value.items() if key in _OWN_KEYS}
    return {**own, "fields": {key: member for key, member in value.items() if key not in _OWN_KEYS}}


Answer = Annotated[AnswerReading, BeforeValidator(read_answer), Spread("fields")]
Needs = Annotated[tuple[tuple[AskedName, ...], ...], Field(max_length=10)]
_NAMES: Final = {"type": "array", "items": {"enum": [*ASKED_NAMES]}}


def read_alternatives(value: Any) -> Any:
    if isinstance(value, list | tuple) and value and all(isinstance(name, str) for name in value):
        return (tuple(value),)
    return value


class Ask(PolicyModel):
    """How the vendor is asked about one subject.

    `needs` are the values without which it cannot be asked, as alternatives. `gives` are the fields for whose
    sake it is asked; by default those of the answer. `items` gives the parts of an answer to a batch.
    """

    method: Literal["GET", "POST"] = "GET"
    path: TemplateText
    query: Query = Field(default_factory=dict)
    headers: Headers = Field(default_factory=dict)
    body: TemplateBody | None = None
    form: Query = Field(default_factory=dict)
    needs: Annotated[Needs, BeforeValidator(read_alternatives), OneOf(_NAMES)] = ()
    gives: Annotated[tuple[Text, ...], Field(max_length=80)] | None = None
    batch: BatchRequest | None = None
    items: Expr | None = None
    price: Price | None = None
    answer: Answer | None = None
    polled: bool = True
    """Whether the answer of this ask is a job, where the preset has `poll`."""


def read_ask(value: Any) -> Any:
    """Return an ask whose batch says `each`, also where the file has one question in the body's list."""
    if not isinstance(value, Mapping) or not isinstance(value.get("batch"), Mapping):
        return value
    batch, body = value["batch"], value.get("body")
    if "each" in batch or body is None:
        return value
    found = _with_repeated_part(body)
    question, body = found if found is not None else (body, ITEMS)
    path = str(batch.get("reference", "")).split(".")
    if isinstance(question, Mapping) and "{reference}" not in str(question):
        question = _with_reference(question, path) if all(map(str.isidentifier, path)) else question
    return {**value, "body": body, "batch": {**batch, "each": question}}


def _with_repeated_part(body: Any) -> tuple[Any, Any] | None:
    """Return the part of a body that is repeated for each question, and the body with `{items}` there."""
    if isinstance(body, list | tuple) and len(body) == 1 and _ASKED_PLACE.search(str(body[0])):
        return body[0], ITEMS
    for name, member in body.items() if isinstance(body, Mapping) else ():
        if (found := _with_repeated_part(member)) is not None:
            return found[0], {**body, name: found[1]}
    return None


def _with_reference(part: Mapping[str, Any], path: list[str]) -> dict[str, Any]:
    """Return a part of a body that has the reference of its question at a path."""
    name, *rest = path
    inner = part.get(name)
    below = _with_reference(inner if isinstance(inner, Mapping) else {}, rest) if rest else "{reference}"
    return {**part, name: below}


class JobPoll(PolicyModel):
    """An answer that comes later: `job` is its id in the first answer. `webhook`: the vendor may post it."""

    method: Literal["GET", "POST"] = "GET"
    path: TemplateText
    query: Query = Field(default_factory=dict)
    body: TemplateBody | None = None
    job: Expr
    every: PlainDuration = Duration(5)
    for_: Annotated[PlainDuration, Field(alias="for")] = Duration(300)
    webhook: bool = False


class ReplyRule(PolicyModel):
    """What a reply means when `when` holds. `again_after` and `until` say when to ask again."""

    when: Expr
    is_: Annotated[ReplyOutcome, Field(alias="is")]
    again_after: PlainDuration | Expr | None = None
    until: Literal["next_hour", "next_day", "next_month"] | None = None
    billed: bool | None = None
    detail: Text | None = None


class ProviderPreset(PolicyModel):
    """A data vendor. See the module and `docs/integrations/format.md` for each key."""

    vendor: Vendor
    title: Text = Field(default_factory=vendor_title)
    docs: Url = ""
    note: Sentence | None = None
    setup: Annotated[tuple[Sentence, ...], Field(max_length=30)] = ()
    base_url: Url = ""
    price: Price = Price()
    auth: Auth
    limits: Limits = Limits()
    ask: Annotated[
        Mapping[AskSubject, Annotated[Ask, BeforeValidator(read_ask)]], Field(min_length=1, max_length=6)
    ]
    poll: JobPoll | None = None
    outcomes: Annotated[tuple[ReplyRule, ...], Field(max_length=60)] = ()
    answer: Answer = AnswerReading()
    statuses: Annotated[Mapping[Text, EmailStatus], Field(max_length=100)] = {}
    tables: Tables = Field(default_factory=dict)
    hook: Name | None = None
    """The Python hook that the folder needs, where it cannot be said in data."""
