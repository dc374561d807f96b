"""The broker and the database that figures are measured on: those of `BATON_TEST_*`, else our own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property

from tests.support.services.kafka import Kafka, KafkaBroker
from tests.support.services.postgres import Postgres, PostgresServer


class Services:
    """Starts each when it is first asked for."""

    def __init__(self, running: ExitStack) -> None:
        self._running = running

    @cached_property
    def kafka(self) -> str:
        """`host:port` of the broker."""
        return self._broker().bootstrap

    @cached_property
    def postgres(self) -> Postgres:
        if url := os.environ.get("BATON_TEST_DATABASE_URL"):
            return Postgres(url)
        server = PostgresServer()
        self._running.callback(server.remove)
        server.start()
        return server

    def _broker(self) -> Kafka | KafkaBroker:
        if address := os.environ.get("BATON_TEST_KAFKA"):
            return Kafka(address)
        broker = KafkaBroker()
        self._running.callback(broker.remove)
        broker.start()
        return broker


@contextmanager
def services() -> Iterator[Services]:
    """Give the services, and end those that were started."""
    with ExitStack() as running:
        yield Services(running)
