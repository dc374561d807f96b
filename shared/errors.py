"""The errors of Baton, named for what the caller does next.

    BatonError
    ├── Retry          transient: a time-out, a broker or database not reachable. Wait, then repeat.
    │   ├── BackOff    a quota or an open circuit breaker: wait at least `after_s`, then repeat.
    │   └── Fenced     this member lost its partitions: drop what is in flight and poll again.
    ├── DataError      this input can never be processed. Dead-letter it with its cause.
    ├── Reject         the client's fault: answer with a problem document (RFC 9457).
    └── Crash          a broken invariant: log it, stop, and let the supervisor restart.

Anything else that is raised is a bug. One that a record triggers is a `DataError` of kind `bug`; any other is
treated as `Crash`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class BatonError(Exception):
    """The root of every error that Baton raises on purpose."""


class Retry(BatonError):
    """A dependency is not reachable or busy; the same call may succeed later."""


class BackOff(Retry):
    """The other side must not be called for `after_s` seconds."""

    def __init__(self, message: str, *, after_s: float) -> None:
        super().__init__(message)
        self.after_s = after_s


class Fenced(Retry):
    """The partitions belong to another member now; no offset of them may be committed."""


class DataError(BatonError):
    """An input that can never be processed. `kind` is a short stable word for metrics and headers."""

    def __init__(self, message: str, *, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one value of a body; `pointer` is a JSON pointer (RFC 6901)."""

    pointer: str
    detail: str


class Reject(BatonError):
    """A request that is answered with a 4xx problem document.

    `kind` becomes the last segment of the problem's `type`, `headers` are added to the response, and
    `members` to the problem beside those of RFC 9457.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str = "",
        *,
        errors: tuple[FieldProblem, ...] = (),
        headers: tuple[tuple[str, str], ...] = (),
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail or title)
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        self.errors = errors
        self.headers = headers
        self.members = members or {}


class Crash(BatonError):
    """An invariant does not hold; to continue would make it worse."""
