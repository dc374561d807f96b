"""Tracing by OpenTelemetry, on when `OTEL_EXPORTER_OTLP_ENDPOINT` is set.

With tracing off, `traceparent`s are still passed on, so that the traces of other systems stay connected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from msgspec import Struct
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, Tracer, set_span_in_context

from shared.observability.traceparent import is_sampled, span_id, trace_id

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

Attribute = str | int | float | bool

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def configure(role: str, environ: Mapping[str, str]) -> Tracing:
    """Return the tracing of a role: on when `environ` names a collector (OTLP over HTTP), else off."""
    endpoint = environ.get(_ENDPOINT)
    if not endpoint:
        return Tracing(None)
    return Tracing(_provider(role, endpoint))


class Tracing:
    """Records spans below incoming `traceparent`s.

    `on` tells whether spans are recorded at all. Without a provider they are not, at almost no cost.
    """

    def __init__(self, provider: TracerProvider | None) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("baton") if provider is not None else None
        self.on = provider is not None

    def span(self, name: str, traceparent: str, **attributes: Attribute) -> AbstractContextManager[str]:
        """Open a span below `traceparent`; yields the traceparent to pass on.

        When tracing is off or the trace is not sampled that is `traceparent` itself.
        """
        if self._tracer is None or not is_sampled(traceparent):
            return _Untraced(traceparent)
        return self._recorded(self._tracer, name, traceparent, attributes)

    def record(self, name: str, traceparent: str, began_ns: int, **attributes: Attribute) -> None:
        """Record a span below `traceparent` that began at `began_ns` (nanoseconds since 1970) and ends now.

        For work on many events at once: the trace of each gets its span afterwards.
        """
        if self._tracer is not None and is_sampled(traceparent):
            below = _below(traceparent)
            self._tracer.start_span(name, below, start_time=began_ns, attributes=attributes).end()

    def stop(self) -> None:
        """Flush and end. Blocks, for some seconds when the collector is not reachable."""
        if self._provider is not None:
            self._provider.shutdown()

    @contextmanager
    def _recorded(
        self, tracer: Tracer, name: str, traceparent: str, attributes: Mapping[str, Attribute]
    ) -> Iterator[str]:
        with tracer.start_as_current_span(name, _below(traceparent), attributes=attributes) as span:
            here = span.get_span_context()
            yield f"00-{here.trace_id:032x}-{here.span_id:016x}-{here.trace_flags:02x}"


class _Untraced(Struct, frozen=True, gc=False):
    """The span when nothing is recorded; one is made per record, so it does as little as possible."""

    traceparent: str

    def __enter__(self) -> str:
        return self.traceparent

    def __exit__(self, *_raised: object) -> None:
        return None


def _below(traceparent: str) -> Context:
    remote = SpanContext(
        trace_id=int(trace_id(traceparent), 16),
        span_id=int(span_id(traceparent), 16),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
    return set_span_in_context(NonRecordingSpan(remote), Context())


def _provider(role: str, endpoint: str) -> TracerProvider:
    # Imported here, since they take a noticeable part of a command's start.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    about = {
        "service.namespace": "baton",
        "service.name": f"baton-{role}",
        "service.version": version("baton"),
    }
    provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
