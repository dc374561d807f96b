"""How the topics on a broker may differ from what is declared, and the manifest of topics itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.clock import SystemClock
from shared.errors import Crash
from shared.messaging.connect import connect
from shared.messaging.embedded import EmbeddedStream
from shared.messaging.kafka import KafkaStream
from shared.messaging.kafka.topics import Declared, differences
from shared.messaging.manifest import BY_NAME, DEAD_LETTERS, RECORD_BYTES_MAX, TOPICS, Topic, topics_read_by
from shared.messaging.port import Stream

LEADS = Topic("leads", ("gateway",), ("enricher",), record_bytes_max=1_000)
SIGNALS = Topic("signals", ("gateway",), ("scorer",), record_bytes_max=2_000)
DECLARED = Declared("baton", 6, 86_400_000, (SIGNALS, LEADS))
COUNTS = {"baton.leads": 6, "baton.signals": 6}
SIZES = {"baton.leads": 1_000, "baton.signals": 2_000}


def test_equal_topics_have_no_differences() -> None:
    assert differences(DECLARED, COUNTS, SIZES) == []


def test_topics_of_others_on_the_same_broker_do_not_matter() -> None:
    assert differences(DECLARED, COUNTS | {"other.leads": 1}, SIZES | {"other.leads": 7}) == []


def test_every_difference_is_one_sentence_with_both_values_in_the_order_of_the_names() -> None:
    assert differences(DECLARED, COUNTS | {"baton.signals": 3}, SIZES | {"baton.leads": 999}) == [
        "baton.leads: expected 1000 as max.message.bytes, found 999",
        "baton.signals: expected 6 partitions, found 3",
    ]


def test_a_topic_that_is_not_served_differs_in_everything() -> None:
    assert len(differences(DECLARED, {}, {})) == 4


def test_a_larger_limit_is_a_difference_too() -> None:
    """Records above the declared size would be appended, and then be dead-lettered by their reader."""
    assert differences(DECLARED, COUNTS, SIZES | {"baton.leads": 5_000}) == [
        "baton.leads: expected 1000 as max.message.bytes, found 5000"
    ]


def test_every_topic_has_a_writer_and_a_keeper_and_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(TOPICS)
    for topic in TOPICS:
        assert topic.writers
        assert topic.keeper == topic.readers[0]
        assert topic.record_bytes_max >= RECORD_BYTES_MAX


def test_a_dead_letter_is_larger_than_its_original_may_be() -> None:
    """It is the original with more headers; otherwise the largest records could not be dead-lettered."""
    assert all(
        topic.record_bytes_max < DEAD_LETTERS.record_bytes_max for topic in TOPICS if topic != DEAD_LETTERS
    )


def test_the_ledger_reads_every_topic() -> None:
    assert topics_read_by("ledger") == TOPICS


@pytest.mark.parametrize(
    ("role", "topics"),
    [
        ("enricher", ["leads.received.v1", "signals.received.v1", "leads.routed.v1", "people.erased.v1"]),
        ("router-deliver", ["leads.routed.v1", "people.erased.v1"]),
        ("nobody", []),
    ],
)
def test_a_role_reads_the_topics_that_the_manifest_lists_for_it(role: str, topics: list[str]) -> None:
    assert [topic.name for topic in topics_read_by(role)] == topics


def stream_at(url: str, data_dir: Path) -> Stream:
    return connect(
        url,
        data_dir=data_dir,
        prefix="baton",
        partitions=3,
        retention_days=7,
        clock=SystemClock(),
        create_topics=False,
    )


def test_the_url_names_the_kind_of_stream(tmp_path: Path) -> None:
    assert isinstance(stream_at("embedded:", tmp_path), EmbeddedStream)
    assert isinstance(stream_at("kafka://one:9092,two:9092", tmp_path), KafkaStream)


@pytest.mark.parametrize("url", ["", "embedded", "kafka:", "kafka://", "kafka://host", "amqp://host:1"])
def test_another_url_is_a_crash_that_names_the_variable(url: str, tmp_path: Path) -> None:
    with pytest.raises(Crash, match="BATON_STREAM_URL"):
        stream_at(url, tmp_path)


def test_a_stream_that_is_not_opened_is_not_touched_on_disk(tmp_path: Path) -> None:
    stream_at("embedded:", tmp_path / "data")
    assert not (tmp_path / "data").exists()
