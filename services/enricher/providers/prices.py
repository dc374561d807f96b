"""What an answer of a data vendor costs: as the vendor bills, or as the policy says. Pure.

Of several statements the most specific counts: what the preset says of this very reply (`billed`), then the
policy (`price_cents`, `charged`), then the preset's prices.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from services.enricher.providers.integration import ParsedReply
from shared.integrations.provider_preset import Price
from shared.integrations.vendor_replies import ANSWERED

if TYPE_CHECKING:
    from shared.policy.models import Provider


def reply_cost(price: Price, reply: ParsedReply, terms: Provider) -> int:
    """Return the cents that an answer costs, with those of the polls for it; a failure costs none."""
    polled = price.polled * reply.polls
    is_found = reply.verdict in ("match", "partial")
    if reply.verdict not in ANSWERED or reply.billed is False:
        return polled
    if terms.charged == "match" and not is_found and not reply.billed:
        return polled
    is_due = is_found or terms.charged == "call" or bool(reply.billed)
    if terms.price_cents is not None:
        return polled + (terms.price_cents if is_due or price.call else 0)
    by_verdict = {
        "match": price.match,
        "partial": price.match if price.partial is None else price.partial,
        "no_match": price.no_match,
    }
    fields = sum(cents for name, cents in price.found_field.items() if name in reply.found)
    cents = price.call + by_verdict.get(reply.verdict, 0) + fields
    return polled + ((cents or price.match) if is_due else cents)


def highest_cost(price: Price, terms: Provider, gives: Collection[str], *, polls: int = 0) -> int:
    """Return the most that one answer can cost that gives such fields, with so many polls."""
    if terms.price_cents is not None:
        return terms.price_cents + price.polled * polls
    dearest = max(price.match, price.partial or 0, price.no_match)
    fields = sum(cents for name, cents in price.found_field.items() if name in gives)
    return price.call + dearest + fields + price.polled * polls
