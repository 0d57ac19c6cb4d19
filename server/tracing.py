"""Traces by OpenTelemetry, an optional extra: one span a request, joined to the client's and passed on to the engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.trace import Span


class NoTelemetry(ValueError):
    """Traces are wanted, and OpenTelemetry is not installed."""


class Tracer:
    """Sends spans to the OTLP collector at `endpoint`, such as http://localhost:4318.

    Raises:
        NoTelemetry: the extra is not installed.
    """

    def __init__(self, endpoint: str) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise NoTelemetry("--otlp-endpoint needs OpenTelemetry: pip install 'deftly[otel]'") from error
        self._provider = TracerProvider(resource=Resource.create({"service.name": "deftly"}))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")))
        self._tracer = self._provider.get_tracer("deftly.server")

    @contextmanager
    def request(self, scope: Any, request_id: str) -> Iterator[Span]:
        """The span of a request; its parent is the client's, where the client sends one."""
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        parent = TraceContextTextMapPropagator().extract(headers)
        attributes = {"http.request.method": scope["method"], "deftly.request_id": request_id}
        with self._tracer.start_as_current_span(scope["method"], context=parent, kind=SpanKind.SERVER, attributes=attributes) as span:
            carrier: dict[str, str] = {}
            TraceContextTextMapPropagator().inject(carrier)
            scope["state"]["traceparent"] = carrier.get("traceparent")
            yield span

    def ended(self, span: Span, route: str, status: int) -> None:
        """Say how it ended, now that it is known."""
        from opentelemetry.trace import StatusCode

        span.update_name(route)
        span.set_attribute("http.route", route)
        span.set_attribute("http.response.status_code", status)
        if status >= 500:
            span.set_status(StatusCode.ERROR)

    def close(self) -> None:
        """Send what was not sent yet."""
        self._provider.shutdown()
