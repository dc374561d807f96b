"""The lead id in a path, and the rejection of an id without any recorded event."""

from typing import Annotated

from fastapi import Depends, Path

from shared.errors import Reject

_ID_LENGTH_MAX = 200


async def lead_id(
    id: Annotated[str, Path(description="The id of a lead, or an alias of it")],  # noqa: A002
) -> str:
    """Return the lead id of the path. Raises `Reject` (404) for a text that cannot be an id."""
    if len(id) > _ID_LENGTH_MAX or not is_storable(id):
        raise not_yet_known()
    return id


LeadId = Annotated[str, Depends(lead_id)]


def is_storable(text: str) -> bool:
    """Return whether a text can be a parameter of a query: PostgreSQL refuses NUL."""
    return text.isprintable()


def not_yet_known() -> Reject:
    """Return the rejection of an id without any recorded event; its first event may not be recorded yet."""
    return Reject(404, "not-yet-known", "Nothing is known of this lead yet", headers=(("retry-after", "1"),))
