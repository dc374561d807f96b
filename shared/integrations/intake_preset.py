"""`preset.yaml` of forms and signals: how a vendor's webhook proves itself, and what it means.

`docs/integrations/format.md` describes every key. The root of `detect` and `items` is the parsed body, of
all other expressions the item, of `handshake` the request `{method, path, query, headers}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from shared.integrations.preset_types import (
    Expr,
    HeaderName,
    OneOf,
    Sentence,
    TemplateBody,
    TemplateText,
    Vendor,
    Word,
    vendor_title,
)
from shared.policy.models.policy_model import (
    Name,
    PlainDuration,
    PolicyModel,
    Text,
    Url,
    whole_number,
)
from shared.policy.models.sources import PollAccounts
from shared.rules.times import Duration

ITEMS_MAX: Final = 1_000
"""The most leads or signals of one request."""
TABLE_LENGTH_MAX: Final = 2_000

ContentKind = Literal["json", "lenient_json", "urlencoded", "multipart", "multipart_json"]
OutcomeAction = Literal["lead", "signal", "ignore", "erase", "opt_out", "fetch"]
SignatureKind = Literal["hmac", "standard_webhooks", "ed25519", "basic", "shared_secret"]
Digest = Literal["sha256", "sha1", "sha512"]
Encoding = Literal["hex", "base64", "base64url"]
_BY_NAME: Final = {"type": "object", "additionalProperties": {"type": "string"}}
_PAIRS: Final = [{"type": "string"}, _BY_NAME]


class Content(PolicyModel):
    """A format of bodies; `field` is the part of a multipart form that holds the JSON."""

    kind: ContentKind
    field: Text | None = None


def read_content(value: Any) -> Any:
    if isinstance(value, str):
        return {"kind": value}
    if isinstance(value, Mapping) and len(value) == 1 and "kind" not in value:
        (kind, field), *_ = value.items()
        return {"kind": kind, "field": field}
    return value


class SignatureTimestamp(PolicyModel):
    """The time that is signed: in a header, or in `{timestamp}` of the signature's value."""

    header: HeaderName | None = None
    unit: Literal["s", "ms"] = "s"
    tolerance: PlainDuration = Duration(300)


class SignatureScheme(PolicyModel):
    """How a vendor proves that a request is its own. `key` says how the key of the HMAC is written.

    `value` is the header's value and `signed` what is signed, as templates of `{signature}`, `{timestamp}`,
    `{id}` and `{body}`, `{method}`, `{url}`, `{path}`. Where a shared secret is sent as it is, it stands in
    one of `header`, `query` and `body`.
    """

    scheme: SignatureKind
    digest: Digest = "sha256"
    encoding: Encoding = "hex"
    header: HeaderName | None = None
    value: TemplateText = Field(default="{signature}", validate_default=True)
    signed: TemplateText = Field(default="{body}", validate_default=True)
    timestamp: SignatureTimestamp | None = None
    id: SignatureTimestamp | None = None
    key: Literal["secret", "secret_base64", "secret_hex"] = "secret"
    query: Text | None = None
    body: Expr | None = None


class SignedAnswer(PolicyModel):
    """An answer `{echo: value, name: HMAC of the value}`; only values that are UUIDs are signed."""

    of: Expr
    digest: Digest = "sha256"
    encoding: Encoding = "hex"
    name: Text
    echo: Text


class Handshake(PolicyModel):
    """A GET or HEAD by which a vendor checks the URL. `check` names query parameters that have the secret."""

    when: Expr
    check: Annotated[Mapping[Text, Literal["secret"]], Field(max_length=5)] = {}
    answer: Expr | None = None
    answer_hmac: SignedAnswer | None = None


class IntakeOutcome(PolicyModel):
    """What becomes of an item: the first outcome whose `when` holds. `reason` is told for what is ignored."""

    when: Expr | None = None
    do: OutcomeAction
    reason: Text | None = None
    by: Annotated[Mapping[Literal["email", "external_id", "phone"], Expr], Field(max_length=3)] = {}
    provider: Name | None = None
    with_: Annotated[Mapping[Text, Expr], Field(alias="with", max_length=20)] = {}
    signal: Annotated[Mapping[Text, Expr], Field(max_length=60)] = {}


class ActivityRule(PolicyModel):
    """The activity that an item is, where `when` holds."""

    type: Word
    when: Expr | None = None


class KnownEntity(PolicyModel):
    """An id that an item gives for its person or account, by which later records may name it."""

    kind: Literal["person", "account"]
    id: Expr


