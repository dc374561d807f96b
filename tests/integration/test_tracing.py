"""Spans as a collector receives them over HTTP, and tracing that is off."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from shared.observability.traceparent import is_sampled, is_traceparent, new_traceparent, span_id, trace_id
from shared.observability.tracing import configure


class Collector:
    """An OTLP/HTTP collector that keeps what it gets."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                assert self.path == "/v1/traces"
                collector.requests.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                del args

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"

    def spans(self) -> list[Span]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield collector
    collector.server.shutdown()
    thread.join(10)
    collector.server.server_close()


def test_a_span_is_a_child_of_its_remote_parent_and_the_parent_of_later_spans(collector: Collector):
    tracing = configure("scorer", {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint})
    received = new_traceparent(os.urandom, sampled=True)
    with (
        tracing.span("score", received, lead_id="lead-1", points=3) as outer,
        tracing.span("publish", outer) as sent,
    ):
        assert is_traceparent(sent)
    tracing.stop()

    publish, score = collector.spans()
    assert (score.name, publish.name) == ("score", "publish")
    assert {score.trace_id.hex(), publish.trace_id.hex()} == {trace_id(received)}
    assert score.parent_span_id.hex() == span_id(received)
    assert publish.parent_span_id == score.span_id
    assert sent[36:52] == publish.span_id.hex()
    assert is_sampled(sent)
    assert {attribute.key for attribute in score.attributes} == {"lead_id", "points"}
    about = {
        attribute.key: attribute.value.string_value
        for attribute in collector.requests[0].resource_spans[0].resource.attributes
    }
    assert about["service.name"] == "baton-scorer"


def test_an_error_is_recorded_on_the_span_and_raised(collector: Collector):
    tracing = configure("router", {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint})
    with (
        pytest.raises(ValueError, match="no"),
        tracing.span("deliver", new_traceparent(os.urandom, sampled=tracing.on)),
    ):
        raise ValueError("no")
    tracing.stop()
    (span,) = collector.spans()
    assert span.status.code == Status.STATUS_CODE_ERROR


UNSAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


@pytest.mark.parametrize("received", [UNSAMPLED, "", "not a traceparent 01"])
def test_an_unsampled_traceparent_is_passed_on_unchanged(collector: Collector, received: str):
    tracing = configure("scorer", {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint})
    with tracing.span("score", received) as sent:
        assert sent == received
    tracing.stop()
    assert collector.requests == []


def test_without_a_collector_nothing_is_recorded():
    tracing = configure("scorer", {})
    traceparent = new_traceparent(os.urandom, sampled=True)
    assert not is_sampled(new_traceparent(os.urandom, sampled=tracing.on))
    with tracing.span("score", traceparent) as sent:
        assert sent == traceparent
    tracing.stop()
