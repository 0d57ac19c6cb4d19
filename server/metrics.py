"""What the server counts, for Prometheus: requests, latencies, tokens, queues and caches.

Names begin with `deftly_`; behind vLLM, its own `vllm:…` counters follow on the same page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.engines.base import Reply

if TYPE_CHECKING:
    from inference.serving.engine import EngineStats

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class ServerMetrics:
    """One server's counters, in a registry of its own."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

        self.registry = CollectorRegistry()
        ProcessCollector(namespace="deftly", registry=self.registry)
        self.requests = Counter("deftly_requests", "Requests answered", ["route", "status"], registry=self.registry)
        self.seconds = Histogram(
            "deftly_request_seconds", "From the request to the last byte", ["route"], buckets=SECONDS, registry=self.registry
        )
        self.first_byte = Histogram(
            "deftly_first_byte_seconds",
            "From the request to the first byte of the answer's body",
            ["route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.in_flight = Gauge("deftly_requests_in_flight", "Requests being answered", registry=self.registry)
        self.ready = Gauge("deftly_engine_ready", "1 while the engine can answer", registry=self.registry)
        self.restarts = Gauge("deftly_engine_restarts", "How often the engine had to be started again", registry=self.registry)
        self.first_token = Histogram(
            "deftly_first_token_seconds", "Engine: from the request to its first token", buckets=SECONDS, registry=self.registry
        )

    def answered(self, reply: Reply) -> None:
        """Count an answer of the embedded engine."""
        if reply.first_token_seconds is not None:
            self.first_token.observe(reply.first_token_seconds)

    def render(self) -> bytes:
        """All counters in Prometheus's text format."""
        from prometheus_client import generate_latest

        return generate_latest(self.registry)


def render_engine(stats: EngineStats) -> bytes:
    """The embedded engine's own numbers in Prometheus's text format."""
    rows = (
        ("deftly_engine_waiting", "gauge", "Requests that wait for the engine", stats.num_waiting),
        ("deftly_engine_running", "gauge", "Answers that grow side by side", stats.num_running),
        ("deftly_engine_cache_bytes", "gauge", "Keys and values in memory", stats.cache_bytes),
        ("deftly_engine_prompt_tokens_total", "counter", "Tokens of prompts", stats.num_prompt_tokens),
        ("deftly_engine_cached_tokens_total", "counter", "Tokens of prompts that were known already", stats.num_cached_tokens),
        ("deftly_engine_completion_tokens_total", "counter", "Tokens of answers", stats.num_completion_tokens),
        ("deftly_engine_steps_total", "counter", "Passes of the network that said a token of every answer", stats.num_steps),
    )
    return "".join(f"# HELP {name} {words}\n# TYPE {name} {kind}\n{name} {value}\n" for name, kind, words, value in rows).encode()
