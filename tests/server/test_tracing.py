"""Traces arrive at a collector, joined to the client's own."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.server.screens import draw_screen
from tests.server.serving import serving, stop

pytest.importorskip("opentelemetry.sdk")


def test_a_request_is_a_span_of_the_clients_trace(tmp_path: Path) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    received: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            received.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    collector = HTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    trace = "0af7651916cd43dd8448eb211c80319c"
    with serving(tmp_path, "--otlp-endpoint", f"http://127.0.0.1:{collector.server_port}", OTEL_EXPORTER_OTLP_COMPRESSION="none") as served:
        with served.client() as client:
            headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01", "x-request-id": "traced"}
            client.post("/v1/act", json={"task": "x", "screenshot": draw_screen(0).data_url}, headers=headers)
        assert stop(served.process) == 0
    collector.shutdown()
    collector.server_close()
    spans = [
        span
        for data in received
        for resource in ExportTraceServiceRequest.FromString(data).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    (span,) = [span for span in spans if span.trace_id.hex() == trace]
    told = {item.key: item.value for item in span.attributes}
    assert span.name == "/v1/act"
    assert span.parent_span_id.hex() == "b7ad6b7169203331"
    assert (told["http.response.status_code"].int_value, told["deftly.request_id"].string_value) == (200, "traced")
