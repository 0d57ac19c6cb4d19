"""`deftly serve`: the model over HTTP, from the order to a process that answers."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deftly.errors import UsageError
from deftly.serve_order import ServeOrder, read_serve_order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastapi import APIRouter

    from inference.families import Family
    from server.backends.base import Backend
    from server.backends.vllm_command import VllmOrder
    from server.metrics import ServerMetrics
    from server.pictures import PictureBook
    from server.settings import ServerSettings


EXIT_NO_MODEL = 6


def serve_command(argv: list[str]) -> int:
    """Serve the model that `argv` tells until told to stop."""
    order = read_serve_order(argv)
    family = _family(order)
    if order.dry_run:
        return _print_command(order, family)
    settings = _settings(order)
    _check_hands(order, settings)
    return _serve(order, family, settings)


def _serve(order: ServeOrder, family: Family, settings: ServerSettings) -> int:
    from inference.families import check_model_fits
    from server.app import create_app
    from server.logs import set_up_logs
    from server.metrics import ServerMetrics
    from server.pictures import PictureBook
    from server.run import EngineDidNotStart, listen, serve, url_of

    if order.model:
        check_model_fits(order.model, family)
    set_up_logs()
    listener = listen(order.host, order.port)
    pictures, metrics = PictureBook(settings.limits, settings.access), ServerMetrics()
    backend = _backend(order, family, pictures, metrics)
    routers, leave = _page(order, backend, family) if order.page else ((), _nothing)
    app = create_app(backend, family, settings, pictures=pictures, metrics=metrics, routers=routers, leave=leave)
    about = {"url": url_of(listener), "model": backend.model, "engine": backend.kind, "family": family.name}
    try:
        serve(app, listener, settings, on_ready=lambda: _say_ready(about, order.as_json, order.page))
    except EngineDidNotStart as error:
        print(f"deftly: {error}", file=sys.stderr)
        return EXIT_NO_MODEL
    return 0


def _page(order: ServeOrder, backend: Backend, family: Family) -> tuple[Sequence[APIRouter], Callable[[], None]]:
    """The routers of the page and of what it shows, and what ends the runs when the server stops."""
    from agent.safety.policy_file import load_policy
    from server.pages import pages_router
    from server.runs_orders import RunRules

    rules = RunRules(
        computers=order.allow_computer,
        programs=order.programs,
        episodes=order.episodes,
        policy=load_policy(order.policy) if order.policy else None,
    )
    page = pages_router(backend, family, rules, num_at_once=order.max_runs, reports=order.reports)
    return (page.router,), page.leave


def _nothing() -> None:
    """There is nothing to leave."""


def _say_ready(about: dict[str, str], as_json: bool, has_page: bool) -> None:
    page = ", the page at {url}/".format(**about) if has_page else ""
    words = "{model} ({family}, engine {engine}) is served at {url}, OpenAI's API at {url}/v1".format(**about) + page
    print(json.dumps(about) if as_json else words, flush=True)


def _family(order: ServeOrder) -> Family:
    from inference.families import family_names, load_family

    if order.family:
        return load_family(order.family)
    if order.model is None:
        return load_family("deftly-tiny")
    raise UsageError(f"which family does the model belong to? Give --family NAME: known are {', '.join(family_names())}, or a .yaml file")


def _backend(order: ServeOrder, family: Family, pictures: PictureBook, metrics: ServerMetrics) -> Backend:
    if order.engine == "vllm":
        from server.backends.vllm import VllmBackend

        return VllmBackend(_vllm_order(order, family))
    from inference.serving.engine import BatchingEngine
    from server.backends.embedded import EmbeddedBackend

    image = family.image
    engine = BatchingEngine(
        order.model,
        min_pixels=image.min_pixels,
        max_pixels=image.max_pixels,
        quantize=order.quantize,
        max_num_seqs=order.max_num_seqs,
        context_bytes=order.context_mib << 20,
    )
    return EmbeddedBackend(engine, pictures, metrics, name=order.name)


def _vllm_order(order: ServeOrder, family: Family) -> VllmOrder:
    from inference.models import bundled_model
    from server.backends.vllm_command import Parallelism, VllmOrder, find_vllm_python

    model = order.model or str(bundled_model())
    return VllmOrder(
        python=find_vllm_python(order.vllm_python),
        model=model,
        name=order.name or Path(model).resolve().name if Path(model).exists() else order.name or model,
        family=family,
        max_images=order.max_images,
        parallelism=Parallelism(
            tensor=order.tensor_parallel_size, pipeline=order.pipeline_parallel_size, data=order.data_parallel_size, ray=order.ray
        ),
        attention=order.attention,
        media_hosts=tuple(sorted(order.allow_media_host)),
        further=(*(("--max-num-seqs", str(order.max_num_seqs)) if order.max_num_seqs != 16 else ()), *order.further),
    )


def _settings(order: ServeOrder) -> ServerSettings:
    from server.settings import Access, Limits, ServerSettings

    return ServerSettings(
        access=Access(
            host=order.host,
            token=_token(order),
            hosts=frozenset(order.allow_host),
            origins=frozenset(order.allow_origin),
            media_hosts=frozenset(order.allow_media_host),
        ),
        limits=Limits(
            body_bytes=order.max_body_mib << 20,
            image_pixels=order.max_image_megapixels * 1_000_000,
            images=order.max_images,
            requests=order.max_requests,
            drain_seconds=order.drain_seconds,
            runs=order.max_runs,
        ),
        otlp_endpoint=order.otlp_endpoint,
    )


def _check_hands(order: ServeOrder, settings: ServerSettings) -> None:
    """A desktop gives its hands all that the user may do; on loopback every other user of this machine could have them."""
    strong = sorted(order.allow_computer - {"miniwob"})
    if strong and settings.access.token is None:
        raise UsageError(
            f"--allow-computer {strong[0]} lets clients act as you, and there is no token: give --token-file FILE (or DEFTLY_TOKEN), "
            "made with `openssl rand -hex 32` for instance"
        )


def _token(order: ServeOrder) -> str | None:
    """Never from the command line, which every user of the machine can read."""
    if order.token_file is None:
        return os.environ.get("DEFTLY_TOKEN") or None
    token = order.token_file.read_text(encoding="utf-8").strip()
    if not token:
        raise UsageError(f"{order.token_file} is empty: put the token there, made with `openssl rand -hex 32` for instance")
    return token


def _print_command(order: ServeOrder, family: Family) -> int:
    """What would be started, one shell line."""
    if order.engine != "vllm":
        raise UsageError("--dry-run prints the command of --engine vllm; the embedded engine is no process of its own")
    from server.backends.vllm_command import vllm_command

    print(shlex.join(vllm_command(_vllm_order(order, family), Path("engine.sock"))), file=sys.stdout)
    return 0
