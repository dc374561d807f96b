"""The HTTP requests of a data vendor, made from the templates of its preset. Pure.

A template whose value is not known leaves its key out: a vendor is not sent empty parameters.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from shared.integrations.preset_types import Template, TemplateTree
from shared.integrations.provider_preset import ITEMS, Ask, AskSubject, ProviderPreset

Asked = Mapping[str, str | None]
"""What a question tells, by the names in templates: `email`, `domain`, `reference`, `callback_url`, …"""
ROLES: Final = "{roles}"
"""What stands for the buying roles that are asked for; as the one element of a list, a word for each."""
_DEFAULT_NEEDS: Final[Mapping[AskSubject, tuple[tuple[str, ...], ...]]] = {
    "company": (("domain",),),
    "person": (("email",),),
    "email": (("email",),),
    "find_email": (("domain", "first_name", "last_name"),),
    "contacts": (("domain",),),
    "lead": (("id",),),
}
_quote = partial(quote, safe="")


class HttpRequest(Struct, frozen=True):
    """A call of a vendor's API. `path` is appended to the base URL, `params` is the query string."""

    path: str
    params: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    method: str = "GET"
    content: bytes | None = None


def needs_of(subject: AskSubject, ask: Ask) -> tuple[tuple[str, ...], ...]:
    """Return the values without which the vendor cannot be asked: one of these groups has to be known."""
    return ask.needs or _DEFAULT_NEEDS[subject]


def can_ask(needs: Sequence[Sequence[str]], asked: Asked) -> bool:
    """Return whether one of the alternatives is known completely."""
    return any(all(asked.get(name) for name in group) for group in needs)


def names_in(ask: Ask) -> frozenset[str]:
    """Return the names that the templates of an ask have: what the vendor is sent."""
    templates = [ask.path, *ask.query.values(), *ask.headers.values(), *ask.form.values()]
    trees = (ask.body, ask.batch.each if ask.batch is not None else None)
    bodies = [tree.value for tree in trees if tree is not None]
    while bodies:
        node = bodies.pop()
        if isinstance(node, Template):
            templates.append(node)
        elif isinstance(node, Mapping | list):
            bodies += node.values() if isinstance(node, Mapping) else node
    return frozenset().union(*(template.names for template in templates))


def ask_request(preset: ProviderPreset, subject: AskSubject, asked: Asked, key: str) -> HttpRequest | None:
    """Return the request of one question; None when too little is known, or the vendor is not asked this."""
    ask = preset.ask.get(subject)
    if ask is None or not can_ask(needs_of(subject, ask), asked):
        return None
    if roles := asked.get("roles"):
        asked = {**asked, "roles": ",".join(vendor_roles(preset, roles.split(",")))}
    batched = None if ask.batch is None else [_filled(ask.batch.each.value, {**asked, "key": key})]
    return _request(preset, ask, {**asked, "key": key}, batched)


def vendor_roles(preset: ProviderPreset, roles: Iterable[str]) -> list[str]:
    """Return buying roles in the vendor's words, each once: by the preset's table `roles`, if it has one.

    One role may be several words, separated by commas.
    """
    words = preset.tables.get("roles", {})
    translated = [str(words.get(role.strip(), role.strip())).split(",") for role in roles]
    return list(dict.fromkeys(word.strip() for one in translated for word in one))


def batch_request(
    preset: ProviderPreset, subject: AskSubject, questions: Sequence[Asked], key: str
) -> HttpRequest | None:
    """Return one request for several questions of an ask that has `batch`; None when it cannot be made.

    Each question can be asked, and has its own `reference`; all have the same `callback_url`.
    """
    ask = preset.ask[subject]
    if ask.batch is None or not questions:
        return None
    items = [_filled(ask.batch.each.value, {**asked, "key": key}) for asked in questions]
    shared = {"callback_url": questions[0].get("callback_url"), "key": key}
    return _request(preset, ask, shared, items)


def poll_request(preset: ProviderPreset, job: str, asked: Asked, key: str) -> HttpRequest | None:
    """Return the request that asks for the answer of a job; None when the preset has no jobs."""
    poll = preset.poll
    if poll is None:
        return None
    values = {**asked, "key": key, "job": job}
    path = poll.path.render(values, _quote)
    if path is None:
        return None
    body = None if poll.body is None else _filled(poll.body.value, values)
    return _with_key(preset, HttpRequest(path, _rendered(poll.query, values), {}, poll.method), values, body)


def _request(
    preset: ProviderPreset, ask: Ask, values: Asked, batched: list[Any] | None
) -> HttpRequest | None:
    path = ask.path.render(values, _quote)
    if path is None:
        return None
    body = None if ask.body is None else _filled(ask.body.value, values, batched)
    request = HttpRequest(path, _rendered(ask.query, values), _rendered(ask.headers, values), ask.method)
    form = urlencode(_rendered(ask.form, values)).encode() if ask.form else None
    return _with_key(preset, request, values, body, form)


def _with_key(
    preset: ProviderPreset, request: HttpRequest, values: Asked, body: Any, form: bytes | None = None
) -> HttpRequest:
    """Return the request with the API key where the vendor wants it, and with its body."""
    auth, headers, params = preset.auth, {"accept": "application/json"}, dict(request.params)
    if auth.basic is not None:
        if (login := auth.basic.render(values)) is not None:
            headers["authorization"] = f"Basic {b64encode(login.encode()).decode()}"
    elif (value := auth.value.render(values)) is not None:
        if auth.header is not None:
            headers[auth.header.lower()] = value
        if auth.query is not None:
            params[auth.query] = value
    content = form
    if form is not None:
        headers["content-type"] = "application/x-www-form-urlencoded"
    elif body is not None:
        headers["content-type"] = "application/json"
        content = msgspec.json.encode(body)
    headers |= {name.lower(): value for name, value in request.headers.items()}
    return HttpRequest(request.path, params, headers, request.method, content)


def _rendered(templates: Mapping[str, Template], values: Asked) -> dict[str, str]:
    rendered = {name: template.render(values) for name, template in templates.items()}
    return {name: text for name, text in rendered.items() if text is not None}


def _filled(tree: Any, values: Asked, batched: list[Any] | None = None) -> Any:
    """Return a JSON body with the values in its texts; `batched` takes the place of `{items}`."""
    if isinstance(tree, TemplateTree):
        tree = tree.value
    if isinstance(tree, Template):
        return batched if batched is not None and tree.text == ITEMS else tree.render(values)
    if isinstance(tree, Mapping):
        members = {name: _filled(member, values, batched) for name, member in tree.items()}
        return {
            name: member
            for name, member in members.items()
            if member is not None or not isinstance(tree[name], Template)
        }
    if isinstance(tree, list):
        if [part.text for part in tree if isinstance(part, Template)] == [ROLES] and values.get("roles"):
            return str(values["roles"]).split(",")  # a word for each role
        filled = [(part, _filled(part, values, batched)) for part in tree]
        return [member for part, member in filled if member is not None or not isinstance(part, Template)]
    return tree
