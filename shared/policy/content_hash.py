"""The version of a policy: a hash of what it means.

Formatting, comments, the order of keys and written-out defaults do not change it; the order of rules does.
Accounts and sources are no part of it: they seed tables.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from shared.policy.models import Policy

HASHED: Final = ("icp", "scoring", "routing", "team", "providers")
SHOWN_LENGTH: Final = 12


def version_of(policy: Policy) -> str:
    """Return the version: the SHA-256, in hex, of the parts that decide."""
    parts = {name: getattr(policy, name).model_dump() for name in HASHED}
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()


def shown(version: str) -> str:
    """Return a version as people see it."""
    return version[:SHOWN_LENGTH]
