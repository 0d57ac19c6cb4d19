"""Where models slip, every dialect is tolerant if only one reading is possible, and an error names the mend where a guess could do harm."""

from __future__ import annotations

import json
from typing import Any

import pytest

from actions.dialects import get_dialect
from actions.geometry import Frame, Point, Size
from actions.space import Action, ButtonDown, ButtonUp, Click, Drag, Finished, Hotkey, Move, TypeText, Wait

SCREEN = Frame(Size(1000, 1000))
HALF = Point(0.5, 0.5)


def tool(**arguments: Any) -> str:
    return f"<tool_call>\n{json.dumps({'name': 'computer_use', 'arguments': arguments})}\n</tool_call>"


def seed(name: str, **parameters: str) -> str:
    inner = "\n".join(f"<parameter={key}>{value}</parameter>" for key, value in parameters.items())
    return f"<seed:tool_call>\n<function={name}>\n{inner}\n</function>\n</seed:tool_call>"


CLICK, MIDDLE = tool(action="left_click", coordinate=[500, 500]), (Click(point=HALF),)

TOLERATED: list[tuple[str, str, tuple[Action, ...]]] = [
    # no mark, no tags, fences instead
    ("doubao", "click(point='<point>500 500</point>')", MIDDLE),
    ("qwen3-vl", '{"name": "computer_use", "arguments": {"action": "left_click", "coordinate": [500, 500]}}', MIDDLE),
    ("qwen3-vl", 'I click.\n```json\n{"action": "left_click", "coordinate": [500, 500]}\n```', MIDDLE),
    ("qwen3-vl", 'I click: {"action": "left_click", "coordinate": [500, 500]}', MIDDLE),
    ("qwen3-vl", CLICK.removesuffix("\n</tool_call>"), MIDDLE),
    ("qwen3-vl", CLICK + "<|im_end|>", MIDDLE),
    ("anthropic", 'I click.\n{"action": "left_click", "coordinate": [500, 500]}', MIDDLE),
    ("openai", '```json\n{"type": "click", "x": 500, "y": 500, "button": "left"}\n```', MIDDLE),
    ("holo2", '```json\n{"note": "", "thought": "t", "action": {"action": "click_element", "x": 500, "y": 500}}\n```', MIDDLE),
    ("kimi-vl", "I click the middle.\npyautogui.click(x=0.5, y=0.5)", MIDDLE),
    ("kimi-vl", "Action: pyautogui.click(x=0.5, y=0.5)", MIDDLE),
    ("kimi-vl", "## Code:\nimport pyautogui\npyautogui.click(0.5, 0.5)  # the middle", MIDDLE),
    ("kimi-vl", "## Code:\n```python\nclick(x=0.5, y=0.5)\n```", MIDDLE),
    ("ui-venus", "Click(point=(500, 500))", MIDDLE),
    ("ui-venus", "<think>t</think>Click(point=(500, 500))", MIDDLE),
    ("glm-v", "left_click(start_box='[499.5,499.5]')", MIDDLE),
    ("uitars-2", seed("click", point="500 500").replace("</function>\n", ""), MIDDLE),
    ("uitars-2", seed("click", point="500 500").removesuffix("\n</seed:tool_call>"), MIDDLE),
    # a full-width colon
    ("doubao", "Thought：t\nAction：click(point='<point>500 500</point>')", MIDDLE),
    ("kimi-vl", "## Code：\npyautogui.click(x=0.5, y=0.5)", MIDDLE),
    ("qwen3-vl", f"Action：Click.\n{CLICK}", MIDDLE),
    # boxes and texts in a point's place
    ("doubao", "Action: click(point='<bbox>400 300 600 700</bbox>')", MIDDLE),
    ("glm-v", "left_click(start_box='[400,300,599,699]')", (Click(point=Point(0.5, 0.5)),)),
    ("uitars-2", seed("click", point="<bbox>400 300 600 700</bbox>"), MIDDLE),
    ("ui-venus", "<action>Click(box=(400, 300, 600, 700))</action>", MIDDLE),
    ("qwen3-vl", tool(action="left_click", coordinate=[400, 300, 600, 700]), MIDDLE),
    ("qwen3-vl", tool(action="left_click", coordinate="<bbox>400 300 600 700</bbox>"), MIDDLE),
    ("qwen3-vl", tool(action="left_click", coordinate="[500, 500]"), MIDDLE),
    ("qwen3-vl", tool(action="left_click", coordinate=["500", "500"]), MIDDLE),
    ("qwen3-vl", tool(action="left_click", coordinate={"x": 500, "y": 500}), MIDDLE),
    ("qwen3-vl", tool(action="left_click", coordinate=[[500, 500]]), MIDDLE),
    ("anthropic", '{"action": "left_click", "coordinate": [400, 300, 600, 700]}', MIDDLE),
    # quotes and line breaks that were not escaped
    ("doubao", "Action: type(content='it's \"x\"\nb')", (TypeText(text='it\'s "x"\nb'),)),
    ("ui-venus", "<action>Type(content='it's')</action>", (TypeText(text="it's"),)),
    ("glm-v", "type(content='it's')\nMemory:\n[]", (TypeText(text="it's"),)),
    ("kimi-vl", "## Code:\npyautogui.write('it's \"x\"')", (TypeText(text='it\'s "x"'),)),
    (
        "kimi-vl",
        "## Code:\npyautogui.write(message='one\ntwo')\npyautogui.press('enter')",
        (TypeText(text="one\ntwo"), Hotkey(keys=("enter",))),
    ),
    ("kimi-vl", "## Code:\npyautogui.write('C:\\dir')", (TypeText(text="C:\\dir"),)),
    ("qwen3-vl", '{"action": "type", "text": "say "hi", now"}', (TypeText(text='say "hi", now'),)),
    ("qwen3-vl", '{"action": "type", "text": "one\ntwo"}', (TypeText(text="one\ntwo"),)),
    ("qwen3-vl", '{"action": "type", "text": "C:\\dir"}', (TypeText(text="C:\\dir"),)),
    ("qwen3-vl", "{'action': 'type', 'text': 'a', 'clear': False}", (TypeText(text="a"),)),
    ("qwen3-vl", '{"action": "wait", "time": 2,}', (Wait(seconds=2),)),
    ("uitars-2", seed("type", content='a < b && </b> "it\'s"'), (TypeText(text='a < b && </b> "it\'s"'),)),
    ("uitars-2", seed("type", content="go\\n"), (TypeText(text="go\n"),)),
    # a bracket too few, where the block is closed
    ("qwen3-vl", CLICK.replace("}}", "}"), MIDDLE),
    ("qwen3-vl", tool(action="type", text="a").replace("}}", ""), (TypeText(text="a"),)),
    # several actions
    ("doubao", "Action: click(point='<point>500 500</point>')\n\nwait()", (*MIDDLE, Wait())),
    ("qwen3-vl", f"{CLICK}\n{tool(action='wait', time=5)}", (*MIDDLE, Wait())),
    (
        "qwen3-vl",
        CLICK.replace("\n</tool_call>", '\n{"name": "computer_use", "arguments": {"action": "wait"}}\n</tool_call>'),
        (*MIDDLE, Wait()),
    ),
    ("kimi-vl", "## Code:\npyautogui.click(x=0.5, y=0.5); computer.wait(5)", (*MIDDLE, Wait())),
    ("openai", '{"type": "click", "x": 500, "y": 500}\n{"type": "wait"}', (*MIDDLE, Wait())),
    ("anthropic", '[{"action": "left_click", "coordinate": [500, 500]}, {"action": "wait", "duration": 5}]', (*MIDDLE, Wait())),
    ("ui-venus", "<action>Click(point=(500, 500))\nWait()</action>", (*MIDDLE, Wait())),
    # a thought with code in it
    ("doubao", "Thought: click(1, 2) or\n```\nwait()\n```\nAction: click(point='<point>500 500</point>')", MIDDLE),
    (
        "kimi-vl",
        "## Thought:\nNot this:\n```python\npyautogui.click(x=0.1, y=0.1)\n```\n## Code:\n```python\npyautogui.click(x=0.5, y=0.5)\n```",
        MIDDLE,
    ),
    ("qwen3-vl", f'Thought: not {{"action": "wait"}} nor <tool_call> yet.\n{CLICK}', MIDDLE),
    ("qwen3-vl", f"<think>{tool(action='wait')}</think>{CLICK}", MIDDLE),
    ("uitars-2", f"<think>{seed('wait')}</think>{seed('click', point='500 500')}", MIDDLE),
    # words that depend on where the pointer is
    ("kimi-vl", "## Code:\npyautogui.click()", (ButtonDown(), ButtonUp())),
    ("kimi-vl", "## Code:\npyautogui.moveTo(0.5, 0.5)\npyautogui.click()", (Move(point=HALF), Click(point=HALF))),
    ("anthropic", '{"action": "left_click"}', (ButtonDown(), ButtonUp())),
    ("kimi-vl", "## Code:\npyautogui.dragTo(0.5, 0.5)", (ButtonDown(), ButtonUp(point=HALF))),
    ("kimi-vl", "## Code:\npyautogui.click(0, 0)\npyautogui.dragTo(0.5, 0.5)", (Click(point=Point(0, 0)), Drag(path=(Point(0, 0), HALF)))),
    # a word in the wrong case
    ("qwen3-vl", tool(action="Left_Click", coordinate=[500, 500]), MIDDLE),
    ("glm-v", "done()", (Finished(),)),
    # what is typed is not thinking
    ("ui-venus", "<action>Type(content='</think>')</action>", (TypeText(text="</think>"),)),
    ("doubao", "type(content='</think>')", (TypeText(text="</think>"),)),
    ("glm-v", "type(content='</think>')", (TypeText(text="</think>"),)),
    # a carriage return ends a line, too
    ("kimi-vl", "## Code:\npyautogui.click(0.5, 0.5)\rcomputer.wait(5)", (*MIDDLE, Wait())),
]


