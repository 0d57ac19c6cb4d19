"""Chameleon in process: squares that lose no pixel, tokens as transformers makes them, answers as `generate` gives them, one or many."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.coordinates import space_of
from actions.geometry import Frame, Point, Size
from agent.context import dialect_of
from agent.tokens import image_rule, image_tokens, seen_size
from inference.engines.base import ChatRequest, EngineError, Message
from inference.engines.transformers import TransformersEngine
from inference.families import load_family
from inference.parity import built_in_screens, compare
from inference.parity.library import LibraryWay
from inference.parity.ours import OurWay
from inference.serving.engine import BatchingEngine
from inference.vlm.checkpoint import read_picture_settings, read_tokenizer
from inference.vlm.one_stream import CHAT_TEMPLATE, picture_pixels
from inference.vlm.wording import HALF_CHARACTER
from tests.inference.chats import CHATS, PICTURES, ask, user
from tests.inference.picture import Picture
from tests.inference.tiny_chameleon import PATCH, SIDE, Reference, build_tiny, in_square, picture_settings

pytestmark = pytest.mark.model
FAMILY = load_family("chameleon")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny(tmp_path_factory.mktemp("chameleon") / "tiny")


@pytest.fixture(scope="module")
def reference(folder: Path) -> Reference:
    return Reference(folder)


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[BatchingEngine]:
    engine = BatchingEngine(folder, device="cpu", max_num_seqs=4)
    yield engine
    engine.close()


def silent(engine: Any) -> Any:
    return engine._network._silent_ids


def wanted(reference: Reference, engine: Any, chat: tuple[Message, ...], max_tokens: int) -> str:
    return reference.generate(chat, max_tokens, silent=silent(engine)).rstrip(HALF_CHARACTER)


@settings(max_examples=20, deadline=None)
@given(st.integers(5, 700), st.integers(5, 700), st.integers(0, 9))
def test_pixels_are_those_that_the_published_processor_makes_of_a_square(
    folder: Path, reference: Reference, width: int, height: int, seed: int
) -> None:
    import torch

    reader, rgb = read_picture_settings(folder), Picture.drawn(width, height, seed).rgb
    theirs = reference.processor(images=[in_square(rgb)], return_tensors="pt")["pixel_values"]
    grid = reader.grid(height, width)
    assert grid == (SIDE // PATCH, SIDE // PATCH)
    ours = picture_pixels(torch.from_numpy(reader.patches(rgb)), torch.tensor([[1, *grid]]))
    assert torch.equal(ours[0], theirs)
    kept = reader.resized(rgb)
    assert np.array_equal(reader.patches(kept), reader.patches(rgb))


def test_the_published_processor_alone_would_cut_off_the_sides_of_a_screen(reference: Reference) -> None:
    """Why there are squares: a mark at the left edge of a wide screen is not among the pixels that it makes."""
    rgb = np.zeros((108, 192, 3), dtype=np.uint8)
    rgb[:, :40] = 255
    assert float(reference.processor(images=[rgb], return_tensors="pt")["pixel_values"].max()) < 0
    assert float(reference.processor(images=[in_square(rgb)], return_tensors="pt")["pixel_values"].max()) > 0.9


@settings(max_examples=20, deadline=None)
@given(screen=st.sampled_from([(1920, 1080), (1280, 720), (1366, 768), (800, 600), (768, 1366), (512, 512), (160, 210)]), data=st.data())
def test_a_click_that_is_written_in_pixels_of_the_square_means_the_pixel_that_the_model_saw_there(
    screen: tuple[int, int], data: st.DataObject
) -> None:
    """A dot is drawn, found in what the model sees, and clicked: the click is on the dot, but for the square's coarser pixels."""
    width, height = screen
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    coarse = max(1.0, max(screen) / 512)
    rgb = np.zeros((height, width, 3), dtype=np.uint8)
    reach = round(2 * coarse)
    rgb[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1] = 255
    reader = read_picture_settings_of_512()
    seen = reader.resized(rgb)[:, :, 0].astype(float)
    assert seen.shape == (512, 512)
    bright = np.argwhere(seen > 127)
    row, column = bright.mean(0) + 0.5
    space = space_of("square", Frame(Size(*screen)), image_rule(FAMILY.image))
    point = space.point(column, row)
    shown = np.argwhere(rgb[:, :, 0] > 127).mean(0) + 0.5  # cut at an edge, the dot has another middle
    assert abs(point.x * width - shown[1]) <= coarse and abs(point.y * height - shown[0]) <= coarse
    text = f"Thought: there\nAction: click(point='<point>{column:.0f} {row:.0f}</point>')"
    read = dialect_of(FAMILY).parse(text, Frame(Size(*screen)))
    assert read.error is None
    left, top = read.actions[0].point.to_pixel(Size(*screen))  # type: ignore[union-attr]
    assert rgb[top, left, 0] == 255


