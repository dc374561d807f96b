"""`python -m tests.support.services up`: keep Kafka and PostgreSQL running for many test runs."""

from __future__ import annotations

import signal
import sys
from contextlib import ExitStack

from tests.support.services.kafka import KafkaBroker
from tests.support.services.postgres import PostgresServer


def main(arguments: list[str]) -> int:
    if arguments != ["up"]:
        print("usage: python -m tests.support.services up", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as running:
        try:
            _up(running)
            signal.pause()
        except KeyboardInterrupt:
            pass
    return 0


def _up(running: ExitStack) -> None:
    kafka = KafkaBroker()
    running.callback(kafka.remove)
    postgres = PostgresServer()
    running.callback(postgres.remove)
    kafka.start()
    postgres.start()
    print(f"export BATON_TEST_KAFKA={kafka.bootstrap}")
    print(f"export BATON_TEST_DATABASE_URL={postgres.url('postgres')}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
