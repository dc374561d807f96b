"""Turns a template and its view into a page.

    return render(request, "inbox/page.html", InboxView(...))

A template gets `view`, the one argument of its page, and `chrome`, what the frame shows on every page. A name
that neither has is an error, and everything is escaped. The words of `words.py` are filters.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from msgspec import Struct

from services.gateway.console import words
from services.gateway.console.navigation import NavGroup, navigation
from services.gateway.console.static_files import STYLESHEET, static_files
from services.gateway.domain.access import Principal
from services.gateway.state import GatewayState

TEMPLATES: Final = Path(__file__).parent / "templates"
_GZIP_BYTES_MIN: Final = 600
_GZIP_LEVEL: Final = 6
_WEB_ADDRESS: Final = ("http://", "https://")


class Chrome(Struct, frozen=True):
    """What the frame of every page shows: who is signed in, and the pages they may open.

    `csrf` is empty when nobody is signed in. `now` is the time that relative times are counted from.
    """

    name: str
    rep: str | None
    rep_name: str | None
    scopes: frozenset[str]
    csrf: str
    navigation: list[NavGroup]
    now: datetime


def render(
    request: Request,
    template: str,
    view: Struct,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    part: str = "",
) -> Response:
    """Return a page or a fragment, compressed when the client takes that.

    `part` is the template that a page of its own is made around.
    """
    found = environment().get_template(template)
    html = found.render(view=view, chrome=chrome_of(request), part=part).encode()
    response = Response(html, status, headers, media_type="text/html; charset=utf-8")
    response.headers["vary"] = "Accept-Encoding"
    if len(html) >= _GZIP_BYTES_MIN and "gzip" in request.headers.get("accept-encoding", ""):
        response.body = gzip.compress(html, _GZIP_LEVEL, mtime=0)
        response.headers["content-encoding"] = "gzip"
        response.headers["content-length"] = str(len(response.body))
    return response


def render_part(request: Request, template: str, view: Struct) -> Response:
    """Return a part of a page for htmx; for a person without JavaScript, the same as a page of its own."""
    if is_fragment_request(request):
        return render(request, template, view)
    return render(request, "part.html", view, part=template)


def is_fragment_request(request: Request) -> bool:
    """Return whether htmx asks, for a part of a page."""
    return request.headers.get("hx-request") == "true"


def chrome_of(request: Request) -> Chrome:
    """Return the frame of a request's page."""
    gateway: GatewayState = request.app.state.gateway
    now = gateway.clock.now()
    session = getattr(request.state, "session", None)
    if session is None:
        return Chrome("", None, None, frozenset(), "", [], now)
    principal: Principal = request.state.principal
    team = gateway.policies.active().policy.team
    names = {rep.id: rep.name for rep in team.reps}
    return Chrome(
        name=principal.name,
        rep=principal.rep,
        rep_name=names.get(principal.rep or ""),
        scopes=frozenset(principal.scopes),
        csrf=gateway.sessions.csrf_token(session),
        navigation=navigation(principal),
        now=now,
    )


@cache
def environment() -> Environment:
    """Return the templates' environment."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    assets = static_files()
    made.globals["asset"] = assets.url
    made.globals["stylesheet"] = assets.url(STYLESHEET)
    made.filters |= {
        "duration": words.duration,
        "exact": words.exact,
        "day": words.day,
        "money": words.money,
        "number": words.number,
        "percent": words.percent,
        "plain": words.plain,
        "titled": words.title,
        "field": words.field,
        "initials": words.initials,
        "hue": words.hue,
        "queue_hue": words.queue_hue,
        "ago": _ago,
        "web_address": web_address,
    }
    made.globals["counted"] = words.counted
    return made


@pass_context
def _ago(context: Context, at: datetime) -> str:
    """Return a time seen from the time at which the page was made."""
    return words.relative(at, context["chrome"].now)


def web_address(text: Any) -> str | None:
    """Return a text that may stand in `href`, None for anything but http and https: people typed it."""
    return text if isinstance(text, str) and text.casefold().startswith(_WEB_ADDRESS) else None
