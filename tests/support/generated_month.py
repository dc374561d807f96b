"""A month of a made-up company: leads, what they do, what reps do with them, and two changes of the policy."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from heapq import heappop, heappush
from typing import Final

from msgspec.structs import replace

from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.lead_enriched import Enrichment, LeadEnrichedV1
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.parts import Activity, Company, Consent
from shared.lead.events.signal_received import SignalAccount, SignalReceivedV1
from shared.policy.compiled import CompiledPolicy, compiled
from shared.policy.load import load
from tests.support.enriched_leads import AT, enriched_lead
from tests.support.event_file import EventFile
from tests.support.lived_history import LivedHistory
from tests.support.scoring_policies import texts_with

MONTH = timedelta(days=30)
STRATEGIC = "any: [{field: company.employees, gte: 1000}"
"""The condition on the size of strategic accounts in the default policy."""
_TEAM = {"sdr": 20, "bdr": 12, "senior-ae": 8}
_GATEWAY = "/baton/gateway"
_MAX_OPEN: Final = 500


def team_of_40(*, weight: int = 100, max_open: int = _MAX_OPEN) -> str:
    """Return a team file of 40 reps. Every third works in New York, and the first SDR has another weight."""
    lines = ["reps:"]
    for queue, count in _TEAM.items():
        for number in range(1, count + 1):
            hours = ', time_zone: America/New_York, hours: "Mon-Fri 08:00-18:00"' if number % 3 == 0 else ""
            own = weight if (queue, number) == ("sdr", 1) else 100
            rep = f"{queue.removeprefix('senior-')}-{number}"
            lines.append(
                f"  - {{id: {rep}, name: Rep {number}, queues: [{queue}], weight: {own}, max_open: {max_open}{hours}}}"
            )
    return "\n".join(lines) + "\n"


def month_texts(
    employees: int = 1_000, weight: int = 100, countries: str = "", max_open: int = _MAX_OPEN
) -> dict[str, str]:
    """Return the default policy for that team; strategic is who has so many employees, or one of `countries`."""
    also = f", {{field: company.country, in: [{countries}]}}" if countries else ""
    changed = STRATEGIC.replace("1000", str(employees)) + also
    return {
        **texts_with(routing=(STRATEGIC, changed)),
        "team.yaml": team_of_40(weight=weight, max_open=max_open),
    }


@cache
def month_policy(
    employees: int = 1_000, weight: int = 100, countries: str = "", max_open: int = _MAX_OPEN
) -> CompiledPolicy:
    """Return the policy of `month_texts`, compiled."""
    return compiled(load(month_texts(employees, weight, countries, max_open)))


def generated_month(
    leads: int,
    seed: int = 1,
    *,
    changes: bool = True,
    max_open: int = _MAX_OPEN,
    kept: EventFile | None = None,
) -> LivedHistory:
    """Live a month with so many leads: a rule changes on the 10th day, and a rep's weight on the 20th.

    Without `changes` one policy decides all of it. Events of a long month are `kept` in a file. Of more than
    10,000 leads many wait unless reps may have more than the usual `max_open`.
    """
    month = _Month(leads, random.Random(seed), changes=changes, max_open=max_open, kept=kept)
    month.live()
    return month.history


class _Month:
    def __init__(
        self,
        leads: int,
        chance: random.Random,
        *,
        changes: bool,
        max_open: int,
        kept: EventFile | None,
    ) -> None:
        def policy(*changed: int) -> CompiledPolicy:
            return month_policy(*changed, max_open=max_open)

        self._chance = chance
        self._accounts = leads // 3 + 1
        self._leads: list[LeadEnrichedV1] = []
        self._coming: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self.history = LivedHistory(policy(), AT, kept)
        for _ in range(leads):
            self._plan(chance.uniform(0, 30), self._new_lead)
        for _ in range(leads // 50):
            self._plan(chance.uniform(0, 30), self._signal)
            self._plan(chance.uniform(0, 30), self._account)
        for _ in range(60):
            self._plan(chance.uniform(0, 30), self._absence)
        if changes:
            self._plan(10, lambda: self.history.use(policy(500)))
            self._plan(20, lambda: self.history.use(policy(500, 300)))

    def live(self) -> None:
        while self._coming:
            day, _number, happens = heappop(self._coming)
            self.history.pass_time(max(self.history.at, AT + day * timedelta(days=1)))
            happens()
        self.history.pass_time(AT + MONTH + timedelta(days=1))

    def _plan(self, day: float, happens: Callable[[], None]) -> None:
        self._number += 1
        heappush(self._coming, (day, self._number, happens))

    def _later(self, within_days: float, happens: Callable[[], None]) -> None:
        day = (self.history.at - AT) / timedelta(days=1) + self._chance.uniform(0, within_days)
        if day < MONTH.days:
            self._plan(day, happens)

    def _domain(self) -> str:
        return f"company-{self._chance.randrange(self._accounts)}.example"

    def _new_lead(self) -> None:
        chance, domain = self._chance, self._domain()
        sizes = random.Random(domain)
        company = Company(
            name=domain.partition(".")[0].title(),
            domain=domain,
            employees=sizes.choice([None, 8, 60, 150, 420, 700, 1_500, 4_000]),
            industry=sizes.choice(["software", "retail", "manufacturing"]),
            country=sizes.choice(["US", "US", "DE", "FR", "JP"]),
            revenue_usd=sizes.choice([None, 62_000_000]),
        )
        lead = enriched_lead(
            f"person{len(self._leads)}",
            account=domain,
            company=company,
            title=chance.choice(["VP Finance", "CFO", "Analyst", "Student", None]),
            activities=[self._activity()],
            occurred_at=self.history.at,
            consent=Consent(opted_out=chance.random() < 0.02),
            enrichment=Enrichment("complete", chance.choice([0, 10, 35]), []),
        )
        number = len(self._leads)
        self._leads.append(lead)
        self.history.tell(lead)
        self._later(0.3, lambda: self._act(number))
        if chance.random() < 0.15:
            self._later(15, lambda: self._write_again(number))

    def _activity(self) -> Activity:
        kinds = ["demo_request", "pricing_view", "page_view", "content_download", "trial_started"]
        return Activity(type=self._chance.choice(kinds), at=self.history.at)

    def _write_again(self, number: int) -> None:
        lead = self._leads[number]
        lead = replace(
            lead,
            revision=lead.revision + 1,
            sequence=lead.sequence + 1,
            occurred_at=self.history.at,
            activities=[self._activity()],
        )
        self._leads[number] = lead
        self.history.tell(lead)

    def _act(self, number: int) -> None:
        chance, lead_id = self._chance, self._leads[number].lead_id
        owner, kind = self.history.owner(lead_id), chance.random()
        if owner is None:
            return
        if kind < 0.7:
            self.history.tell(ActionReceivedV1(lead_id, "accept", rep=owner), source=_GATEWAY)
            if kind < 0.1:
                type_ = chance.choice(["meeting_booked", "won", "lost"])
                self._later(10, lambda: self._outcome(lead_id, type_))
        elif kind < 0.8:
            reason = chance.choice(["no_budget", "bad_data", "wrong_person", "busy"])
            self.history.tell(ActionReceivedV1(lead_id, "reject", rep=owner, reason=reason), source=_GATEWAY)

    def _outcome(self, lead_id: str, type_: str) -> None:
        self.history.tell(
            OutcomeReceivedV1(type=type_, at=self.history.at, lead_id=lead_id),  # type: ignore[arg-type]
            source=_GATEWAY,
        )

    def _signal(self) -> None:
        type_ = self._chance.choice(["funding_round", "hiring_surge", "executive_hire"])
        account = SignalAccount(domain=self._domain())
        signal = SignalReceivedV1(type_, self.history.at, account)  # type: ignore[arg-type]
        self.history.tell(signal, source=_GATEWAY)

    def _account(self) -> None:
        relation = self._chance.choice(["target", "target", "customer", "competitor"])
        account = AccountReceivedV1(self._domain(), relation=relation)  # type: ignore[arg-type]
        self.history.tell(account, source=_GATEWAY)

    def _absence(self) -> None:
        rep = f"sdr-{self._chance.randrange(1, 21)}"
        self.history.set_available(rep, available=False)
        self._later(3, lambda: self.history.set_available(rep, available=True))
