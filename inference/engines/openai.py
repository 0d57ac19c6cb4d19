"""The client engine: any server that speaks OpenAI's chat API, vLLM first of all."""

from __future__ import annotations

import copy
import os
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Set
from contextlib import closing, suppress
from typing import TypeVar

from inference.engines.base import ChatRequest, EngineError, Reply, run_out
from inference.engines.server_trouble import BUSY, Again, Trouble
from inference.engines.server_url import DEFAULT_BASE_URL, checked_url, is_loopback, tls_of, without_password
from inference.engines.shown_images import ShownImages
from inference.openai_wire import Event, chat_body, lists_vllm, read_event, read_events, read_model_ids

T = TypeVar("T")

LONGEST_PAUSE_SECONDS = 20.0


class _ImagesForgotten(Exception):
    """The server refused a request from which pictures were left out."""


class OpenAIEngine:
    """Asks the server at `base_url`; `model` is the first that the server lists when it is not given.

    The key is `api_key`, or DEFTLY_API_KEY, or OPENAI_API_KEY. `timeout` is how many seconds the server may be silent.
    `uds` is the path of a Unix socket, where the server listens at one: then only the path of `base_url` counts.
    Lost connections, 429 and 5xx are tried `num_tries` times in all, with pauses that double from `first_pause` on.

    Raises:
        EngineError: `model` is not given, and the server does not say which it has.
        ValueError: `base_url` is no URL of a server.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        base_url: str = DEFAULT_BASE_URL,
        api_key: str | None = None,
        timeout: float = 120.0,
        num_tries: int = 4,
        first_pause: float = 0.5,
        uds: str | None = None,
    ) -> None:
        import httpx

        self._url = checked_url(base_url)
        self._trouble = Trouble(self._url, timeout)
        self._num_tries = max(1, num_tries)
        self._first_pause = first_pause
        self._image_ids = False  # other servers than vLLM may refuse a field that they do not know
        self._shown = ShownImages()
        self._interrupted = threading.Event()
        self._socket: socket.socket | None = None  # of the answer that is coming
        self._is_desk = False
        key = api_key or os.environ.get("DEFTLY_API_KEY") or os.environ.get("OPENAI_API_KEY")
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(timeout, connect=min(timeout, 10.0)),
            verify=tls_of(self._url),
            transport=None if uds is None else httpx.HTTPTransport(uds=uds),
            trust_env=not is_loopback(self._url),  # a proxy cannot reach this machine's own servers
        )
        try:
            self.name = model or self._try(self._first_model)
        except EngineError:
            self.close()
            raise

    def chat(self, request: ChatRequest) -> Reply:
        """The whole answer. A server that dies in the middle of it is asked again: nothing of it was used yet."""
        self._interrupted.clear()
        return self._try(lambda: run_out(self._answer(request)))

    def stream(self, request: ChatRequest) -> Generator[str, None, Reply]:
        """The answer in pieces; the generator's own return value is the `Reply`. Once a piece is out, nothing is tried again."""
        self._interrupted.clear()
        answer, first, reply = self._try(lambda: _begin(self._answer(request)))
        if reply is not None:
            return reply
        with closing(answer):
            yield first
            try:
                return (yield from answer)
            except Again as again:
                raise again.error from again

    def interrupt(self) -> None:
        """End the answer that is coming. The connection is cut, by which vLLM and others notice that nobody listens, and stop."""
        self._interrupted.set()
        answering = self._socket
        if answering:
            with suppress(OSError):  # it ended by itself
                answering.shutdown(socket.SHUT_RDWR)

    def desk(self) -> OpenAIEngine:
        """This engine for one user, who can interrupt no one else. Connections are shared: closing a desk leaves them open."""
        desk = copy.copy(self)
        desk._interrupted, desk._socket, desk._is_desk = threading.Event(), None, True
        return desk

    def close(self) -> None:
        if not self._is_desk:
            self._client.close()

    def _answer(self, request: ChatRequest) -> Generator[str, None, Reply]:
        """One try at an answer."""
        started = time.perf_counter()
        pieces: list[str] = []
        first: float | None = None
        finish_reason: str | None = None
        usage: Mapping[str, object] = {}
        try:
            for event in self._events(request):
                if event.text:
                    first = time.perf_counter() - started if first is None else first
                    pieces.append(event.text)
                    yield event.text
                finish_reason = event.finish_reason or finish_reason
                usage = event.usage or usage
        except (Again, EngineError):
            if not self._interrupted.is_set():  # else it is we who cut the connection
                raise
        finally:
            self._socket = None
        if finish_reason is None and self._interrupted.is_set():
            finish_reason = "interrupted"
        if finish_reason is None:
            raise Again(self._trouble.error("ended its answer in the middle", "see its log; it may be out of memory"))
        return Reply(
            text="".join(pieces),
            num_prompt_tokens=_count(usage, "prompt_tokens"),
            num_cached_tokens=_count(usage.get("prompt_tokens_details"), "cached_tokens"),
            num_completion_tokens=_count(usage, "completion_tokens"),
            finish_reason=finish_reason,
            seconds=time.perf_counter() - started,
            first_token_seconds=first,
        )

    def _events(self, request: ChatRequest) -> Iterator[Event]:
        """The events of an answer. Pictures that the server has are left out; they are sent after all when it has them no more."""
        known = self._shown.known(request) if self._image_ids else frozenset()
        try:
            yield from self._asked(request, known)
        except _ImagesForgotten:
            self._shown.refused()
            yield from self._asked(request, frozenset())

    def _asked(self, request: ChatRequest, known_images: Set[str]) -> Iterator[Event]:
        body = chat_body(request, self.name, image_ids=self._image_ids, known_images=known_images)
        with self._trouble.lost_connections(), self._client.stream("POST", f"{self._url}/chat/completions", json=body) as response:
            self._socket = response.extensions["network_stream"].get_extra_info("socket")
            if known_images and response.is_client_error and response.status_code not in BUSY:
                raise _ImagesForgotten
            self._trouble.check(response)
            self._shown.shown(request)
            streamed = "json" not in response.headers.get("content-type", "")
            if self._interrupted.is_set():
                return
            for event in read_events(_lines(response.iter_bytes())) if streamed else [read_event(response.read())]:
                if event.error is not None:
                    raise self._trouble.refusal(event.code or 500, event.error)
                yield event

    def _first_model(self) -> str:
        with self._trouble.lost_connections():
            response = self._client.get(f"{self._url}/models")
            self._trouble.check(response)
            names = read_model_ids(response.content)
            self._image_ids = lists_vllm(response.content)
        if not names:
            raise self._trouble.error("lists no model", "start it with one, or give model")
        return names[0]

    def _try(self, ask: Callable[[], T]) -> T:
        """What `ask` returns, asked again while the server is away or busy."""
        if self._client.is_closed:
            raise EngineError(f"the connection to {without_password(self._url)} is closed: open the engine again")
        pause = self._first_pause
        for tries_left in reversed(range(self._num_tries)):
            try:
                return ask()
            except Again as again:
                if not tries_left:
                    times = "" if self._num_tries == 1 else f" (tried {self._num_tries} times)"
                    raise EngineError(f"{again.error}{times}") from again
                time.sleep(min(max(pause, again.pause), LONGEST_PAUSE_SECONDS))
                pause *= 2
        raise AssertionError("the last try returns or raises")


def _begin(answer: Generator[str, None, Reply]) -> tuple[Generator[str, None, Reply], str, Reply | None]:
    """An answer, its first piece, and the reply where there is no piece at all."""
    try:
        return answer, next(answer), None
    except StopIteration as end:
        return answer, "", end.value


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Lines that end in a newline and nothing else: httpx's own `iter_lines` also breaks at U+2028, which may stand in an answer."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    yield rest


def _count(counters: object, name: str) -> int:
    """A counter of the usage; servers leave out what they do not count."""
    value = counters.get(name) if isinstance(counters, Mapping) else None
    return value if isinstance(value, int) else 0
