"""Completes the `Ack` of a send, in the same way in every adapter."""

from __future__ import annotations

import asyncio


def complete(done: asyncio.Future[None], error: BaseException | None) -> None:
    """Complete the ack with success or `error`; asyncio shall not warn about one that nobody awaits."""
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
        done.exception()


def failed_ack(error: BaseException) -> asyncio.Future[None]:
    """Return an ack that has already failed with `error`."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    complete(done, error)
    return done
