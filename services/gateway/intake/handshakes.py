"""What a vendor gets that checks a form's URL with GET or HEAD before it posts there.

The handshakes are data: those of the vendor's preset, then those below, which hold for every source.
Mailchimp and others look for the status 200 only.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from msgspec import Struct

from services.gateway.domain.sources import HookSource
from services.gateway.intake.sender import check_token
from services.gateway.state import GatewayState
from shared.integrations.expressions import evaluation_at
from shared.integrations.intake_preset import Handshake, IntakePreset

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


class HandshakeAnswer(Struct, frozen=True):
    """What a handshake is answered with, a text or JSON.

    The query parameters in `check` have to be the secret of the source.
    """

    value: str | dict[str, str]
    check: Sequence[str] = ()


def answer_handshake(
    preset: IntakePreset | None, asked: Mapping[str, Any], secret: str, at: datetime
) -> HandshakeAnswer | None:
    """Return the answer to `{method, path, query, headers}`, None when it is no handshake.

    Whether the parameters to check are the secret is not looked at.
    """
    evaluation = evaluation_at(at, asked, headers=asked["headers"], query=asked["query"])
    for handshake in (*(preset.handshake if preset is not None else ()), *_EVERYWHERE):
        signed = handshake.answer_hmac
        part = signed.of if signed is not None else handshake.answer
        if part is None or not evaluation.holds(handshake.when, asked):
            continue
        value = evaluation.value(part, asked)
        members = value if isinstance(value, dict) and signed is None else {"": value}
        words = {name: str(word) for name, word in members.items() if isinstance(word, str | int)}
        if len(words) < len(members) or not all(map(_CHALLENGE.fullmatch, words.values())):
            continue
        if isinstance(value, dict):
            return HandshakeAnswer(words, tuple(handshake.check))
        if signed is None:
            return HandshakeAnswer(str(value), tuple(handshake.check))
        if secret and _SIGNED.fullmatch(str(value)):
            mac = hmac.digest(secret.encode(), str(value).encode(), signed.digest)
            text = mac.hex() if signed.encoding == "hex" else b64encode(mac).decode()
            return HandshakeAnswer({signed.echo: str(value), signed.name: text}, tuple(handshake.check))
    return None


def handshake_response(gateway: GatewayState, source: HookSource, request: Request) -> Response:
    """Return the answer to GET. Raises `Reject` (403) when a token is wrong, `Retry` without the secret."""
    gateway.sources.require_usable(source)
    secret = "" if source.public else gateway.sources.secret(source)
    query = dict(request.query_params)
    asked = {
        "method": request.method,
        "path": request.url.path,
        "query": query,
        "headers": {name.lower(): value for name, value in request.headers.items()},
    }
    answer = answer_handshake(source.preset, asked, secret, gateway.clock.now())
    if secret and (source.scheme is None or (answer is not None and answer.check)):
        offered = [query.get(name, "") for name in answer.check] if answer is not None else []
        check_token(gateway, source, request, secret, *offered)
    if answer is None:
        text = _INSTRUCTION.format(what=source.hook, name=source.name, how=_HOW[source.hook])
        return PlainTextResponse(text, headers=_NO_SNIFFING)
    if isinstance(answer.value, str):
        return PlainTextResponse(answer.value, headers=_NO_SNIFFING)
    return JSONResponse(answer.value)
