"""Which role a queue and a rep have. The words of queue names that say so are data (`roles.toml`). Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    from shared.policy.models import Rep


Role = Literal["SDR", "BDR", "AE", "SE", "CSM"]

ROLES: Final[tuple[Role, ...]] = get_args(Role)
_ENTERPRISE: Final = "enterprise"
_FILE: Final = resources.files(__package__).joinpath("roles.toml")
_WORDS: Final[Mapping[str, Role]] = {
    word: role["name"]
    for role in tomllib.loads(_FILE.read_text(encoding="utf-8"))["role"]
    for word in role["words"]
}


def role_of_queue(queue: str) -> Role | None:
    """Return the role that works a queue, by the last word of its name; None for any other name."""
    return _WORDS.get(_words(queue)[-1])


def role_of_rep(rep: Rep) -> Role | None:
    """Return the role of a rep: that of the first of its queues that has one."""
    return next(filter(None, map(role_of_queue, rep.queues)), None)


def reps_by_role(reps: Iterable[Rep]) -> Mapping[Role, list[Rep]]:
    """Return the reps of each role; those without one are in none."""
    found: dict[Role, list[Rep]] = {role: [] for role in ROLES}
    for rep in reps:
        role = role_of_rep(rep)
        if role is not None:
            found[role].append(rep)
    return found


def sells_to_enterprises(rep: Rep) -> bool:
    """Tell whether one of the rep's queues has `enterprise` among the words of its name."""
    return any(_ENTERPRISE in _words(queue) for queue in rep.queues)


def _words(queue: str) -> list[str]:
    return re.split(r"[^a-z0-9]+", queue.lower())
