"""Answers to the post of a form, by who reads them: a script and a vendor read JSON, a person a page."""

from __future__ import annotations

from html import escape
from typing import Final

from fastapi import Request, Response

from services.gateway.domain.sources import HookSource
from services.gateway.error_handlers import problem_response
from shared.errors import Reject

_PAGE_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors *",
    "x-content-type-options": "nosniff",
}
_STYLE: Final = "body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}"


def failure_response(request: Request, source: HookSource | None, reject: Reject) -> Response:
    """Return the answer to a post that was refused.

    The browser is sent on to an allowed `?redirect=` with `error=` and the kind of the problem. A person
    whose browser shows the answer gets a page, everybody else the problem document.
    """
    url = request.query_params.get("redirect")
    if url and source is not None and source.may_redirect(url):
        location = with_query(url, "error", reject.kind)
        return Response(status_code=303, headers={**dict(reject.headers), "location": location})
    if not is_navigation(request):
        return problem_response(reject)
    faults = "".join(f"<li>{escape(error.detail)}</li>" for error in reject.errors)
    detail = f"<p>{escape(reject.detail)}</p>" if reject.detail else ""
    body = f"<p>{escape(reject.title)}.</p>{detail}" + (f"<ul>{faults}</ul>" if faults else "")
    return _page(reject.status, "The form could not be sent", body, dict(reject.headers))


def accepted_page() -> Response:
    """Return the page for a person whose form was accepted, and who is not sent on to another page."""
    return _page(202, "Thank you", "<p>Your message has been received.</p>", {})


def is_navigation(request: Request) -> bool:
    """Tell whether a browser will show the answer: it then asks for HTML, which no script and vendor does."""
    return "text/html" in request.headers.get("accept", "").lower()


def with_query(url: str, name: str, value: str) -> str:
    """Return the URL with one more parameter in its query, before its fragment."""
    start, hash_, fragment = url.partition("#")
    return f"{start}{'&' if '?' in start else '?'}{name}={value}{hash_}{fragment}"


def _page(status: int, title: str, body: str, headers: dict[str, str]) -> Response:
    html = (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n<h1>{title}</h1>\n{body}\n</html>\n"
    )
    return Response(html, status, {**headers, **_PAGE_HEADERS}, media_type="text/html")
