"""A data vendor as its preset says: questions become HTTP requests, replies become facts and a price. Pure.

Sending, waiting and paying are the same for every vendor (`provider_client`). One test suite holds for all
vendors (`tests/contract/test_providers.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final, get_args

from msgspec import Struct
from msgspec.structs import replace

from services.enricher.domain.providers import ProviderFacts, ProviderQuery, Subject
from services.enricher.providers.answers import Answer, AnswerReader
from services.enricher.providers.vendor_facts import range_midpoint
from shared.integrations.given_fields import fields_given
from shared.integrations.provider_preset import Ask, Price, ProviderPreset
from shared.integrations.vendor_replies import ANSWERED, HttpReply, Meaning, ReplyMeaning, read_reply
from shared.integrations.vendor_requests import (
    HttpRequest,
    ask_request,
    batch_request,
    can_ask,
    needs_of,
    poll_request,
)

SUBJECTS: Final[tuple[Subject, ...]] = get_args(Subject)


class ParsedReply(Struct, frozen=True):
    """What a reply means for one question. `detail` explains a failure.

    `found` are the fields that the answer has a value for, also one that is not used: vendors bill for it.

    `again_after_s` is the wait that the vendor asks for, None when it does not say. `job` is the vendor's id
    of an answer that comes later. `billed` is whether the vendor bills this reply, whatever its prices say;
    `polls` is how often the vendor was asked for the job's answer. `window_ends_in_s` is set when the vendor
    takes no further calls for so long.
    """

    verdict: Meaning
    facts: ProviderFacts = ProviderFacts()
    found: frozenset[str] = frozenset()
    contacts: tuple[ProviderFacts, ...] = ()
    status: int = 0
    detail: str = ""
    again_after_s: float | None = None
    job: str | None = None
    billed: bool | None = None
    polls: int = 0
    window_ends_in_s: float | None = None


class Integration:
    """A vendor. Made once per preset: what follows from the preset alone is worked out once.

    `gives` are the fields that an answer can have, `needs` the values without which the vendor cannot be
    asked, as alternatives; both by subject.
    """

    def __init__(self, preset: ProviderPreset) -> None:
        self.preset = preset
        self.name = preset.vendor
        self.gives: Mapping[Subject, frozenset[str]] = {
            subject: fields_given(preset, subject) for subject in SUBJECTS if subject in preset.ask
        }
        self.needs: Mapping[Subject, tuple[tuple[str, ...], ...]] = {
            subject: needs_of(subject, preset.ask[subject]) for subject in self.gives
        }

    @cached_property
    def _readers(self) -> Mapping[Subject, AnswerReader]:
        return {subject: AnswerReader(self.preset, subject) for subject in self.gives}

    def ask(self, subject: Subject) -> Ask:
        """Return how the vendor is asked about a subject that it `gives` something of."""
        return self.preset.ask[subject]

    def is_polled(self, subject: Subject) -> bool:
        """Return whether the answer about a subject comes later, under a job."""
        ask = self.preset.ask.get(subject)
        return self.preset.poll is not None and ask is not None and ask.polled

    def price(self, subject: Subject) -> Price:
        """Return what the vendor bills for answers about a subject."""
        return self.preset.ask[subject].price or self.preset.price

    @property
    def polled_for(self) -> timedelta:
        """How long a job is polled at most."""
        poll = self.preset.poll
        return poll.for_.timedelta if poll is not None else timedelta(0)

    def can_ask(self, query: ProviderQuery) -> bool:
        """Return whether enough is known to ask, about a subject that the vendor is asked about."""
        return query.subject in self.needs and can_ask(self.needs[query.subject], query.asked)

    def request(
        self, query: ProviderQuery, key: str, *, callback_url: str | None = None
    ) -> HttpRequest | None:
        """Return the request of a query with the given API key; None when the lead says too little."""
        return ask_request(self.preset, query.subject, {**query.asked, "callback_url": callback_url}, key)

    def batch_request(
        self, queries: Sequence[ProviderQuery], key: str, *, callback_url: str | None = None
    ) -> HttpRequest | None:
        """Return one request for several queries about one subject."""
        questions = [{**query.asked, "callback_url": callback_url} for query in queries]
        return batch_request(self.preset, queries[0].subject, questions, key)

    def poll_request(self, query: ProviderQuery, job: str, key: str) -> HttpRequest | None:
        """Return the request for the answer of a job."""
        return poll_request(self.preset, job, query.asked, key)

    def parse(self, query: ProviderQuery, reply: HttpReply, at: datetime) -> ParsedReply:
        """Return what the reply to a query, or to a batch with it, means for it. Never raises.

        Of a polled subject the reply may be a job, whose answer comes later.
        """
        read = self._read(query, reply, at)
        if read.outcome in ("match", "partial", "pending") and self.is_polled(query.subject):
            poll = self.preset.poll
            job = read.evaluation.value(poll.job, read.body) if poll is not None else None
            if isinstance(job, str | int) and not isinstance(job, bool) and str(job):
                return replace(_without_facts(read), verdict="pending", job=str(job)[:500])
        return self._parsed(query, read)

    def parse_job(self, query: ProviderQuery, reply: HttpReply, at: datetime) -> ParsedReply:
        """Return what a poll's reply, or what the vendor posted of a job, means for a query. Never raises."""
        return self._parsed(query, self._read(query, reply, at))

    def _read(self, query: ProviderQuery, reply: HttpReply, at: datetime) -> ReplyMeaning:
        return read_reply(self.preset, reply, query.asked, at, read_range=range_midpoint)

    def _parsed(self, query: ProviderQuery, read: ReplyMeaning) -> ParsedReply:
        parsed = _without_facts(read)
        reader = self._readers.get(query.subject)
        if read.outcome in ANSWERED and 200 <= read.status < 300 and not _has_form(reader, read.body):
            return replace(parsed, verdict="malformed", detail="malformed answer: no object")
        if read.outcome not in ("match", "partial", "invalid_email"):
            return parsed
        answer = (
            reader.read(query, read) if reader is not None else Answer(fault="it is not asked about this")
        )
        if read.outcome == "invalid_email":
            return replace(parsed, facts=answer.facts)
        parsed = replace(parsed, found=answer.found)
        if answer.facts.confidence or answer.contacts:
            return replace(parsed, facts=answer.facts, contacts=answer.contacts, detail="")
        if answer.fault and not read.is_stated:
            return replace(parsed, verdict="malformed", detail=f"malformed answer: {answer.fault}")
        # A vendor may find somebody of whom it shows nothing that Baton has a field for.
        return replace(parsed, verdict="unknown" if answer.is_unknown else "no_match", detail="")


def _has_form(reader: AnswerReader | None, body: Any) -> bool:
    """Return whether a body is an object, or what else the reader takes; an empty one may be no match."""
    return body is None or isinstance(body, dict) or (reader is not None and reader.takes_lists)


def _without_facts(read: ReplyMeaning) -> ParsedReply:
    return ParsedReply(
        read.outcome,
        status=read.status,
        detail="" if read.outcome in ANSWERED else read.detail,
        again_after_s=read.again_after_s,
        billed=read.billed,
        window_ends_in_s=read.window_ends_in_s,
    )
