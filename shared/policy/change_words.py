"""The differences of two policies as sentences: `Rule fits: queue sdr → bdr`. For people who read no YAML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from shared.policy.diff import Changed, changes_between
from shared.policy.models import Policy
from shared.policy.models.conditions import IN_WORDS
from shared.rules.describe import label_of
from shared.rules.findings import Path
from shared.shortened import shortened

_NOUNS: Final = {
    "calendars": "Calendar",
    "conditions": "Condition",
    "criteria": "Criterion",
    "disqualify": "Disqualification",
    "fields": "Data on",
    "managers": "Manager",
    "markets": "Market",
    "providers": "Provider",
    "queues": "Queue",
    "reps": "Rep",
    "rules": "Rule",
    "segments": "Segment",
    "signals": "Signal rule",
    "sources": "Source",
    "suppress": "Suppression",
    "territories": "Territory",
}
"""What a member is called, by the key of its list or mapping."""
_FILES: Final = {
    "icp": "Ideal customer",
    "scoring": "Scoring",
    "routing": "Routing",
    "team": "Team",
    "accounts": "Accounts",
    "providers": "Providers",
    "sources": "Sources",
}
_LABELS: Final = {"when": "condition", "order": "in the order"}
_NAMES: Final = ("name", "id", "reason")
_UNSET: Final[tuple[Any, ...]] = (None, "", [], {})
_SHOWN_MAX: Final = 160


def changes_in_words(old: Policy, new: Policy) -> list[str]:
    """Return a sentence for each change, in the order of the files; none when both mean the same."""
    before = old.model_dump(mode="json", context=IN_WORDS)
    after = new.model_dump(mode="json", context=IN_WORDS)
    return [change_in_words(changed) for changed in changes_between(before, after)]


def change_in_words(changed: Changed) -> str:
    """Return a sentence about a change whose conditions are in words."""
    subject, label = _named(changed.steps)
    old, new = _value(changed.old), _value(changed.new)
    if changed.old is None:
        return f"{subject}: {label} {new} (new)" if label else f"{subject} added: {new}"
    if changed.new is None:
        return f"{subject}: {label} removed, was {old}" if label else f"{subject} removed"
    return f"{subject}: {f'{label} ' if label else ''}{old} → {new}"


def _named(path: Path) -> tuple[str, str]:
    """Return what is changed, `Segment core, criterion size`, and what of it: `level 1 points`."""
    file, *steps = path
    members: list[str] = []
    labels: list[str] = []
    while steps:
        step, *steps = steps
        if isinstance(step, int):
            labels[-1] = f"{labels[-1].removesuffix('s')} {step + 1}"
        elif step in _NOUNS and steps and steps != ["order"]:
            noun = "Intent rule" if (file, step) == ("scoring", "rules") else _NOUNS[step]
            name = label_of(str(steps.pop(0)).removeprefix("[").removesuffix("]"))
            members.append(f"{noun.lower() if members else noun} {name}")
            labels = []
        else:
            labels.append(_LABELS.get(step) or label_of(step))
    return ", ".join(members) or _FILES.get(str(file), str(file)), " ".join(labels)


def _value(value: Any) -> str:
    """Return a value as a person reads it, on one line and shortened; of a mapping what is set in it."""
    return shortened(_plain(value), _SHOWN_MAX)


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        described = {
            key: _plain(part) for key, part in value.items() if key not in _NAMES and part not in _UNSET
        }
        return ", ".join(f"{label_of(key)} {words}" for key, words in described.items() if words)
    if isinstance(value, list):
        has_mappings = any(isinstance(part, Mapping) for part in value)
        return ("; " if has_mappings else ", ").join(map(_plain, value))
    if isinstance(value, bool) or value is None:
        return "yes" if value else "no"
    return " ".join(str(value).split()) or "nothing"
