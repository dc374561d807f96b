"""What an installation says of its integrations, for `GET /v1/integrations` and `baton integrations`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from msgspec import Struct

from shared.integrations.catalog import Folder, Integrations
from shared.integrations.intake_preset import IntakePreset

IntegrationKind = Literal["form", "signal", "provider"]


class IntegrationSummary(Struct, frozen=True):
    """A vendor of forms, signals or data, and the folder that it is read from.

    `url` is where the vendor posts to, with the name of the source in place of `{source}`; None for a
    provider. `signature` is the scheme by which it signs, None where the token in the URL proves it. `hooks`
    counts the parts in Python, `examples` the tests of the folder. `own`: it is the operator's, not one of
    Baton's.
    """

    kind: IntegrationKind
    vendor: str
    title: str
    docs: str
    url: str | None
    signature: str | None
    hooks: int
    examples: int
    own: bool


class IntegrationDetails(IntegrationSummary, frozen=True):
    """An integration with what its page says: a note, and the steps on the vendor's side."""

    note: str | None
    setup: list[str]
    example_files: list[str]
    warnings: list[str]


def summaries(integrations: Integrations) -> Iterator[IntegrationSummary]:
    """Yield every integration, by kind and vendor."""
    for folder in integrations.folders():
        yield IntegrationSummary(**_summary(folder))


def find_integration(integrations: Integrations, kind: str, vendor: str) -> IntegrationDetails | None:
    """Return an integration, None when there is none of that kind (`form` or `forms`) and name."""
    for folder in integrations.folders():
        if folder.vendor == vendor and kind in (folder.kind, folder.kind.removesuffix("s")):
            files = folder.example_files()
            return IntegrationDetails(
                **_summary(folder),
                note=folder.preset.note,
                setup=list(folder.preset.setup),
                example_files=[path.name for path in files],
                warnings=[str(finding) for finding in folder.findings],
            )
    return None


def _summary(folder: Folder[Any]) -> dict[str, Any]:
    preset = folder.preset
    takes_posts = isinstance(preset, IntakePreset)
    scheme = preset.signature if takes_posts else None
    return {
        "kind": folder.kind.removesuffix("s"),
        "vendor": folder.vendor,
        "title": preset.title,
        "docs": preset.docs,
        "url": f"/hooks/{folder.kind}/{{source}}" + ("" if scheme else "/{token}") if takes_posts else None,
        "signature": scheme.scheme if scheme else None,
        "hooks": int(preset.hook is not None),
        "examples": len(folder.example_files()),
        "own": not folder.is_built_in,
    }
