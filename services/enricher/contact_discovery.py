"""Asks providers for people of an account: the next question that the stored answers leave open."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from services.enricher.domain.discovery import (
    AccountDiscoveryRow,
    ContactLookup,
    ContactQuestion,
    KnownAccount,
    account_to_discover,
    next_question,
)
from services.enricher.domain.found_contacts import FoundContactRow, KeyedHash
from services.enricher.domain.providers import LookupTarget, ProviderAnswer, ProviderQuery
from services.enricher.lookup import LATER_LOOKUP_S_MAX
from services.enricher.ownership_queries import account_snapshots, people_of_account
from services.enricher.provider_calls import ProviderCalls, Wait
from services.enricher.provider_client import Lane
from services.enricher.provider_registry import ActiveProviders, ProviderSet
from shared.clock import Clock
from shared.lead.buying_roles import buying_role
from shared.storage.database import Database


class ContactDiscovery:
    """Looks people of accounts up, by the active policy. `monotonic_s` is the clock of deadlines.

    The calls are those of leads that are looked up later: leads that wait for their decision come first.
    """

    def __init__(
        self,
        registry: ActiveProviders,
        database: Database,
        calls: ProviderCalls,
        clock: Clock,
        *,
        keyed_hash: KeyedHash,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._database = database
        self._calls = calls
        self._clock = clock
        self._monotonic_s = monotonic_s
        self.keyed_hash = keyed_hash

    def account_of(self, event: bytes, at: datetime) -> str | None:
        """Return the account at which people are looked for because of an event about an owned lead."""
        return account_to_discover(event, self._registry.current.discovery, at)

    async def ask(self, account: str) -> ContactLookup:
        """Ask the next question about an account, if one is due, and return the answer."""
        providers, now = self._registry.current, self._clock.now()
        terms = providers.discovery
        async with self._database.read() as tx:
            stored = (await account_snapshots(tx, [account])).get(account)
            knowledge = (stored.knowledge if stored else None) or providers.seeds.get(account)
            known = (
                KnownAccount(knowledge.relation, knowledge.open_opportunity) if knowledge else KnownAccount()
            )
            if terms is None or not terms.applies_to(known, now):
                return ContactLookup()
            titles = [person.title for person in await people_of_account(tx, account)]
            signals = stored.signals.values() if stored else ()
            titles += [str(one.details.get("title", "")) for one in signals if one.type == "executive_hire"]
            rows = await tx.load(AccountDiscoveryRow, "account", [account])
            contacts = await tx.load(FoundContactRow, "account", [account])
        roles = frozenset(role for title in titles if (role := buying_role(title)) is not None)
        row = next(iter(rows), AccountDiscoveryRow(account))
        question = next_question(terms, row, contacts, roles, now)
        answer = None
        if question is not None and question.due_at <= now:
            # For a company without account knowledge, a flood of public forms may give the reason to ask.
            answer = await self._answer(providers, account, question, is_public=knowledge is None)
        return ContactLookup(terms, roles, answer)

    async def _answer(
        self, providers: ProviderSet, account: str, question: ContactQuestion, *, is_public: bool
    ) -> ProviderAnswer:
        within_s = min(providers.waterfall.deadline_s, LATER_LOOKUP_S_MAX)
        wait = Wait(Lane.NURTURE, within_s, self._monotonic_s() + within_s)
        target = LookupTarget(domain=account)
        query = ProviderQuery(question.provider, "contacts", account, target, question.roles)
        [answer], _ = await self._calls.answers(
            providers, {query: question.price_cents}, wait, is_public=is_public
        )
        return answer