def read_picture_settings_of_512() -> Any:
    """The published numbers."""
    from inference.vlm.pictures import PictureReader

    numbers: Any = picture_settings(512)
    return PictureReader(
        patch_size=16,
        merge_size=1,
        temporal_patch_size=1,
        min_pixels=512**2,
        max_pixels=512**2,
        mean=tuple(numbers["image_mean"]),
        std=tuple(numbers["image_std"]),
        rescale=numbers["rescale_factor"],
        resample=numbers["resample"],
        fit="square",
        positions="line",
    )


def test_any_screen_takes_1024_tokens_and_places_beyond_it_are_refused() -> None:
    for size in (Size(1920, 1080), Size(100, 900), Size(3840, 2160)):
        assert (seen_size(size, FAMILY.image), image_tokens(size, FAMILY.image)) == (Size(512, 512), 1024)
    space = space_of("square", Frame(Size(1920, 1080)), image_rule(FAMILY.image))
    assert space.point(256, 144) == Point(0.5, 0.5)
    assert space.numbers(Point(1.0, 1.0)) == (512, 288)
    with pytest.raises(ValueError, match="outside the picture within its square of 512x512"):
        space.point(256, 300)  # the black below the screen


def test_an_empty_picture_is_refused(folder: Path) -> None:
    with pytest.raises(EngineError, match="0x10 px cannot be shown"):
        read_picture_settings(folder).grid(10, 0)


def test_a_tokenizer_without_a_template_gets_that_of_its_authors_and_one_with_its_own_keeps_it(folder: Path, tmp_path: Path) -> None:
    tokenizer = read_tokenizer(folder)
    chat = [
        {"role": "system", "content": "Act."},
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Go"}]},
        {"role": "assistant", "content": "wait()"},
        {"role": "user", "content": "On"},
    ]
    said = "<s>Act.\n<racm3:break><image><eoss>Go<reserved08706>wait()</s>On<reserved08706>"
    assert tokenizer.chat_template == CHAT_TEMPLATE
    assert tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True) == said
    tokenizer.chat_template = "{{ messages }}"
    tokenizer.save_pretrained(tmp_path)
    assert read_tokenizer(tmp_path).chat_template == "{{ messages }}"


def test_prompts_are_those_of_the_published_processor(engine: BatchingEngine, reference: Reference) -> None:
    for chat in CHATS.values():
        assert engine._prompts.read(chat).ids.tolist() == reference.inputs(chat)["input_ids"][0].tolist()


def test_answers_given_side_by_side_equal_those_of_generate(engine: BatchingEngine, reference: Reference) -> None:
    lengths = [9 + 5 * number for number in range(len(CHATS))]
    with ThreadPoolExecutor(len(CHATS)) as pool:
        replies = list(pool.map(engine.chat, [ask(*chat, max_tokens=n) for chat, n in zip(CHATS.values(), lengths, strict=True)]))
    for (name, chat), length, reply in zip(CHATS.items(), lengths, replies, strict=True):
        assert reply.text == wanted(reference, engine, chat, length), name


