"""Some of the roles in a process of their own, so that Baton has the processor that the floor leaves free."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvloop
from msgspec import Struct

from shared.worker.process import collect_rarely
from tests.bench.all_roles import all_roles

_ANSWER_WITHIN_S = 300


class Share(Struct, frozen=True):
    """What a process did: CPU seconds since its roles were ready, and units of work by role."""

    cpu_s: float
    units: dict[str, int]


class OtherProcess:
    """Runs its roles when told to. Each call to it is answered."""

    def __init__(self, pipe: Connection, pid: int) -> None:
        self._pipe = pipe
        self.pid = pid

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the roles."""
        await self._ask("run")
        try:
            yield
        finally:
            await self._ask("stop")

    async def worked(self, leads: int) -> Share:
        """Return when each of the roles has dealt with what so many new leads bring it."""
        share = await self._ask(leads)
        assert isinstance(share, Share)
        return share

    async def _ask(self, what: str | int) -> Any:
        self._pipe.send(what)
        if not await asyncio.to_thread(self._pipe.poll, _ANSWER_WITHIN_S):
            raise TimeoutError(f"the other process did not answer to {what!r}")
        return self._pipe.recv()


class Ground(Struct, frozen=True):
    """What roles stand on: the arguments of `all_roles`."""

    kafka: str
    database_url: str
    prefix: str
    folder: Path


@contextmanager
def other_process(ground: Ground, names: Sequence[str]) -> Iterator[OtherProcess]:
    """Start a process for these roles."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, ground, tuple(names)))
    process.start()
    theirs.close()
    try:
        assert process.pid is not None
        yield OtherProcess(ours, process.pid)
    finally:
        ours.close()  # which ends it
        process.join(30)
        process.kill()
        process.join()


def _serve(pipe: Connection, ground: Ground, names: Sequence[str]) -> None:
    async def serve() -> None:
        async with all_roles(ground.kafka, ground.database_url, ground.prefix, ground.folder) as roles:
            while await _told(pipe) == "run":
                async with roles.running(*names):
                    pipe.send("ready")
                    began_s = time.process_time()
                    while isinstance(leads := await _told(pipe), int):
                        await roles.worked(leads, *names)
                        units = {name: roles.units(name) for name in names}
                        pipe.send(Share(time.process_time() - began_s, units))
                pipe.send("stopped")

    collect_rarely()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())


async def _told(pipe: Connection) -> str | int | None:
    """Return what the first process says; None when it is done with us."""
    try:
        said: str | int = await asyncio.to_thread(pipe.recv)
    except EOFError:
        return None
    return said
