"""The calls of those who set Baton up: policies, providers, sources."""

from __future__ import annotations

from typing import Any, Final

from services.gateway.handlers import forms, integrations, paging, policies
from services.gateway.handlers.routing import Endpoint

_POLICIES: Final = (
    Endpoint(
        "GET",
        "/v1/policies",
        policies.list_all,
        "List the versions of the policy, the one in force first",
        scope="manager",
        response=(paging.Page[policies.PolicyView],),
        query=paging.PARAMETERS,
    ),
    Endpoint(
        "POST",
        "/v1/policies",
        policies.apply,
        "Put a policy in force",
        detail="The seven files as texts; nothing is stored when one has an error. A problem names file, "
        "line and column.",
        scope="admin",
        request=policies.NewPolicy,
        response=(policies.AppliedPolicy,),
        status=201,
    ),
    Endpoint(
        "POST",
        "/v1/policies/validate",
        policies.validate,
        "Tell whether files are a policy, and what it would change",
        scope="manager",
        request=policies.NewPolicy,
        response=(policies.ValidPolicy,),
    ),
    Endpoint(
        "GET",
        "/v1/policies/{id}",
        policies.get_one,
        f"See one version with its files; `{policies.ACTIVE}` is the one in force",
        scope="manager",
        response=(policies.PolicyWithFiles,),
    ),
)

_INTEGRATIONS: Final = (
    Endpoint(
        "GET",
        "/v1/providers",
        integrations.list_providers,
        "List the providers, with what they were asked, found and cost (cents)",
        scope="manager",
        response=(integrations.Providers,),
        query=(integrations.DAYS,),
    ),
    Endpoint(
        "GET",
        "/v1/sources",
        integrations.list_sources,
        "List the sources that forms and signals may come from",
        scope="manager",
        response=(integrations.Sources,),
    ),
    Endpoint(
        "POST",
        "/v1/sources/{source}/preview",
        forms.preview,
        "See which lead a form of this source would be; it is not taken in",
        scope="manager",
        request=dict[str, Any],
        response=(forms.FormPreview,),
        content_types=forms.CONTENT_TYPES,
    ),
)

SETUP: Final = (*_POLICIES, *_INTEGRATIONS)
