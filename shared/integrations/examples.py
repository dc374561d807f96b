"""`examples/*.yaml` of presets: requests and answers as the vendor sends them, and what Baton makes of them.

They are the tests of a folder, run by `baton integrations check` and by the suite.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BeforeValidator, Field

from shared.integrations.functions import instant
from shared.integrations.preset_types import OneOf
from shared.integrations.provider_preset import AskedName, AskSubject, ReplyOutcome
from shared.policy.models.policy_model import PlainDuration, PolicyModel, Text

_Text = Annotated[str, Field(max_length=200_000)]
_Headers = Annotated[Mapping[Text, _Text], Field(max_length=50)]
_Fields = Annotated[tuple[tuple[str, str], ...], Field(max_length=500)]
_OBJECT = OneOf({"type": "object"})


def read_instant(value: Any) -> Any:
    """Return a time that is written as text; YAML's core schema has no times."""
    return instant(value) if isinstance(value, str) else value


Instant = Annotated[AwareDatetime, BeforeValidator(read_instant)]


def read_pairs(value: Any) -> Any:
    """Return the fields of a form as pairs; a mapping is the usual way to write them."""
    if isinstance(value, Mapping):
        return tuple((str(name), str(member)) for name, member in value.items())
    return tuple(tuple(pair) for pair in value) if isinstance(value, list | tuple) else value


class ExampleRequest(PolicyModel):
    """A request of the vendor; one of `json`, `body`, `form` and `multipart` is its body."""

    method: Literal["GET", "HEAD", "POST"] = "POST"
    path: Text | None = None
    query: Annotated[Mapping[Text, _Text], Field(max_length=50)] = {}
    headers: _Headers = Field(default_factory=dict)
    json_: Annotated[Any, Field(alias="json")] = None
    body: _Text | None = None
    form: Annotated[_Fields, BeforeValidator(read_pairs), _OBJECT] | None = None
    multipart: Annotated[_Fields, BeforeValidator(read_pairs), _OBJECT] | None = None


class ExpectedItem(PolicyModel):
    """What one item becomes; exactly one key. The keys that a lead or signal gives are compared."""

    lead: Mapping[str, Any] | None = None
    signal: Mapping[str, Any] | None = None
    ignore: Text | None = None
    erase: Mapping[Text, Text] | None = None
    opt_out: Mapping[Text, Text] | None = None
    fetch: Mapping[Text, Any] | None = None
    refused: Text | None = None
    parked: Text | None = None
    answer: Any = None
    """Of a handshake: the text or the JSON that is answered."""


class IntakeExample(PolicyModel):
    """An example of a form or signal preset. `secret` proves the signature in the headers, at the time `at`.

    `entities` are ids that earlier records told: e-mail addresses of persons, domains of accounts.
    """

    title: Text
    note: Text | None = None
    source: Mapping[str, Any] = {}
    request: ExampleRequest
    secret: Text | None = None
    at: Instant | None = None
    entities: Mapping[Literal["person", "account"], Mapping[Text, Text]] = {}
    expect: Annotated[tuple[ExpectedItem, ...], Field(max_length=100)]


class SentRequest(PolicyModel):
    """The request that Baton sends; what is given is compared."""

    method: Text | None = None
    path: Text | None = None
    query: Mapping[Text, _Text] | None = None
    headers: _Headers | None = None
    json_: Annotated[Any, Field(alias="json")] = None
    form: Mapping[Text, _Text] | None = None


class VendorAnswer(PolicyModel):
    """A response of the vendor; `json` or `body` is its body."""

    status: int = 200
    headers: _Headers = Field(default_factory=dict)
    json_: Annotated[Any, Field(alias="json")] = None
    body: _Text | None = None


class ExpectedAnswer(PolicyModel):
    """What an answer means; the keys that are given are compared."""

    outcome: ReplyOutcome
    person: Mapping[str, Any] | None = None
    company: Mapping[str, Any] | None = None
    people: tuple[Mapping[str, Any], ...] | None = None
    confidence: Mapping[str, Any] | None = None
    as_of: Instant | None = None
    cost: int | None = None
    again_after: PlainDuration | None = None
    detail: Text | None = None
    lead: Mapping[str, Any] | None = None


def read_several(value: Any) -> Any:
    return (value,) if isinstance(value, Mapping) else value


Question = Annotated[Mapping[AskedName | Literal["roles"], Any], Field(max_length=20)]


class ProviderExample(PolicyModel):
    """An example of a provider: a question, or the questions of a batch, and the answers in their order."""

    title: Text
    note: Text | None = None
    ask: AskSubject
    question: Question | None = None
    questions: Annotated[tuple[Question, ...], Field(max_length=20)] = ()
    request: SentRequest | None = None
    answer: VendorAnswer | None = None
    answers: Annotated[tuple[VendorAnswer, ...], Field(max_length=20)] = ()
    at: Instant | None = None
    expect: Annotated[
        tuple[ExpectedAnswer, ...], BeforeValidator(read_several), Field(max_length=20), _OBJECT
    ]