@pytest.mark.parametrize(("name", "text", "meant"), TOLERATED)
def test_a_slip_that_has_one_reading_is_read(name: str, text: str, meant: tuple[Action, ...]) -> None:
    got = get_dialect(name).parse(text, SCREEN)
    assert (got.error, got.actions) == (None, meant)


REFUSED: list[tuple[str, str, str]] = [
    # empty places
    ("doubao", "Action: click(point='')", "is no point"),
    ("glm-v", "left_click(start_box='[]')", "is no point"),
    ("uitars-2", seed("click", point=""), "is no point"),
    ("ui-venus", "<action>Click(point=())</action>", "is no point"),
    ("qwen3-vl", tool(action="left_click", coordinate=[]), "is no point"),
    ("qwen3-vl", tool(action="left_click", coordinate=None), "needs coordinate"),
    ("qwen3-vl", tool(action="left_click"), "needs coordinate"),
    ("openai", '{"type": "click", "button": "left"}', "needs x"),
    ("holo2", '{"thought": "t", "action": {"action": "click_element", "element": "a"}}', "needs x"),
    ("kimi-vl", "## Code:\npyautogui.click(x=0.5)", "is no point"),
    # places outside
    ("doubao", "Action: click(point='<point>1001 500</point>')", "x is 1001, outside"),
    ("qwen3-vl", tool(action="left_click", coordinate=[500, 1001]), "y is 1001, outside"),
    ("qwen2.5-vl", tool(action="left_click", coordinate=[1009, 0]), "outside the 1008x1008 image"),
    ("glm-v", "left_click(start_box='[1000,0]')", "x is 1000, outside"),
    ("ui-venus", "<action>Click(point=(1000, 0))</action>", "x is 1000, outside"),
    ("kimi-vl", "## Code:\npyautogui.click(x=500, y=300)", "x is 500, outside the fractions"),
    ("opencua", "## Code:\npyautogui.click(x=-5, y=300)", "x is -5, outside"),
    ("opencua", "## Code:\npyautogui.click(x=0.5, y=1e999)", "is no point"),
    ("anthropic", '{"action": "left_click", "coordinate": [500, -1]}', "y is -1, outside"),
    ("openai", '{"type": "click", "x": 1001, "y": 5}', "x is 1001, outside"),
    # numbers that are none
    ("qwen3-vl", '{"action": "left_click", "coordinate": [NaN, 5]}', "value"),
    ("qwen3-vl", tool(action="left_click", coordinate=[True, 5]), "is no point"),
    ("qwen3-vl", tool(action="wait", time="soon"), "it must be a finite number"),
    ("qwen3-vl", tool(action="scroll", pixels=1e300), "scroll.dy"),
    # what is not understood
    ("qwen3-vl", tool(action="fly", coordinate=[5, 5]), "no action called 'fly'"),
    ("qwen3-vl", tool(action="left_click", coordinate=[5, 5], speed=3), "no field 'speed'"),
    ("qwen3-vl", tool(coordinate=[5, 5]), "computer_use"),
    ("qwen3-vl", tool(action="key", keys=["hyperspace"]), "no key is called"),
    ("qwen3-vl", tool(action="left_click", coordinate=[5, 5], text="enter"), "known are ctrl"),
    ("kimi-vl", "## Code:\npyautogui.moveRel(0.1, 0.1)", "no action called 'pyautogui.moveRel'"),
    ("kimi-vl", "## Code:\npyautogui.click(x=0.5, y=0.5, force=True)", "no argument 'force'"),
    ("kimi-vl", "## Code:\ncomputer.terminate(status='maybe')", "it must be one of success, failure"),
    ("holo2", '{"thought": "t", "action": {"action": "restart"}}', "restart has no meaning here"),
    ("holo2", '{"note": "", "thought": "t", "action": []}', "there is no step"),
    ("holo", '{"note": " .", "action":[', "there is no step"),
    # code that is more than calls with literals
    ("kimi-vl", "## Code:\nx = 0.5\npyautogui.click(x, x)", "no call such as"),
    ("kimi-vl", "## Code:\npyautogui.click(x=0.25 * 2, y=0.5)", "only calls with literal arguments"),
    ("kimi-vl", "## Code:\nimport os\nos.system('x')", "no call such as"),
    ("kimi-vl", "## Code:\nfor i in range(3): pyautogui.click(0.5, 0.5)", "only calls with literal arguments"),
    ("kimi-vl", "## Code:\npyautogui.click(*[0.5, 0.5])", "only calls with literal arguments"),
    ("kimi-vl", "## Code:\npyautogui.write(f'{x}')", "only calls with literal arguments"),
    ("kimi-vl", "## Code:\npyautogui.write(open)", "no literal"),
    ("kimi-vl", "## Code:\n(lambda: 0)()", "only calls with literal arguments"),
    ("kimi-vl", "## Code:\npyautogui.click.__call__(0.5, 0.5)", "something other than pyautogui"),
    # two things that contradict each other
    ("qwen3-vl", '{"action": "left_click", "coordinate": [5, 5], "coordinate": [500, 500]}', "twice"),
    ("kimi-vl", "## Code:\npyautogui.click(0.5, 0.5, x=0.1)", "comes by position and by name"),
    ("opencua", "## Code:\npyautogui.moveTo(x=0.5, y=0.5)\npyautogui.click(x=5000, y=1)", "outside"),
    # cut off in the middle
    ("qwen3-vl", CLICK.split("]")[0], "expected"),
    ("qwen3-vl", '{"action": "left_click", "coordinate": [500, 50', "expected"),
    ("qwen3-vl", '<tool_call>\n{"name": "computer_use", "arguments": {"action": "left_click", "coordinate": [500, 500]', "expected"),
    ("kimi-vl", "## Code:\npyautogui.click(x=0.5, y=0.", "cannot be read"),
    ("uitars-2", "<seed:tool_call>\n<function=type>\n<parameter=content>abc", "never closed"),
    ("qwen3-vl", "<think>hm" + CLICK, "never closed"),
    # words behind the actions, and an action swallowed by a text
    ("qwen3-vl", f"{CLICK}\nThat will do.", "expected"),
    ("kimi-vl", "## Code:\npyautogui.click(x=0.5, y=0.5)\nThat will do.", "cannot be read"),
    ("kimi-vl", "## Code:\npyautogui.write('a)\npyautogui.click(x=0.5, y=0.5)\npyautogui.write('b')", "only calls"),
    # one bad action spoils the answer
    ("qwen3-vl", f"{CLICK}\n{tool(action='left_click', coordinate=[5000, 5])}", "action 2 of 2"),
    ("kimi-vl", "## Code:\npyautogui.click(x=0.5, y=0.5)\npyautogui.click(x=5, y=5)", "action 2 of 2"),
]


@pytest.mark.parametrize(("name", "text", "named"), REFUSED)
def test_what_could_click_the_wrong_thing_is_an_error_that_names_the_mend(name: str, text: str, named: str) -> None:
    got = get_dialect(name).parse(text, SCREEN)
    assert got.actions == ()
    assert got.error is not None and named in got.error


def test_a_stated_coordinate_rule_makes_opencua_strict() -> None:
    fractions, pixels = "## Code:\npyautogui.click(x=0.5, y=0.5)", "## Code:\npyautogui.click(x=504, y=504)"
    assert get_dialect("opencua").parse(fractions, SCREEN).actions == get_dialect("opencua").parse(pixels, SCREEN).actions == MIDDLE
    assert "are fractions, but" in str(get_dialect("opencua", None, "resized").parse(fractions, SCREEN).error)
    assert "outside the fractions" in str(get_dialect("opencua", None, "fraction").parse(pixels, SCREEN).error)
