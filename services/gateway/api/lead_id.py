"""The lead id in a path, the rejection of an id without any event, and which texts a query may have."""

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


def require_storable(text: str, rejection: Reject) -> None:
    """Raise `rejection` for an id that no database stores: nothing can exist under it."""
    if not is_storable(text):
        raise rejection


def require_storable_filters(*filters: str | None) -> None:
    """Raise `Reject` (422) if a filter holds what no database stores."""
    if not all(is_storable(text) for text in filters if text is not None):
        raise Reject(422, "invalid-filter", "A filter holds a control character")


def not_yet_known() -> Reject:
    """Return the rejection of an id without any recorded event; its first event may not be recorded yet."""
    return Reject(404, "not-yet-known", "Nothing is known of this lead yet", headers=(("retry-after", "1"),))
