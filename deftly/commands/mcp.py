"""`deftly mcp`: a screen with hands, and the agent, as tools for programs that speak the Model Context Protocol."""

from __future__ import annotations

import argparse
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import deftly
from deftly.errors import UsageError
from deftly.listening import bind, token_for
from deftly.run_order import RunOrder, read_order

if TYPE_CHECKING:
    from agent.computers.base import Computer
    from agent.policy import Policy
    from deftly.protection import Protection
    from server.mcp_desk import Desk

PATH = "/mcp"


def mcp_command(argv: list[str]) -> int:
    """Serve until the client closes its end (stdio), or until it is interrupted (HTTP)."""
    options, order = _read(argv)
    try:
        import mcp  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise UsageError(f"the MCP SDK is not installed ({error}): pip install 'deftly[mcp]'") from error
    from agent.endings import RunEnded
    from deftly.protection import read_protection
    from deftly.workplace import check_where, open_workplace

    check_where(order.where)
    protection = read_protection(order)
    token = token_for(options.token_file, options.http[0]) if options.http else None
    try:
        with open_workplace(order.where, protection.policy.kill_key) as workplace:
            desk = _desk(order, workplace.computer, protection, may_ask=options.http is not None)
            try:
                return _serve_http(desk, options.http, token) if options.http else _serve_stdio(desk)
            finally:
                desk.close()
    except RunEnded as end:
        print(f"deftly: {end.message}", file=sys.stderr)
        return end.exit_code


def _read(argv: list[str]) -> tuple[argparse.Namespace, RunOrder]:
    """Our own options, and the rest as a run reads them."""
    at = argv.index("--") if "--" in argv else len(argv)
    options, rest = _parser().parse_known_args(argv[:at])
    if options.token_file and not options.http:
        raise UsageError("--token-file is for --http: over stdio nobody else is there")
    if options.computer_token_file:
        rest += ["--token-file", str(options.computer_token_file)]
    if "--miniwob" in rest:
        raise UsageError("--miniwob words its own task: there is nothing for a client to ask for")
    order = read_order(["what clients ask for", *rest, *argv[at:]])
    if order.mode == "confirm" and not options.http:
        raise UsageError("--mode confirm asks at the terminal, which --stdio uses to speak to its client: use --policy confirm, or --http")
    return options, order


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deftly mcp",
        usage="deftly mcp [--stdio | --http HOST:PORT] [options of deftly run] [-- PROGRAM ARGS…]",
        description="Offer a screen with hands (look, act) and the agent (run_task) as tools of the Model Context Protocol.",
        epilog="The screen, the model, the policy and the limits are chosen by the options of `deftly run`; see `deftly run --help`.",
        allow_abbrev=False,
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--stdio", action="store_true", help="speak on standard input and output (the default)")
    how.add_argument(
        "--http", type=_address, metavar="HOST:PORT", help=f"speak streamable HTTP at http://HOST:PORT{PATH}; port 0 takes a free one"
    )
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="the token that HTTP clients must send; made if there is none")
    parser.add_argument("--computer-token-file", type=Path, metavar="FILE", help="holds the token or password of --computer")
    return parser


def _address(said: str) -> tuple[str, int]:
    read = re.fullmatch(r"(\[[0-9A-Fa-f:]+\]|[^:\s]+):(\d{1,5})", said)
    if read is None or int(read[2]) > 65535:
        raise argparse.ArgumentTypeError(f"{said!r} is no HOST:PORT, such as 127.0.0.1:8765")
    return read[1].strip("[]"), int(read[2])


def _desk(order: RunOrder, computer: Computer, protection: Protection, may_ask: bool) -> Desk:
    from agent.limits import Limits
    from server.mcp_desk import Desk

    return Desk(
        computer,
        _policy_opener(order, protection),
        safeguards=lambda: protection.of(computer, order, may_ask=may_ask),
        limits=Limits(steps=order.max_steps, seconds=order.max_seconds),
        episodes_dir=order.episodes,
        stop=threading.Event(),
    )


def _policy_opener(order: RunOrder, protection: Protection) -> Callable[[], Policy]:
    """Opens the model when the first task comes: a client that only looks and acts needs none."""
    from agent.safety.safeguards import told_of_secrets
    from deftly.workplace import engine_options, open_policy, read_family

    family, options = read_family(order), engine_options(order)
    return lambda: told_of_secrets(open_policy(order, family, options), protection.vault)


def _serve_stdio(desk: Desk) -> int:
    import anyio
    from mcp.server.stdio import stdio_server

    from server.mcp_tools import mcp_server

    async def serve() -> None:
        server = mcp_server(desk, deftly.__version__)
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())

    anyio.run(serve)
    return 0


def _serve_http(desk: Desk, address: tuple[str, int], token: str | None) -> int:
    import uvicorn
    from mcp.server.transport_security import TransportSecuritySettings

    from server.computer_guard import Guard
    from server.mcp_tools import mcp_server

    # Who may talk to it is the guard's to say, as for a served computer.
    trusting = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app = mcp_server(desk, deftly.__version__).streamable_http_app(streamable_http_path=PATH, transport_security=trusting)
    listening = bind(*address)
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"MCP at http://{shown}:{port}{PATH}{'' if token else ', to programs of this machine'}", flush=True)
    config = uvicorn.Config(Guard(app, token), log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=2)
    uvicorn.Server(config).run(sockets=[listening])
    return 0
