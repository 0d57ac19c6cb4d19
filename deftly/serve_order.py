"""What `deftly serve` was told: model, engine, who may come, and how much they may ask for."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deftly.config import Option, one_of, path, resolve, seconds, text, whole_number
from deftly.errors import UsageError

COMPUTERS = ("virtual", "desktop", "miniwob")
OPTIONS = (
    Option(name="engine", read=one_of("embedded", "vllm"), default="embedded", metavar="NAME", help="embedded (in this process) or vllm"),
    Option(name="family", read=text, metavar="NAME", help="model family: prompt, coordinates, dialect; a name or a .yaml file"),
    Option(name="quantize", read=one_of("int8", "int4"), metavar="BITS", help="int8 or int4 weights, embedded (needs deftly[quant])"),
    Option(name="name", read=text, metavar="NAME", help="what clients call the model (default: its folder's name)"),
    Option(name="host", read=text, default="127.0.0.1", metavar="ADDRESS", help="where to listen; others than this machine need a token"),
    Option(name="port", read=whole_number(0), default=8000, metavar="N", help="0 finds a free one"),
    Option(name="token-file", read=path, metavar="FILE", help="the token that clients must send, or DEFTLY_TOKEN"),
    Option(name="max-num-seqs", read=whole_number(1), default=16, metavar="N", help="answers that grow side by side"),
    Option(name="context-mib", read=whole_number(1), default=512, metavar="N", help="embedded: memory for contexts that were read before"),
    Option(name="max-images", read=whole_number(1), default=32, metavar="N", help="images a request"),
    Option(name="max-image-megapixels", read=whole_number(1), default=17, metavar="N", help="pixels an image"),
    Option(name="max-body-mib", read=whole_number(1), default=32, metavar="N", help="size of a request"),
    Option(name="max-requests", read=whole_number(1), default=128, metavar="N", help="requests at once; the others are told to come later"),
    Option(name="drain-seconds", read=seconds, default=60.0, metavar="S", help="how long a stop waits for what is in flight"),
    Option(name="otlp-endpoint", read=text, metavar="URL", help="send OpenTelemetry traces there, such as http://localhost:4318"),
)  # fmt: skip
PAGE_OPTIONS = (
    Option(name="episodes", read=path, default=Path("episodes"), metavar="DIR", help="where runs are kept, and looked at"),
    Option(name="reports", read=path, default=Path("eval"), metavar="DIR", help="where `deftly eval` keeps its reports"),
    Option(name="max-runs", read=whole_number(1), default=1, metavar="N", help="runs at once"),
    Option(name="policy", read=text, metavar="FILE", help="what runs may do: a file, default, confirm or none"),
)
VLLM_OPTIONS = (
    Option(name="vllm-python", read=path, metavar="FILE", help="python of an environment with vLLM (default: .venv-vllm, or our own)"),
    Option(name="attention", read=one_of("auto", "deftly"), default="auto", metavar="NAME", help="auto (vLLM's choice) or deftly"),
    Option(name="tensor-parallel-size", read=whole_number(1), default=1, metavar="N", help="GPUs that share each layer"),
    Option(name="pipeline-parallel-size", read=whole_number(1), default=1, metavar="N", help="groups of layers, each on GPUs of its own"),
    Option(name="data-parallel-size", read=whole_number(1), default=1, metavar="N", help="copies of the model"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOrder:
    """Everything that a server is told; `further` are vLLM's own options."""

    model: str | None
    engine: str
    family: str | None
    quantize: str | None
    name: str | None
    host: str
    port: int
    token_file: Path | None
    allow_host: tuple[str, ...]
    allow_origin: tuple[str, ...]
    allow_media_host: tuple[str, ...]
    max_num_seqs: int
    context_mib: int
    max_images: int
    max_image_megapixels: int
    max_body_mib: int
    max_requests: int
    drain_seconds: float
    otlp_endpoint: str | None
    page: bool
    allow_computer: frozenset[str]
    programs: Mapping[str, tuple[str, ...]]
    episodes: Path
    reports: Path
    max_runs: int
    policy: str | None
    vllm_python: Path | None
    attention: str
    tensor_parallel_size: int
    pipeline_parallel_size: int
    data_parallel_size: int
    ray: bool
    dry_run: bool
    as_json: bool
    further: tuple[str, ...]


