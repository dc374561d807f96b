"""Every call of the API: path, method, key, bodies. The routes and the OpenAPI document follow from it."""

from __future__ import annotations

from typing import Any, Final

from services.gateway.domain.explain import Explanation
from services.gateway.domain.subscriptions import NewSubscription
from services.gateway.handlers import (
    dead_letters,
    deliveries,
    explain,
    forms,
    intake,
    leads,
    paging,
    people,
    signals,
)
from services.gateway.handlers import subscriptions as subs
from services.gateway.handlers.bodies import ITEMS_MAX
from services.gateway.handlers.endpoints_sales import SALES
from services.gateway.handlers.endpoints_setup import SETUP
from services.gateway.handlers.routing import Endpoint
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.signal_received import SignalReceivedV1

_INTAKE: Final = (
    Endpoint(
        "POST",
        "/v1/leads",
        intake.post_leads,
        f"Take a lead, or a list of up to {ITEMS_MAX}",
        scope="intake",
        request=LeadReceivedV1,
        response=(intake.AcceptedLead, intake.LeadResults),
        status=202,
        items_max=ITEMS_MAX,
        idempotent_by_key=True,
    ),
    Endpoint(
        "POST",
        "/v1/signals",
        intake.post_signals,
        f"Take a buying signal or a later activity, or a list of up to {ITEMS_MAX}",
        scope="intake",
        request=SignalReceivedV1,
        response=(intake.AcceptedSignal, intake.SignalResults),
        status=202,
        items_max=ITEMS_MAX,
        idempotent_by_key=True,
    ),
)


def _form(path: str) -> tuple[Endpoint, ...]:
    post = Endpoint(
        "POST",
        path,
        forms.post_form,
        "Take a form as a lead: JSON, urlencoded or multipart",
        request=dict[str, Any],
        response=(intake.AcceptedLead,),
        status=202,
        query=(forms.REDIRECT,),
        content_types=forms.CONTENT_TYPES,
        idempotent_by_key=True,
        extra_headers=forms.cross_origin,
    )
    asked = Endpoint(
        "OPTIONS",
        path,
        forms.preflight,
        "Ask, as a browser does, whether a page may post",
        status=204,
        extra_headers=forms.cross_origin,
    )
    return post, asked


def _signal(path: str) -> Endpoint:
    return Endpoint(
        "POST",
        path,
        signals.post_signal,
        f"Take a buying signal or a later activity from a source, or a list of up to {ITEMS_MAX}",
        request=SignalReceivedV1,
        response=(intake.AcceptedSignal, intake.SignalResults),
        status=202,
        items_max=ITEMS_MAX,
        idempotent_by_key=True,
    )


_HOOKS: Final = (
    *_form("/hooks/forms/{source}"),
    *_form("/hooks/forms/{source}/{token}"),
    _signal("/hooks/signals/{source}"),
    _signal("/hooks/signals/{source}/{token}"),
)

_LEADS: Final = (
    Endpoint(
        "GET",
        "/v1/leads",
        leads.get_leads,
        "List leads, the newest first",
        detail="A lead is listed once it was enriched; before that it is found by its id alone.",
        scope="read",
        response=(paging.Page[leads.LeadSummary],),
        query=(*leads.FILTERS, *paging.PARAMETERS),
    ),
    Endpoint(
        "GET",
        "/v1/leads/{id}",
        leads.get_lead,
        "See where a lead stands, by its id or an alias",
        scope="read",
        response=(leads.LeadView,),
    ),
    Endpoint(
        "GET",
        "/v1/leads/{id}/timeline",
        leads.get_timeline,
        "See everything that happened to a lead",
        scope="read",
        response=(leads.Timeline,),
    ),
    Endpoint(
        "GET",
        "/v1/leads/{id}/explain",
        explain.get_explanation,
        "See why a lead is where it is: score lines, rules and reps passed over, where each field is from",
        scope="read",
        response=(Explanation,),
    ),
)

