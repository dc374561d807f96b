"""A source that asks its vendor, in memory: accounts, a vendor that the test plays, and a clock that it moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from msgspec.structs import asdict, replace

from services.scorer.domain.poll_rows import PolledAccountRow, PollSourceRow
from services.scorer.domain.polls import (
    POLL,
    PollAnswer,
    PolledSignal,
    PollProblem,
    PollStep,
    PollTerms,
    handle_poll,
    plan_step,
    present_round,
)
from services.scorer.domain.update_score import ROLE
from shared.lead.events.envelope import Emit
from shared.lead.events.signal_received import SignalAccount, SignalReceivedV1
from shared.storage.change_set import ChangeSet
from shared.storage.rows import IdentityMap, Put
from shared.worker.rows import TimerRow

START = datetime(2026, 1, 15, 10, tzinfo=UTC)
DAILY = PollTerms(every=timedelta(hours=24), limit=500, budget_cents=1_000, price_cents=0, bills_calls=False)
Vendor = Callable[[str], PollAnswer]


def funding(account: str, name: str, at: datetime) -> PolledSignal:
    """Return a round of financing as an answer has it."""
    data = SignalReceivedV1("funding_round", at, SignalAccount(domain=account), external_id=name)
    return PolledSignal(f"{account}/{name}", data, account, account)


class PollWorld:
    """One source, whose steps are decided as the scorer decides them. `asked` are the accounts asked about."""

    def __init__(self, accounts: Sequence[str], terms: PollTerms = DAILY) -> None:
        self.accounts = sorted(accounts)
        self.terms = terms
        self.at = START
        self.rows = IdentityMap()
        self.rows.apply([Put(TimerRow("news", ROLE, POLL, START))])
        self.asked: list[str] = []
        self.emitted: list[Emit] = []

    @property
    def row(self) -> PollSourceRow:
        """The stored row of the source."""
        row = self.rows.get(PollSourceRow, "news")
        assert row is not None
        return row

    @property
    def row_or_none(self) -> PollSourceRow | None:
        """The stored row of the source, None before its first step and after its last."""
        return self.rows.get(PollSourceRow, "news")

    @property
    def due_at(self) -> datetime:
        """When the next step is due."""
        timer = self.rows.get(TimerRow, "news", ROLE, POLL)
        assert timer is not None
        return timer.due_at

    def account(self, name: str) -> PolledAccountRow:
        """Return what is stored of an account that was answered about."""
        row = self.rows.get(PolledAccountRow, "news", name)
        assert row is not None
        return row

    def step(self, vendor: Vendor) -> None:
        """Move the clock to the next step and make it, with the answers of a vendor."""
        self.at = max(self.at, self.due_at)
        row = present_round(self.rows.get(PollSourceRow, "news"), "news", self.terms, self.at)
        plan = plan_step(row, self.terms, self.at)
        after = [account for account in self.accounts if account > plan.position]
        page = after[: plan.accounts_max]
        step = PollStep("news", ROLE, POLL, self.due_at, terms=self.terms)
        if not plan.accounts_max and not plan.retries and not row.is_walked:
            self.decide(replace(step, problem=PollProblem("budget_spent", "spent")))
            return
        asked = [*plan.retries, *page]
        self.asked += asked
        reserved = len(asked) * self.terms.price_cents
        if reserved:
            today = self.at.date().isoformat()
            spent = row.spent_cents if row.day == today else 0
            stored = self.rows.get(PollSourceRow, "news") or row
            self.rows.apply([Put(replace(stored, day=today, spent_cents=spent + reserved))])
        step = replace(step, answers=[vendor(account) for account in asked], reserved_cents=reserved)
        if plan.accounts_max:
            is_end = len(after) <= plan.accounts_max
            step = replace(step, position=page[-1] if page else row.position, is_end=is_end, walked=len(page))
        else:
            step = replace(step, position=row.position)
        self.decide(step)

    def decide(self, step: PollStep) -> None:
        changes = ChangeSet(self.rows)
        handle_poll(changes, self.at, step)
        self.rows.apply(changes.changes)
        self.emitted += changes.emits

    def round(self, vendor: Vendor) -> list[str]:
        """Make steps until the round is over; return the accounts that were asked about."""
        before = len(self.asked)
        self.step(vendor)
        while not self.row.is_walked or self.row.retries:
            self.step(vendor)
        return self.asked[before:]

    def restart(self) -> None:
        """Forget everything that is not stored."""
        self.rows = IdentityMap(
            [
                type(row)(**asdict(row))
                for kind in (PollSourceRow, PolledAccountRow, TimerRow)
                for row in self.rows.all(kind)
            ]
        )


def answers(*rounds: PolledSignal) -> Vendor:
    """Return a vendor that knows these rounds; about an account without one it has no match."""

    def vendor(account: str) -> PollAnswer:
        known = [signal for signal in rounds if signal.subject == account]
        return PollAnswer(account, "match" if known else "no_match", known)

    return vendor


def refuses(verdict: str, **parts: object) -> Vendor:
    """Return a vendor with the same verdict about every account."""
    return lambda account: PollAnswer(account, verdict, detail=verdict, **parts)  # type: ignore[arg-type]
