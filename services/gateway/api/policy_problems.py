"""How problems of a policy, and a newer policy in the way, are answered and documented."""

from typing import Any, Final

from services.gateway.api_route import ApiModel
from services.gateway.responses import extended_problem_doc
from shared.rules.findings import Severity


class PolicyProblem(ApiModel):
    """An error, a warning or a note about a policy file; line and column count from 1.

    An error keeps the policy from being applied. A note is on what is often intended, such as an overlap of
    two rules of which the first one counts. `path` leads to the value in the file: `rules[2].when.field`.
    """

    file: str
    line: int
    column: int
    path: str
    severity: Severity
    message: str


_TEXT: Final = {"type": "string"}
_PROBLEMS: Final = {"type": "array", "items": {"$ref": "#/components/schemas/PolicyProblem"}}


def policy_problems() -> dict[int | str, dict[str, Any]]:
    """Return the documentation of a body whose policy files have errors: all problems, warnings too."""
    description = "The body, or a policy file in it, is not valid"
    return {422: extended_problem_doc(description, always=False, problems=_PROBLEMS)}


def newer_policy() -> dict[str, Any]:
    """Return the documentation of the answer to files that began from an older version."""
    active = {
        "type": "object",
        "properties": {
            "version": _TEXT,
            "activation": {"type": "integer"},
            "activated_at": {**_TEXT, "format": "date-time"},
            "activated_by": _TEXT,
            "note": _TEXT,
        },
    }
    return extended_problem_doc(
        "A newer version is in force: which, and how it differs from the one that the files began from",
        active=active,
        changes={"type": "array", "items": _TEXT},
        files={"type": "array", "items": {"$ref": "#/components/schemas/FileDifference"}},
    )
