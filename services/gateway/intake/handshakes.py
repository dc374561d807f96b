"""What a vendor gets that checks a form's URL with GET or HEAD before it posts there.

Meta and WebSub hubs send a challenge to repeat, LinkedIn sends one to sign. Mailchimp and others look for the
status 200 only.
"""

from __future__ import annotations

import hmac
import re
from typing import Final

from fastapi import Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from services.gateway.domain.sources import HookSource
from services.gateway.intake.sender import check_token
from services.gateway.state import GatewayState

_NO_SNIFFING: Final = {"x-content-type-options": "nosniff"}
_CHALLENGE: Final = re.compile(r"[\x21-\x7e]{1,500}")
# Nothing else is signed: the answer must not be a signature for a body that a stranger chose.
_LINKEDIN_CODE: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_INSTRUCTION: Final = (
    "Send forms for {name} to this address with POST: as the action of an HTML form (method=post), with "
    "fetch() from a page, or as the webhook URL of a form vendor.\n"
)


def handshake_response(gateway: GatewayState, source: HookSource, request: Request) -> Response:
    """Return the answer to GET. Raises `Reject` (403) when a token is wrong, `Retry` without the secret."""
    query = request.query_params
    secret = "" if source.public else gateway.sources.secret(source)
    challenge = query.get("hub.challenge", "")
    if _CHALLENGE.fullmatch(challenge):
        if secret:
            check_token(gateway, source, request, secret, query.get("hub.verify_token", ""))
        return PlainTextResponse(challenge, headers=_NO_SNIFFING)
    if secret and source.signature is None:
        check_token(gateway, source, request, secret)
    code = query.get("challengeCode", "")
    if secret and _LINKEDIN_CODE.fullmatch(code):
        response = hmac.digest(secret.encode(), code.encode(), "sha256").hex()
        return JSONResponse({"challengeCode": code, "challengeResponse": response})
    return PlainTextResponse(_INSTRUCTION.format(name=source.name), headers=_NO_SNIFFING)
