"""Answers that data vendors post back to the address that they were given with a question. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Final

from shared.storage.rows import Row

POSTS_KEPT: Final = timedelta(days=1)


class ProviderPostRow(Row, frozen=True):
    """What a vendor posted last about the questions of one `submission`."""

    submission: str
    provider: str
    body: bytes
    received_at: datetime
    table: ClassVar[str] = "provider_posts"
    key_fields: ClassVar[tuple[str, ...]] = ("submission",)
    upsert: ClassVar[bool] = True


def post_purpose(provider: str) -> str:
    """Return for what the token in the address of a vendor's answers is sealed."""
    return f"provider-post:{provider}"
