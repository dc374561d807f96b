"""What a vendor answers to a request: as an example says, else from the world by its `stub.yaml`. Pure.

Answers depend on the request and the day only, so they can be kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Any, Final

import msgspec
from msgspec import Struct

from services.provider_stubs import golden
from services.provider_stubs.answer_context import Finds, Found, find
from services.provider_stubs.asked_values import AskReader, StubRequest
from services.provider_stubs.example_answers import Example, ExampleAnswer, ExampleBook, replaced
from services.provider_stubs.rendering import Renderer
from services.provider_stubs.vendor_records import Coverage
from services.provider_stubs.world import World
from shared.integrations.examples import ProviderExample
from shared.integrations.expressions import Evaluation
from shared.integrations.functions import ExpressionScope
from shared.integrations.provider_preset import AskSubject, Price, ProviderPreset
from shared.integrations.stub_preset import StubAnswers, StubPreset, StubReply
from shared.lead.ids import derive_id

SUBJECT_LENGTH_MAX: Final = 254
_FINDS: Final[Mapping[AskSubject, Finds]] = {
    "company": "company",
    "person": "person",
    "find_email": "person",
    "email": "mailbox",
    "contacts": "people",
}
_ANY_TIME: Final = datetime(2026, 1, 1, tzinfo=UTC)
_SUBJECT_NAMES: Final = ("domain", "full_name", "linkedin_url", "phone", "company_name", "id")


class StubAnswer(Struct, frozen=True):
    """A response as it is sent, and what the call log says of it; `billed` is in cents."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    billed: int = 0
    matched: bool = False


class Job(Struct, frozen=True):
    """What polls of a job are answered, in turn; the last answer stays. `callback_url` gets it, too."""

    id: str
    answers: tuple[StubAnswer, ...]
    callback_url: str | None = None


class Prepared(Struct, frozen=True):
    """The answers to a request, in turn for the same one; the last stays. `job` starts with the first."""

    subject: str
    answers: tuple[StubAnswer, ...]
    outage: golden.Outage | None = None
    job: Job | None = None


class VendorQuestion(Struct, frozen=True):
    """What a request asks, or each question of a batch. `subjects` may be meant, the likeliest first."""

    subjects: tuple[AskSubject, ...]
    asked: Mapping[str, str]
    items: tuple[Mapping[str, str], ...] = ()

    @property
    def each(self) -> Sequence[Mapping[str, str]]:
        return self.items or (self.asked,)

    @property
    def subject(self) -> str:
        """The domain or address that is asked about, or what else names it; empty when there is none."""
        first = self.each[0] if self.each else {}
        names = ("email", *_SUBJECT_NAMES) if self.subjects[:1] != ("company",) else _SUBJECT_NAMES
        return next((first[name] for name in names if first.get(name)), "")[:SUBJECT_LENGTH_MAX]

    @property
    def key(self) -> bytes:
        return msgspec.json.encode((self.subjects, sorted(self.asked.items()), self.items))


def phrase(status: int) -> str:
    """Return the words of an HTTP status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def sent(answer: ExampleAnswer, references: Mapping[str, str] | None = None) -> StubAnswer:
    """Return the answer of an example as it is sent, with a request's own references in it."""
    body = msgspec.json.encode(replaced(answer.json, references)) if references else answer.body
    return StubAnswer(answer.status, body, answer.headers)


def match_price(price: Price, found: Found) -> int:
    """Return the cents that a vendor bills for what it knows; by field, those of a person."""
    person = found.context.get("person") or {}
    shown = {
        "person.email": person and not person["locked"],
        "person.phone": person and not person["withheld"],
    }
    return (
        price.match + price.call + sum(cents for name, cents in price.found_field.items() if shown.get(name))
    )


