"""The search for one lead's missing fields: what the answers gave so far, and what to request next. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import cached_property
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from services.enricher.domain.account_context import AccountContext
from services.enricher.domain.enrich import target_of, unverified_address, with_answers
from services.enricher.domain.form import company_account
from services.enricher.domain.merge import account_of
from services.enricher.domain.providers import (
    LookupTarget,
    ProviderAnswer,
    ProviderQuery,
    Subject,
    is_current,
)
from services.enricher.domain.record import LeadRow
from services.enricher.domain.value_of_information import OutcomeModel
from services.enricher.domain.waterfall import (
    LookupPlan,
    LookupProgress,
    LookupRequest,
    WaterfallPolicy,
    buyable_fields,
    lookup_subjects,
    missing_fields,
    plan_next,
)
from shared.lead.fields import FactKeys

_VERIFIED: Final = frozenset({FactKeys.EMAIL_STATUS})
"""What is asked of an address that was found, whether or not a rule reads it."""


class Search(Struct, frozen=True, dict=True):
    """The state of one search; every method that adds to it returns a new one.

    `lead` has what the answers gave. Without an `outcome_model` every missing field of the policy is bought,
    whether it changes the outcome or not, or those that are `wanted`.
    """

    waterfall: WaterfallPolicy
    outcome_model: OutcomeModel | None
    target: LookupTarget
    lead: LeadRow
    progress: LookupProgress
    answers: tuple[ProviderAnswer, ...] = ()
    wanted: Collection[str] | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """The fields that are still worth having."""
        return self.progress.missing

    @cached_property
    def buyable(self) -> tuple[str, ...]:
        """The missing fields that some provider can still be asked for within the budget."""
        return buyable_fields(self.waterfall, self.progress)

    def with_cached(self, answers: Sequence[ProviderAnswer], at: datetime) -> Search:
        """Add cached answers. Their providers are not queried again unless a missing field is too old."""
        known = {(answer.provider, answer.subject) for answer in self.answers}
        answers = [answer for answer in answers if (answer.provider, answer.subject) not in known]
        if not answers:
            return self
        search = self._with(self.progress.requested, answers, at)
        target = search.target
        current = (
            answer
            for answer in answers
            if is_current(answer, search.missing, self.waterfall.fields, at)
            and (answer.subject != "email" or answer.facts.person.email in (None, target.email))
        )
        requested = self.progress.requested.union((answer.provider, answer.subject) for answer in current)
        return replace(search, progress=replace(search.progress, requested=requested))

    def with_answers(
        self, requests: Iterable[LookupRequest], answers: Iterable[ProviderAnswer], at: datetime
    ) -> Search:
        """Add the answers to requests. A combined answer answers for the company, too."""
        requested = self.progress.requested.union((request.provider, request.subject) for request in requests)
        completed = [self._with_company(answer) for answer in answers]
        requested |= {(answer.provider, "company") for answer in completed if answer.also_about is not None}
        return self._with(requested, completed, at)

    def _with_company(self, answer: ProviderAnswer) -> ProviderAnswer:
        """Return an answer about a person with the domain of the company that it tells all of, if it does.

        What it says of the employer has to be as sure as the policy wants: about the company alone the
        provider may be surer.
        """
        capability, domain = self.waterfall.capabilities.get(answer.provider), answer.facts.company.domain
        if answer.subject != "person" or domain is None or capability is None or not capability.is_combined:
            return answer
        asked, fields = self.target.domain, self.waterfall.fields
        is_sure = all(
            round(sure * 100) >= fields[name].min_confidence
            for name, sure in answer.facts.confidence.items()
            if name in fields and name.startswith("company.")
        )
        is_same = asked is not None and company_account(domain) == asked
        return replace(answer, also_about=asked) if is_sure and is_same else answer

    def for_seller(self, at: datetime) -> Search:
        """Return the search for what the seller of this lead needs besides, whatever it changes."""
        search = replace(self, outcome_model=None, wanted=self.waterfall.for_sellers)
        return search.with_answers((), (), at)

    def next(self, context: AccountContext | None, left_s: float, at: datetime) -> LookupPlan:
        """Return what to request next; nothing when no field can change what becomes of the lead."""
        progress, model = replace(self.progress, left_s=left_s), self.outcome_model
        if model is None or context is None or not progress.missing:
            return plan_next(self.waterfall, progress)
        outcomes = model.lead_outcomes(self.lead, context, self.buyable, at)
        if not outcomes.is_settled():
            return plan_next(self.waterfall, progress, outcomes.chance)
        # Fields that might be known by now, had their provider answered.
        unanswered = (answer.requested for answer in self.answers if not answer.is_conclusive)
        failed = set().union(*unanswered).intersection(self.missing).difference(self.buyable)
        if failed and not model.lead_outcomes(self.lead, context, {*self.buyable, *failed}, at).is_settled():
            return LookupPlan(stop="exhausted")
        return LookupPlan(stop="settled")

    def query(self, request: LookupRequest) -> ProviderQuery:
        """Return the query that a request puts to its provider."""
        about = self.target.about(request.subject) or ""
        return ProviderQuery(request.provider, request.subject, about, self.target, request.fields)

    def _with(
        self, requested: frozenset[tuple[str, Subject]], answers: Iterable[ProviderAnswer], at: datetime
    ) -> Search:
        answers = tuple(answers)
        lead = with_answers(self.lead, answers, self.waterfall.fields, at, self.answers)
        # An answer may give the name or the company by which others can be asked.
        lead = replace(lead, account=account_of(lead)) if answers else lead
        spent_cents = self.progress.spent_cents + sum(answer.cost for answer in answers if answer.billed)
        answers = (*self.answers, *answers)
        target = target_of(lead)
        missing = _relevant_missing_fields(lead, self.waterfall, self.outcome_model, self.wanted, at)
        subjects = lookup_subjects(target)
        found = unverified_address(lead, answers)
        if found is not None:
            # It is verified before anybody is asked by it, or for another one.
            target = replace(target, email=found, email_is_found=True)
            subjects = subjects & {"company"} | {"email"}
            if FactKeys.EMAIL in missing:
                missing = tuple(dict.fromkeys((*missing, *self.waterfall.fields.keys() & _VERIFIED)))
            if found != self.target.email:
                requested = frozenset([one for one in requested if one[1] != "email"])
        progress = LookupProgress(missing, subjects, requested, spent_cents, known=target.known)
        return replace(self, lead=lead, target=target, progress=progress, answers=answers)


def search_for(
    lead: LeadRow,
    waterfall: WaterfallPolicy,
    outcome_model: OutcomeModel | None,
    at: datetime,
    *,
    spent_cents: int = 0,
) -> Search:
    """Return the search for a lead's missing fields, before anything was requested.

    `spent_cents` of the lead's budget are spent.
    """
    target = target_of(lead)
    missing = _relevant_missing_fields(lead, waterfall, outcome_model, None, at)
    progress = LookupProgress(missing, lookup_subjects(target), spent_cents=spent_cents, known=target.known)
    return Search(waterfall, outcome_model, target, lead, progress)


def _relevant_missing_fields(
    lead: LeadRow,
    waterfall: WaterfallPolicy,
    outcome_model: OutcomeModel | None,
    wanted: Collection[str] | None,
    at: datetime,
) -> tuple[str, ...]:
    """Return the missing fields: those that are wanted, else with a model those that a rule reads."""
    missing = missing_fields(lead, waterfall, at)
    if wanted is not None:
        return tuple([name for name in missing if name in wanted])
    return missing if outcome_model is None else tuple(filter(outcome_model.is_relevant, missing))
