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
from services.gateway.intake.sender import is_same_secret
from services.gateway.state import GatewayState
from shared.errors import Reject

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
    query, token = request.query_params, request.path_params.get("token", "")
    secret = "" if source.public else gateway.sources.secret(source)
    challenge = query.get("hub.challenge", "")
    if _CHALLENGE.fullmatch(challenge):
        verify_token = query.get("hub.verify_token", "")
        if secret and not (is_same_secret(verify_token, secret) or is_same_secret(token, secret)):
            raise Reject(
                403, "wrong-token", "The token is wrong", "hub.verify_token should be the source's secret"
            )
        return PlainTextResponse(challenge, headers=_NO_SNIFFING)
    if secret and source.signature is None and not is_same_secret(token, secret):
        raise Reject(
            403,
            "wrong-token",
            "The token of this source is missing or wrong",
            "It is the last part of the URL: /hooks/forms/SOURCE/TOKEN",
        )
    code = query.get("challengeCode", "")
    if secret and _LINKEDIN_CODE.fullmatch(code):
        response = hmac.digest(secret.encode(), code.encode(), "sha256").hex()
        return JSONResponse({"challengeCode": code, "challengeResponse": response})
    return PlainTextResponse(_INSTRUCTION.format(name=source.name), headers=_NO_SNIFFING)
