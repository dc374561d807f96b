"""The list of pages that tests visit has every page and fragment of the console."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from starlette.routing import Route

from services.gateway.console import pages
from tests.support.console_pages import CONSOLE_FRAGMENTS, CONSOLE_PAGES

ELSEWHERE = {
    "/sign-in": "visited by the accessibility test before anybody is signed in",
    "/sign-in/link/{token}": "a redirect",
    "/sign-in/oidc": "a redirect",
    "/sign-in/oidc/callback": "a redirect",
    "/assets/{version}/{name:path}": "files",
    "/leads.csv": "a file",
    "/live": "a stream",
    "/policy/words": "JSON for the editor",
    "/dead-letters/{letter_id}": "needs a dead letter: tests/browser/test_operations.py",
    "/deliveries/retries/{retry_id}": "needs a retry of many: tests/browser/test_operations.py",
}


def test_every_page_and_fragment_is_listed():
    modules = [import_module(f"{pages.__name__}.{module.name}") for module in iter_modules(pages.__path__)]
    routes = [
        route
        for module in modules
        for route in module.router.routes
        if isinstance(route, Route) and "GET" in (route.methods or ())
    ]
    assert len(routes) > len(CONSOLE_PAGES)
    listed = [path.partition("?")[0] for path in (*CONSOLE_PAGES, *CONSOLE_FRAGMENTS)]
    missing = [
        route.path
        for route in routes
        if route.path not in ELSEWHERE and not any(route.path_regex.match(path) for path in listed)
    ]
    assert missing == []
    assert {route.path for route in routes} >= ELSEWHERE.keys()
