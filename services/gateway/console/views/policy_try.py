"""Trying a made-up lead: the same line of rules by the draft and by the policy in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from services.gateway.console.views.lead_story import PathView, path_view
from services.gateway.console.views.policy import PolicyHeader
from services.gateway.domain.explain import Explanation
from shared.policy.content_hash import shown
from shared.policy.models import Policy

FIELDS: Final = (
    ("email", "E-mail", "text", "ana@kestrel.example"),
    ("title", "Title", "text", "VP Finance"),
    ("domain", "Domain of the company", "text", "kestrel.example"),
    ("employees", "Employees", "number", "420"),
    ("industry", "Industry", "text", "software"),
    ("country", "Country", "text", "US"),
)
"""The fields of the form: name, label, type of the input, example."""
TEXT_LENGTH_MAX: Final = 20_000


class TriedPath(Struct, frozen=True):
    """Where a policy leads the lead, and by which rules."""

    name: str
    version: str
    path: PathView
    queue: str
    motion: str
    owner: str
    suppressed: str
    grade: str
    band: str
    fit: int
    intent: int


class TriedLeadForm(Struct, frozen=True):
    """What was filled in: the fields by name, or JSON in their place."""

    values: Mapping[str, str]
    activity: str
    message: str
    json: str


class TryView(Struct, frozen=True):
    """The tab: the form, and the paths once it was sent. `fault` says what is wrong with the lead."""

    header: PolicyHeader
    form: TriedLeadForm
    fields: Sequence[tuple[str, str, str, str]]
    activities: Sequence[str]
    fault: str
    paths: list[TriedPath]
    draft_blocked: str

    @property
    def same(self) -> bool:
        """Whether all paths lead to the same queue and owner."""
        ends = {(path.queue, path.owner, path.motion, path.suppressed) for path in self.paths}
        return len(ends) == 1


EXAMPLE: Final = TriedLeadForm(
    {name: example for name, _label, _type, example in FIELDS}, "demo_request", "", ""
)


def tried_path(name: str, explanation: Explanation, policy: Policy) -> TriedPath:
    """Return the path of a made-up lead by one policy."""
    decision, score = explanation.decision, explanation.score
    return TriedPath(
        name=name,
        version=shown(explanation.policy.routed or ""),
        path=path_view(explanation, policy),
        queue=(decision.queue if decision else None) or "",
        motion=(decision.motion if decision else None) or "",
        owner=(decision.owner if decision else None) or "",
        suppressed=(decision.suppressed if decision else None) or "",
        grade=score.grade if score else "",
        band=score.band if score else "",
        fit=score.fit if score else 0,
        intent=score.intent if score else 0,
    )