class PollRequest(PolicyModel):
    """The request about one account: `{domain}`, `{name}` and `{cursor}` stand in its texts."""

    method: Literal["GET", "POST"] = "GET"
    path: TemplateText
    query: Annotated[Mapping[Text, TemplateText], Field(max_length=50)] = {}
    headers: Annotated[Mapping[HeaderName, TemplateText], Field(max_length=20)] = {}
    body: TemplateBody | None = None


class SignalPoll(PolicyModel):
    """A vendor that only answers: each account is asked about `every` so often, within a day's budget.

    `provider` names the integration whose base URL, key and limits are used. `cursor` is kept per account.
    """

    every: PlainDuration
    provider: Name
    ask: PollRequest
    accounts: PollAccounts = PollAccounts(relation="target")
    limit: Annotated[int, whole_number(1, 10_000)] = 500
    budget_cents_per_day: Annotated[int, whole_number(0, 10_000_000)] = 1_000
    price_cents: Annotated[int, whole_number(0, 100_000)] = 0
    cursor: Expr | None = None


class LabelSource(PolicyModel):
    """Pairs of label and value: an expression that gives them, or the expression of one label's value."""

    pairs: Expr
    label: Text | None = None


def read_labels(value: Any) -> Any:
    """Return the forms in which labels may be written as one list."""
    if isinstance(value, str):
        return ({"pairs": value},)
    if isinstance(value, Mapping):
        return tuple({"pairs": member, "label": label} for label, member in value.items())
    if isinstance(value, Sequence):
        return tuple(
            entry for part in value for entry in (read_labels(part) if not _is_read(part) else (part,))
        )
    return value


def _is_read(value: Any) -> bool:
    return isinstance(value, LabelSource) or (isinstance(value, Mapping) and "pairs" in value)


def read_activities(value: Any) -> Any:
    return ({"type": value},) if isinstance(value, str) else value


def fold_tables(value: Any) -> Any:
    """Return the tables with words in the case in which they are looked up."""
    if not isinstance(value, Mapping):
        return value
    return {
        name: {str(word).strip().casefold(): meaning for word, meaning in table.items()}
        if isinstance(table, Mapping)
        else table
        for name, table in value.items()
    }


Tables = Annotated[
    Mapping[Name, Annotated[Mapping[Text, str | int | bool], Field(max_length=TABLE_LENGTH_MAX)]],
    Field(max_length=50),
    BeforeValidator(fold_tables),
]
"""What words of the vendor mean, by the name of the table."""


class IntakePreset(PolicyModel):
    """A vendor of forms or signals. See the module and `docs/integrations/format.md` for each key."""

    vendor: Vendor
    kind: Literal["form", "signal"]
    title: Text = Field(default_factory=vendor_title)
    docs: Url = ""
    note: Sentence | None = None
    setup: Annotated[tuple[Sentence, ...], Field(max_length=30)] = ()
    content: Annotated[
        tuple[Annotated[Content, BeforeValidator(read_content), OneOf({"type": "string"}, _BY_NAME)], ...],
        Field(min_length=1, max_length=6),
    ]
    detect: Expr | None = None
    handshake: Annotated[tuple[Handshake, ...], Field(max_length=10)] = ()
    signature: SignatureScheme | None = None
    items: Expr = Field(default="[@]", validate_default=True)
    outcomes: Annotated[tuple[IntakeOutcome, ...], Field(max_length=50)] = ()
    event_id: Expr | None = None
    dedupe: Annotated[tuple[Expr, ...], Field(max_length=20)] = ()
    labels: Annotated[
        tuple[LabelSource, ...],
        Field(max_length=200),
        BeforeValidator(read_labels),
        WithJsonSchema({"anyOf": [*_PAIRS, {"type": "array", "items": {"anyOf": _PAIRS}}]}),
    ] = ()
    map: Annotated[Mapping[Text, Expr], Field(max_length=100)] = {}
    known_entities: Annotated[tuple[KnownEntity, ...], Field(max_length=10)] = ()
    activity: Annotated[
        tuple[ActivityRule, ...],
        Field(max_length=50),
        BeforeValidator(read_activities),
        OneOf({"type": "string"}),
    ] = ()
    tables: Tables = Field(default_factory=dict)
    poll: SignalPoll | None = None
    success_status: Annotated[int, whole_number(200, 299)] = 202
    """The status of an accepted post, for a vendor that takes no other for success."""
    success_body: Expr | None = None
    """The object that the vendor wants in the answer to an accepted post; the root is the parsed body."""
    hook: Name | None = None
    """The Python hook that the folder needs, where it cannot be said in data."""
