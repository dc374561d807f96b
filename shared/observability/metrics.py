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

    Labels are passed in the order of their declaration here:
    `metrics.records.labels(role, topic, outcome).inc(n)`.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        build = Info("baton_build", "The version of Baton that runs.", registry=self.registry)
        build.info({"version": version("baton")})

        self.consumer_lag = self._gauge(
            "baton_consumer_lag_records",
            "Records of a partition that the role has not read yet.",
            "role",
            "topic",
            "partition",
        )
        self.batch_seconds = self._histogram(
            "baton_batch_seconds",
            "Time to decide one batch: its unit of work, and handing its records to the stream client.",
            _BATCH_BUCKETS_S,
            "role",
        )
        self.records = self._counter(
            "baton_records_total", "Input records by outcome.", "role", "topic", "outcome"
        )
        self.dead_letters = self._counter(
            "baton_dead_letters_total",
            "Input records that can never be processed, by kind of error.",
            "role",
            "topic",
            "kind",
        )
        self.outbox_rows = self._gauge(
            "baton_outbox_rows", "Outbox rows that are committed and not yet published.", "role"
        )
        self.outbox_oldest_seconds = self._gauge(
            "baton_outbox_oldest_seconds",
            "Age of the oldest outbox row in seconds; 0 when the outbox is empty.",
            "role",
        )
        self.deliveries = self._counter(
            "baton_deliveries_total", "Webhook delivery attempts by result.", "result"
        )
        self.delivery_seconds = self._histogram(
            "baton_delivery_seconds",
            "Duration of a webhook delivery attempt, from connecting to the response.",
            _CALL_BUCKETS_S,
        )
        self.http_requests = self._counter(
            "baton_http_requests_total",
            "HTTP requests by route, method and status.",
            "route",
            "method",
            "status",
        )
        self.http_request_seconds = self._histogram(
            "baton_http_request_seconds",
            "Duration of an HTTP request, from its head to the head of its response.",
            _CALL_BUCKETS_S,
            "route",
            "method",
        )
        self.provider_calls = self._counter(
            "baton_provider_calls_total", "Look-ups at data providers by outcome.", "provider", "outcome"
        )
        self.provider_seconds = self._histogram(
            "baton_provider_seconds", "Duration of a request to a data provider.", _CALL_BUCKETS_S, "provider"
        )
        self.provider_cents = self._counter(
            "baton_provider_cents_total", "Cost of data providers' responses, in cents.", "provider"
        )
        self.provider_breaker = self._gauge(
            "baton_provider_breaker_open",
            "State of a data provider's circuit breaker: 1 open, 0.5 half-open, 0 closed.",
            "provider",
        )
        self.timers_due = self._gauge("baton_timers_due", "Timers that are due and not leased yet.", "role")
        self.timers_fired = self._counter(
            "baton_timers_fired_total", "Timers that were leased because they were due.", "role", "kind"
        )
        self.retries = self._counter(
            "baton_retries_total",
            "Restarts of a consumer's session after a transient error, by error.",
            "role",
            "reason",
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
