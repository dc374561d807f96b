"""The names, labels and kinds of all metrics: dashboards and alerts of others are built on them."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from shared.observability.metrics import Metrics

GOLDEN = {
    "baton_batch_seconds": ("histogram", ("role",)),
    "baton_captcha_checks": ("counter", ("source", "result")),
    "baton_consumer_lag_records": ("gauge", ("role", "topic", "partition")),
    "baton_dead_letters": ("counter", ("role", "topic", "kind")),
    "baton_deliveries": ("counter", ("result",)),
    "baton_delivery_seconds": ("histogram", ()),
    "baton_fairness_bound_leads": ("gauge", ("queue",)),
    "baton_fairness_deviation_leads": ("gauge", ("queue", "rep")),
    "baton_http_request_seconds": ("histogram", ("route", "method")),
    "baton_http_requests": ("counter", ("route", "method", "status")),
    "baton_outbox_oldest_seconds": ("gauge", ("role",)),
    "baton_outbox_rows": ("gauge", ("role",)),
    "baton_partitions_paused": ("gauge", ("role",)),
    "baton_provider_calls": ("counter", ("provider", "outcome")),
    "baton_provider_cents": ("counter", ("provider",)),
    "baton_provider_seconds": ("histogram", ("provider",)),
    "baton_provider_state": ("gauge", ("provider", "state")),
    "baton_records": ("counter", ("role", "topic", "outcome")),
    "baton_signal_poll_state": ("gauge", ("source", "state")),
    "baton_vendor_items": ("counter", ("source", "outcome")),
    "baton_rejected_submissions": ("counter", ("source", "cause")),
    "baton_rejected_submissions_dropped": ("counter", ("source",)),
    "baton_retries": ("counter", ("role", "reason")),
    "baton_timers_due": ("gauge", ("role",)),
    "baton_timers_fired": ("counter", ("role", "kind")),
}


def own_metrics() -> list[Counter | Gauge | Histogram]:
    return [value for value in vars(Metrics()).values() if isinstance(value, Counter | Gauge | Histogram)]


def test_names_kinds_and_labels_are_as_published() -> None:
    """A renamed metric silently empties a dashboard; change this list only together with a note of release."""
    found = {metric._name: (metric._type, metric._labelnames) for metric in own_metrics()}
    assert found == GOLDEN


def test_every_metric_says_in_a_sentence_what_it_counts() -> None:
    for metric in own_metrics():
        assert metric._documentation[0].isupper() or metric._documentation[0].isdigit()
        assert metric._documentation.endswith(".")


def test_counters_end_in_total_when_they_are_exposed() -> None:
    metrics = Metrics()
    metrics.retries.labels("scorer", "Retry").inc()
    assert b'baton_retries_total{reason="Retry",role="scorer"} 1.0' in metrics.render()


def test_the_version_that_runs_is_exposed() -> None:
    assert b"baton_build_info{version=" in Metrics().render()


def test_a_duration_falls_into_the_bucket_of_its_seconds() -> None:
    metrics = Metrics()
    metrics.batch_seconds.labels("scorer").observe(0.2)
    read = metrics.registry.get_sample_value
    assert read("baton_batch_seconds_bucket", {"role": "scorer", "le": "0.1"}) == 0
    assert read("baton_batch_seconds_bucket", {"role": "scorer", "le": "0.25"}) == 1
    assert read("baton_batch_seconds_sum", {"role": "scorer"}) == 0.2
