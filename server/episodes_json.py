"""Episodes as JSON for pages: steps with words and what became of each action, and texts that are no valid Unicode told all the same."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import JSONResponse

from actions.wire import action_to_json
from agent.episode import Episode
from agent.step import Step, step_to_json
from agent.words import in_words


class SafeJson(JSONResponse):
    """JSON in ASCII: a model or a screen can say half a surrogate pair, for which UTF-8 has no bytes."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


def step_json(step: Step) -> dict[str, Any]:
    """`step` as in the episode's own format, without the file of its picture, and with words for its actions."""
    told = step_to_json(step, "")
    del told["screen"]["file"]
    told["fates"] = [
        {"action": action_to_json(fate.action), "words": in_words(fate.action), "note": fate.note, "performed": fate.performed}
        for fate in step.fates()
    ]
    return told


def episode_json(episode_id: str, episode: Episode) -> dict[str, Any]:
    """All of `episode` but its pictures."""
    end = episode.ended
    return {
        "id": episode_id,
        "name": episode.id,
        "task": episode.task,
        "started": episode.started,
        "seconds": round(episode.seconds, 3),
        "meta": dict(episode.meta),
        "notes": list(episode.notes),
        "status": end.status if end else "unfinished",
        "exit_code": end.exit_code if end else None,
        "message": end.message if end else "",
        "reward": episode.reward,
        "steps": [step_json(step) for step in episode.steps],
    }