def test_an_answer_is_streamed_and_a_picture_is_read_once(folder: Path, reference: Reference) -> None:
    engine = TransformersEngine(folder, device="cpu")
    chat = (user("Before.", PICTURES[1], "Click."),)
    pieces = list(engine.stream(ask(*chat)))
    assert len(pieces) > 2 and "".join(pieces) == wanted(reference, engine, chat, 24)
    asked = []
    network: Any = engine._network
    tokens, network._encode = network._encode, lambda picture: asked.append(picture)
    grown = (*chat, Message(role="assistant", content=("".join(pieces),)), user("Next?"))
    again = engine.chat(ask(*grown))
    network._encode = tokens
    assert not asked and again.num_cached_tokens > (SIDE // PATCH) ** 2
    engine.close()


def test_no_answer_holds_a_picture_or_what_stands_around_one(folder: Path, tmp_path: Path) -> None:
    """As the authors' decoder of text: made the likeliest by far, these tokens are not said, greedily or drawn."""
    import torch
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    config = Reference(folder).model.config
    names = config.vocabulary_map
    loud = [names["<racm3:break>"], names["<eoss>"], names["<reserved08706>"], names["<image>"], *(names[f"IMGIMG{d}Z"] for d in "ABC")]
    mean = weights["lm_head.weight"].abs().mean(0)
    weights["model.norm.weight"] = torch.zeros_like(weights["model.norm.weight"]) + 1
    for token in loud:
        weights["lm_head.weight"][token] = 9 * mean * torch.sign(torch.randn(len(mean), generator=torch.Generator().manual_seed(token)))
    changed = tmp_path / "loud"
    changed.mkdir()
    for file in folder.iterdir():
        (changed / file.name).write_bytes(file.read_bytes())
    save_file(weights, changed / "model.safetensors", metadata={"format": "pt"})
    reference, engine = Reference(changed), BatchingEngine(changed, device="cpu")
    plain = [reference.model.generate(**reference.inputs(chat), max_new_tokens=12, do_sample=False)[0, -12:] for chat in CHATS.values()]
    assert any(set(answer.tolist()) & set(loud) for answer in plain)
    for seed, chat in enumerate(CHATS.values()):
        for temperature in (0.0, 1.5):
            request = ask(*chat, max_tokens=12, temperature=temperature, seed=seed)
            ids = said_ids(engine, request)
            assert ids and not set(ids) & {*loud, *(n for name, n in names.items() if name.startswith("IMGIMG"))}
    engine.close()


def said_ids(engine: BatchingEngine, request: ChatRequest) -> list[int]:
    """The tokens of an answer."""
    heard: list[int] = []
    ticket_done = engine.desk()
    original = engine._prepare

    def prepare(ticket: Any) -> None:
        original(ticket)
        accept = ticket.answer.accept

        def listen(token: int) -> str:
            heard.append(token)
            return str(accept(token))

        ticket.answer.accept = listen

    engine._prepare = prepare  # type: ignore[method-assign]
    ticket_done.chat(request)
    engine._prepare = original  # type: ignore[method-assign]
    return heard


@pytest.mark.parametrize("swin_norm", [False, True], ids=["as in 7B", "as in 34B"])
def test_our_path_and_transformers_agree_on_every_screen(tmp_path: Path, swin_norm: bool) -> None:
    folder = build_tiny(tmp_path / "m", seed=3, swin_norm=swin_norm)
    ours, theirs = OurWay(folder, device="cpu"), LibraryWay(folder, device="cpu")
    for screen in built_in_screens():
        found = compare(screen.name, ours.run(screen, 6), theirs.run(screen, 6), other=theirs.name, tolerance=1e-3)
        assert found.agrees and found.largest < 1e-4, found


def test_a_family_s_budget_goes_before_the_folder_s(folder: Path) -> None:
    engine = TransformersEngine(folder, device="cpu", min_pixels=64**2, max_pixels=64**2)
    assert len(engine._prompts.read(CHATS["picture first"]).pictures) == 1
    assert engine._prompts.read(CHATS["picture first"]).pictures[0].rows == 4
    engine.close()
    assert replace(read_picture_settings(folder), max_pixels=512**2).grid(10, 10) == (32, 32)
