"""What has to hold between the values of a preset: findings with exact positions. Pure."""

from __future__ import annotations

from typing import Final

from shared.integrations.intake_preset import IntakePreset
from shared.integrations.preset_types import Template
from shared.integrations.provider_preset import ASKED_NAMES, Ask, ProviderPreset
from shared.lead.fields import BOUGHT_FIELDS
from shared.policy.addresses import is_web_address
from shared.policy.form_fields import ANSWER, FORM_FIELDS
from shared.policy.policy_file import PolicyFile
from shared.rules.findings import Path, did_you_mean, quoted

UTM: Final = "source.utm."
DETAILS: Final = "details."
SIGNAL_FIELDS: Final = (
    "type",
    "account",
    "person",
    "details",
    "account.domain",
    "account.name",
    "account.external_id",
    "person.email",
    "person.external_id",
    "occurred_at",
    "expires_at",
    "strength",
    "external_id",
)
"""The fields of a signal that a preset may map, besides `details.NAME`; objects have their parts."""
ENTITY_FIELDS: Final = ("person.external_id", "account.external_id", "account.name")
ANSWER_FIELDS: Final = (
    *BOUGHT_FIELDS,
    "person.email",
    "person.seniority",
    "person.department",
    "company.domain",
)
"""The fields that the answer of a provider may have."""
_TEMPLATE_NAMES: Final = frozenset({*ASKED_NAMES, "key", "callback_url", "job", "items", "roles", "cursor"})
_SIGNATURE_NAMES: Final = frozenset(
    {"signature", "timestamp", "id", "body", "method", "url", "path", "secret"}
)


def check_intake(file: PolicyFile[IntakePreset]) -> None:
    """Report unknown fields, signatures that prove nothing, and outcomes that lack what they need."""
    preset = file.model
    if preset.docs and not is_web_address(preset.docs):
        file.error(("docs",), "should be the http or https address of the vendor's page")
    is_signal = preset.kind == "signal"
    makes_leads = is_signal and any(outcome.do == "lead" for outcome in preset.outcomes)
    for name in preset.map:
        if not (makes_leads and name in FORM_FIELDS):
            _check_field(file, ("map", name), name, is_signal=is_signal)
    check_signature(file)
    for index, content in enumerate(preset.content):
        if (content.kind == "multipart_json") != (content.field is not None):
            file.error(("content", index), "multipart_json, and only that, names the field with the JSON")
    check_outcomes(file)
    for index, handshake in enumerate(preset.handshake):
        if (handshake.answer is None) == (handshake.answer_hmac is None):
            file.error(("handshake", index), "a handshake has either answer or answer_hmac")
    if preset.poll is not None and preset.kind != "signal":
        file.error(("poll",), "only signals are polled")


def check_outcomes(file: PolicyFile[IntakePreset]) -> None:
    outcomes = file.model.outcomes
    for index, outcome in enumerate(outcomes):
        path: Path = ("outcomes", index)
        if outcome.do in ("erase", "opt_out") and not outcome.by:
            file.error(path, f"{outcome.do} needs by: whose data it is")
        if outcome.do == "fetch" and not (outcome.provider and outcome.with_):
            file.error(path, "fetch needs provider and with")
        for name in outcome.signal:
            _check_field(file, (*path, "signal", name), name, is_signal=True)
        if outcome.when is None and index < len(outcomes) - 1:
            file.error(path, "the outcomes after one without when are never reached")


def _check_field(file: PolicyFile[IntakePreset], path: Path, name: str, *, is_signal: bool) -> None:
    families = (DETAILS,) if is_signal else (ANSWER, UTM)
    known = SIGNAL_FIELDS if is_signal else (*FORM_FIELDS, *ENTITY_FIELDS)
    if name not in known and not any(name.startswith(family) and name != family for family in families):
        what = "signals" if is_signal else "forms"
        file.error(path, f"there is no field of {what} {quoted(name)}{did_you_mean(name, known)}")


def check_signature(file: PolicyFile[IntakePreset]) -> None:
    scheme = file.model.signature
    if scheme is None:
        return
    if scheme.scheme in ("hmac", "ed25519") and scheme.header is None:
        file.error(("signature",), f"{scheme.scheme} needs header: where the signature is")
    if scheme.scheme == "shared_secret" and not (scheme.header or scheme.query or scheme.body):
        file.error(("signature",), "shared_secret needs one of header, query and body: where the secret is")
    if scheme.scheme in ("hmac", "ed25519") and "signature" not in scheme.value.names:
        file.error(("signature", "value"), "should have {signature}")
    if scheme.scheme in ("hmac", "ed25519") and not scheme.signed.names & {"body"}:
        file.error(("signature", "signed"), "should have {body}: what is not signed proves nothing")
    for key, template in (("value", scheme.value), ("signed", scheme.signed)):
        for name in sorted(template.names - _SIGNATURE_NAMES):
            file.error(("signature", key), f"there is no {{{name}}}{did_you_mean(name, _SIGNATURE_NAMES)}")


def check_provider(file: PolicyFile[ProviderPreset]) -> None:
    """Report unknown fields and names in templates, and asks that cannot be answered."""
    preset = file.model
    for key in ("docs", "base_url"):
        if (url := getattr(preset, key)) and not is_web_address(url):
            file.error((key,), "should be an http or https address")
    for name in preset.answer.fields:
        _check_answer_field(file, ("answer", name), name)
    for subject, ask in preset.ask.items():
        path: Path = ("ask", subject)
        for name in ask.answer.fields if ask.answer else ():
            _check_answer_field(file, (*path, "answer", name), name)
        check_templates(file, path, ask)


def _check_answer_field(file: PolicyFile[ProviderPreset], path: Path, name: str) -> None:
    if name not in ANSWER_FIELDS:
        file.error(path, f"no answer gives {quoted(name)}{did_you_mean(name, ANSWER_FIELDS)}")


def check_templates(file: PolicyFile[ProviderPreset], path: Path, ask: Ask) -> None:
    templates: dict[Path, Template] = {("path",): ask.path}
    for key, members in (("query", ask.query), ("headers", ask.headers), ("form", ask.form)):
        templates |= {(key, name): template for name, template in members.items()}
    for place, template in templates.items():
        for name in sorted(template.names - _TEMPLATE_NAMES):
            file.error((*path, *place), f"there is no {{{name}}}{did_you_mean(name, _TEMPLATE_NAMES)}")
