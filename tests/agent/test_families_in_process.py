"""Families whose architecture the in-process engine runs: a small checkpoint answers in each one's way of asking and counts alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actions.geometry import Size
from agent.context import build_messages
from agent.step import Step
from agent.tokens import image_tokens
from inference.engines.base import ChatRequest
from inference.engines.transformers import TransformersEngine
from inference.families import Family, load_family
from inference.families.catalogue import FAMILIES, load_entry
from inference.vlm.checkpoint import read_tokenizer
from plugins.entry import OURS
from tests.inference.models.tiny_kimi import build_tiny as build_kimi
from tests.inference.tiny import build_tiny
from tests.inference.tiny_chameleon import build_tiny as build_chameleon

FAMILIES_OF_OURS = [load_entry(entry) for entry in FAMILIES.entries() if entry.origin == OURS]
RUN = [family.name for family in FAMILIES_OF_OURS if family.verified.transformers]
SCREEN = Size(300, 200)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Family], Path]:
    """A folder with a small model of the family's architecture and patch size, each built once."""
    built: dict[tuple[str, int], Path] = {}

    def get(family: Family) -> Path:
        kind = (family.architecture, family.image.factor // 2)
        if kind not in built:
            folder = tmp_path_factory.mktemp("models") / "-".join(map(str, kind))
            built[kind] = _build(folder, family)
        return built[kind]

    return get


def _build(folder: Path, family: Family) -> Path:
    match family.architecture:
        case "chameleon":
            return build_chameleon(folder)
        case "kimi_vl":
            return build_kimi(folder, in_token_limit=family.image.max_pixels // 14**2, max_position_embeddings=16384)
    return build_tiny(folder, kind=family.architecture, patch=family.image.factor // 2, length=16384)


@pytest.mark.parametrize("name", RUN)
def test_a_small_checkpoint_answers_in_the_family_s_way_of_asking(
    name: str, checkpoint: Callable[[Family], Path], make_step: Callable[..., Step], make_screen: Callable[..., Any]
) -> None:
    family = load_family(name)
    folder, image = checkpoint(family), family.image
    steps = [replace(make_step(index), seen=make_screen(index, *SCREEN)) for index in range(1)]
    messages = build_messages("buy milk", steps, make_screen(9, *SCREEN), family)
    engine = TransformersEngine(folder, device="cpu", min_pixels=image.min_pixels, max_pixels=image.max_pixels)
    reply = engine.chat(ChatRequest(messages=messages, max_tokens=1))
    engine.close()
    pictures = [part for message in messages for part in message.content if not isinstance(part, str)]
    assert reply.num_prompt_tokens == _tokens_without_pictures(folder, messages) + len(pictures) * image_tokens(SCREEN, image)
    assert reply.num_completion_tokens >= 1


def test_what_an_architecture_was_tried_in_holds_for_all_its_families() -> None:
    for engine in ("transformers", "vllm"):
        tried = {family.architecture for family in FAMILIES_OF_OURS if getattr(family.verified, engine)}
        claimed = {family.name for family in FAMILIES_OF_OURS if family.architecture in tried}
        assert {family.name for family in FAMILIES_OF_OURS if getattr(family.verified, engine)} == claimed


def _tokens_without_pictures(folder: Path, messages: Any) -> int:
    """Tokens of the prompt as the chat template writes it, the places of the pictures left out."""
    tokenizer = read_tokenizer(folder)
    chat = [
        {"role": m.role, "content": [{"type": "text", "text": p} if isinstance(p, str) else {"type": "image"} for p in m.content]}
        for m in messages
    ]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    for place in ("<|image_pad|>", "<image>", "<|media_pad|>", "<|media_placeholder|>"):
        text = text.replace(place, "")
    return len(tokenizer(text, add_special_tokens=False)["input_ids"])
