"""Metrics: one registry per object, one name per metric."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families

from shared.observability.metrics import Metrics


def test_two_in_one_process_do_not_share_counts():
    one, other = Metrics(), Metrics()
    one.records.labels("scorer", "leads.enriched.v1", "applied").inc(3)
    labels = {"role": "scorer", "topic": "leads.enriched.v1", "outcome": "applied"}
    assert one.registry.get_sample_value("baton_records_total", labels) == 3
    assert other.registry.get_sample_value("baton_records_total", labels) is None


def test_every_metric_is_exposed_under_the_prefix_with_its_unit():
    metrics = Metrics()
    own = [value for value in vars(metrics).values() if isinstance(value, Counter | Gauge | Histogram)]
    assert own
    families = {family.name for family in text_string_to_metric_families(metrics.render().decode())}
    assert {metric._name for metric in own} <= families
    assert all(metric._name.startswith("baton_") for metric in own)
    assert all(metric._name.endswith("_seconds") for metric in own if isinstance(metric, Histogram))
    assert {"baton_build_info", "process_resident_memory_bytes"} <= families
