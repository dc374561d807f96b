"""Account knowledge as the API takes it: the event that it becomes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.gateway.domain.arrival import Arrival, domain_problem, invalid
from services.gateway.domain.received import Received, received_event
from services.scorer.domain.subjects import account_keys, canonical_key
from shared.errors import FieldProblem
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.identity import account_key

ACCOUNT_RECEIVED: Final = "baton.account.received.v1"


def key_of_domain(domain: str | None, also_shared: frozenset[str] = frozenset()) -> str:
    """Return the account key of a domain; empty when it is no company's, as of a free mail provider."""
    return account_key(domain, None, "", also_shared)


def receive_account(knowledge: AccountReceivedV1, arrival: Arrival) -> Received[AccountReceivedV1]:
    """Return the event for account knowledge. Raises `Reject` (422) for a domain of no company."""
    key = key_of_domain(knowledge.domain, arrival.shared_hosts)
    faults = [] if key else [domain_problem("/domain", knowledge.domain)]
    faults += [
        domain_problem(f"/aliases/{index}", alias)
        for index, alias in enumerate(knowledge.aliases)
        if not key_of_domain(alias, arrival.shared_hosts)
    ]
    if faults:
        raise invalid(tuple(faults))
    return received_event(ACCOUNT_RECEIVED, knowledge, arrival, subject=key, key=key)


def refuse_alias_conflicts(record: AccountReceivedV1, known: Mapping[str, AccountReceivedV1]) -> None:
    """Raise `Reject` (422) for an alias that cannot join the account, or for knowledge of an alias itself.

    `known` is what is stored under the keys of the account and of its aliases; an alias has the knowledge of
    the account that it is an alias of. An alias that has knowledge of its own joins: that gives way.
    """
    key, faults = key_of_domain(record.domain), []
    account = canonical_key(key, known.get(key))
    if account != key:
        alias_fault = (
            f"{key} is an alias of {account}: say there what is known, or that it is no alias any more"
        )
        faults.append(FieldProblem("/domain", alias_fault))
    named = {key_of_domain(alias) for alias in record.aliases}
    for index, text in enumerate(record.aliases):
        alias = key_of_domain(text)
        owner = canonical_key(alias, known.get(alias))
        if owner not in (key, alias):
            faults.append(FieldProblem(f"/aliases/{index}", f"{alias} is an alias of {owner} already"))
        elif owner == alias != key and (others := _aliases_of(known.get(alias)) - named):
            others_named = f"{alias} has aliases of its own, which have to be named here too: {min(others)}"
            faults.append(FieldProblem(f"/aliases/{index}", others_named))
    if faults:
        raise invalid(tuple(faults))


def _aliases_of(knowledge: AccountReceivedV1 | None) -> set[str]:
    return set(account_keys(knowledge)[1:]) if knowledge else set()
