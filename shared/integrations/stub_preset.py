"""`stub.yaml`: how the provider stubs answer for a data vendor about the stub world.

An answer is a JSON tree with places. A place is `{EXPRESSION}`, a JMESPath expression over the record that is
answered about: a text that is one place becomes the value itself, of any type; places within a text become
text, and the whole is null when one of them has no value. `{if: EXPRESSION, then: …, else: …}` chooses.
`docs/reference/provider-stubs.md` lists what expressions can read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from msgspec import Struct
from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from shared.integrations.expressions import Expression, compile_expression
from shared.integrations.intake_preset import Tables
from shared.integrations.preset_types import Expr, HeaderName, Vendor, Word
from shared.integrations.provider_preset import AskSubject
from shared.policy.models.policy_model import Name, PlainDuration, PolicyModel, whole_number
from shared.rules.findings import quoted
from shared.rules.times import Duration

TREE_DEPTH_MAX: Final = 20
TREE_NODES_MAX: Final = 1_000
_TEXT_LENGTH_MAX: Final = 4_000
_CONDITIONAL: Final = frozenset({"if", "then", "else"})


class Conditional(Struct, frozen=True):
    """A part of an answer that depends on a condition."""

    when: Expression
    then: Any
    otherwise: Any


class Places(Struct, frozen=True):
    """A text with places: literal parts and expressions in turn. `is_value`: the text is one place only."""

    parts: tuple[str | Expression, ...]
    is_value: bool


class AnswerTree(Struct, frozen=True):
    """A compiled answer: JSON values with `Places` and `Conditional`. `written` is what the file says."""

    compiled: Any
    written: Any


def compile_tree(value: object) -> AnswerTree:
    """Return a compiled answer. Raises `ValueError` for a wrong expression and for one too deep or large."""
    return value if isinstance(value, AnswerTree) else AnswerTree(_Compiler().compile(value, 0), value)


class _Compiler:
    """Compiles one tree; counts its nodes, so that no file is of unbounded size in memory."""

    def __init__(self) -> None:
        self._nodes = 0

    def compile(self, value: object, depth: int) -> Any:
        self._nodes += 1
        if depth > TREE_DEPTH_MAX or self._nodes > TREE_NODES_MAX:
            raise ValueError(f"has more than {TREE_DEPTH_MAX} levels or {TREE_NODES_MAX:,} values")
        if isinstance(value, Mapping):
            if "if" in value and value.keys() <= _CONDITIONAL:
                then, otherwise = (self.compile(value.get(key), depth + 1) for key in ("then", "else"))
                return Conditional(compile_expression(str(value["if"])), then, otherwise)
            return {str(key): self.compile(member, depth + 1) for key, member in value.items()}
        if isinstance(value, list | tuple):
            return [self.compile(member, depth + 1) for member in value]
        if not isinstance(value, str):
            return value
        try:
            return compile_places(value)
        except ValueError as error:
            raise ValueError(f"{quoted(value)} {error}") from error


def compile_places(text: str) -> Places | str:
    """Return a text with its places; the text itself when it has none. Raises `ValueError`."""
    if len(text) > _TEXT_LENGTH_MAX:
        raise ValueError(f"should have {_TEXT_LENGTH_MAX:,} characters at most")
    parts = tuple(_parts(text))
    if not any(isinstance(part, Expression) for part in parts):
        return text
    return Places(parts, is_value=len(parts) == 1)


def _parts(text: str) -> Iterator[str | Expression]:
    """Yield literal texts and expressions; braces within an expression belong to it."""
    at = 0
    while (start := text.find("{", at)) >= 0:
        depth, end = 1, start + 1
        while depth and end < len(text):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        if depth:
            raise ValueError("has a { without its }")
        if start > at:
            yield text[at:start]
        yield compile_expression(text[start + 1 : end - 1])
        at = end
    if at < len(text):
        yield text[at:]


def read_tree(value: object) -> AnswerTree:
    """Return a compiled answer; what is wrong in a part of it is reported with that part's text."""
    try:
        return compile_tree(value)
    except ValueError as error:
        raise PydanticCustomError("part_invalid", "{reason}", {"reason": str(error)}) from error


