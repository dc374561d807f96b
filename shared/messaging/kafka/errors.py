"""Turns aiokafka's errors into Baton's, named for what the caller does next."""

from __future__ import annotations

import asyncio

from aiokafka import errors as kafka

from shared.errors import BatonError, DataError, Fenced, Retry

_LOST = (
    kafka.CommitFailedError,
    kafka.IllegalGenerationError,
    kafka.IllegalStateError,
    kafka.RebalanceInProgressError,
    kafka.UnknownMemberIdError,
)
_TOO_LARGE = (kafka.MessageSizeTooLargeError, kafka.RecordListTooLargeError)

_TRANSLATED = (kafka.KafkaError, kafka.ConsumerStoppedError, OSError, TimeoutError)


def as_baton(error: BaseException, doing: str) -> BatonError:
    """Return the error to raise: whatever is not known to be for good may pass."""
    message = f"Kafka, {doing}: {error!r}"
    if isinstance(error, _LOST):
        return Fenced(message)
    if isinstance(error, _TOO_LARGE):
        return DataError(message, kind="oversized")
    return Retry(message)


class translated:  # noqa: N801 - reads as a word: `with translated("sending"):`
    """Raise Baton's errors in place of Kafka's, of time-outs, of the network's, and of stray cancellations.

    When aiokafka gives up on one of its own tasks, whoever waits for that task gets a `CancelledError` that
    nobody asked for; a task group would take it for a quiet end, and the role would be gone without a word.
    """

    __slots__ = ("_doing",)

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, _TRANSLATED) or (isinstance(error, asyncio.CancelledError) and not _is_wanted()):
            raise as_baton(error, self._doing) from error


def _is_wanted() -> bool:
    """Tell whether it was the running task itself that was told to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
