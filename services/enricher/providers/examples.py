"""Runs the examples of a data vendor: the request that Baton makes, and what the answers become. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from services.enricher.domain.providers import LookupTarget, ProviderQuery, Subject
from services.enricher.providers.integration import Integration, ParsedReply
from services.enricher.providers.prices import reply_cost
from shared.integrations.examples import ExpectedAnswer, ProviderExample, SentRequest, VendorAnswer
from shared.integrations.provider_preset import ProviderPreset
from shared.integrations.vendor_replies import HttpReply, read_reply
from shared.integrations.vendor_requests import HttpRequest, ask_request
from shared.policy.models import Provider

KEY: Final = "KEY"
"""Stands for the API key in the requests of examples."""
_AT: Final = datetime(2026, 1, 15, 10, tzinfo=UTC)
_NO_TERMS: Final = Provider(integration="example")


class ExampleQuestion(ProviderQuery, frozen=True, kw_only=True):
    """A question of an example. `parameters` are its values as they are written there."""

    parameters: Mapping[str, str] = {}

    @property
    def asked(self) -> Mapping[str, str | None]:
        return {**super().asked, **self.parameters}

    @property
    def reference(self) -> str:
        return self.parameters.get("reference") or super().reference


class AnswerOutcome(Struct, frozen=True):
    """What the answer to one question of an example became, in the words of an example's `expect`."""

    outcome: str
    person: Mapping[str, Any] = {}
    company: Mapping[str, Any] = {}
    people: Sequence[Mapping[str, Any]] = ()
    confidence: Mapping[str, float] = {}
    as_of: datetime | None = None
    cost: int = 0
    again_after_s: float | None = None
    detail: str = ""
    lead: Any = None


class ProviderExampleResult(Struct, frozen=True):
    """The request of an example, what each question's answer became, and in what it differs from `expect`."""

    request: HttpRequest | None
    answers: Sequence[AnswerOutcome]
    differences: Sequence[str]


def run_provider_example(preset: ProviderPreset, example: ProviderExample) -> ProviderExampleResult:
    """Return what a preset makes of an example. Without `differences` the example holds. Never raises."""
    if example.ask not in preset.ask:
        return ProviderExampleResult(None, (), [f"the preset does not ask about {example.ask}"])
    at = example.at or _AT
    questions = example.questions or ((example.question,) if example.question is not None else ())
    replies = [_reply(answer) for answer in example.answers or ((example.answer,) if example.answer else ())]
    if example.ask == "lead":
        asked = {str(name): str(value) for name, value in questions[0].items()} if questions else {}
        request = ask_request(preset, "lead", asked, KEY)
        fetched = read_reply(preset, replies[0], asked, at) if replies else None
        answers = (
            []
            if fetched is None
            else [
                AnswerOutcome(
                    fetched.outcome,
                    lead=fetched.body,
                    again_after_s=fetched.again_after_s,
                    detail=fetched.detail,
                )
            ]
        )
    else:
        integration = Integration(preset)
        queries = [_query(preset, example.ask, question) for question in questions]
        request = (
            integration.batch_request(queries, KEY)
            if len(queries) > 1
            else integration.request(queries[0], KEY)
            if queries
            else None
        )
        answers = [_answer(integration, query, replies, at) for query in queries] if replies else []
    differences = [*_request_differences(example.request, request)]
    if request is None:
        differences.append("the vendor is not asked: a value that it needs is missing")
    if len(answers) != len(example.expect):
        differences.append(f"{len(answers)} answers instead of {len(example.expect)}")
    for number, (expected, answer) in enumerate(zip(example.expect, answers, strict=False)):
        where = f"answer {number + 1}: " if len(answers) > 1 else ""
        differences += [f"{where}{difference}" for difference in _answer_differences(expected, answer)]
    return ProviderExampleResult(request, answers, differences)


def _query(preset: ProviderPreset, subject: Subject, question: Mapping[Any, Any]) -> ExampleQuestion:
    parameters = {str(name): str(value) for name, value in question.items() if name != "roles"}
    target = LookupTarget(
        domain=parameters.get("domain"),
        email=parameters.get("email"),
        first_name=parameters.get("first_name"),
        last_name=parameters.get("last_name"),
        company_name=parameters.get("company_name"),
        lead_id="example",
    )
    roles = question.get("roles") or ()
    return ExampleQuestion(
        preset.vendor,
        subject,
        target.about(subject) or "",
        target,
        tuple(map(str, roles)) if isinstance(roles, list | tuple) else (str(roles),),
        parameters=parameters,
    )


