"""`/v1/leads/{id}/accept|reject|reassign|snooze|handoff`: actions of reps on leads."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Response
from pydantic import Field

from services.gateway.api.lead_id import LeadId, not_yet_known
from services.gateway.api.leads import LeadView
from services.gateway.api_route import ApiModel, ApiRoute, RequestBody, Time, problem_responses
from services.gateway.dependencies import Audit, Gateway, RequestArrival, Seller
from services.gateway.domain.actions import Verb
from services.gateway.lead_actions import ActionRequest, perform_action
from services.gateway.responses import extended_problem_doc, extended_problem_response, json_response
from shared.web.problem import TYPE_PREFIX

router = APIRouter(prefix="/v1/leads", tags=["Lead actions"], route_class=ApiRoute)

Word = Annotated[str, Field(max_length=200)]
NoteValue = str | int | float | bool | None
Note = NoteValue | list[NoteValue]


class ActionBody(RequestBody):
    """Parameters of an action, each for some of the actions. A rep's key may leave out `rep`."""

    rep: Annotated[Word | None, Field(description="The rep who acts; a manager's key may name any")] = None
    reason: Annotated[
        str | None,
        Field(
            max_length=2_000,
            description="Why; for a reject one of the policy's reasons (`no_budget`), or none",
        ),
    ] = None
    to: Annotated[
        Word | None, Field(description="The rep or queue that gets the lead (reassign, handoff)")
    ] = None
    until: Annotated[Time | None, Field(description="The end of a snooze; null ends it now")] = None
    notes: Annotated[
        dict[Word, Note | dict[str, Note]],
        Field(
            max_length=100,
            description="What the owner learnt, by name: `budget`, `need`, `products` (handoff)",
        ),
    ] = Field(default_factory=dict)


class PendingAction(ApiModel):
    """The action is durably in the stream; the router has not decided on it yet."""

    event_id: str
    status_url: str


_SUMMARIES: Final[dict[Verb, str]] = {
    "accept": "Accept a lead: the owner's clock stops",
    "reject": "Reject a lead: what becomes of it depends on the reason",
    "reassign": "Give a lead to another rep or queue",
    "snooze": "Extend the owner's clock until a time, or take that back",
    "handoff": "Pass a lead on, or have a rep join its owner, with notes of what was learnt",
}
_DESCRIPTION: Final = (
    "Waits up to 2 s for the recorded result; 202 when there is none yet. A rep's key acts as its own rep, "
    "on leads that the rep owns; a manager may act on any lead, and name a rep to act as. The event records "
    "who acted: the name of the key, and the rep. 422 names each fault of the body: a rep or queue that the "
    "policy does not have, a reason that it does not name, a note that it demands before a hand-off "
    "(`/notes/budget`), or before a rep reassigns a lead to another queue. 409 says in words why the action "
    "does not fit, and shows the lead as it is."
)


def action_endpoint(verb: Verb) -> Callable[..., Awaitable[Response]]:
    """Return the endpoint function of one action."""

    async def act_on_lead(
        id: LeadId,  # noqa: A002 - the name in the path
        principal: Seller,
        arrival: RequestArrival,
        gateway: Gateway,
        audit: Audit,
        *,
        body: ActionBody | None = None,
    ) -> Response:
        ends = body is not None and "until" in body.model_fields_set and body.until is None
        wanted = ActionRequest(verb, ends_snooze=ends, **(body or ActionBody()).model_dump())
        result = await perform_action(gateway, principal, audit, arrival, id, wanted=wanted)
        if result is None:
            raise not_yet_known()
        if result.status == "unchanged":
            return _unchanged(result.view, result.detail)
        if result.status == "pending":
            pending = {"event_id": result.event_id, "status_url": f"/v1/leads/{result.lead_id}"}
            return json_response(pending, 202)
        return json_response(result.view)

    return act_on_lead


def _unchanged(view: dict[str, Any], detail: str) -> Response:
    """Return the problem of an action that does not fit the lead, with the lead as it is."""
    return extended_problem_response(
        {
            "type": TYPE_PREFIX + "lead-unchanged",
            "title": "The action does not fit the state of the lead",
            "status": 409,
            "detail": detail,
            "lead": view,
        }
    )


for _verb, _summary in _SUMMARIES.items():
    router.add_api_route(
        f"/{{id}}/{_verb}",
        action_endpoint(_verb),
        methods=["POST"],
        summary=_summary,
        description=_DESCRIPTION,
        response_model=LeadView,
        responses={
            202: {"model": PendingAction},
            **problem_responses(404),
            409: extended_problem_doc(
                "The action does not fit the lead", lead={"$ref": "#/components/schemas/LeadView"}
            ),
        },
    )
