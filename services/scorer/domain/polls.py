"""Vendors that only answer: which accounts are asked about next, and what follows from the answers. Pure.

A source asks its vendor about each of its accounts once in a round; a fired timer is one step of a round. The
first answer about an account is its baseline: what it holds happened before Baton watched. From then on a
record is a signal that was not in an earlier answer and is not older than the baseline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from services.scorer.domain.poll_rows import PolledAccountRow, PollSourceRow, PollState
from services.scorer.domain.update_score import ROLE
from shared.lead.events.signal_received import SignalReceivedV1
from shared.storage.change_set import ChangeSet
from shared.worker.decision import Outcome
from shared.worker.rows import TimerRow

POLL: Final = "poll"
BATCH: Final = 20
"""The accounts that one step asks about, at most."""
SEEN_MAX: Final = 500
FAILURES_MAX: Final = 5
"""So many failures in a row pause the source."""
TRIES_MAX: Final = 5
"""How often an account may fail in a round; then it waits for the next one: a history loses nothing."""
RETRIES_MAX: Final = 1_000
FIRST_PAUSE_S: Final[Mapping[PollState, float]] = {"limited": 1, "paused": 5, "failing": 10}
LONGEST_PAUSE_S: Final[Mapping[PollState, float]] = {"limited": 60, "paused": 600, "failing": 60}
"""As for providers that leads are enriched by: each pause is twice as long as the one before."""
RECHECK: Final = timedelta(seconds=60)
"""After this time a source that cannot ask looks whether it can by now."""
STEP_MIN: Final = timedelta(seconds=1)
STEP_MAX: Final = timedelta(seconds=60)
ROUND_SHARE: Final = 4
"""The steps of a round are spread over a quarter of the time until the next one."""

PollVerdict = Literal["match", "no_match", "limited", "refused", "failed", "skipped"]
"""`skipped`: not asked, because the vendor paused the source or the step took too long."""


class PollTerms(Struct, frozen=True):
    """On which terms a source asks. An answer costs `price_cents`; with `bills_calls`, every call does."""

    every: timedelta
    limit: int
    budget_cents: int
    price_cents: int
    bills_calls: bool


class AskedAccount(Struct, frozen=True):
    """An account that the vendor is asked about; `cursor` is where it goes on."""

    key: str
    domain: str
    name: str | None = None
    cursor: str | None = None


class PolledSignal(Struct, frozen=True):
    """A signal that an answer holds. `name` tells it from the others of its source."""

    name: str
    data: SignalReceivedV1
    subject: str
    key: str


class PollAnswer(Struct, frozen=True):
    """What the vendor answered about an account; `detail` says why there is no answer."""

    account: str
    verdict: PollVerdict
    signals: Sequence[PolledSignal] = ()
    cursor: str | None = None
    detail: str = ""
    retry_after_s: float = 0.0


class PollProblem(Struct, frozen=True):
    """Why nothing could be asked."""

    state: PollState
    reason: str


class PollStep(TimerRow, frozen=True):
    """A timer that fired, with the answers. `terms` is None for a source that asks no more.

    The accounts up to `position` were looked at, `walked` of them belong to the round; `is_end`: no more
    follow. `reserved_cents` are part of what the row says was spent, and are settled by what the calls cost.
    """

    terms: PollTerms | None = None
    position: str = ""
    walked: int = 0
    is_end: bool = False
    answers: Sequence[PollAnswer] = ()
    reserved_cents: int = 0
    problem: PollProblem | None = None


class PollPlan(Struct, frozen=True):
    """What the next step may ask: `retries`, and `accounts_max` accounts after `position`."""

    position: str
    accounts_max: int
    retries: Sequence[str] = ()


def present_round(row: PollSourceRow | None, source: str, terms: PollTerms, at: datetime) -> PollSourceRow:
    """Return the source in its present round; a new one begins when the last is over and its time has come.

    A round that ended at its limit is gone on with by the next.
    """
    if row is None:
        return PollSourceRow(source, round_at=at, since=at)
    if not row.is_walked or row.retries or at < row.round_at + terms.every:
        return row
    return replace(row, round_at=at, walked=0, is_walked=False)


def plan_step(row: PollSourceRow, terms: PollTerms, at: datetime) -> PollPlan:
    """Return what may be asked now: one account while the source is paused, what the budget allows else."""
    wanted = BATCH if row.state in ("active", "budget_spent", "no_key", "unusable") else 1
    if terms.price_cents:
        left = terms.budget_cents - (row.spent_cents if row.day == day_of(at) else 0)
        wanted = min(wanted, max(left, 0) // terms.price_cents)
    # What failed is tried again at once while the source is paused, else when the accounts are through.
    is_trial = row.state in FIRST_PAUSE_S
    retries = list(row.retries)[:wanted] if is_trial or row.is_walked else []
    walk = 0 if row.is_walked else min(wanted - len(retries), terms.limit - row.walked)
    return PollPlan(row.position, walk, retries)


def day_of(at: datetime) -> str:
    """Return the day (UTC) whose budget pays for a call."""
    return at.astimezone(UTC).date().isoformat()


def cost_of(answer: PollAnswer, terms: PollTerms) -> int:
    """Return what an answer cost, in cents."""
    is_billed = answer.verdict == "match" or (terms.bills_calls and answer.verdict == "no_match")
    return terms.price_cents if is_billed else 0


def handle_poll(changes: ChangeSet, at: datetime, step: PollStep) -> Outcome:
    """Emit what is new in the answers, remember it, and set the timer of the next step."""
    if step.terms is None:
        changes.remove(PollSourceRow, step.subject)
        changes.remove(TimerRow, *step.key)
        return Outcome.UNCHANGED
    emitted = [take_in(changes, at, step.subject, answer) for answer in step.answers]
    before = present_round(changes.get(PollSourceRow, step.subject), step.subject, step.terms, at)
    row = judge_vendor(advance_round(before, step), step, at)
    costs = sum(cost_of(answer, step.terms) for answer in step.answers)
    row = replace(row, spent_cents=max(0, row.spent_cents - step.reserved_cents + costs))
    changes.put(row)
    # A fired timer counts only when its due time is another than that of the step before.
    due_at = max(next_due(row, step, at), step.due_at + timedelta(microseconds=1))
    changes.put(TimerRow(subject=step.subject, role=ROLE, kind=POLL, due_at=due_at))
    return Outcome.APPLIED if any(emitted) else Outcome.UNCHANGED


def take_in(changes: ChangeSet, at: datetime, source: str, answer: PollAnswer) -> bool:
    """Emit the signals of an answer that are new; return whether there are any.

    An opt-out holds whenever it was, so the baseline does not keep it back.
    """
    if answer.verdict not in ("match", "no_match"):
        return False
    row = changes.get(PolledAccountRow, source, answer.account)
    known = row or PolledAccountRow(source, answer.account, baseline_at=at, polled_at=at)
    since = datetime.combine(known.baseline_at.date(), time(), UTC)
    found = {signal.name: signal for signal in answer.signals}
    new = [
        signal
        for signal in found.values()
        if signal.name not in known.seen
        and (signal.data.type == "opt_out" or (row is not None and signal.data.occurred_at >= since))
    ]
    for signal in new:
        changes.emit(
            signal.data, subject=signal.subject, key=signal.key, cause=f"poll:{source}\n{signal.name}"
        )
    seen = dict.fromkeys([*found, *known.seen])
    changes.put(
        replace(known, polled_at=at, cursor=answer.cursor or known.cursor, seen=list(seen)[:SEEN_MAX])
    )
    return bool(new)


def advance_round(row: PollSourceRow, step: PollStep) -> PollSourceRow:
    """Return the round with the accounts of a step looked at, and what has to be tried again."""
    if step.terms is None or step.problem is not None:
        return row
    retries = dict(row.retries)
    for answer in step.answers:
        tries = retries.pop(answer.account, 0)
        if answer.verdict in ("match", "no_match"):
            continue
        tries += answer.verdict == "failed"
        if tries < TRIES_MAX and len(retries) < RETRIES_MAX:
            retries[answer.account] = tries
    walked = row.walked + step.walked
    is_walked = row.is_walked or step.is_end or walked >= step.terms.limit
    position = "" if step.is_end else step.position
    return replace(row, retries=retries, walked=walked, is_walked=is_walked, position=position)


def judge_vendor(row: PollSourceRow, step: PollStep, at: datetime) -> PollSourceRow:
    """Return the source with what the answers say of its vendor: whether it pauses, how long, and why."""
    problem, pause_s, failures = step.problem, 0.0, row.failures
    last: dict[str, PollAnswer] = {}
    for answer in step.answers:
        last[answer.verdict] = answer
        if answer.verdict == "failed":
            failures += 1
        elif answer.verdict in ("match", "no_match"):
            failures = 0
    is_failing = failures >= FAILURES_MAX or row.state in FIRST_PAUSE_S
    reasons: Sequence[tuple[PollState, PollAnswer | None]] = (
        ("paused", last.get("refused")),
        ("limited", last.get("limited")),
        ("failing", last.get("failed") if is_failing and failures else None),
    )
    for state, last_answer in reasons:
        if last_answer is not None:
            grown_s = 2 * row.pause_s if row.state == state else FIRST_PAUSE_S[state]
            pause_s = max(min(grown_s, LONGEST_PAUSE_S[state]), last_answer.retry_after_s)
            problem = PollProblem(state, last_answer.detail)
            break
    now = problem or PollProblem("active", "")
    since = row.since if row.state == now.state else at
    return replace(row, state=now.state, reason=now.reason, since=since, failures=failures, pause_s=pause_s)


def next_due(row: PollSourceRow, step: PollStep, at: datetime) -> datetime:
    """Return when the next step is due."""
    if step.terms is None or row.state in ("no_key", "unusable"):
        return at + RECHECK
    if row.state == "budget_spent":
        return datetime.combine(at.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
    if row.pause_s:
        return at + timedelta(seconds=row.pause_s)
    if row.is_walked and not row.retries:
        return max(row.round_at + step.terms.every, at + STEP_MIN)
    if not step.answers:
        return at + STEP_MIN  # no account among those that were looked at
    spread = step.terms.every / (ROUND_SHARE * max(1, -(-step.terms.limit // BATCH)))
    return at + min(max(spread, STEP_MIN), STEP_MAX)
