"""A value that is built from the active policy, once for each version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from shared.policy.compiled import CompiledPolicy

T = TypeVar("T")


class PerVersion(Generic[T]):
    """Builds a value from the active policy when it is first read, and anew when another policy is active.

    `active` returns the active policy; it may raise while there is none. Policies are compared by identity:
    files that differ only in what is no part of the version, such as accounts, are built from anew too.
    """

    def __init__(self, active: Callable[[], CompiledPolicy], build: Callable[[CompiledPolicy], T]) -> None:
        self._active = active
        self._build = build
        self._built: tuple[CompiledPolicy, T] | None = None

    @property
    def current(self) -> T:
        """The value of the active policy."""
        policy = self._active()
        if self._built is None or self._built[0] is not policy:
            self._built = policy, self._build(policy)
        return self._built[1]
