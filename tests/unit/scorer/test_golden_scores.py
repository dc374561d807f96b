"""The scores of every golden lead under the default policy files, from its form on, without providers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from msgspec.structs import replace

from services.cli.demo.cases import CaseStep, GoldenCase, golden_cases, prepare
from services.enricher.domain.form import normalise_form
from services.enricher.domain.merge import account_of, merge
from services.enricher.domain.record import LeadRow
from services.gateway.domain.forms import read_form
from services.gateway.domain.sources import source_of
from services.gateway.domain.trust import trusted_lead
from services.provider_stubs import golden
from services.scorer.domain.decide import decide
from services.scorer.domain.update_score import ScoringContext
from shared.lead.events.envelope import Event
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.signal_received import SignalReceivedV1
from shared.policy.load import load
from shared.storage.change_set import ChangeSet
from shared.storage.rows import IdentityMap
from tests.support.enriched_leads import event_of
from tests.support.scoring_policies import default_scoring

WEBSITE = source_of("website", load(Path("config")).sources.sources["website"])
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Expected(NamedTuple):
    """The score after the last step, of the lead that the case is about."""

    fit: int
    intent: int
    grade: str
    band: str
    relation: str = "none"


SCORES = {
    "demo request from a perfect fit": Expected(100, 100, "A1", "sql"),
    "content download, good fit": Expected(85, 30, "A3", "mql"),
    "enterprise without high intent": Expected(40, 28, "C3", "cold"),
    "new market": Expected(80, 30, "A3", "mql"),
    "partner interest goes to business development": Expected(90, 0, "A4", "cold"),
    "tiny company far from the ideal customer": Expected(0, 0, "D4", "cold"),
    "free-mail person about whom nothing is known": Expected(0, 0, "D4", "cold"),
    "competitor is suppressed": Expected(10, 90, "D1", "cold", "competitor"),
    "disposable address is suppressed": Expected(0, 90, "D1", "cold"),
    "student is suppressed": Expected(0, 0, "D4", "cold"),
    "opted out is suppressed": Expected(0, 0, "D4", "cold"),
    "the same person again, written differently, is a new revision with the same owner": Expected(
        85, 0, "A4", "cold"
    ),
    "a colleague goes to the account's owner": Expected(85, 0, "A4", "cold"),
    "a funding signal on a target account moves its lead to a senior AE": Expected(
        90, 70, "A2", "sql", "target"
    ),
    "a signal on a target account nobody wrote from makes an account lead": Expected(
        0, 40, "D3", "cold", "target"
    ),
    "the same event twice is one lead, one revision, one webhook": Expected(75, 0, "A4", "cold"),
    "demo request by form from a fitting VP": Expected(90, 90, "A1", "sql"),
    "newsletter sign-up by form": Expected(0, 0, "D4", "cold"),
    "e-book by form, good fit": Expected(85, 30, "A3", "mql"),
    "an industry in the words of another list": Expected(90, 30, "A3", "mql"),
    "a new market, known by the person's country alone": Expected(80, 0, "A4", "cold"),
    "honeypot field of a form is spam": Expected(0, 90, "D1", "cold"),
    "a lead is handed over with what was learnt, and the next owner signs": Expected(90, 76, "A1", "sql"),
    "a deal that is won has no owner any more": Expected(90, 30, "A3", "mql"),
    "bad data is disqualified and has no owner any more": Expected(85, 30, "A3", "mql"),
    "the name and the phone number of a person, bought once somebody works the lead": Expected(
        0, 90, "D1", "cold"
    ),
    "a mid-market software company, found by the waterfall": Expected(75, 90, "A1", "sql"),
    "an enterprise, found by the second provider after the first had no match": Expected(25, 0, "C4", "cold"),
    "every provider down, the lead is still routed on time with what is known": Expected(65, 90, "B1", "sql"),
}


class FormsToScores:
    """Takes forms and signals one after the other through the decisions of the enricher and the scorer.

    What a rep or a CRM does afterwards gives no score.
    """

    def __init__(self) -> None:
        self._changes = ChangeSet(IdentityMap())
        self._context = ScoringContext(default_scoring(), NOW)
        self._leads: dict[str, LeadRow] = {}
        self._read = self._forms = 0
        self.scored: list[LeadScoredV1] = []

    def take(self, step: CaseStep, number: int) -> None:
        if step.kind == "signal":
            self._decide(event_of(msgspec.convert(step.body, SignalReceivedV1), f"signal-{number}"))
            return
        if step.kind == "lead":
            self._take_form(msgspec.convert(step.body, LeadReceivedV1))
        elif step.kind == "form":
            self._take_form(trusted_lead(read_form(step.body, WEBSITE), WEBSITE, NOW))

    def _take_form(self, received: LeadReceivedV1) -> None:
        form = normalise_form(received)
        lead_id = form.identity.lead_id
        row = merge(self._leads.get(lead_id, LeadRow(lead_id)), form, NOW)
        row = self._leads[lead_id] = replace(row, account=account_of(row))
        self._forms += 1
        self._decide(event_of(_enriched(row, received, self._forms)))

    def _decide(self, event: Event[Any]) -> None:
        decide(self._changes, self._context, event)
        fresh, self._read = self._changes.emits[self._read :], len(self._changes.emits)
        for emit in fresh:
            if isinstance(emit.data, LeadScoredV1):
                self.scored.append(emit.data)
            elif isinstance(emit.data, LeadReceivedV1):
                self._take_form(emit.data)


def _enriched(row: LeadRow, received: LeadReceivedV1, number: int) -> LeadEnrichedV1:
    """Return the lead with what the vendors of the stub world say of its company, unless they are all down."""
    company = row.company
    for listed in golden.COMPANIES:
        if listed.domain == row.account != "stormfall.example":
            company = replace(
                company, employees=listed.employees, industry=listed.industry, country=listed.country
            )
    parts = {name: getattr(row, name) for name in LeadEnrichedV1.__struct_fields__ if hasattr(row, name)}
    parts |= {"company": company, "sequence": number, "revision": number, "merged": row.merged or []}
    return LeadEnrichedV1(**parts, occurred_at=NOW, trigger=received.trigger)


def test_every_golden_case_has_its_score() -> None:
    assert {case.name for case in golden_cases()} == set(SCORES)


@pytest.mark.parametrize("case", golden_cases(), ids=lambda case: case.name)
def test_a_golden_lead_is_scored_as_it_should(case: GoldenCase) -> None:
    world = FormsToScores()
    for number, step in enumerate(prepare(case, NOW, "unit").steps):
        world.take(step, number)
    scored, expected = world.scored[-1], SCORES[case.name]
    score = scored.score
    assert (
        Expected(score.fit, score.intent, score.grade, score.band, scored.account_view.relation) == expected
    )
    for name, given in (("grade", score.grade), ("band", score.band)):
        expected_value = case.expect.get(name, given)
        assert given in expected_value if isinstance(expected_value, list) else given == expected_value
    if "trigger" in case.expect:
        assert (scored.trigger.kind, scored.trigger.type) == (
            case.expect["trigger"],
            case.expect.get("trigger_type", scored.trigger.type),
        )
