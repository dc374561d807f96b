"""What a vendor gets that checks a form's URL with GET or HEAD before it posts there.

The handshakes are data: those of the vendor's preset, then those below, which hold for every source.
Mailchimp and others look for the status 200 only.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from services.gateway.domain.sources import HookSource
from services.gateway.intake.sender import check_token
from services.gateway.state import GatewayState
from shared.integrations.expressions import evaluation_at
from shared.integrations.intake_preset import Handshake, SignedAnswer

_NO_SNIFFING: Final = {"x-content-type-options": "nosniff"}
_CHALLENGE: Final = re.compile(r"[\x21-\x7e]{1,500}")
# Nothing else is signed: the answer must not be a signature for a body that a stranger chose.
_SIGNED: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_INSTRUCTION: Final = "Send {what} for {name} to this address with POST{how}.\n"
_HOW: Final = {
    "forms": ": as the action of an HTML form (method=post), with fetch() from a page, or as the webhook URL"
    " of a form vendor",
    "signals": ", as JSON or as the webhook URL of the vendor",
}
_EVERYWHERE: Final = tuple(
    Handshake.model_validate(handshake)
    for handshake in (
        {  # WebSub, Meta
            "when": 'query."hub.challenge"',
            "check": {"hub.verify_token": "secret"},
            "answer": 'query."hub.challenge"',
        },
        {  # LinkedIn
            "when": "query.challengeCode",
            "answer_hmac": {
                "of": "query.challengeCode",
                "name": "challengeResponse",
                "echo": "challengeCode",
            },
        },
    )
)


def handshake_response(gateway: GatewayState, source: HookSource, request: Request) -> Response:
    """Return the answer to GET. Raises `Reject` (403) when a token is wrong, `Retry` without the secret."""
    gateway.sources.require_usable(source)
    secret = "" if source.public else gateway.sources.secret(source)
    query = dict(request.query_params)
    node = {
        "method": request.method,
        "path": request.url.path,
        "query": query,
        "headers": {name.lower(): value for name, value in request.headers.items()},
    }
    evaluation = evaluation_at(gateway.clock.now(), node, headers=node["headers"], query=query)
    own = source.preset.handshake if source.preset is not None else ()
    for handshake in (*own, *_EVERYWHERE):
        if not evaluation.holds(handshake.when, node):
            continue
        part = handshake.answer_hmac.of if handshake.answer_hmac else handshake.answer
        answer = None if part is None else answer_to(handshake, evaluation.value(part, node), secret)
        if answer is None:
            continue
        if secret and (handshake.check or source.scheme is None):
            check_token(gateway, source, request, secret, *(query.get(name, "") for name in handshake.check))
        return answer
    if secret and source.scheme is None:
        check_token(gateway, source, request, secret)
    text = _INSTRUCTION.format(what=source.hook, name=source.name, how=_HOW[source.hook])
    return PlainTextResponse(text, headers=_NO_SNIFFING)


def answer_to(handshake: Handshake, value: Any, secret: str) -> Response | None:
    """Return the answer to a handshake, None for a value that is none."""
    if not isinstance(value, str | int) or isinstance(value, bool) or not _CHALLENGE.fullmatch(str(value)):
        return None
    if handshake.answer_hmac is None:
        return PlainTextResponse(str(value), headers=_NO_SNIFFING)
    if not secret or not _SIGNED.fullmatch(str(value)):
        return None
    return JSONResponse(signed_answer(handshake.answer_hmac, str(value), secret))


def signed_answer(terms: SignedAnswer, value: str, secret: str) -> dict[str, str]:
    """Return the value with its HMAC, as the vendor wants to see them."""
    mac = hmac.digest(secret.encode(), value.encode(), terms.digest)
    return {terms.echo: value, terms.name: mac.hex() if terms.encoding == "hex" else b64encode(mac).decode()}
