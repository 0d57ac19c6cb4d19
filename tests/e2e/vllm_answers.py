"""Run by the Python of vLLM's environment: several engines, one after another in this process, answer the same chats.

    python vllm_answers.py ASKED.json ANSWERS.json

ASKED is `{"model", "messages": [[…], …], "max_tokens", "engines": [{"name", "options": {…}, "spoiled": null or 0.5}, …]}`, and ANSWERS, by
name, the token ids of each answer, their log-probabilities, the texts, and what our attention counted meanwhile.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def answers(asked: dict[str, Any], engine: dict[str, Any]) -> dict[str, Any]:
    from vllm import LLM, SamplingParams
    from vllm.distributed import cleanup_dist_env_and_memory

    before = counted()
    if engine.get("spoiled"):
        from inference.vllm_plugin import backend

        backend.SPOILED = engine["spoiled"]
    llm = LLM(model=asked["model"], max_model_len=1024, limit_mm_per_prompt={"image": 4}, generation_config="vllm", **engine["options"])
    wanted = SamplingParams(temperature=0.0, max_tokens=asked["max_tokens"], logprobs=1)
    given = [request.outputs[0] for request in llm.chat(asked["messages"], wanted, use_tqdm=False)]
    compiled = llm.llm_engine.vllm_config.compilation_config.mode
    told = {
        "tokens": [list(one.token_ids) for one in given],
        "log_probabilities": [[place[token].logprob for token, place in zip(one.token_ids, one.logprobs, strict=True)] for one in given],
        "texts": [one.text for one in given],
        "compilation": int(compiled),
        "counts": {name: number - before.get(name, 0) for name, number in counted().items()},
    }
    del llm
    cleanup_dist_env_and_memory()
    return told


def counted() -> dict[str, int]:
    """What our attention has counted so far; nothing where it is not switched on."""
    if "DEFTLY_VLLM_COUNTS" not in os.environ:
        return {}
    from inference.vllm_plugin.counts import totals

    return totals()


def main() -> None:
    asked = json.loads(Path(sys.argv[1]).read_text())
    Path(sys.argv[2]).write_text(json.dumps({engine["name"]: answers(asked, engine) for engine in asked["engines"]}))


if __name__ == "__main__":
    main()
