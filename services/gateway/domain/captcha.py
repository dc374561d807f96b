"""What a form's captcha says: where its token is, and what the answer of its provider means. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.normalise.labels import plain_label

if TYPE_CHECKING:
    from shared.policy.models import Captcha, CaptchaProvider

CaptchaResult = Literal["passed", "failed", "unavailable"]

VERIFY_URLS: Final[Mapping[CaptchaProvider, str]] = {
    "turnstile": "https://challenges.cloudflare.com/turnstile/v0/siteverify",
    "hcaptcha": "https://api.hcaptcha.com/siteverify",
    "recaptcha": "https://www.google.com/recaptcha/api/siteverify",
}
TOKEN_FIELDS: Final[Mapping[CaptchaProvider, str]] = {
    "turnstile": "cf-turnstile-response",
    "hcaptcha": "h-captcha-response",
    "recaptcha": "g-recaptcha-response",
}
"""The field of a form that each provider's script fills with its token."""
TOKEN_LENGTH_MAX: Final = 8_192
ANSWER: Final = "captcha"
"""The answer that says of a lead that its captcha could not be verified."""

_TOKEN_LABELS: Final = {plain_label(field) for field in TOKEN_FIELDS.values()}


def token_of(lead: LeadReceivedV1, captcha: Captcha) -> str | None:
    """Return the token of a captcha that is among the answers of a form, None when there is none."""
    wanted = plain_label(TOKEN_FIELDS[captcha.provider])
    for label, value in lead.answers.items():
        if plain_label(label) == wanted and isinstance(value, str) and 0 < len(value) <= TOKEN_LENGTH_MAX:
            return value
    return None


def without_tokens(lead: LeadReceivedV1, *, verified: bool) -> LeadReceivedV1:
    """Return a lead without captcha tokens among its answers, marked if its captcha was not verified."""
    answers = {
        label: value for label, value in lead.answers.items() if plain_label(label) not in _TOKEN_LABELS
    }
    if not verified:
        answers[ANSWER] = "not verified"
    return msgspec.structs.replace(lead, answers=answers)


class _Answer(msgspec.Struct):
    success: bool
    score: float | None = None


_decode = msgspec.json.Decoder(_Answer).decode


def result_of(status: int, body: bytes, captcha: Captcha) -> CaptchaResult:
    """Return what the provider's answer means. Anything but a verdict counts as unavailable."""
    try:
        answer: Any = _decode(body) if status == 200 else None
    except msgspec.MsgspecError:
        answer = None
    if answer is None:
        return "unavailable"
    enough = answer.score is None or answer.score * 100 >= captcha.min_score
    return "passed" if answer.success and enough else "failed"