class VendorStub:
    """A vendor, made from its folder: preset, examples, and `stub.yaml` if it has one."""

    def __init__(
        self,
        preset: ProviderPreset,
        examples: Sequence[ProviderExample],
        stub: StubPreset | None,
        world: World,
    ) -> None:
        self.name = preset.vendor
        self._preset = preset
        self._stub = stub or StubPreset(vendor=preset.vendor)
        self._world = world
        self._book = ExampleBook(examples)
        self._coverage = Coverage(vendor=preset.vendor, **self._stub.coverage.model_dump())
        self._readers = {subject: AskReader(ask) for subject, ask in preset.ask.items()}
        self._poll = None if preset.poll is None else AskReader(preset.poll)

    @property
    def limit_status(self) -> int:
        return self._stub.limit_status

    def has_key(self, request: StubRequest) -> bool:
        """Return whether a request has an API key where the vendor takes one; any text will do."""
        auth = self._preset.auth
        header = "authorization" if auth.basic is not None else auth.header
        places = [name for name in (header, auth.query, *self._stub.key_in) if name is not None]
        return any(name.lower() in request.headers or name in request.query for name in places)

    def read(self, request: StubRequest) -> VendorQuestion | None:
        """Return what a request asks; None for a path of none of the vendor's asks."""
        read = {subject: reader.read(request) for subject, reader in self._readers.items()}
        found = [(subject, question) for subject, question in read.items() if question is not None]
        if not found:
            return None
        found.sort(key=lambda one: -len(one[1][0]) - sum(map(len, one[1][1])))
        asked, items = found[0][1]
        return VendorQuestion(tuple(subject for subject, _ in found), asked, tuple(items))

    def read_poll(self, request: StubRequest) -> str | None:
        """Return the id of the job that a request asks for; None when it does not poll."""
        poll = None if self._poll is None else self._poll.read(request)
        return None if poll is None else poll[0].get("job")

    def prepare(self, question: VendorQuestion, today: date, *, has_key: bool) -> Prepared:
        """Return the answers to a question on a day."""
        outage = golden.outage(self.name, question.subject)
        if not has_key:
            return Prepared(question.subject, (self.error(401),), outage)
        example = self._book.find(question.subjects, question.each)
        if example is not None and example.answers:
            return self._from_example(question, example, outage)
        answers, job = self._from_world(question, today)
        return Prepared(question.subject, answers, outage, job)

    def error(self, status: int) -> StubAnswer:
        """Return how the vendor reports an error status."""
        template = self._stub.errors.get(str(status), self._stub.errors.get("default"))
        reported = self._stub.reported_as.get(str(status), status)
        if template is None:
            shown = self._book.with_status(status)
            body: Any = (
                {"error": {"code": status, "message": phrase(status)}} if shown is None else shown.json
            )
        else:
            context = {"status": status, "message": phrase(status)}
            body = Renderer(self._stub, context, date.min).render(template)
        return StubAnswer(reported, msgspec.json.encode(body))

    def lost_job(self) -> StubAnswer:
        """Return the answer to a poll of a job that nobody started."""
        lost = self._stub.jobs.lost if self._stub.jobs else None
        if lost is not None:
            return self._reply(lost, Renderer(self._stub, {}, date.min), billed=0)
        shown = self._book.showing("job_lost")
        return self.error(404) if shown is None else sent(shown)

    def _from_example(
        self, question: VendorQuestion, example: Example, outage: golden.Outage | None
    ) -> Prepared:
        references = example.references(question.each)
        answers = [sent(one, references) for one in example.answers]
        answers[-1] = msgspec.structs.replace(answers[-1], billed=example.cost, matched=example.matched)
        job = None
        id_ = self._job_of(example.answers[0].json, example.answers[0].headers)
        if id_ is not None and len(answers) > 1:
            job = Job(id_, tuple(answers[1:]), question.asked.get("callback_url"))
            answers = answers[:1]
        return Prepared(question.subject, tuple(answers), outage, job)

    def _from_world(self, question: VendorQuestion, today: date) -> tuple[tuple[StubAnswer, ...], Job | None]:
        subject = next((one for one in question.subjects if one in self._stub.answers), question.subjects[0])
        answers = self._stub.answers.get(subject)
        finds = None if answers is None else answers.finds or _FINDS.get(subject)
        if answers is None or finds is None:
            return (self._nobody(subject),), None
        found = [find(self._world, self._coverage, finds, one, today) for one in question.each]
        if answers.items is not None:
            return self._batch(question, answers, found, today)
        one = found[0]
        if one is None:
            invalid = answers.invalid
            price = self._price(subject)
            if invalid is None:
                return (self.error(400),), None
            renderer = Renderer(self._stub, {"asked": question.asked, "today": today.isoformat()}, today)
            refusal = self._reply(invalid, renderer, billed=price.call)
            return (refusal if refusal.matched else msgspec.structs.replace(refusal, billed=0),), None
        return self._single(question, answers, one, today)

    def _single(
        self, question: VendorQuestion, answers: StubAnswers, found: Found, today: date
    ) -> tuple[tuple[StubAnswer, ...], Job | None]:
        subject, renderer = question.subjects[0], Renderer(self._stub, found.context, today)
        price = self._price(subject)
        if found.is_match:
            last = self._reply(answers.match, renderer, billed=match_price(price, found), matched=True)
        elif answers.no_match is not None:
            last = self._reply(answers.no_match, renderer, billed=price.no_match + price.call)
        else:
            last = msgspec.structs.replace(self._nobody(subject), billed=price.no_match + price.call)
        if answers.accepted is not None:
            return self._accepted(question, answers.accepted, renderer, last)
        if not (found.is_slow and answers.pending is not None):
            return (last,), None
        first = self._reply(answers.pending, renderer, billed=0)
        id_ = self._job_of(msgspec.json.decode(first.body), {})
        if id_ is None:
            return (first, last), None
        if answers.polled is not None:
            body = renderer.render(answers.polled.json_, answer=msgspec.json.decode(last.body))
            last = msgspec.structs.replace(last, body=msgspec.json.encode(body))
        return (first,), Job(id_, (last,))

    def _job_of(self, body: Any, headers: Mapping[str, str]) -> str | None:
        """Return the id of the job that a first answer names; None where the answer is no job."""
        if self._preset.poll is None:
            return None
        scope = ExpressionScope(at=_ANY_TIME, body=body, headers=headers)
        id_ = Evaluation(scope).value(self._preset.poll.job, body)
        return None if id_ is None else str(id_)

    def _batch(
        self, question: VendorQuestion, answers: StubAnswers, found: Sequence[Found | None], today: date
    ) -> tuple[tuple[StubAnswer, ...], Job | None]:
        """Return the answer to a batch; its parts come in another order than the questions."""
        price, items, billed = self._price(question.subjects[0]), answers.items, 0
        parts: list[Any] = []
        for asked, one in zip(question.each, found, strict=True):
            is_match = one is not None and one.is_match
            billed += match_price(price, one) if one and is_match else price.call + price.no_match
            tree = None if items is None else items.match if is_match else items.no_match
            if tree is not None:
                context = {"asked": asked} if one is None else {**one.context, "asked": asked}
                parts.append(Renderer(self._stub, context, today).render(tree))
        renderer = Renderer(self._stub, {"asked": question.asked, "today": today.isoformat()}, today)
        matched = any(one is not None and one.is_match for one in found)
        body = renderer.render(answers.match.json_, items=parts[::-1])
        last = StubAnswer(
            answers.match.status, msgspec.json.encode(body), answers.match.headers, billed, matched
        )
        if answers.accepted is not None:
            return self._accepted(question, answers.accepted, renderer, last)
        return (last,), None

    def _accepted(
        self, question: VendorQuestion, accepted: StubReply, renderer: Renderer, last: StubAnswer
    ) -> tuple[tuple[StubAnswer, ...], Job | None]:
        id_ = derive_id(self.name, question.key.decode(errors="replace"), "job", 0)
        body = renderer.render(accepted.json_, job=id_)
        first = StubAnswer(accepted.status, msgspec.json.encode(body), accepted.headers)
        jobs = self._stub.jobs
        waits = () if jobs is None else (self._reply(jobs.pending, renderer, billed=0, job=id_),) * jobs.times
        return (first,), Job(id_, (*waits, last), question.asked.get("callback_url"))

    @property
    def webhook_after_s(self) -> float:
        """After how many seconds the answer of a job is posted to its callback URL."""
        return self._stub.jobs.webhook_after.seconds if self._stub.jobs else 1

    def _reply(
        self, reply: StubReply, renderer: Renderer, *, billed: int, matched: bool = False, **more: Any
    ) -> StubAnswer:
        if reply.matched is not None:
            matched = bool(renderer.value(reply.matched))
        body = msgspec.json.encode(renderer.render(reply.json_, **more))
        return StubAnswer(reply.status, body, reply.headers, billed, matched)

    def _nobody(self, subject: AskSubject) -> StubAnswer:
        """Return how the vendor says that it found nothing: as in an example, else as status 404."""
        shown = self._book.showing("no_match", subject) or self._book.showing("no_match")
        return self.error(404) if shown is None else sent(shown)

    def _price(self, subject: AskSubject) -> Price:
        return self._preset.ask[subject].price or self._preset.price
