"""Sources of forms and signals: who may post, from which pages, and how a form is read. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct

from shared.lead.normalise.labels import plain_label
from shared.policy.integrations import PLAIN_FORM, PLAIN_SIGNAL
from shared.policy.rule_tables import activity_rules
from shared.rules.compile import first_match
from shared.rules.syntax import Facts

if TYPE_CHECKING:
    from shared.integrations.intake_preset import IntakePreset, SignatureScheme
    from shared.lead.events.parts import SourceTrust
    from shared.policy.models import (
        Captcha,
        FormActivity,
        OptOutEffect,
        SourceConfig,
        SourceDefaults,
        SourceLimits,
    )

Hook = Literal["forms", "signals"]

_URL_LENGTH_MAX: Final = 2048
_NO_PRESETS: Final[Mapping[str, IntakePreset]] = {}
_NO_SCHEMES: Final[Mapping[str, SignatureScheme]] = {}
_NO_ACTIVITY: Final = first_match(activity_rules(()))
# Control characters, spaces, backslashes and dot segments: browsers rewrite them, perhaps to another URL.
_UNSAFE_URL = re.compile(r"[\x00-\x20\x7f-\U0010ffff\\]|/\.\.?(?:[/?#]|\Z)|%2[eE]")


class HookSource(Struct, frozen=True):
    """One source of forms or signals.

    `origins` are the origins whose pages may read the answers (`*`: all). `redirects` are the URLs that a
    browser may be sent to after a post; one that ends in `/` includes all below it. `fields` maps plain
    labels to fields and goes before the common synonyms. `secret_env` is the environment variable with the
    secret of a source that is not public. `scheme` is how it signs with the secret, `signature` the name of
    that scheme where it must sign; without the name, the secret in the path will do as well. `preset` is that
    of its vendor; `unknown` says which vendor there is not, so that nothing can be read. `first_activity`
    decides which activity submitting a form is. `honeypot` are names of fields, in lower case, that only a
    machine fills in. `trust`, `opt_out`, `limits` and `captcha` are as the policy has them.
    """

    name: str
    kind: str = PLAIN_FORM
    public: bool = False
    signature: str | None = None
    scheme: SignatureScheme | None = None
    preset: IntakePreset | None = None
    unknown: str | None = None
    secret_env: str = ""
    origins: tuple[str, ...] = ()
    redirects: tuple[str, ...] = ()
    defaults: SourceDefaults | None = None
    fields: Mapping[str, str] = {}
    first_activity: Callable[[Facts, datetime], FormActivity | None] = _NO_ACTIVITY
    honeypot: frozenset[str] = frozenset()
    trust: SourceTrust = "signed"
    opt_out: OptOutEffect = "alert"
    limits: SourceLimits | None = None
    captcha: Captcha | None = None

    @property
    def hook(self) -> Hook:
        """The kind of hook that it posts to."""
        if self.preset is not None:
            return "signals" if self.preset.kind == PLAIN_SIGNAL else "forms"
        return "signals" if self.kind == PLAIN_SIGNAL else "forms"

    def is_caught_by_honeypot(self, fields: Iterable[tuple[str, Any]]) -> bool:
        """Tell whether one of the fields is filled in that people do not see. Names compare without case."""
        return any(
            value and str(value).strip() != "" and name.strip().casefold() in self.honeypot
            for name, value in fields
        )

    def may_redirect(self, url: str) -> bool:
        """Tell whether a browser may be sent to `url`."""
        if len(url) > _URL_LENGTH_MAX or _UNSAFE_URL.search(url):
            return False
        return any(
            url == allowed or (allowed.endswith("/") and url.startswith(allowed))
            for allowed in self.redirects
        )


def source_of(
    name: str,
    source: SourceConfig,
    presets: Mapping[str, IntakePreset] = _NO_PRESETS,
    schemes: Mapping[str, SignatureScheme] = _NO_SCHEMES,
) -> HookSource:
    """Return a source as the policy describes it, with the presets and signatures that it names."""
    preset = presets.get(source.kind)
    unknown = source.kind if preset is None and source.kind not in (PLAIN_FORM, PLAIN_SIGNAL) else None
    if source.signature is not None:
        scheme = schemes.get(source.signature)
        unknown = unknown or (source.signature if scheme is None else None)
    else:
        scheme = None if source.public or preset is None else preset.signature
    return HookSource(
        name=name,
        kind=source.kind,
        public=source.public,
        signature=source.signature,
        scheme=scheme,
        preset=preset,
        unknown=unknown,
        secret_env=source.secret_env,
        origins=source.origins,
        redirects=source.redirects,
        defaults=source.defaults,
        fields={plain_label(label): field for label, field in source.map.items()},
        first_activity=first_match(activity_rules(source.activities)),
        honeypot=frozenset(name.strip().casefold() for name in source.honeypot),
        trust=source.trusted_as,
        opt_out=source.opt_out,
        limits=source.limits,
        captcha=source.captcha,
    )