def read_serve_order(argv: list[str], environment: Mapping[str, str] | None = None) -> ServeOrder:
    """The server that `argv`, the environment and `deftly.toml` ask for.

    Raises:
        UsageError: they contradict each other, or a value cannot be read.
    """
    at = argv.index("--") if "--" in argv else len(argv)
    given = vars(_parser().parse_args(argv[:at]))
    further = tuple(argv[at + 1 :])
    plain = {name: given.pop(name) for name in ("model", "ray", "dry_run")}
    lists: dict[str, Any] = {name: tuple(given.pop(name)) for name in ("allow_host", "allow_origin", "allow_media_host")}
    runs: dict[str, Any] = {
        "page": not given.pop("no_page"),
        "allow_computer": frozenset(given.pop("allow_computer")),
        "programs": _programs(given.pop("program")),
    }
    as_json, file = given.pop("json"), given.pop("config")
    values: dict[str, Any] = resolve(
        (*OPTIONS, *PAGE_OPTIONS, *VLLM_OPTIONS),
        command="serve",
        given=given,
        environment=os.environ if environment is None else environment,
        file=Path(file) if file else None,
    )
    order = ServeOrder(**plain, **lists, **runs, **values, as_json=as_json, further=further)
    _check(order)
    return order


def _programs(told: list[str]) -> dict[str, tuple[str, ...]]:
    programs = {}
    for each in told:
        name, _, command = each.partition("=")
        try:
            words = tuple(shlex.split(command))
        except ValueError as error:
            raise UsageError(f"--program is {each!r}: the command cannot be read ({error})") from None
        if not name.strip() or not words:
            raise UsageError(f"--program is {each!r}: it must be NAME=COMMAND, such as terminal=xterm")
        programs[name.strip()] = words
    return programs


def _check(order: ServeOrder) -> None:
    if order.programs and "virtual" not in order.allow_computer:
        raise UsageError("--program is for virtual desktops: add --allow-computer virtual")
    if order.allow_computer and not order.page:
        raise UsageError("--allow-computer is for the page and its runs, and --no-page leaves them out")
    if order.port > 65535:
        raise UsageError(f"--port is {order.port}: the largest is 65535")
    if order.engine == "vllm":
        if order.quantize:
            raise UsageError("--quantize is for the embedded engine: vLLM has options of its own, which stand after --")
        return
    spread = order.tensor_parallel_size * order.pipeline_parallel_size * order.data_parallel_size > 1
    for stray in (order.further[:1], ("--ray",) if order.ray else (), ("more than one GPU",) if spread else ()):
        if stray:
            raise UsageError(f"{stray[0]} is for --engine vllm: add that, or leave it out")
    if order.allow_media_host:
        raise UsageError("--allow-media-host is for --engine vllm: the embedded engine fetches nothing")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deftly serve",
        usage="deftly serve [MODEL] [options] [-- VLLM OPTIONS…]",
        description="Serve MODEL over HTTP: OpenAI's API, and /v1/act, which turns a screenshot into actions.",
        epilog="Options can also be set in the environment (DEFTLY_PORT=8080) or in deftly.toml ([serve], port = 8080).",
        formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=32, width=120),
        allow_abbrev=False,
    )
    parser.add_argument("model", nargs="?", metavar="MODEL", help="a Hugging Face folder, or for vLLM a name (default: deftly-tiny)")
    server = parser.add_argument_group("the server")
    for option in OPTIONS:
        server.add_argument(f"--{option.name}", metavar=option.metavar, default=argparse.SUPPRESS, help=_help(option))
    server.add_argument("--allow-host", action="append", default=[], metavar="NAME", help="a further name by which clients call it")
    server.add_argument("--allow-origin", action="append", default=[], metavar="ORIGIN", help="a web origin whose pages may call it")
    server.add_argument("--config", metavar="FILE", help="read this instead of deftly.toml")
    server.add_argument("--json", action="store_true", help="say that it is ready as one JSON object")
    page = parser.add_argument_group("the page, and the runs that can be started there")
    for option in PAGE_OPTIONS:
        page.add_argument(f"--{option.name}", metavar=option.metavar, default=argparse.SUPPRESS, help=_help(option))
    page.add_argument(
        "--allow-computer", action="append", default=[], choices=COMPUTERS, metavar="KIND", help=f"runs may use it: {', '.join(COMPUTERS)}"
    )
    page.add_argument(
        "--program", action="append", default=[], metavar="NAME=COMMAND", help="what a virtual desktop may show, such as terminal=xterm"
    )
    page.add_argument("--no-page", action="store_true", help="serve the model only")
    vllm = parser.add_argument_group("vLLM (what stands after -- is passed on to it as it is)")
    for option in VLLM_OPTIONS:
        vllm.add_argument(f"--{option.name}", metavar=option.metavar, default=argparse.SUPPRESS, help=_help(option))
    vllm.add_argument("--ray", action="store_true", help="spread over the machines of the Ray cluster that this one is in")
    vllm.add_argument("--allow-media-host", action="append", default=[], metavar="HOST", help="a host from which vLLM may fetch images")
    vllm.add_argument("--dry-run", action="store_true", help="print vLLM's command, and start nothing")
    return parser


def _help(option: Option) -> str:
    if option.default is None:
        return option.help
    return (
        f"{option.help} (default: {option.default:g})"
        if isinstance(option.default, int | float)
        else f"{option.help} (default: {option.default})"
    )
