"""What the page Flow and its panel say of a step, and the addresses that they lead to. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from msgspec import Struct

from services.gateway.console import words
from services.gateway.domain.reports.flow_paths import FlowStepPath
from services.gateway.domain.reports.periods import PeriodName, Window
from shared.rules.describe import condition_words

_OWN_PARTS: Final = ("owner.", "signals.")


class FlowQuery(Struct, frozen=True):
    """What the page was asked for: a period, the version whose decisions count (empty: any), another one."""

    period: PeriodName = "all"
    policy: str = ""
    compare: str = ""
    lead: str = ""

    def href(self, path: str = "/flow", **changed: str) -> str:
        """Return the address of the page with some of it changed."""
        asked = {"period": self.period, "policy": self.policy, "compare": self.compare, "lead": self.lead}
        given = {name: value for name, value in (asked | changed).items() if value and value != "all"}
        return f"{path}?{urlencode(given)}" if given else path


def condition_of(step: FlowStepPath) -> str:
    """Return the condition of a step in words."""
    if not step.in_policy:
        return "no longer in the policy"
    return condition_words(step.condition, _label) if step.condition is not None else "everything else"


def _label(field: str) -> str:
    """Return the name of a field as a condition says it: what is of the owner or of signals says so."""
    return words.plain(field).replace(".", " ") if field.startswith(_OWN_PARTS) else words.field(field)


def late_share_of(step: FlowStepPath) -> str:
    """Return the share of leads of a step that were not accepted in time, empty where nobody got one."""
    share = step.late_share.value
    return words.percent(share) if share is not None else ""


def queue_lines(step: FlowStepPath, since: str) -> list[tuple[str, int, str]]:
    """Return the queues that leads of a step are in: name, number, and the address of these leads."""
    return [
        (queue.queue, queue.leads, leads_href(since, rule=step.name, queue=queue.queue))
        for queue in step.queues
        if queue.leads
    ]


def list_href(step: FlowStepPath, since: str) -> str:
    """Return the address of the leads of a step."""
    filters = {"rule": step.name} if step.kind == "rule" else {"reason": step.name}
    return leads_href(since, **filters)


def leads_href(since: str, **filters: str) -> str:
    """Return the address of a list of leads."""
    return "/leads?" + urlencode(filters | ({"since": since} if since else {}))


def since_of(query: FlowQuery, window: Window) -> str:
    """Return the beginning of the period as the list of leads takes it, empty for all time."""
    since = since_at(query, window)
    return since.isoformat() if since is not None else ""


def since_at(query: FlowQuery, window: Window) -> datetime | None:
    """Return the beginning of the period, None for all time."""
    return None if query.period == "all" else datetime.fromtimestamp(window.hours[0] * 3_600, UTC)
