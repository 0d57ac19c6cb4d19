"""`deftly eval`: a live suite, or a data set of recorded steps, with a model or with stored answers; scored as its authors do."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from deftly.errors import UsageError

LIVE = ("miniwob", "browsergym", "osworld")


def eval_command(argv: list[str]) -> int:
    """Evaluate what `argv` names; 0 when it ran to its end, however well the model did."""
    if argv[:1] == ["compare"]:
        from deftly.eval_compare import compare_command

        return compare_command(argv[1:])
    options = _parser().parse_args(argv)
    if options.what in LIVE:
        if options.predictions:
            raise UsageError(f"--predictions are answers to recorded steps, and {options.what} is played live: give a data set")
        from deftly.eval_live import evaluate_live as evaluate
    else:
        from deftly.eval_recorded import evaluate_recorded as evaluate
    from agent.endings import RunEnded

    try:
        return evaluate(options)
    except RunEnded as end:  # the model cannot be reached, the display is lost, the disk is full
        print(f"deftly: {end}", file=sys.stderr)
        return end.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deftly eval",
        description="Score a model on recorded steps or live tasks, or score answers that it gave before.",
        epilog="deftly eval compare RUN_A RUN_B compares two runs. A folder that is called compare is ./compare.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "what",
        metavar="DATA",
        help="a data set: a folder, a file, a name on the Hugging Face hub; or a live suite: miniwob, browsergym, osworld",
    )
    model = parser.add_argument_group("the model")
    model.add_argument("--engine", default="transformers", metavar="NAME", help="who runs the model (default: transformers)")
    model.add_argument("--model", metavar="PATH", help="a folder, or the server's name for it (default: deftly-tiny)")
    model.add_argument("--base-url", metavar="URL", help="address of an OpenAI-compatible server")
    model.add_argument("--family", default="deftly-tiny", metavar="NAME", help="model family (default: deftly-tiny)")
    model.add_argument("--seed", type=int, metavar="N", help="of the engine's sampling")
    model.add_argument("--script", type=Path, metavar="FILE", help="replies of the scripted engine, one JSON string a line")
    model.add_argument("--allow-trained", action="store_true", help="evaluate even on what the model's card lists as trained on")
    recorded = parser.add_argument_group("recorded steps")
    recorded.add_argument(
        "--predictions", type=Path, metavar="FILE", help='score stored answers, JSON lines of {"episode", "step", "text"}'
    )
    recorded.add_argument("--rescore", action="store_true", help="score the answers in --out again, without a model")
    recorded.add_argument("--context", choices=("teacher", "own"), default="teacher", help="earlier steps as recorded, or as answered")
    recorded.add_argument("--concurrency", type=int, metavar="N", help="requests in flight (default: 16; in this process 1)")
    recorded.add_argument("--ray", type=_positive, metavar="N", help="N workers through Ray, here or on the cluster of RAY_ADDRESS")
    recorded.add_argument("--limit", type=int, metavar="N", help="only the first N steps")
    recorded.add_argument("--dialect", metavar="NAME", help="how the answers are written (default: the data set's own format)")
    recorded.add_argument("--variant", metavar="NAME", help="which of the data set's splits or instructions (docs/evaluation.md)")
    recorded.add_argument("--metric", metavar="NAME", help="default: the data set's own")
    live = parser.add_argument_group("live tasks")
    live.add_argument("--tasks", nargs="+", metavar="TASK", help="names, or all (default: those that the model's card lists)")
    live.add_argument("--seeds", default="0-49", metavar="LIST", help="variants of each task, such as 0-49 (default) or 1,5,8")
    live.add_argument("--repeats", type=_positive, default=1, metavar="N", help="trials of each seed (default: 1)")
    live.add_argument("--displays", type=_positive, default=1, metavar="N", help="virtual displays in parallel (default: 1)")
    live.add_argument("--max-steps", type=_positive, metavar="N", help="of a trial (default: the suite's own)")
    live.add_argument("--computer", metavar="ADDRESS", help="osworld: the machine's server, http://HOST:5000")
    live.add_argument("--episodes", type=Path, metavar="DIR", help="where the episodes are kept (default: in --out)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the run's folder with its report, where it also goes on (default: eval/…)")
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="also write the results there: a page where it ends in .html, else JSON"
    )
    parser.add_argument("--json", action="store_true", help="print the results as one JSON object, and nothing else")
    return parser


def _positive(said: str) -> int:
    if not said.isascii() or not said.isdigit() or not 1 <= int(said) <= 10_000:
        raise argparse.ArgumentTypeError(f"{said!r} is not a number from 1 to 10000")
    return int(said)
