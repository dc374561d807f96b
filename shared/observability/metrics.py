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

        self._add_gateway()
        self._add_router()
        counter, gauge, histogram = self._counter, self._gauge, self._histogram
        self.consumer_lag = gauge(
            "baton_consumer_lag_records", "Unread records of a partition.", "role", "topic", "partition"
        )
        # From the begin of its unit of work until its records are with the stream's client.
        self.batch_seconds = histogram(
            "baton_batch_seconds", "Time to decide one batch.", _BATCH_BUCKETS_S, "role"
        )
        self.records = counter("baton_records_total", "Input records by outcome.", "role", "topic", "outcome")
        self.dead_letters = counter(
            "baton_dead_letters_total", "Input records that can never be processed.", "role", "topic", "kind"
        )
        self.partitions_paused = gauge(
            "baton_partitions_paused", "Partitions paused because most of their events are rejected.", "role"
        )
        self.outbox_rows = gauge("baton_outbox_rows", "Outbox rows that are not published yet.", "role")
        self.outbox_oldest_seconds = gauge(
            "baton_outbox_oldest_seconds", "Age of the oldest outbox row; 0 without rows.", "role"
        )
        self.provider_calls = counter(
            "baton_provider_calls_total",
            "Calls of data providers by outcome; `skipped` ones were not made.",
            "provider",
            "outcome",
        )
        self.provider_seconds = histogram(
            "baton_provider_seconds", "Request to a data provider.", _CALL_BUCKETS_S, "provider"
        )
        self.provider_cents = counter(
            "baton_provider_cents_total", "Cost of data providers' responses.", "provider"
        )
        self.provider_state = gauge(
            "baton_provider_state", "1 for the present state of a data provider.", "provider", "state"
        )
        self.signal_poll_state = gauge(
            "baton_signal_poll_state",
            "1 for the present state of a source that asks its vendor.",
            "source",
            "state",
        )
        self.timers_due = gauge("baton_timers_due", "Timers that are due and not leased yet.", "role")
        self.timers_fired = counter("baton_timers_fired_total", "Timers that have fired.", "role", "kind")
        self.retries = counter(
            "baton_retries_total", "Consumer sessions that ended with a transient error.", "role", "reason"
        )

    def _add_router(self) -> None:
        """Create the metrics of the router."""
        counter, gauge, histogram = self._counter, self._gauge, self._histogram
        self.deliveries = counter("baton_deliveries_total", "Webhook delivery attempts by result.", "result")
        self.delivery_seconds = histogram(
            "baton_delivery_seconds", "Webhook delivery attempt, until its response.", _CALL_BUCKETS_S
        )
        self.fairness_deviation = gauge(
            "baton_fairness_deviation_leads",
            "Leads of a queue that a rep got more than the exact share; below 0: fewer.",
            "queue",
            "rep",
        )
        self.fairness_bound = gauge(
            "baton_fairness_bound_leads", "How far a rep of a queue may be from the share, in leads.", "queue"
        )

    def _add_gateway(self) -> None:
        """Create the metrics of the gateway."""
        counter, histogram = self._counter, self._histogram
        self.http_requests = counter(
            "baton_http_requests_total", "HTTP requests.", "route", "method", "status"
        )
        self.http_request_seconds = histogram(
            "baton_http_request_seconds", "Until the response's head.", _CALL_BUCKETS_S, "route", "method"
        )
        self.rejected_submissions = counter(
            "baton_rejected_submissions_total", "Posts to a source that were refused.", "source", "cause"
        )
        self.vendor_items = counter(
            "baton_vendor_items_total",
            "Items that vendors posted, by what became of them.",
            "source",
            "outcome",
        )
        self.captcha_checks = counter(
            "baton_captcha_checks_total", "Captchas of forms, by the provider's verdict.", "source", "result"
        )
        self.rejected_submissions_dropped = counter(
            "baton_rejected_submissions_dropped_total",
            "Rejected submissions deleted early, as the source has too many.",
            "source",
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
