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


class KafkaErrorTranslation:
    """A context manager that raises Baton's errors in place of Kafka's, of time-outs and of the network's.

    Also in place of stray cancellations: when aiokafka gives up one of its own tasks, the code that awaits
    that task gets a `CancelledError`. A task group would treat it as a normal end, and the role would stop
    without an error. `doing` goes into the message: `with KafkaErrorTranslation("sending"):`.
    """

    __slots__ = ("_doing",)

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, _TRANSLATED):
            raise as_baton(error, self._doing) from error
        if isinstance(error, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is None or task.cancelling() == 0:  # the owner of this task did not cancel it
                raise as_baton(error, self._doing) from error