def _reply(answer: VendorAnswer) -> HttpReply:
    body = answer.body.encode() if answer.body is not None else msgspec.json.encode(answer.json_)
    return HttpReply(answer.status, body, {name.lower(): value for name, value in answer.headers.items()})


def _answer(
    integration: Integration, query: ProviderQuery, replies: Sequence[HttpReply], at: datetime
) -> AnswerOutcome:
    """Return what the replies become, one after the other while the vendor still looks."""
    parsed, polls = integration.parse(query, replies[0], at), 0
    for reply in replies[1:]:
        if parsed.verdict != "pending":
            break
        is_job = integration.is_polled(query.subject)
        polls += is_job
        parsed = integration.parse_job(query, reply, at) if is_job else integration.parse(query, reply, at)
    parsed = replace(parsed, polls=polls)
    return AnswerOutcome(
        outcome=parsed.verdict,
        person=msgspec.to_builtins(parsed.facts.person),
        company=msgspec.to_builtins(parsed.facts.company),
        people=[msgspec.to_builtins(facts.person) for facts in parsed.contacts],
        confidence=parsed.facts.confidence,
        as_of=parsed.facts.as_of,
        cost=_cost(integration, query, parsed),
        again_after_s=parsed.again_after_s,
        detail=parsed.detail,
    )


def _cost(integration: Integration, query: ProviderQuery, parsed: ParsedReply) -> int:
    return reply_cost(integration.price(query.subject), parsed, _NO_TERMS)


def _request_differences(expected: SentRequest | None, request: HttpRequest | None) -> Iterator[str]:
    """Yield in what a request differs from what an example gives of it."""
    if expected is None or request is None:
        return
    content = request.content or b""
    pairs: dict[str, tuple[Any, Any]] = {
        "method": (expected.method, request.method),
        "path": (expected.path, request.path),
        "form": (expected.form, dict(parse_qsl(content.decode(), keep_blank_values=True))),
    }
    if expected.json_ is not None:
        pairs["json"] = (expected.json_, msgspec.json.decode(content) if content else None)
    for name, value in (expected.query or {}).items():
        pairs[f"query {name}"] = (value, request.params.get(name))
    for name, value in (expected.headers or {}).items():
        pairs[f"header {name}"] = (value, request.headers.get(name.lower()))
    for name, (wanted, sent) in pairs.items():
        if wanted is not None and _plain(wanted) != _plain(sent):
            yield f"request {name}: {sent!r} instead of {wanted!r}"


def _answer_differences(expected: ExpectedAnswer, answer: AnswerOutcome) -> Iterator[str]:
    """Yield in what an answer differs from what an example expects; what it does not give may be anything."""
    pairs: dict[str, tuple[Any, Any]] = {"outcome": (expected.outcome, answer.outcome)}
    for part, wanted in (
        ("person", expected.person),
        ("company", expected.company),
        ("lead", expected.lead),
    ):
        given = getattr(answer, part) or {}
        pairs |= {f"{part}.{name}": (value, given.get(name)) for name, value in (wanted or {}).items()}
    for number, person in enumerate(expected.people or ()):
        given = answer.people[number] if number < len(answer.people) else {}
        pairs |= {f"people[{number}].{name}": (value, given.get(name)) for name, value in person.items()}
    if expected.people is not None:
        pairs["people"] = (len(expected.people), len(answer.people))
    for name, share in (expected.confidence or {}).items():
        known = answer.confidence.get(name)
        wanted_share = share / 100 if share > 1 else share
        pairs[f"confidence of {name}"] = (wanted_share, None if known is None else round(known, 4))
    if expected.as_of is not None:
        pairs["as_of"] = (expected.as_of, answer.as_of)
    if expected.cost is not None:
        pairs["cost"] = (expected.cost, answer.cost)
    if expected.again_after is not None:
        pairs["again_after"] = (expected.again_after.seconds, answer.again_after_s)
    if expected.detail is not None and expected.detail not in answer.detail:
        pairs["detail"] = (expected.detail, answer.detail)
    for name, (wanted, given) in pairs.items():
        if _plain(wanted) != _plain(given):
            yield f"{name}: {given!r} instead of {wanted!r}"


def _plain(value: Any) -> Any:
    """Return a value as JSON has it, so that a tuple equals a list."""
    return msgspec.json.decode(msgspec.json.encode(value))
