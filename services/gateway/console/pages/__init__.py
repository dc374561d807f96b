"""The routes of the console, a module for each page or group of pages."""

from typing import Final

from fastapi import APIRouter

from services.gateway.console.pages import (
    accounts,
    assets,
    dead_letters,
    deliveries,
    endpoints,
    find,
    flow,
    inbox,
    lead,
    lead_actions,
    leads,
    live,
    nav,
    policy,
    policy_preview,
    policy_try,
    policy_versions,
    providers,
    report,
    settings,
    sign_in,
    sources,
    status,
    team,
)

CONSOLE_ROUTERS: Final[tuple[APIRouter, ...]] = (
    assets.router,
    live.router,
    endpoints.router,  # before one delivery: `/deliveries/endpoints` is no id
    deliveries.router,
    dead_letters.router,
    sign_in.router,
    sign_in.signed_in,
    flow.router,
    report.router,
    inbox.router,
    find.router,
    leads.router,
    accounts.router,
    lead.router,
    nav.router,
    policy.router,
    policy_preview.router,
    policy_try.router,
    policy_versions.router,
    team.router,
    status.router,
    settings.router,
    providers.router,
    sources.router,
    # Last: it takes `/leads/{id}/{verb}`, whatever the verb.
    lead_actions.router,
)
