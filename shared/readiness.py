"""What a process reports about itself: the checks of readiness, and how far its roles have read."""

from datetime import datetime

from msgspec import Struct


class Check(Struct, frozen=True):
    """The state of one dependency of a role; `detail` says what is wrong with it."""

    ok: bool
    detail: str


class Readiness(Struct, frozen=True):
    """Whether a role can do its work now, and the checks that this follows from."""

    ready: bool
    checks: dict[str, Check]


class TopicProgress(Struct, frozen=True):
    """How far a process has read a topic in one of its roles.

    `unread` counts the records of the partitions it holds; `last_at` is when the newest record that it has
    read was appended, None before it has read one.
    """

    unread: int
    last_at: datetime | None
