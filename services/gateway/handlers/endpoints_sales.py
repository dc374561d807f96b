"""The calls of those who sell: reps, queues, and what they do with leads."""

from __future__ import annotations

from typing import Final

from services.gateway.domain.accounts import COLUMNS, AccountBody
from services.gateway.domain.actions import VERBS, ActionBody, Verb
from services.gateway.handlers import accounts, actions, intake, leads, paging, team
from services.gateway.handlers.bodies import ITEMS_MAX
from services.gateway.handlers.routing import Endpoint
from shared.lead.events.outcome_received import OutcomeReceivedV1

_TEAM: Final = (
    Endpoint("GET", "/v1/reps", team.list_reps, "List the reps", scope="read", response=(team.Reps,)),
    Endpoint("GET", "/v1/reps/{id}", team.get_rep, "See a rep", scope="read", response=(team.RepView,)),
    Endpoint(
        "PATCH",
        "/v1/reps/{id}",
        team.change_rep,
        "Let a rep take new leads, or not; a rep's key changes its own rep only",
        scope="rep",
        request=team.RepChange,
        response=(team.RepView,),
    ),
    Endpoint("GET", "/v1/queues", team.list_queues, "List the queues", scope="read", response=(team.Queues,)),
    Endpoint(
        "GET",
        "/v1/queues/{q}/leads",
        team.list_queue_leads,
        "List the leads that are owned in a queue or wait there, the newest first",
        scope="read",
        response=(paging.Page[team.QueueLead],),
        query=(team.OWNER, *paging.PARAMETERS),
    ),
)

_SUMMARIES: Final[dict[Verb, str]] = {
    "accept": "Take a lead up: the owner's clock stops",
    "reject": "Give a lead back: another rep gets it",
    "reassign": "Give a lead to another rep or queue",
    "snooze": "Put the owner's clock off",
    "handoff": "Pass a lead on, with what was learnt",
}


def _action(verb: Verb) -> Endpoint:
    return Endpoint(
        "POST",
        f"/v1/leads/{{id}}/{verb}",
        actions.taking(verb),
        _SUMMARIES[verb],
        detail="Waits up to 2 s for the recorded result; 202 when there is none yet. A rep's key acts as its "
        "own rep, on leads that the rep owns; a manager may act on any lead, and name a rep to act as.",
        scope="rep",
        request=ActionBody,
        body_needed=False,
        response=(leads.LeadView,),
        others=((202, actions.Pending), (409, actions.Unchanged)),
        idempotent_by_key=True,
    )


_WORK: Final = (
    *map(_action, VERBS),
    Endpoint(
        "POST",
        "/v1/outcomes",
        actions.post_outcome,
        "Take what came of a lead; a rep's key speaks of its own leads only",
        scope="rep",
        request=OutcomeReceivedV1,
        response=(intake.AcceptedSignal,),
        status=202,
        idempotent_by_key=True,
    ),
)

_ACCOUNTS: Final = (
    Endpoint(
        "PUT",
        "/v1/accounts/{domain}",
        accounts.put_account,
        "Replace what is known of an account",
        scope="manager",
        request=AccountBody,
        response=(accounts.AcceptedAccount,),
        status=202,
        idempotent_by_key=True,
    ),
    Endpoint(
        "GET",
        "/v1/accounts/{domain}",
        accounts.get_account,
        "See what is known of an account, and its buying signals",
        scope="read",
        response=(accounts.AccountSummary,),
    ),
    Endpoint(
        "POST",
        "/v1/accounts",
        accounts.post_accounts,
        f"Replace what is known of up to {ITEMS_MAX} accounts: a list as JSON, or CSV with a header",
        detail=f"Columns: {', '.join(COLUMNS)}. Aliases are separated by semicolons.",
        scope="manager",
        request=list[AccountBody],
        response=(accounts.AccountResults,),
        status=202,
        content_types=accounts.CONTENT_TYPES,
        idempotent_by_key=True,
    ),
)

SALES: Final = (*_TEAM, *_WORK, *_ACCOUNTS)
