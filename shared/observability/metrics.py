"""Every Prometheus metric of Baton with its name, labels and unit; no other module creates one."""

from __future__ import annotations

from importlib.metadata import version

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    ProcessCollector,
    generate_latest,
)

CONTENT_TYPE = CONTENT_TYPE_LATEST

_BATCH_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_CALL_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The metrics of one process, in a registry of their own.

    Labels are given in the order in which they stand here:
    `metrics.records.labels(role, topic, outcome).inc(n)`.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        build = Info("baton_build", "What runs.", registry=self.registry)
        build.info({"version": version("baton")})

        self.consumer_lag = self._gauge(
            "baton_consumer_lag_records",
            "Records of a partition that the role has not committed.",
            "role",
            "topic",
            "partition",
        )
        self.batch_seconds = self._histogram(
            "baton_batch_seconds", "From a batch's poll to its commit.", _BATCH_BUCKETS_S, "role"
        )
        self.records = self._counter(
            "baton_records_total", "Inputs by what became of them.", "role", "topic", "outcome"
        )
        self.dead_letters = self._counter(
            "baton_dead_letters_total", "Inputs that can never be processed.", "role", "topic", "kind"
        )
        self.outbox_rows = self._gauge("baton_outbox_rows", "Committed and not yet published rows.", "role")
        self.outbox_oldest_seconds = self._gauge(
            "baton_outbox_oldest_seconds", "Age of the oldest row in the outbox; 0 when it is empty.", "role"
        )
        self.deliveries = self._counter("baton_deliveries_total", "Webhook attempts by result.", "result")
        self.delivery_seconds = self._histogram(
            "baton_delivery_seconds", "One webhook attempt, from connect to answer.", _CALL_BUCKETS_S
        )
        self.http_requests = self._counter(
            "baton_http_requests_total", "Answered requests.", "route", "method", "status"
        )
        self.http_request_seconds = self._histogram(
            "baton_http_request_seconds",
            "From a request's head to its answer's head.",
            _CALL_BUCKETS_S,
            "route",
            "method",
        )
        self.provider_calls = self._counter(
            "baton_provider_calls_total", "Questions to data providers by outcome.", "provider", "outcome"
        )
        self.provider_seconds = self._histogram(
            "baton_provider_seconds", "One call of a provider, to its answer.", _CALL_BUCKETS_S, "provider"
        )
        self.provider_cents = self._counter(
            "baton_provider_cents_total", "What providers' answers cost.", "provider"
        )
        self.provider_breaker = self._gauge(
            "baton_provider_breaker_open",
            "1 while a provider is left alone after failures, 0.5 while one call tries it again, else 0.",
            "provider",
        )
        self.timers_due = self._gauge("baton_timers_due", "Timers that are due and not yet taken.", "role")
        self.timers_fired = self._counter("baton_timers_fired_total", "Timers taken.", "role", "kind")
        self.retries = self._counter(
            "baton_retries_total", "Units of work done again, by why.", "role", "reason"
        )

    def render(self) -> bytes:
        """Return every metric in the format that `CONTENT_TYPE` names."""
        return generate_latest(self.registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(name, meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, meaning, labels, buckets=buckets, registry=self.registry)
