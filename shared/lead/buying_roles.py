"""The roles of a buying committee that Baton looks for at an account, read from a job title. Pure."""

from __future__ import annotations

from typing import Final, Literal, get_args

from shared.lead.normalise.titles import department, seniority

BuyingRole = Literal["economic_buyer", "champion", "technical"]
BUYING_ROLES: Final[tuple[BuyingRole, ...]] = get_args(BuyingRole)

_TECHNICAL: Final = frozenset({"it", "engineering"})
_PURSE: Final = frozenset({"finance", "procurement"})
"""The departments whose vice presidents and directors decide about money."""


def buying_role(title: str | None) -> BuyingRole | None:
    """Return the role that a title suggests; None for a title that has none, such as an assistant's.

    `technical` are people of IT and engineering, whatever their level: they judge the product. An
    `economic_buyer` holds a budget: the executives, and who decides in finance and procurement. A `champion`
    leads or works where the product is used, and can carry it through the company.
    """
    level, place = seniority(title), department(title)
    if level in ("entry", "student") or (level is None and place is None):
        return None
    if place in _TECHNICAL:
        return "technical"
    if level == "cxo" or (place in _PURSE and level in ("vp", "director")):
        return "economic_buyer"
    return None if level is None else "champion"
