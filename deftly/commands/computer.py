"""`deftly computer`: offer a computer of this machine to agents on others, and list the kinds of computer that there are."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from deftly.errors import UsageError
from deftly.listening import bind, token_for

if TYPE_CHECKING:
    from agent.computers.base import Computer

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8700
GRACE_SECONDS = 2  # for whatever is being done when the server is told to end


def computer_command(argv: list[str]) -> int:
    """`serve` until it is interrupted, or list the kinds."""
    ours, program = _split_program(argv)
    options = _parser().parse_args(ours)
    if options.what == "list":
        return _list()
    return _serve(options, program)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deftly computer", description="Offer a computer to agents elsewhere.", allow_abbrev=False)
    commands = parser.add_subparsers(dest="what", required=True, metavar="serve | list")
    commands.add_parser("list", help="the kinds of computer that there are")
    serve = commands.add_parser(
        "serve",
        help="offer one over HTTP; the other end is deftly run --computer http://HOST:PORT",
        usage="deftly computer serve [options] [-- PROGRAM ARGS…]",
        allow_abbrev=False,
    )
    serve.add_argument("--computer", default="desktop", metavar="WHERE", help="which computer (default: desktop, that of $DISPLAY)")
    serve.add_argument("--display", metavar=":N", help="the same as --computer desktop::N")
    serve.add_argument("--virtual", metavar="WxH", help="the same as --computer virtual:WxH, with PROGRAM on it")
    serve.add_argument("--host", default=DEFAULT_HOST, metavar="HOST", help=f"address to listen at (default: {DEFAULT_HOST})")
    serve.add_argument("--port", type=int, default=DEFAULT_PORT, metavar="N", help=f"(default: {DEFAULT_PORT}; 0 takes a free one)")
    serve.add_argument("--token-file", type=Path, metavar="FILE", help="the token that clients must send; made if there is none")
    serve.add_argument("--lease-seconds", type=float, default=10.0, metavar="S", help="a client silent for so long is lost (default: 10)")
    return parser


def _split_program(argv: list[str]) -> tuple[list[str], tuple[str, ...]]:
    at = argv.index("--") if "--" in argv else len(argv)
    return argv[:at], tuple(argv[at + 1 :])


def _list() -> int:
    from agent.computers.opening import COMPUTERS

    for entry in COMPUTERS.entries():
        print(f"{entry.name:<10} {entry.origin}")
    return 0


def _serve(options: argparse.Namespace, program: tuple[str, ...]) -> int:
    from agent.computers.opening import ComputerOptions, open_computer
    from agent.endings import RunEnded

    token = token_for(options.token_file, options.host)
    if not 0.5 <= options.lease_seconds <= 3600:
        raise UsageError(f"--lease-seconds is {options.lease_seconds:g}: it must be from 0.5 to 3600")
    address, stop = _address(options), threading.Event()
    try:
        computer = open_computer(address, ComputerOptions(program=program, stop=stop))
    except RunEnded as end:
        print(f"deftly: {end.message}", file=sys.stderr)
        return end.exit_code
    try:
        return _listen(options, computer, stop, token, address)
    finally:
        computer.close()


def _address(options: argparse.Namespace) -> str:
    given = [f"desktop:{options.display}"] if options.display else []
    given += [f"virtual:{options.virtual}"] if options.virtual else []
    if len(given) + (options.computer != "desktop") > 1:
        raise UsageError("--computer, --display and --virtual contradict each other: give one of them")
    return given[0] if given else str(options.computer)


def _listen(options: argparse.Namespace, computer: Computer, stop: threading.Event, token: str | None, address: str) -> int:
    try:
        import uvicorn

        from server.computer import computer_app
    except ImportError as error:
        raise UsageError(f"a server needs FastAPI and uvicorn ({error}): pip install 'deftly[serve]'") from error
    app = computer_app(computer, stop, token=token, lease_seconds=options.lease_seconds)
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=GRACE_SECONDS)
    listening = bind(options.host, options.port)
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"{address} is offered at http://{shown}:{port}{'' if token else ', to programs of this machine'}", flush=True)
    uvicorn.Server(config).run(sockets=[listening])
    return 0
