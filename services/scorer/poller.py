"""Asks vendors that only answer: a fired timer of a source becomes a step with the vendor's answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from msgspec.structs import asdict, replace

from services.gateway.domain.sources import HookSource
from services.scorer.domain.poll_answers import read_answer
from services.scorer.domain.poll_rows import PollSourceRow
from services.scorer.domain.polls import (
    AskedAccount,
    PollAnswer,
    PollProblem,
    PollStep,
    PollTerms,
    cost_of,
    day_of,
    plan_step,
    present_round,
)
from services.scorer.domain.subjects import domain_key
from services.scorer.policy import seeds_of
from services.scorer.poll_client import PollClient
from services.scorer.poll_queries import PollScope, next_accounts, reserve, with_cursors
from shared.clock import Clock
from shared.integrations.catalog import Integrations
from shared.integrations.intake_preset import IntakePreset, SignalPoll
from shared.integrations.provider_preset import Limits, Price
from shared.observability.metrics import Metrics
from shared.policy.compiled import CompiledPolicy
from shared.policy.models import Accounts, PollAccounts, Provider, SourceConfig, SourcePoll
from shared.policy.per_version import PerVersion
from shared.resilience.priority_limiter import PriorityLimiter
from shared.storage.database import Database
from shared.web.egress import EgressPolicy, EgressRefused
from shared.web.httpx_egress import egress_client
from shared.web.stubs_url import resolve_base_url
from shared.worker.rows import TimerRow

STEP_S: Final = 20.0
"""A step ends before the lease of its timer does."""
_STUB_KEY: Final = "stub"
_PER_SECOND_DEFAULT: Final = 5
_IN_FLIGHT_DEFAULT: Final = 5


@dataclass(frozen=True, slots=True)
class PollTarget:
    """A source that asks its vendor: on which terms, about which accounts, and how, or why it cannot."""

    terms: PollTerms
    scope: PollScope
    preset: IntakePreset
    source: HookSource
    provider: str
    client: PollClient | PollProblem


class SignalPoller:
    """Asks the vendors of the active policy.

    `egress` says which addresses may be reached, `keys` has the API keys by the name of `key_env`.
    """

    def __init__(
        self,
        policy: Callable[[], CompiledPolicy],
        integrations: Integrations,
        database: Database,
        clock: Clock,
        metrics: Metrics,
        *,
        egress: EgressPolicy,
        stubs_url: str,
        keys: Mapping[str, str],
    ) -> None:
        self._targets = PerVersion(policy, self._read_targets)
        self._integrations = integrations
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._egress = egress
        self._stubs_url = stubs_url
        self._keys = keys
        self._limiters: dict[tuple[str, int, int], PriorityLimiter] = {}

    @property
    def targets(self) -> Mapping[str, PollTarget]:
        """The sources that ask their vendors, by name."""
        return self._targets.current

    async def poll(self, timer: TimerRow) -> PollStep:
        """Return the step of a fired timer, with the vendor's answers. Raises `Retry` without a database."""
        step = PollStep(**asdict(timer))
        target = self.targets.get(timer.subject)
        if target is None:
            return step
        now = self._clock.now()
        async with self._database.read() as tx:
            stored = await tx.load(PollSourceRow, "source", [timer.subject])
            row = present_round(stored[0] if stored else None, timer.subject, target.terms, now)
            plan = plan_step(row, target.terms, now)
            page = await next_accounts(tx, target.scope, plan.position, plan.accounts_max)
            again = [AskedAccount(key, target.scope.listed.get(key, key)) for key in plan.retries]
            asked = await with_cursors(tx, timer.subject, [*again, *page.accounts])
        client = target.client
        step = replace(step, terms=target.terms)
        if isinstance(client, PollProblem):
            return replace(step, problem=client)
        if not asked and not plan.accounts_max and (row.retries or not row.is_walked):
            reason = f"{target.terms.budget_cents} cents are spent today"
            return replace(step, problem=PollProblem("budget_spent", reason))
        reserved = len(asked) * target.terms.price_cents
        if reserved:
            await reserve(self._database, row, day_of(now), reserved)
        answers = await self._ask(target, client, asked, now) if asked else []
        step = replace(step, answers=answers, reserved_cents=reserved, position=row.position)
        if not plan.accounts_max:
            return step
        return replace(step, position=page.position, is_end=page.is_end, walked=len(page.accounts))

    async def _ask(
        self, target: PollTarget, client: PollClient, asked: Sequence[AskedAccount], now: datetime
    ) -> list[PollAnswer]:
        """Return an answer for each account; those that take longer than a step may are skipped."""
        http = egress_client(self._egress, client.base_url, connections_max=client.in_flight)
        async with http:

            async def one(account: AskedAccount) -> PollAnswer:
                reply = await client.send(http, account)
                if reply.verdict == "match":
                    answer = read_answer(reply.body, account, target.preset, target.source, now)
                else:
                    answer = PollAnswer(
                        account.key, reply.verdict, detail=reply.detail, retry_after_s=reply.retry_after_s
                    )
                if answer.verdict in ("refused", "limited"):
                    client.limiter.turn_away()
                self._metrics.provider_calls.labels(target.provider, _call_outcome(answer)).inc()
                self._metrics.provider_cents.labels(target.provider).inc(cost_of(answer, target.terms))
                return answer

            tasks = [asyncio.create_task(one(account)) for account in asked]
            try:
                await asyncio.wait(tasks, timeout=STEP_S)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        return [
            PollAnswer(account.key, "skipped", detail="the step took too long")
            if task.cancelled()
            else task.result()
            for account, task in zip(asked, tasks, strict=True)
        ]

    def _read_targets(self, policy: CompiledPolicy) -> Mapping[str, PollTarget]:
        targets: dict[str, PollTarget] = {}
        for name, config in policy.policy.sources.sources.items():
            folder = self._integrations.signals.get(config.kind)
            if config.poll is not None and folder is not None and folder.preset.poll is not None:
                targets[name] = self._target(name, config, folder.preset, folder.preset.poll, policy)
        return targets

    def _target(
        self, name: str, config: SourceConfig, preset: IntakePreset, poll: SignalPoll, policy: CompiledPolicy
    ) -> PollTarget:
        own = config.poll or SourcePoll()
        providers = policy.policy.providers.providers
        named = (name for name in sorted(providers) if providers[name].integration == poll.provider)
        provider = next(named, "")
        client = self._client(provider, providers.get(provider), poll)
        price_cents, bills_calls = self._price(providers.get(provider), poll)
        budget = own.budget_cents_per_day
        return PollTarget(
            terms=PollTerms(
                every=(own.every or poll.every).timedelta,
                limit=own.limit or poll.limit,
                budget_cents=poll.budget_cents_per_day if budget is None else budget,
                price_cents=price_cents,
                bills_calls=bills_calls,
            ),
            scope=scope_of(own.accounts or poll.accounts, policy.policy.accounts),
            preset=preset,
            source=HookSource(name=name, kind=config.kind, trust=config.trusted_as),
            provider=provider,
            client=client,
        )

    def _client(self, name: str, terms: Provider | None, poll: SignalPoll) -> PollClient | PollProblem:
        """Return the client of a provider, or why there is none."""
        folder = self._integrations.providers.get(poll.provider)
        preset = folder.preset if folder else None
        url = (terms and terms.base_url) or (preset and preset.base_url)
        if terms is None or not url:
            return PollProblem(
                "unusable", f"providers.yaml has no provider with integration: {poll.provider}"
            )
        base_url, is_stub = resolve_base_url(url, self._stubs_url)
        key = self._keys.get(terms.key_env) or (_STUB_KEY if is_stub else "")
        if terms.key_env and not key:
            return PollProblem("no_key", f"{terms.key_env} is not set")
        try:
            self._egress.check_url(base_url)
        except EgressRefused as refused:
            return PollProblem("unusable", f"base_url: {refused}")
        limits = preset.limits if preset else Limits()
        per_second = terms.per_second or limits.per_second or _PER_SECOND_DEFAULT
        in_flight = terms.in_flight or limits.in_flight or _IN_FLIGHT_DEFAULT
        limiter = self._limiters.setdefault(
            (name, per_second, in_flight), PriorityLimiter(per_second, in_flight, lanes=1, urgent=1)
        )
        timeout_s = terms.timeout.seconds
        return PollClient(base_url, poll.ask, preset, key, timeout_s, in_flight, limiter, self._clock)

    def _price(self, terms: Provider | None, poll: SignalPoll) -> tuple[int, bool]:
        """Return what an answer costs in cents, and whether every call does: by policy, else by vendor."""
        folder = self._integrations.providers.get(poll.provider)
        price = folder.preset.price if folder else Price()
        if terms is not None and terms.price_cents is not None:
            return terms.price_cents, terms.charged == "call"
        return poll.price_cents or price.call or price.match, bool(price.call)


def scope_of(chosen: PollAccounts, listed: Accounts) -> PollScope:
    """Return the accounts that a source asks about. Domains that are no company's are left out."""
    if chosen.list:
        return PollScope({key: domain for domain in chosen.list if (key := domain_key(domain))})
    relation = chosen.relation or "target"
    seeds = seeds_of(listed).items()
    return PollScope({key: seed.domain for key, seed in seeds if seed.relation == relation}, relation)


def _call_outcome(answer: PollAnswer) -> str:
    return answer.verdict if answer.verdict in ("match", "no_match", "skipped") else "failed"
