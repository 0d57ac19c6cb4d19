"""Every family asks its model and understands it: an episode becomes messages, answers are read back, pictures are counted rightly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from actions.geometry import Frame, Point, Size
from actions.space import Action, Click, Finished, Hotkey, Prediction, Scroll, TypeText, Wait
from agent.context import answer_text, build_messages, dialect_of
from agent.step import Step
from agent.tokens import image_tokens, seen_size
from inference.families import Family, load_family
from inference.families.catalogue import FAMILIES
from inference.models.kimi_vl.image_processing_kimi_vl import KimiVLImageProcessor
from plugins.entry import OURS

OUR_FAMILIES = [entry.name for entry in FAMILIES.entries() if entry.origin == OURS]
SCREEN = Size(1920, 1080)
ACTIONS: list[tuple[Action, ...]] = [
    (Click(point=Point(0.25, 0.5)),),
    (TypeText(text='milk, "eggs" & it\'s done\n'),),
    (Hotkey(keys=("ctrl", "s")),),
    (Scroll(point=Point(0.5, 0.5), dx=0, dy=-5),),
    (Wait(seconds=5.0),),
    (Finished(answer="3 items"),),
]
# Answers in the form that the family's authors publish, for a screen of 1920x1080, and what they mean.
CLICK_MIDDLE, CLICK_QUARTER = (Click(point=Point(0.5, 0.5)),), (Click(point=Point(0.25, 0.5)),)
TOOL_CALL = (
    "Action: Click the button.\n<tool_call>\n"
    '{"name": "computer_use", "arguments": {"action": "left_click", "coordinate": [%s]}}\n</tool_call>'
)
PHONE_CALL = TOOL_CALL.replace("computer_use", "mobile_use").replace("left_click", "click")
XML_CALL = (
    "Action: Click the button.\n<tool_call>\n<function=computer_use>\n<parameter=action>\nleft_click\n</parameter>\n"
    "<parameter=coordinate>\n[500, 500]\n</parameter>\n</function>\n</tool_call>"
)
CODE = "%s## Action:\nClick the button.\n\n## Code:\n```python\npyautogui.click(x=%s, y=%s)\n```"
EXAMPLES: dict[str, list[tuple[str, tuple[Action, ...]]]] = {
    "deftly-tiny": [("Thought: press ok\nAction: click(point='<point>336 192</point>')", CLICK_MIDDLE)],
    "uitars-1.0": [("Thought: Click it.\nAction: click(start_box='<|box_start|>(500,500)<|box_end|>')", CLICK_MIDDLE)],
    "uitars-1.5": [
        ("Thought: Click it.\nAction: click(point='<point>966 546</point>')", CLICK_MIDDLE),
        ("Thought: Click it.\nAction: click(start_box='(483,546)')", CLICK_QUARTER),
    ],
    "uitars-1.5-blocks": [("Thought: Click it.\nAction: click(start_box='(966,546)')", CLICK_MIDDLE)],
    "doubao": [("Thought: Click it.\nAction: click(point='<point>500 500</point>')", CLICK_MIDDLE)],
    "opencua": [(CODE % ("## Thought:\nIt is there.\n\n", "966", "546"), CLICK_MIDDLE)],
    "opencua-72b": [(CODE % ("# Step 1:\n## Thought:\nIt is there.\n\n", "966", "546"), CLICK_MIDDLE)],
    "kimi-vl": [(CODE % ("## Thought:\nIt is there.\n\n", "0.5", "0.5"), CLICK_MIDDLE)],
    "kimi-vl-thinking": [(CODE % ("◁think▷It is there.◁/think▷", "0.25", "0.5"), CLICK_QUARTER)],
    "qwen2.5-vl": [(TOOL_CALL % "966, 546", CLICK_MIDDLE)],
    "qwen3-vl": [(TOOL_CALL % "500, 500", CLICK_MIDDLE)],
    "qwen3.5": [(XML_CALL, CLICK_MIDDLE)],
    "evocua": [(TOOL_CALL % "250, 500", CLICK_QUARTER)],
    "gui-owl-1.5": [(TOOL_CALL % "500, 500", CLICK_MIDDLE)],
    "holo1.5": [
        (
            '{"note": "", "thought": "It is there.", "action": {"action": "click_element", "element": "OK", "x": 966, "y": 546}}',
            CLICK_MIDDLE,
        )
    ],
    "holo2": [('{"note": "", "thought": "", "action": {"action": "click_element", "element": "OK", "x": 500, "y": 500}}', CLICK_MIDDLE)],
    "chameleon": [("Thought: It is there.\nAction: click(point='<point>256 144</point>')", CLICK_MIDDLE)],
    "ui-venus": [("<think>It is there.</think>\n<action>Click(box=(500, 500))</action>", CLICK_MIDDLE)],
    "ui-venus-mobile": [("<think>It is there.</think>\n<action>Click(point=(500, 500))</action>", CLICK_MIDDLE)],
    "glm-v": [("It is there.\nleft_click(start_box='[500,500]', element_info='OK')\nMemory:\n[]", CLICK_MIDDLE)],
    "uitars-2": [
        (
            "<think_never_used_51bce0c785ca2f68081bfa7d91973934>It is there.</think_never_used_51bce0c785ca2f68081bfa7d91973934>"
            "<seed:tool_call>\n<function=click>\n<parameter=point><point>500 500</point></parameter>\n</function>\n</seed:tool_call>",
            CLICK_MIDDLE,
        )
    ],
    "qwen2.5-vl-mobile": [(PHONE_CALL % "966, 546", CLICK_MIDDLE)],
    "qwen3-vl-mobile": [(PHONE_CALL % "500, 500", CLICK_MIDDLE)],
    "gui-owl-1.5-mobile": [(PHONE_CALL % "500, 500", CLICK_MIDDLE)],
}


@pytest.fixture(params=OUR_FAMILIES)
def family(request: pytest.FixtureRequest) -> Family:
    return load_family(request.param)


def test_an_episode_becomes_messages_that_end_with_the_screen_and_hold_the_task(
    family: Family, make_step: Callable[..., Step], make_screen: Callable[..., Any]
) -> None:
    steps = [
        replace(make_step(index, *ACTIONS[index], thought=f"thought {index}"), seen=make_screen(index, 1920, 1080)) for index in range(3)
    ]
    seen = make_screen(9, 1920, 1080)
    messages = build_messages("buy {milk}", steps, seen, family)
    assert messages[-1].role == "user"
    assert seen in messages[-1].content
    text = "".join(part for message in messages for part in message.content if isinstance(part, str))
    assert text.count("buy {milk}") == 1
    assert all(f"thought {index}" in text for index in range(3))
    shown = [part for message in messages for part in message.content if not isinstance(part, str)]
    assert len(shown) == min(4, family.history.images or 4)


@pytest.mark.parametrize("actions", ACTIONS, ids=lambda actions: actions[0].type)
def test_what_a_family_writes_it_reads_as_the_same_actions(family: Family, actions: tuple[Action, ...]) -> None:
    frame = Frame(screen=SCREEN)
    read = dialect_of(family).parse(answer_text(Prediction(thought="look at it", actions=actions), family, frame), frame)
    assert read.error is None
    assert read.thought == "look at it"
    assert [_rounded(action) for action in read.actions] == [_rounded(action) for action in actions]


def test_answers_as_its_authors_publish_them_are_read_rightly(family: Family) -> None:
    assert family.verified.examples or family.name == "chameleon"  # whose authors have it do nothing on screens
    for text, actions in EXAMPLES[family.name]:
        read = dialect_of(family).parse(text, Frame(screen=SCREEN))
        assert (read.error, tuple(_rounded(action) for action in read.actions)) == (None, actions), text


SIZES = [(1920, 1080), (1280, 720), (1366, 768), (2560, 1440), (3840, 2160), (7680, 4320), (1512, 982), (320, 320), (40, 33)]


def test_pictures_take_as_many_tokens_as_the_processor_of_the_family_makes(family: Family) -> None:
    """Checked against the Qwen image processor of transformers, by the numbers of the family, at odd sizes, too.

    Chameleon's squares are checked with its model: `tests/inference/models/test_chameleon.py`.
    """
    if family.image.fit == "square":
        return
    if family.image.fit == "pad":
        moonvit = KimiVLImageProcessor(in_token_limit=family.image.max_pixels // 14**2)  # itself held to published counts
        assert all(image_tokens(Size(*size), family.image) == moonvit.num_tokens(*size) for size in SIZES)
        return
    if not family.verified.image_tokens:
        assert family.name in ("doubao", "uitars-2", "glm-v")  # remote code, hosted, frames
        return
    processor = _processor(family)
    for size in SIZES:
        height, width = size[1], size[0]
        patches = processor.get_number_of_image_patches(height, width, {})
        assert image_tokens(Size(width, height), family.image) == patches // 4, size


@pytest.mark.parametrize(
    ("name", "size", "seen"),
    [
        ("kimi-vl", (1920, 1080), (1204, 672)),  # 137 x 77 patches are more than 4096: shrunk to 1196 x 672, then padded
        ("kimi-vl", (800, 600), (812, 616)),
        ("kimi-vl-thinking", (1920, 1080), (1932, 1092)),
    ],
)
def test_a_family_that_pads_counts_the_padded_picture(name: str, size: tuple[int, int], seen: tuple[int, int]) -> None:
    image = load_family(name).image
    assert seen_size(Size(*size), image) == seen
    assert image_tokens(Size(*size), image) == seen[0] * seen[1] // 784


def _processor(family: Family) -> Any:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    image = family.image
    return Qwen2VLImageProcessorPil(
        patch_size=image.factor // 2, merge_size=2, size={"shortest_edge": image.min_pixels, "longest_edge": image.max_pixels}
    )


def _rounded(action: Action) -> Action:
    """`action` with its point as exact as the coarsest family writes it."""
    point = getattr(action, "point", None)
    return action if point is None else replace(action, point=Point(round(point.x, 2), round(point.y, 2)))
