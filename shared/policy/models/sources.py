"""sources.yaml: the forms and tools that send leads and signals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from shared.policy.models.policy_model import EnvName, Name, PolicyModel, Text, Url, unique

SourceKind = Literal["form", "typeform", "webflow", "hubspot", "meta", "signal"]
"""What comes in: forms, each a lead, plain or in the shape of a vendor; or signals and activities."""
Signature = Literal["standard", "typeform", "webflow", "hub"]
"""How a source signs: Standard Webhooks, or as that vendor does; `hub` is X-Hub-Signature-256 (Meta)."""

_Urls = Annotated[tuple[Url, ...], Field(max_length=100), unique()]


class SourceDefaults(PolicyModel):
    """The origin of a lead of this source where the form does not name it."""

    channel: Text | None = None
    name: Text | None = None
    campaign: Text | None = None


class SourceConfig(PolicyModel):
    """Where leads or signals come in. `map` names the field that a label of the form means.

    A source that is not public proves itself by a secret, which is in the environment: as the last part of
    the path, or by the `signature` that it makes with it.
    """

    kind: SourceKind
    public: bool = False
    signature: Signature | None = None
    origins: _Urls = ()
    redirects: _Urls = ()
    defaults: SourceDefaults = SourceDefaults()
    map: Annotated[Mapping[Text, Text], Field(max_length=200)] = {}
    secret_env: EnvName = ""


class SourcePolicy(PolicyModel):
    """sources.yaml: the sources by name."""

    sources: Annotated[Mapping[Name, SourceConfig], Field(max_length=500)] = {}
