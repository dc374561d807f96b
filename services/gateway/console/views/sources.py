"""The sources of forms and signals, and the tester of one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from services.gateway.api.sources import RejectedSubmissionView, SourceView, SubmissionPreview
from services.gateway.console import words
from services.gateway.console.views.lead import value_text
from services.gateway.intake.vendor_preview import PreviewedItem


class ListedSource(Struct, frozen=True):
    """One source. `url` is where to post."""

    name: str
    kind: str
    url: str
    access: str
    ready: bool
    problem: str
    defaults: str
    pending: int
    ignored: int
    poll: str


class SourcesView(Struct, frozen=True):
    """The page."""

    rows: Sequence[ListedSource]


class MappedValue(Struct, frozen=True):
    """One value that a form gives a lead."""

    name: str
    value: str


class TriedBody(Struct, frozen=True):
    """What a body would become: the values of the lead, what stands for no field, and warnings."""

    values: Sequence[MappedValue] = ()
    unmapped: Sequence[str] = ()
    warnings: Sequence[str] = ()
    account: str = ""
    other: Sequence[str] = ()
    fault: str = ""


class SourcePageView(Struct, frozen=True):
    """One source: where to post, the tester, and what it could not read."""

    source: ListedSource
    rejected: Sequence[RejectedSubmissionView]
    mapped: Sequence[MappedValue]


def sources_view(sources: Sequence[SourceView], base: str) -> SourcesView:
    """Return every source; `base` is the address of this server."""
    return SourcesView([source_row(source, base) for source in sources])


def source_row(source: SourceView, base: str) -> ListedSource:
    """Return one source."""
    access = "public" if source.public else f"signed by {source.signature}" if source.signature else "token"
    defaults = [source.defaults.channel, source.defaults.name, source.defaults.campaign]
    return ListedSource(
        name=source.name,
        kind=source.vendor or source.kind,
        url=base + source.url,
        access=access,
        ready=source.ready,
        problem=source.problem or "",
        defaults=", ".join(filter(None, defaults)),
        pending=source.pending_fetches,
        ignored=source.ignored_items,
        poll=f"{words.plain(source.poll.state)}{': ' + source.poll.reason if source.poll.reason else ''}"
        if source.poll
        else "",
    )


def source_page(source: SourceView, rejected: Sequence[RejectedSubmissionView], base: str) -> SourcePageView:
    """Return the page of one source."""
    mapped = [MappedValue(label, words.field(field)) for label, field in source.map.items()]
    return SourcePageView(source_row(source, base), rejected, mapped)


def tried_body(preview: SubmissionPreview) -> TriedBody:
    """Return what a body would become."""
    lead: Any = msgspec.to_builtins(preview.lead) if preview.lead is not None else {}
    return TriedBody(
        values=list(_values("", lead)),
        unmapped=preview.unmapped,
        warnings=preview.warnings,
        account=preview.account or "",
        other=[line for item in preview.items for line in _without_lead(item)],
    )


def _without_lead(item: PreviewedItem) -> Iterator[str]:
    """Yield what an item would become that is no lead."""
    for name in ("signal", "ignore", "erase", "fetch", "parked", "problem"):
        value = getattr(item, name)
        if not isinstance(value, msgspec.UnsetType):
            yield f"{words.title(name)}: {value_text(msgspec.to_builtins(value))}"


def _values(prefix: str, value: Any) -> Iterator[MappedValue]:
    for name, one in value.items():
        path = f"{prefix}.{name}" if prefix else name
        if isinstance(one, dict):
            yield from _values(path, one)
        elif one not in (None, "", []):
            yield MappedValue(words.field(path), value_text(one))
