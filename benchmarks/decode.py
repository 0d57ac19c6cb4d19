"""What an answer costs in the in-process engine, and in transformers' own `generate` on the same model, prompt and tokens.

python benchmarks/decode.py [--model FOLDER] [--rounds 5] [--threads 1] [--json]

Both give the same greedy answers, checked each time. Times are of the processor, so that other jobs on the machine count little; on a
quiet machine with one thread they are the wall clock's.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inference.engines.base import ChatRequest, Message, Pixels
from inference.engines.transformers import TransformersEngine
from inference.models import bundled_model
from inference.vlm.wording import HALF_CHARACTER

NUM_TURNS = 6
MAX_TOKENS = 32
Answer = Callable[[Sequence[Message]], tuple[str, int]]  # the text, and how many tokens it has


class Screen:
    """A picture of coloured boxes, other ones for each seed."""

    def __init__(self, seed: int, *, side: int = 320) -> None:
        boxes = np.random.default_rng(seed).integers(0, 255, (side // 32, side // 32, 3), dtype=np.uint8)
        self.rgb: Pixels = np.kron(boxes, np.ones((32, 32, 1), dtype=np.uint8))
        self.png = b""
        self.sha256 = f"{seed:064x}"


def main() -> None:
    """Print milliseconds a request by kind of request and by who answers, and how many times less ours takes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", type=Path, default=bundled_model(), help="a Hugging Face folder; the bundled model by default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    os.environ["DEFTLY_THREADS"] = str(options.threads)
    engine = TransformersEngine(options.model, device="cpu")
    figures = measure({"deftly": ours(engine), "generate": theirs(options.model)}, options.rounds)
    print(json.dumps(figures) if options.json else table(figures))


def measure(answers: dict[str, Answer], rounds: int) -> dict[str, dict[str, float]]:
    """Medians over rounds in which each kind of request is put to each in turn."""
    times: dict[str, dict[str, list[float]]] = {}
    for number in range(rounds + 1):
        for kind, requests in kinds(number).items():
            said = {}
            for who, answer in answers.items():
                seconds, said[who] = clock(answer, requests if who == "deftly" else requests[-1:])  # generate remembers nothing
                if number:  # the first round warms up
                    times.setdefault(kind, {}).setdefault(who, []).append(seconds)
            texts = {text for text, _ in said.values()}
            if len(texts) != 1:
                raise SystemExit(f"the answers differ, so their times cannot be compared ({kind}): {texts}")
    return {kind: {who: round(1000 * statistics.median(all_), 2) for who, all_ in by.items()} | ratio(by) for kind, by in times.items()}


def kinds(number: int) -> dict[str, list[list[Message]]]:
    """Chats to answer one after the other; only the last one is timed."""
    first = [user(Screen(number), "Task: click the red box\nDone: nothing\nNext:")]
    same = [user(Screen(number), "Task: click the blue box\nDone: nothing\nNext:")]
    grown = [turns(number, count) for count in range(1, NUM_TURNS + 1)]
    return {"a new screen": [first], "another question about it": [first, same], f"turn {NUM_TURNS} of a conversation": grown}


def turns(number: int, count: int) -> list[Message]:
    """A conversation of `count` screens; what was answered before does not matter here, only that it stays."""
    chat = [Message(role="user", content=("Task: follow the red box",))]
    for turn in range(count):
        chat.append(user(Screen(1000 * (number + 1) + turn), "Next:"))
        chat.append(Message(role="assistant", content=("Thought: It moved.\nAction: wait()",)))
    return chat[:-1]


def user(screen: Screen, text: str) -> Message:
    return Message(role="user", content=(screen, text))


def clock(answer: Answer, requests: Sequence[Sequence[Message]]) -> tuple[float, tuple[str, int]]:
    for before in requests[:-1]:
        answer(before)
    started = time.process_time()
    said = answer(requests[-1])
    return time.process_time() - started, said


def ratio(times: dict[str, list[float]]) -> dict[str, float]:
    """Of each round its ratio, and of these the median."""
    return {"ratio": round(statistics.median(b / a for a, b in zip(times["deftly"], times["generate"], strict=True)), 2)}


def ours(engine: TransformersEngine) -> Answer:
    def answer(messages: Sequence[Message]) -> tuple[str, int]:
        reply = engine.chat(ChatRequest(messages=tuple(messages), max_tokens=MAX_TOKENS))
        return reply.text, reply.num_completion_tokens

    return answer


def theirs(folder: Path) -> Answer:
    """The usual way: image processor, chat template, `generate`."""
    import torch
    from transformers import AutoModelForImageTextToText, AutoTokenizer
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    tokenizer = AutoTokenizer.from_pretrained(folder)
    processor: Any = Qwen2VLImageProcessorPil.from_pretrained(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype="float32").eval()

    def answer(messages: Sequence[Message]) -> tuple[str, int]:
        parts = [[{"type": "text", "text": p} if isinstance(p, str) else {"type": "image"} for p in m.content] for m in messages]
        chat = [{"role": m.role, "content": content} for m, content in zip(messages, parts, strict=True)]
        text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        seen = processor(images=[p.rgb for m in messages for p in m.content if not isinstance(p, str)], return_tensors="pt")
        for grid in seen["image_grid_thw"]:
            text = text.replace("<|image_pad|>", "<|hole|>" * int(grid.prod() // processor.merge_size**2), 1)
        ids = tokenizer(text.replace("<|hole|>", "<|image_pad|>"), return_tensors="pt")["input_ids"]
        kinds_of_token = (ids == model.config.image_token_id).to(torch.int32)
        with torch.inference_mode():
            told = model.generate(input_ids=ids, mm_token_type_ids=kinds_of_token, **seen, max_new_tokens=MAX_TOKENS, do_sample=False)
        new = told[0, ids.shape[1] :]
        return str(tokenizer.decode(new, skip_special_tokens=True)).rstrip(HALF_CHARACTER), len(new)

    return answer


def table(figures: dict[str, dict[str, float]]) -> str:
    lines = [f"{'ms of processor time an answer':34}{'deftly':>10}{'generate':>10}{'ratio':>8}"]
    lines += [f"{kind:34}{by['deftly']:10.1f}{by['generate']:10.1f}{by['ratio']:8.2f}" for kind, by in figures.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
