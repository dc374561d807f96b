"""The services that tests stand on: they serve, and what they acknowledged survives SIGKILL."""

from __future__ import annotations

import asyncio
import uuid

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from tests.support.services.kafka import Kafka, KafkaBroker
from tests.support.services.postgres import PostgresServer

MIB = 1024 * 1024


async def _create_topic(bootstrap: str) -> str:
    topic = f"services-{uuid.uuid4().hex}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()
    return topic


async def _produce(bootstrap: str, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_request_size=18 * MIB)
    async with producer:
        await producer.send_and_wait(topic, value)


async def _first_value(bootstrap: str, topic: str) -> bytes | None:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    async with consumer, asyncio.timeout(30):
        return (await consumer.getone()).value


@pytest.mark.kafka
async def test_kafka_takes_a_record_of_17_mib(kafka: Kafka | KafkaBroker):
    topic = await _create_topic(kafka.bootstrap)
    value = b"x" * (17 * MIB)
    await _produce(kafka.bootstrap, topic, value)
    assert await _first_value(kafka.bootstrap, topic) == value


@pytest.mark.kafka
async def test_kafka_keeps_records_over_a_kill(own_kafka: KafkaBroker):
    topic = await _create_topic(own_kafka.bootstrap)
    await _produce(own_kafka.bootstrap, topic, b"kept")
    own_kafka.kill()
    assert not own_kafka.running
    own_kafka.start()
    assert await _first_value(own_kafka.bootstrap, topic) == b"kept"


@pytest.mark.postgres
async def test_postgres_answers_in_a_fresh_database(postgres_url: str):
    engine = create_async_engine(postgres_url)
    async with engine.connect() as connection:
        assert (await connection.execute(text("select 1"))).scalar_one() == 1
        assert (await connection.execute(text("show fsync"))).scalar_one() == "on"
        tables = text("select count(*) from information_schema.tables where table_schema = 'public'")
        assert (await connection.execute(tables)).scalar_one() == 0
    await engine.dispose()


@pytest.mark.postgres
async def test_postgres_keeps_rows_over_a_kill(own_postgres: PostgresServer):
    url = await own_postgres.create_database()
    dsn = make_url(url).set(drivername="postgresql").render_as_string()
    before = await asyncpg.connect(dsn)
    await before.execute("create table kept (n int)")
    await before.execute("insert into kept values (7)")
    own_postgres.kill()
    own_postgres.start()
    after = await asyncpg.connect(dsn)
    assert await after.fetchval("select n from kept") == 7
    await after.close()
    before.terminate()
