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
    """Return the error to raise; an error that is not known to be permanent becomes `Retry`."""
    message = f"Kafka, {doing}: {error!r}"
    if isinstance(error, _LOST):
        return Fenced(message)
    if isinstance(error, _TOO_LARGE):
        return DataError(message, kind="oversized")
    return Retry(message)


class translated:  # noqa: N801 - a context manager, used as `with translated("sending"):`
    """Raise Baton's errors in place of Kafka's, of time-outs, of the network's, and of stray cancellations.

    When aiokafka gives up one of its own tasks, the code that awaits that task gets a `CancelledError`. A
    task group would treat it as a normal end, and the role would stop without an error.
    """

    __slots__ = ("_doing",)

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, _TRANSLATED) or (
            isinstance(error, asyncio.CancelledError) and not _was_requested()
        ):
            raise as_baton(error, self._doing) from error


def _was_requested() -> bool:
    """Tell whether the running task itself was cancelled, by the code that owns it."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