Tree = Annotated[
    AnswerTree,
    PlainValidator(read_tree),
    PlainSerializer(lambda tree: tree.written),
    WithJsonSchema({"description": "A JSON value; its texts may have {expressions}"}),
]
Percent = Annotated[int, whole_number(0, 100)]


def _named_statuses(value: Any) -> Any:
    """Return a mapping by status with text keys; YAML reads a bare status as a number."""
    return {str(status): member for status, member in value.items()} if isinstance(value, Mapping) else value


Statuses = BeforeValidator(_named_statuses)


class StubCoverage(PolicyModel):
    """How much of the world the vendor knows, in per cent, and the share of its records with a flaw.

    `stale` is out of date, `wrong` mixed up with another company, `slow` is looked up in the background,
    `vague` has a range instead of a head count, `withheld` a person without contact data, `locked` one whose
    address is not shown.
    """

    companies: Percent = 60
    people: Percent = 60
    stale: Percent = 7
    wrong: Percent = 3
    slow: Percent = 0
    vague: Percent = 0
    withheld: Percent = 0
    locked: Percent = 0


class StubReply(PolicyModel):
    """A response of the vendor. `matched` counts it as a match; by default that of `match` is one."""

    status: Annotated[int, whole_number(200, 599)] = 200
    headers: Annotated[Mapping[HeaderName, Word], Field(max_length=20)] = {}
    json_: Tree = Field(default=None, alias="json", validate_default=True)
    matched: Expr | None = None


class StubItems(PolicyModel):
    """The parts of an answer to a batch; a question without `no_match` has no part."""

    match: Tree
    no_match: Tree | None = None


class StubAnswers(PolicyModel):
    """The answers about one subject.

    `finds` is what the question names: a company, a person, either of them, a person by name, whether a
    mailbox takes mail, or the people of a company. `pending` comes first about what is slow, `accepted`
    instead of an answer that is polled, `invalid` for what is no domain or address. `polled` is how a poll
    has the answer, whose body is `{answer}`.
    """

    finds: Literal["company", "person", "either", "mailbox", "people"] | None = None
    match: StubReply
    no_match: StubReply | None = None
    pending: StubReply | None = None
    accepted: StubReply | None = None
    polled: StubReply | None = None
    invalid: StubReply | None = None
    items: StubItems | None = None


class Bracket(PolicyModel):
    """A range by its upper bound: `{bracket.NAME}` is the name of the range that the number `of` is in."""

    of: Expr
    up_to: Annotated[tuple[tuple[int, str], ...], Field(min_length=1, max_length=50)]
    above: Word


class StubJobs(PolicyModel):
    """Answers to polls: `pending` so many `times`, then the answer; `lost` for a job that nobody started.

    The answer is posted to the callback URL of the question, if it has one, after `webhook_after`.
    """

    pending: StubReply
    times: Annotated[int, whole_number(0, 100)] = 1
    lost: StubReply | None = None
    webhook_after: PlainDuration = Duration(1)


class StubPreset(PolicyModel):
    """How the stubs answer for a vendor. What is not there is taken from the vendor's examples.

    `errors` are the bodies of error statuses; `reported_as` the statuses that the vendor reports otherwise,
    `limit_status` that for too many calls. `key_in` are further headers and parameters that may have the key.
    """

    vendor: Vendor
    coverage: StubCoverage = StubCoverage()
    limit_status: Annotated[int, whole_number(400, 599)] = 429
    errors: Annotated[Mapping[str, Tree], Field(max_length=50), Statuses] = {}
    reported_as: Annotated[Mapping[str, int], Field(max_length=50), Statuses] = {}
    key_in: Annotated[tuple[Word, ...], Field(max_length=10)] = ()
    tables: Tables = Field(default_factory=dict)
    brackets: Annotated[Mapping[Name, Bracket], Field(max_length=20)] = {}
    answers: Annotated[Mapping[AskSubject, StubAnswers], Field(max_length=6)] = {}
    jobs: StubJobs | None = None
