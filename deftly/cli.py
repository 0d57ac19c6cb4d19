"""The `deftly` command: finds the subcommand, runs it, and turns what it raises into one clear line and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import cast

import deftly
from deftly.errors import EXIT_INTERRUPTED, EXIT_USAGE, UsageError, in_words, is_for_the_caller

COMMANDS = {
    "run": "work on a task: look at the screen, decide, act",
    "serve": "serve a model over HTTP: OpenAI's API, and actions for a screenshot",
    "record": "record what a person does into an episode",
    "episodes": "list, show, export past episodes, or make their page",
    "computer": "offer a computer to agents on other machines",
    "mcp": "offer a screen, hands and the agent as tools of the Model Context Protocol",
    "parse": "turn a model's text into actions",
    "families": "list the model families and what has been verified for each",
    "models": "list what runs in process, and check a model against transformers and vLLM",
    "plugins": "list what has a public name and where it comes from",
    "train": "episodes into a data set, and a data set into a model",
    "eval": "run tasks and score them",
    "bench": "measure what a step costs",
    "doctor": "say what works here, what is missing and how to mend it",
}
_HELP_FLAGS = ("-h", "--help", "help")


def main(argv: list[str] | None = None) -> int:
    """Run `deftly` with `argv` (default: the process's own) and return its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("deftly: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`deftly … | head`); keep the interpreter from writing to it once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - the process boundary: whatever went wrong is told in one line
        return _tell(error)


def help_text() -> str:
    """What `deftly --help` prints."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {summary}" for name, summary in COMMANDS.items()]
    return "\n".join(
        [
            "usage: deftly COMMAND [options]",
            "",
            "Looks at a screen, asks a vision-language model what to do, and does it.",
            "",
            "commands:",
            *lines,
            "",
            "  deftly COMMAND --help   the options of a command",
            "  deftly --version        the version",
            "",
            "exit codes: 0 done, 1 failed, 2 wrong use, 3 a limit was reached, 4 stuck, 5 the user is needed,",
            "            6 the model cannot be reached, 130 interrupted",
        ]
    )


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in _HELP_FLAGS:
        print(help_text(), file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else EXIT_USAGE
    if arguments[0] in ("--version", "-V"):
        print(f"deftly {deftly.__version__}")
        return 0
    return _command(arguments[0])(arguments[1:])


def _command(name: str) -> Callable[[list[str]], int]:
    if name not in COMMANDS:
        import difflib

        close = difflib.get_close_matches(name, COMMANDS, n=1)
        mend = f"did you mean {close[0]}?" if close else f"commands are {', '.join(COMMANDS)}"
        raise UsageError(f"no command is called {name!r}: {mend}")
    module = importlib.import_module(f"deftly.commands.{name}")
    return cast("Callable[[list[str]], int]", getattr(module, f"{name}_command"))


def _tell(error: Exception) -> int:
    if os.environ.get("DEFTLY_DEBUG"):
        raise error
    if is_for_the_caller(error):
        print(f"deftly: error: {in_words(error)}", file=sys.stderr)
        return EXIT_USAGE
    print(f"deftly: {type(error).__name__}: {in_words(error)}\n  (set DEFTLY_DEBUG=1 for the traceback)", file=sys.stderr)
    return 1
