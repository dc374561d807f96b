"""Addresses in the shape of ZeroBounce: `GET /v2/validate?api_key=&email=`.

What an integration has to expect: errors with status 200, booleans and numbers as text.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from services.provider_stubs.mailbox import MailboxStatus, probe
from services.provider_stubs.vendors.vendor import (
    EmailParameters,
    Vendor,
    VendorEndpoint,
    VendorReply,
)
from services.provider_stubs.world import World
from shared.lead.normalise.emails import Email, normalise_email

NAME: Final = "zerobounce"
PRICE_CENTS: Final = 1

_NO_KEY: Final = "Invalid API key or your account ran out of credits"
_STATUSES: Final[dict[MailboxStatus, tuple[str, str]]] = {
    "exists": ("valid", ""),
    "absent": ("invalid", "mailbox_not_found"),
    "accept_all": ("catch-all", ""),
    "no_answer": ("unknown", "mail_server_did_not_respond"),
    "free": ("unknown", "timeout_exceeded"),
    "disposable": ("do_not_mail", "disposable"),
}


def error(status: int) -> VendorReply:
    """Return ZeroBounce's answer to an error: client errors come with status 200 and an `error`."""
    if status in (401, 402):
        return VendorReply(200, {"error": _NO_KEY})
    if status in (400, 422):
        return VendorReply(200, {"error": "Missing parameter: email."})
    return VendorReply(status, {"error": "Something went wrong."})


def validate(world: World, parameters: EmailParameters, today: date) -> VendorReply:
    """Answer for `?email=`; every result is billed, also that of a malformed address."""
    email = parameters.email
    if not email:
        return error(400)
    address = normalise_email(email)
    if address is None:
        return VendorReply(
            200, _result(email[:254], "invalid", "failed_syntax_check", today), PRICE_CENTS, matched=True
        )
    verdict = probe(world, address)
    body = validation_body(world, address, verdict, today)
    return VendorReply(200, body, PRICE_CENTS, matched=verdict != "no_answer")


def validation_body(world: World, address: Email, verdict: MailboxStatus, today: date) -> dict[str, Any]:
    """Return the result about an address that can be parsed."""
    status, sub_status = _STATUSES[verdict]
    found = world.person(address.address) if verdict == "exists" else None
    person = found and found[1]
    answered = verdict != "no_answer"
    if address.kind == "role" and verdict == "exists":
        sub_status = "role_based"
    return {
        **_result(address.address, status, sub_status, today),
        "free_email": address.kind == "free",
        "account": address.address.partition("@")[0],
        "domain": address.domain,
        "mx_found": "true" if answered else "false",
        "mx_record": f"mx.{address.domain}" if answered else "",
        "firstname": person and person.first_name,
        "lastname": person and person.last_name,
        "domain_age_days": "2874" if answered else "",
    }


def _result(address: str, status: str, sub_status: str, today: date) -> dict[str, Any]:
    return {
        "address": address,
        "status": status,
        "sub_status": sub_status,
        "free_email": False,
        "did_you_mean": None,
        "account": None,
        "domain": None,
        "domain_age_days": "",
        "smtp_provider": "",
        "mx_found": "false",
        "mx_record": "",
        "firstname": None,
        "lastname": None,
        "gender": None,
        "country": None,
        "region": None,
        "city": None,
        "zipcode": None,
        "processed_at": f"{today.isoformat()} 00:00:00.000",
    }


ZEROBOUNCE: Final = Vendor(
    name=NAME,
    endpoints=(VendorEndpoint("/v2/validate", EmailParameters, validate),),
    error=error,
    takes_key_parameter=True,
)
