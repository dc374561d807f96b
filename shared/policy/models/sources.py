"""sources.yaml: the forms and tools that send leads and signals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from shared.lead.events.parts import SourceTrust
from shared.policy.models.conditions import WhenForm
from shared.policy.models.policy_model import (
    EnvName,
    Name,
    Percent,
    PlainDuration,
    PolicyModel,
    Text,
    Url,
    unique,
    whole_number,
)

_VENDOR_NAME = Field(pattern="^[a-z][a-z0-9_]*$", min_length=1, max_length=60)
SourceKind = Annotated[str, _VENDOR_NAME]
"""What comes in: `form` and `signal` are the plain ones, all others are vendors of the integrations."""
Signature = Annotated[str, _VENDOR_NAME]
"""How a source signs: `standard` (Standard Webhooks), `hub` (X-Hub-Signature-256), or as a vendor does."""
CaptchaProvider = Literal["turnstile", "hcaptcha", "recaptcha"]
OptOutEffect = Literal["suppress", "alert"]
AccountRelation = Literal["target", "customer", "partner", "competitor"]

_PerMinute = Annotated[int, whole_number(1, 1_000_000)]
_Urls = Annotated[tuple[Url, ...], Field(max_length=100), unique()]


class SourceDefaults(PolicyModel):
    """The origin of a lead of this source where the form does not name it."""

    channel: Text | None = None
    name: Text | None = None
    campaign: Text | None = None


class FormActivity(PolicyModel):
    """The activity that submitting a form is, when its condition holds; without one it always does."""

    type: Annotated[str, Field(min_length=1, max_length=100)]
    when: WhenForm | None = None


class SourceLimits(PolicyModel):
    """How many posts a source takes in a minute, from everybody and from one address; None: without limit."""

    per_minute: _PerMinute | None = None
    per_address_per_minute: _PerMinute | None = None


class Captcha(PolicyModel):
    """The service that checks the token of a form's captcha. `secret_env` names its secret key.

    `url` replaces the provider's own address. Where the provider gives a score (reCAPTCHA v3) it has to be at
    least `min_score`, in hundredths.
    """

    provider: CaptchaProvider
    secret_env: EnvName
    url: Url = ""
    min_score: Percent = 50


class PollAccounts(PolicyModel):
    """Which accounts a vendor is asked about: those of a relation, or a list of domains."""

    relation: AccountRelation | None = None
    list: Annotated[tuple[Text, ...], Field(max_length=5_000)] = ()


class SourcePoll(PolicyModel):
    """Has Baton ask a vendor that only answers. What is not given is as the preset of the vendor has it.

    Each of the `accounts` is asked about `every` so often, for at most `budget_cents_per_day` (UTC). At most
    `limit` of them are asked about in a round; the next round goes on with those that follow.
    """

    every: PlainDuration | None = None
    accounts: PollAccounts | None = None
    limit: Annotated[int, whole_number(1, 10_000)] | None = None
    budget_cents_per_day: Annotated[int, whole_number(0, 10_000_000)] | None = None


class SourceConfig(PolicyModel):
    """Where leads or signals come in. `map` names the field that a label of the form means.

    A source that is not public proves itself by a secret, which is in the environment: as the last part of
    the path, or by the `signature` that it makes with it. Without `signature`, the source of a vendor that
    signs may do either. `trust` is by default public for a public source
    and signed for the others.

    Of `activities` the first that matches is added to a lead. `honeypot` are labels of fields that people do
    not see: a form that fills one in is spam. `opt_out` is what an opt-out that anybody could have typed does
    to a lead that somebody works: it suppresses the lead, or the owner gets an alert. `poll` asks the vendor
    of a signal source.
    """

    kind: SourceKind
    public: bool = False
    signature: Signature | None = None
    origins: _Urls = ()
    redirects: _Urls = ()
    defaults: SourceDefaults = SourceDefaults()
    map: Annotated[Mapping[Text, Text], Field(max_length=200)] = {}
    secret_env: EnvName = ""
    trust: SourceTrust | None = None
    activities: Annotated[tuple[FormActivity, ...], Field(max_length=100)] = ()
    honeypot: Annotated[tuple[Text, ...], Field(max_length=20), unique()] = ()
    limits: SourceLimits = SourceLimits()
    captcha: Captcha | None = None
    opt_out: OptOutEffect = "alert"
    poll: SourcePoll | None = None

    @property
    def trusted_as(self) -> SourceTrust:
        """The trust that is configured, else what follows from how the source proves itself."""
        return self.trust or ("public" if self.public else "signed")


class SourcePolicy(PolicyModel):
    """sources.yaml: the sources by name."""

    sources: Annotated[Mapping[Name, SourceConfig], Field(max_length=500)] = {}