_SUBSCRIPTIONS: Final = (
    Endpoint(
        "POST",
        "/v1/subscriptions",
        subs.create,
        "Begin to send events to a URL; the answer alone has the secret that signs them",
        scope="admin",
        request=NewSubscription,
        response=(subs.CreatedSubscription,),
        status=201,
    ),
    Endpoint(
        "GET",
        "/v1/subscriptions",
        subs.list_all,
        "List subscriptions, the newest first",
        scope="admin",
        response=(paging.Page[subs.SubscriptionView],),
        query=paging.PARAMETERS,
    ),
    Endpoint(
        "GET",
        "/v1/subscriptions/{id}",
        subs.get_one,
        "See a subscription",
        scope="admin",
        response=(subs.SubscriptionView,),
    ),
    Endpoint(
        "PATCH",
        "/v1/subscriptions/{id}",
        subs.change,
        "Change where events are sent, which, or whether at all",
        scope="admin",
        request=subs.SubscriptionChange,
        response=(subs.SubscriptionView,),
    ),
    Endpoint(
        "DELETE", "/v1/subscriptions/{id}", subs.delete, "End a subscription", scope="admin", status=204
    ),
)

_DELIVERIES: Final = (
    Endpoint(
        "POST",
        "/v1/subscriptions/{id}/rotate-secret",
        subs.rotate_secret,
        "Give a subscription a new secret; the answer alone has it",
        detail="For a day, or for `overlap_s`, the secret of before signs every delivery too.",
        scope="admin",
        request=subs.Rotation,
        response=(subs.RotatedSecret,),
        body_needed=False,
    ),
    Endpoint(
        "POST",
        "/v1/subscriptions/{id}/test",
        deliveries.try_subscription,
        "Send an event of type `webhook.test` that means nothing",
        detail="200 with the delivery once it was tried; 202 when that takes longer.",
        scope="admin",
        response=(deliveries.DeliveryView,),
        others=((202, deliveries.Ordered),),
    ),
    Endpoint(
        "GET",
        "/v1/subscriptions/{id}/deliveries",
        deliveries.list_of_endpoint,
        "List what was sent or is to be, the newest first",
        detail="`queue:NAME` in place of an id: what is sent to the destination of a queue.",
        scope="admin",
        response=(paging.Page[deliveries.DeliveryView],),
        query=paging.PARAMETERS,
    ),
    Endpoint(
        "POST",
        "/v1/subscriptions/{id}/replay",
        deliveries.replay,
        "Send again what was made for a subscription within a time, under the same ids",
        scope="admin",
        request=deliveries.Replay,
        response=(deliveries.ReplayedDeliveries,),
        status=202,
    ),
    Endpoint(
        "GET",
        "/v1/deliveries/{id}",
        deliveries.get_one,
        "See a delivery",
        scope="admin",
        response=(deliveries.DeliveryView,),
    ),
    Endpoint(
        "POST",
        "/v1/deliveries/{id}/retry",
        deliveries.retry,
        "Send a delivery now, whatever became of it before",
        detail="200 with the delivery once it was tried; 202 when that takes longer.",
        scope="admin",
        response=(deliveries.DeliveryView,),
        others=((202, deliveries.Ordered),),
    ),
)

_OPERATION: Final = (
    Endpoint(
        "GET",
        "/v1/dead-letters",
        dead_letters.list_all,
        "List what could not be processed, the newest first",
        scope="admin",
        response=(paging.Page[dead_letters.DeadLetterView],),
        query=paging.PARAMETERS,
    ),
    Endpoint(
        "POST",
        "/v1/dead-letters/{id}/replay",
        dead_letters.replay,
        "Send a record through again, as it was",
        scope="admin",
        response=(dead_letters.Replayed,),
        status=202,
    ),
    Endpoint(
        "DELETE",
        "/v1/people",
        people.erase,
        "Forget a person in every role",
        scope="admin",
        response=(people.Receipt,),
        status=202,
        query=people.EMAIL,
    ),
    Endpoint(
        "GET",
        "/v1/people/export",
        people.export,
        "See everything that is held of a person",
        scope="admin",
        response=(people.Export,),
        query=people.EMAIL,
    ),
)

ENDPOINTS: Final = (
    *_INTAKE,
    *_HOOKS,
    *_LEADS,
    *SALES,
    *SETUP,
    *_SUBSCRIPTIONS,
    *_DELIVERIES,
    *_OPERATION,
)
