"""Settling the `Ack` of a send, in the same way in every adapter."""

from __future__ import annotations

import asyncio


def settle(done: asyncio.Future[None], error: BaseException | None) -> None:
    """Tell whoever awaits the ack; one that nobody awaits (any more) is no reason for a warning."""
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
        done.exception()


def refused(error: BaseException) -> asyncio.Future[None]:
    """Return an ack that has failed already."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    settle(done, error)
    return done
