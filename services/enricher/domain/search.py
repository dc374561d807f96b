"""The asking about one lead: what its answers made known so far, and what to ask next. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from services.enricher.domain.account_context import AccountContext
from services.enricher.domain.enrich import with_answers
from services.enricher.domain.providers import (
    LookupTarget,
    ProviderAnswer,
    ProviderQuery,
    Subject,
    is_current,
    lookup_target,
)
from services.enricher.domain.record import LeadRow
from services.enricher.domain.value_of_information import Outlook
from services.enricher.domain.waterfall import (
    Ask,
    Plan,
    Progress,
    Terms,
    buyable_fields,
    plan_next,
    subjects_of,
    wanted_fields,
)


class Search(Struct, frozen=True, dict=True):
    """The asking about one lead, so far; what is added to it gives another.

    `lead` has what the answers add, and `progress` the fields that are still worth having. Without `outlook`
    everything is asked for, whether it changes anything or not.
    """

    terms: Terms
    outlook: Outlook | None
    target: LookupTarget
    lead: LeadRow
    progress: Progress
    answers: tuple[ProviderAnswer, ...] = ()

    @property
    def wanted(self) -> tuple[str, ...]:
        """The fields that are still worth having."""
        return self.progress.wanted

    @cached_property
    def buyable(self) -> tuple[str, ...]:
        """The wanted fields that somebody can still be asked for, and paid."""
        return buyable_fields(self.terms, self.progress)

    def with_cached(self, answers: Sequence[ProviderAnswer], at: datetime) -> Search:
        """Take over what was kept. A provider need not be asked again unless a wanted field is too old."""
        if not answers:
            return self
        search = self._with(self.progress.asked, answers, at)
        current = (each for each in answers if is_current(each, search.wanted, self.terms.fields, at))
        asked = self.progress.asked.union((answer.provider, answer.subject) for answer in current)
        return replace(search, progress=replace(search.progress, asked=asked))

    def taking(self, asks: Iterable[Ask], answers: Iterable[ProviderAnswer], at: datetime) -> Search:
        """Take what was answered to questions."""
        asked = self.progress.asked.union((ask.provider, ask.subject) for ask in asks)
        return self._with(asked, answers, at)

    def next(self, context: AccountContext | None, left_s: float, at: datetime) -> Plan:
        """Return what to ask next; nothing when it cannot change what becomes of the lead."""
        now, outlook = replace(self.progress, left_s=left_s), self.outlook
        if outlook is None or context is None or not now.wanted:
            return plan_next(self.terms, now)
        view = outlook.view(self.lead, context, self.buyable, at)
        if not view.is_settled():
            return plan_next(self.terms, now, view.chance)
        failed = self._failed().difference(self.buyable)
        if failed and not outlook.view(self.lead, context, {*self.buyable, *failed}, at).is_settled():
            return Plan(stop="exhausted")
        return Plan(stop="settled")

    def question(self, ask: Ask) -> ProviderQuery:
        about = self.target.about(ask.subject) or ""
        return ProviderQuery(ask.provider, ask.subject, about, self.target, ask.fields)

    def nothing(self, ask: Ask, at: datetime, detail: str) -> ProviderAnswer:
        """Return the answer of somebody who did not answer in time."""
        about = self.target.about(ask.subject) or ""
        return ProviderAnswer(
            ask.provider, ask.subject, about, "timeout", at, detail=detail, requested=ask.fields
        )

    def _with(
        self, asked: frozenset[tuple[str, Subject]], answers: Iterable[ProviderAnswer], at: datetime
    ) -> Search:
        answers = tuple(answers)
        lead = with_answers(self.lead, answers, self.terms.fields, at)
        progress = replace(
            self.progress,
            wanted=_worth_having(lead, self.terms, self.outlook, at),
            asked=asked,
            spent_cents=self.progress.spent_cents + sum(each.cost for each in answers if each.billed),
        )
        return replace(self, lead=lead, progress=progress, answers=(*self.answers, *answers))

    def _failed(self) -> set[str]:
        """Return the fields that might be known by now, had the provider answered."""
        asked = (answer.requested for answer in self.answers if not answer.is_conclusive)
        return set().union(*asked).intersection(self.wanted)


def search_for(lead: LeadRow, terms: Terms, outlook: Outlook | None, at: datetime) -> Search:
    """Return the asking about a lead, before anything was asked."""
    target = lookup_target(lead.account, lead.lead_id, lead.person)
    progress = Progress(_worth_having(lead, terms, outlook, at), subjects_of(target))
    return Search(terms, outlook, target, lead, progress)


def _worth_having(lead: LeadRow, terms: Terms, outlook: Outlook | None, at: datetime) -> tuple[str, ...]:
    wanted = wanted_fields(lead, terms, at)
    return wanted if outlook is None else tuple(filter(outlook.matters, wanted))
