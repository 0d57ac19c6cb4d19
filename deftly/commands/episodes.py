"""`deftly episodes`: list, show and export what runs have recorded, make pages of it, and check its audit log."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deftly.errors import UsageError

if TYPE_CHECKING:
    from agent.episode import Episode
    from agent.step import Step

LAST = "last"
FORMS = ("jsonl", "uitars")


def episodes_command(argv: list[str]) -> int:
    """Exit code 0 when every episode that was named could be read."""
    options = _parser().parse_args(argv)
    work = {"list": _list, "show": _show, "page": _page, "export": _export, "audit": _audit}[options.verb]
    work(options)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deftly episodes",
        description="List, show and export what runs have recorded, and make pages of it.",
        epilog=f"An EPISODE is a folder, the name of one under the episodes folder, or `{LAST}` for the newest there.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="list | show | page | export | audit")
    parts = {
        "list": verbs.add_parser("list", help="one line for each episode, oldest first"),
        "show": verbs.add_parser("show", help="every step of an episode in words"),
        "page": verbs.add_parser("page", help="episodes as one HTML file that needs no network"),
        "export": verbs.add_parser("export", help="episodes for other tools: jsonl, or conversations to train on"),
        "audit": verbs.add_parser("audit", help="who allowed what, checked: an error when the log was changed"),
    }
    parts["list"].add_argument("dir", nargs="?", type=Path, metavar="DIR", help="where to look (default: the episodes folder)")
    for name in ("show", "audit"):
        parts[name].add_argument("episode", metavar="EPISODE")
    for name in ("page", "export"):
        parts[name].add_argument("episode", nargs="+", metavar="EPISODE", help="a folder of episodes means all of them")
        parts[name].add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    parts["page"].add_argument("--title", help="heading of a page of several episodes")
    parts["export"].add_argument("--to", choices=FORMS, required=True)
    parts["export"].add_argument(
        "--family", default="uitars-1.5", metavar="NAME", help="whose prompt and words `uitars` uses (default: %(default)s)"
    )
    for part in parts.values():
        part.add_argument("--json", action="store_true", help="print JSON")
        part.add_argument(
            "--episodes",
            type=Path,
            default=Path(os.environ.get("DEFTLY_EPISODES") or "episodes"),
            metavar="DIR",
            help="the episodes folder (default: %(default)s)",
        )
    return parser


def _list(options: argparse.Namespace) -> None:
    from agent.episode import Episode, EpisodeError, list_episodes

    folder = options.dir or options.episodes
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder: name the one that holds the episodes")
    rows = []
    for path in list_episodes(folder):
        try:
            rows.append(_summary(Episode.open(path)))
        except EpisodeError as error:  # one that cannot be read must not hide the others
            rows.append({"episode": str(path), "status": "unreadable", "message": str(error)})
    if options.json:
        _print_json(rows)
    else:
        _print_rows(rows, folder)


def _print_rows(rows: Sequence[dict[str, Any]], folder: Path) -> None:
    from agent.words import shortened

    if not rows:
        print(f"no episodes under {folder}")
    for row in rows:
        reward = "" if row.get("reward") is None else f"reward {row['reward']:g}"
        counts = f"{row['steps']:>3} steps {row['seconds']:>7.1f} s" if "steps" in row else ""
        told = row.get("task") or row.get("message") or ""
        print(f"{row['status']:<17} {counts:<19} {reward:<11} {Path(row['episode']).name}  {shortened(told)}")


def _show(options: argparse.Namespace) -> None:
    from agent.step import step_to_json
    from agent.words import shortened

    episode = _open(options.episode, options.episodes)
    if options.json:
        steps = [step_to_json(step, str(episode.picture_of(step.seen))) for step in episode.steps]
        _print_json(_summary(episode) | {"meta": episode.meta, "notes": list(episode.notes), "steps": steps})
        return
    print(shortened(episode.task, 500))
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(episode.started))}  {episode.path}")
    for note in episode.notes:
        print(f"note: {shortened(note, 300)}")
    for step in episode.steps:
        _print_step(step)
    print(_end_in_words(episode))


def _print_step(step: Step) -> None:
    from agent.words import in_words, shortened

    print(f"\n{step.index + 1:>3}. {shortened(step.prediction.thought, 300)}")
    for fate in step.fates():
        print(f"     {in_words(fate.action)}" + ("" if fate.performed else "  (not performed)"))
    if step.prediction.error is not None:
        print(f"     unreadable: {shortened(step.prediction.error, 300)}")
    for words in (step.feedback, *step.notes):
        if words:
            print(f"     note: {shortened(words, 300)}")
    print("     " + "  ".join(f"{stage} {seconds * 1000:.0f} ms" for stage, seconds in step.timing.items()))


def _end_in_words(episode: Episode) -> str:
    from agent.words import shortened

    if episode.ended is None:
        return "\nunfinished: it still runs, or its process was killed"
    reward = "" if episode.reward is None else f", reward {episode.reward:g}"
    return f"\n{episode.ended.status} (exit code {episode.ended.exit_code}{reward}): {shortened(episode.ended.message, 500)}"


def _page(options: argparse.Namespace) -> None:
    from agent.page import write_page

    episodes = _open_all(options)
    file = write_page(episodes, options.output, options.title)
    _tell(options, {"page": str(file), "episodes": len(episodes), "bytes": file.stat().st_size}, f"{file}: {len(episodes)} episode(s)")


def _export(options: argparse.Namespace) -> None:
    from agent.export import to_jsonl, to_uitars
    from inference.families import load_family

    episodes = _open_all(options)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    base = options.output.parent.resolve()
    pieces = to_jsonl(episodes, base) if options.to == "jsonl" else to_uitars(episodes, base, load_family(options.family))
    with options.output.open("w", encoding="utf-8", errors="replace") as file:
        file.writelines(pieces)
    _tell(
        options, {"file": str(options.output), "to": options.to, "episodes": len(episodes)}, f"{options.output}: {len(episodes)} episode(s)"
    )


def _audit(options: argparse.Namespace) -> None:
    from agent.safety.audit import read_audit

    audited = read_audit(_open(options.episode, options.episodes).path)
    if options.json:
        _print_json({"entries": audited.entries, "hash": audited.last_hash, "complete": audited.complete})
        return
    for entry in audited.entries:
        print(_entry_in_words(entry))
    state = "complete" if audited.complete else "without an end: the run was killed, still goes on, or lines were cut off"
    print(f"\n{len(audited.entries)} entries, unchanged, {state}\nhash: {audited.last_hash}")


def _entry_in_words(entry: dict[str, Any]) -> str:
    from actions.wire import action_from_json
    from agent.words import in_words, shortened

    moment = time.strftime("%H:%M:%S", time.localtime(entry["at"]))
    told = {name: value for name, value in entry.items() if name not in ("n", "at", "event", "before", "hash", "action")}
    words = [in_words(action_from_json(entry["action"]))] if "action" in entry else []
    words += [f"{name}: {', '.join(map(str, value)) if isinstance(value, list) else value}" for name, value in told.items() if value]
    return f"{entry['n']:>4}  {moment}  {entry['event']:<8} {shortened('; '.join(words), 300)}"


def _open(name: str, folder: Path) -> Episode:
    from agent.episode import Episode, list_episodes

    if name == LAST and not Path(name).exists():
        paths = list_episodes(folder)
        if not paths:
            raise UsageError(f"there is no last episode: {folder} holds none")
        return Episode.open(paths[-1])
    for path in (Path(name), folder / name):
        if (path / "episode.json").exists():
            return Episode.open(path)
    raise UsageError(f"no episode is called {name!r}: give its folder, or its name under {folder}; `deftly episodes list` shows them")


def _open_all(options: argparse.Namespace) -> list[Episode]:
    from agent.episode import Episode, list_episodes

    episodes = []
    for name in options.episode:
        inside = list_episodes(Path(name)) if Path(name).is_dir() else []
        episodes += [Episode.open(path) for path in inside] or [_open(name, options.episodes)]
    return episodes


def _summary(episode: Episode) -> dict[str, Any]:
    end = episode.ended
    return {
        "episode": str(episode.path),
        "task": episode.task,
        "status": end.status if end else "unfinished",
        "exit_code": end.exit_code if end else None,
        "message": end.message if end else None,
        "reward": episode.reward,
        "steps": len(episode.steps),
        "seconds": round(episode.seconds, 3),
        "started": episode.started,
    }


def _tell(options: argparse.Namespace, data: dict[str, Any], words: str) -> None:
    if options.json:
        _print_json(data)
    else:
        print(words)


def _print_json(data: object) -> None:
    print(json.dumps(data))
