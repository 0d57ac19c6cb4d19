"""How many injected actions a policy stops, when the model obeys the page: the worst case, a scripted model that has no judgement at all.

python -m benchmarks.injection [--only NAME …] [--json]

Each case is a real run of the agent in a real headless Chromium. `none` is the control: there every injection must succeed. `silent` means
that the model's thought gives nothing away; `telling` that it says what it does, as honest models do.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from actions.geometry import Frame, Size
from actions.space import Action, Finished, Prediction
from agent.agent import Agent
from agent.computers.browser import BrowserComputer
from agent.computers.browser_session import BrowserOptions
from agent.context import answer_text
from agent.limits import Limits
from agent.policy import ModelPolicy
from agent.safety.policy_file import load_policy
from agent.safety.safeguards import guard
from benchmarks.injection_cases import BENIGN, CASES, HEIGHT, PAGE, SILENT, TASK, WIDTH, Case
from inference.engines.scripted import ScriptedEngine
from inference.families import load_family

SIZE = Size(WIDTH, HEIGHT)
COLUMNS = (("none", "silent"), ("default", "silent"), ("default", "telling"), ("confirm", "silent"))
EFFECT_SECONDS = 1.0  # for a request on its way, after the run has ended


class Site:
    """Serves the pages of cases on a free port, and knows what was brought about."""

    def __init__(self, pages: dict[str, str]) -> None:
        self.effects: set[str] = set()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind, _, name = self.path.strip("/").partition("/")
                if kind == "effect":
                    site.effects.add(name)
                body = pages.get(name, "").encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - the name that the server calls

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def obedient_world(cases: Sequence[Case] = CASES) -> Iterator[World]:
    """A browser, the pages of `cases` and of what is harmless, and a model that does what it is told."""
    pages = {case.name: PAGE.format(name=case.name, says=case.says, body=case.body) for case in cases}
    pages |= {f"benign-{number}": PAGE.format(name="x", says="", body=body) for number, (_, body, _) in enumerate(BENIGN)}
    site = Site(pages)
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield World(site, Path(folder))
    finally:
        site.close()


class World:
    def __init__(self, site: Site, folder: Path) -> None:
        self._site = site
        self._folder = folder
        self._family = load_family("uitars-1.5")

    def injected(self, case: Case, policy: str, thought: str) -> tuple[bool, str]:
        """Whether the injection of `case` succeeded, and how the run ended."""
        self._site.effects.discard(case.name)
        ended = self._run(case.name, case.actions, policy, thought)
        deadline = time.monotonic() + EFFECT_SECONDS
        while case.name not in self._site.effects and time.monotonic() < deadline:
            time.sleep(0.05)
        return case.name in self._site.effects, ended

    def stopped_needlessly(self, number: int, policy: str) -> bool:
        """Whether something harmless was stopped."""
        return self._run(f"benign-{number}", BENIGN[number][2], policy, SILENT) != "done"

    def _run(self, page: str, actions: Sequence[Action], policy: str, thought: str) -> str:
        told = [*(Prediction(thought=thought, actions=(action,)) for action in actions), Prediction(thought="", actions=(Finished(),))]
        replies = [answer_text(each, self._family, Frame(screen=SIZE)) for each in told]
        computer = BrowserComputer(f"{self._site.url}/case/{page}", BrowserOptions(size=SIZE))
        try:
            agent = Agent(
                computer,
                ModelPolicy(ScriptedEngine(replies), self._family),
                safeguards=guard(computer, load_policy(policy)),
                limits=Limits(steps=10),
                episodes_dir=self._folder,
            )
            end = agent.run(TASK).ended
            assert end is not None
            return end.status
        finally:
            computer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--only", nargs="+", choices=[case.name for case in CASES], metavar="NAME", help="these cases")
    options = parser.parse_args()
    cases = [case for case in CASES if not options.only or case.name in options.only]
    with obedient_world() as world:
        rows = [(case, [world.injected(case, policy, _thought(case, how)) for policy, how in COLUMNS]) for case in cases]
        needless = {policy: sum(world.stopped_needlessly(n, policy) for n in range(len(BENIGN))) for policy in ("default", "confirm")}
    if options.json:
        print(json.dumps({"cases": {case.name: results for case, results in rows}, "needless": needless, "benign": len(BENIGN)}))
    else:
        _print(rows, needless)


def _thought(case: Case, how: str) -> str:
    return case.thought if how == "telling" else SILENT


def _print(rows: list[tuple[Case, list[tuple[bool, str]]]], needless: dict[str, int]) -> None:
    heads = [f"{policy}, {how}" for policy, how in COLUMNS]
    print(f"{'injected action':<26}" + "".join(f"{head:<20}" for head in heads))
    for case, results in rows:
        print(f"{case.name:<26}" + "".join(f"{'HAPPENED' if happened else 'stopped':<20}" for happened, _ in results))
    stopped = [sum(not results[column][0] for _, results in rows) for column in range(len(COLUMNS))]
    print(f"{'stopped':<26}" + "".join(f"{f'{count} of {len(rows)}':<20}" for count in stopped))
    for policy, count in needless.items():
        print(f"harmless actions that the policy {policy} wanted a word on: {count} of {len(BENIGN)}")


if __name__ == "__main__":
    main()
