"""Steps of AgentNetBench with the score that its definition gives, worked out by hand; the comment of each says how.

A place that misses by d of the screen, farther than 0.01·√2 = 0.0141421, gets exp(-120·(d - 0.0141421)):
d = 0.02 → 0.4951256   d = 0.03 → 0.1491290   d = 0.05 → 0.0135287   d = 0.1 → 0.0000335
A text whose likeness s = 1 - edits / longer length is below 0.8 gets s / 0.8.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, NamedTuple

Json = dict[str, Any]

MISS_02, MISS_03, MISS_05, MISS_10 = 0.4951256, 0.1491290, 0.0135287, 0.0000335


class Case(NamedTuple):
    """One step: what was right (first the ground truth, then alternatives), what a model wrote, and what that is worth."""

    name: str
    options: list[list[Json]]
    text: str
    score: float
    actions: dict[str, float]


def at(kind: str, x: float, y: float, *boxes: list[float]) -> Json:
    return {"type": kind, "params": {"position": {"x": x, "y": y}}, "metadata": {"bboxes": [{"rel_bbox": box} for box in boxes]}}


def write(text: str) -> Json:
    return {"type": "write", "params": {"text": text}, "metadata": {}}


def keys(kind: str, *names: str) -> Json:
    return {"type": kind, "params": {"keys": list(names)}, "metadata": {}}


def scroll(amount: int) -> Json:
    return {"type": "scroll", "params": {"position": {"x": 0.5, "y": 0.5}, "amount": amount}, "metadata": {"bboxes": []}}


def terminate(status: str) -> Json:
    return {"type": "terminate", "params": {"status": status}, "metadata": {}}


BOX = [0.25, 0.25, 0.5, 0.25]  # x, y, width, height: from (0.25, 0.25) to (0.75, 0.5)
MIDDLE = at("click", 0.5, 0.375, BOX)
BARE = at("click", 0.5, 0.5)
ENTER_LINE = "pyautogui.press(keys=['enter'])"

CASES = [
    # -- places: boxes
    Case("on the point", [[BARE]], "pyautogui.click(x=0.5, y=0.5)", 1.0, {"click": 1.0}),
    Case("inside the box, far from the point", [[MIDDLE]], "pyautogui.click(x=0.7, y=0.3)", 1.0, {"click": 1.0}),
    Case("on the left edge of the box", [[MIDDLE]], "pyautogui.click(x=0.25, y=0.4)", 1.0, {"click": 1.0}),
    Case("on the right edge of the box", [[MIDDLE]], "pyautogui.click(x=0.75, y=0.4)", 1.0, {"click": 1.0}),
    Case("on the upper edge of the box", [[MIDDLE]], "pyautogui.click(x=0.4, y=0.25)", 1.0, {"click": 1.0}),
    Case("on the lower edge of the box", [[MIDDLE]], "pyautogui.click(x=0.4, y=0.5)", 1.0, {"click": 1.0}),
    Case("on a corner of the box", [[MIDDLE]], "pyautogui.click(x=0.75, y=0.5)", 1.0, {"click": 1.0}),
    Case(
        "in the second of two boxes",
        [[at("click", 0.1, 0.1, [0.0, 0.0, 0.05, 0.05], [0.8, 0.8, 0.1, 0.1])]],
        "pyautogui.click(x=0.85, y=0.85)",
        1.0,
        {"click": 1.0},
    ),
    # just below the box (0.5), 0.14 from the point: exp(-120 · (0.14 - 0.0141421)) = 2.76e-7
    Case("a hair outside the box counts from the point", [[MIDDLE]], "pyautogui.click(x=0.5, y=0.515)", 2.759e-7, {"click": 2.759e-7}),
    Case("outside the box, near the point", [[at("click", 0.5, 0.51, BOX)]], "pyautogui.click(x=0.5, y=0.515)", 1.0, {"click": 1.0}),
    # -- places: distance
    Case("0.01 away", [[BARE]], "pyautogui.click(x=0.51, y=0.5)", 1.0, {"click": 1.0}),
    Case("0.014 away, still on it", [[BARE]], "pyautogui.click(x=0.514, y=0.5)", 1.0, {"click": 1.0}),
    Case("0.02 away", [[BARE]], "pyautogui.click(x=0.52, y=0.5)", MISS_02, {"click": MISS_02}),
    Case("0.02 away, upwards", [[BARE]], "pyautogui.click(x=0.5, y=0.48)", MISS_02, {"click": MISS_02}),
    Case("0.03 away", [[BARE]], "pyautogui.click(x=0.47, y=0.5)", MISS_03, {"click": MISS_03}),
    # 3-4-5: √(0.03² + 0.04²) = 0.05
    Case("0.05 away, aslant", [[BARE]], "pyautogui.click(x=0.53, y=0.54)", MISS_05, {"click": MISS_05}),
    Case("0.1 away", [[BARE]], "pyautogui.click(x=0.6, y=0.5)", MISS_10, {"click": MISS_10}),
    # pixels are no fractions: some 500 screens away
    Case("pixels instead of fractions", [[BARE]], "pyautogui.click(x=512, y=384)", 0.0, {"click": 0.0}),
    # -- every type that has a place
    Case("double click", [[at("doubleClick", 0.5, 0.5)]], "pyautogui.doubleClick(x=0.5, y=0.5)", 1.0, {"doubleclick": 1.0}),
    Case(
        "double click, 0.02 away",
        [[at("doubleClick", 0.5, 0.5)]],
        "pyautogui.doubleClick(x=0.52, y=0.5)",
        MISS_02,
        {"doubleclick": MISS_02},
    ),
    Case("right click in its box", [[at("rightClick", 0.5, 0.375, BOX)]], "pyautogui.rightClick(x=0.3, y=0.3)", 1.0, {"rightclick": 1.0}),
    Case("triple click", [[at("tripleClick", 0.5, 0.5)]], "pyautogui.tripleClick(x=0.5, y=0.5)", 1.0, {"tripleclick": 1.0}),
    Case("computer.triple_click", [[at("tripleClick", 0.5, 0.5)]], "computer.triple_click(x=0.5, y=0.5)", 1.0, {"tripleclick": 1.0}),
    Case("computer.tripleClick", [[at("tripleClick", 0.5, 0.5)]], "computer.tripleClick(x=0.52, y=0.5)", MISS_02, {"tripleclick": MISS_02}),
    Case("move", [[at("moveTo", 0.5, 0.5)]], "pyautogui.moveTo(x=0.5, y=0.5)", 1.0, {"moveto": 1.0}),
    Case("move, 0.03 away", [[at("moveTo", 0.5, 0.5)]], "pyautogui.moveTo(x=0.53, y=0.5)", MISS_03, {"moveto": MISS_03}),
    # drag: move and end are two types, averaged: (1 + 1) / 2, and (1 + 0.4951256) / 2 = 0.7475628
    Case(
        "drag",
        [[at("moveTo", 0.1, 0.1), at("dragTo", 0.5, 0.5)]],
        "pyautogui.moveTo(x=0.1, y=0.1)\npyautogui.dragTo(x=0.5, y=0.5, button='left')",
        1.0,
        {"moveto": 1.0, "dragto": 1.0},
    ),
    Case(
        "drag whose end misses by 0.02",
        [[at("moveTo", 0.1, 0.1), at("dragTo", 0.5, 0.5)]],
        "pyautogui.moveTo(x=0.1, y=0.1)\npyautogui.dragTo(x=0.52, y=0.5, button='left')",
        0.7475628,
        {"moveto": 1.0, "dragto": MISS_02},
    ),
    Case(
        "drag into a box",
        [[at("moveTo", 0.1, 0.1), at("dragTo", 0.5, 0.375, BOX)]],
        "pyautogui.moveTo(x=0.1, y=0.1)\npyautogui.dragTo(x=0.7, y=0.45)",
        1.0,
        {"moveto": 1.0, "dragto": 1.0},
    ),
    # -- another type
    Case("a double click where a click was right", [[BARE]], "pyautogui.doubleClick(x=0.5, y=0.5)", 0.0, {"click": 0.0}),
    Case("a right click where a click was right", [[MIDDLE]], "pyautogui.rightClick(x=0.5, y=0.375)", 0.0, {"click": 0.0}),
    Case("a click where text was right", [[write("hello")]], "pyautogui.click(x=0.5, y=0.5)", 0.0, {"write": 0.0}),
    Case("the type's capitals do not count", [[{**BARE, "type": "CLICK"}]], "pyautogui.click(x=0.5, y=0.5)", 1.0, {"click": 1.0}),
    # -- text
    Case("the same text", [[write("hello world")]], "pyautogui.write(message='hello world')", 1.0, {"write": 1.0}),
    Case("positional text", [[write("hello world")]], "pyautogui.write('hello world')", 1.0, {"write": 1.0}),
    Case("capitals and blanks at the ends do not count", [[write("Hello")]], "pyautogui.write(message='  hELLO ')", 1.0, {"write": 1.0}),
    # 1 edit in 5: 0.8, which is enough
    Case("one letter of five is wrong", [[write("hello")]], "pyautogui.write(message='hallo')", 1.0, {"write": 1.0}),
    # 1 edit in 4: 0.75 / 0.8 = 0.9375
    Case("one letter of four is wrong", [[write("ball")]], "pyautogui.write(message='bell')", 0.9375, {"write": 0.9375}),
    # kitten → sitting: 3 edits in 7: (4/7) / 0.8 = 0.7142857
    Case("kitten and sitting", [[write("kitten")]], "pyautogui.write(message='sitting')", 0.7142857, {"write": 0.7142857}),
    # 4 of 8 letters are missing: 0.5 / 0.8 = 0.625
    Case("half of the text", [[write("stat6011\n")]], "pyautogui.write(message='stat')", 0.625, {"write": 0.625}),
    # nothing in common: 0
    Case("another text", [[write("abcd")]], "pyautogui.write(message='wxyz')", 0.0, {"write": 0.0}),
    Case("both empty", [[write("")]], "pyautogui.write(message='')", 1.0, {"write": 1.0}),
    Case("both blank", [[write(" \n")]], "pyautogui.write(message='   ')", 1.0, {"write": 1.0}),
    # 5 edits in 5
    Case("nothing where a text was right", [[write("hello")]], "pyautogui.write(message='')", 0.0, {"write": 0.0}),
    Case("a newline is stripped before it could count", [[write("hello\n")]], "pyautogui.write(message='hello')", 1.0, {"write": 1.0}),
    Case("an escaped newline", [[write("hello")]], "pyautogui.write(message='hello\\n')", 1.0, {"write": 1.0}),
    Case("escaped quotes", [[write("it's")]], "pyautogui.write(message='it\\'s')", 1.0, {"write": 1.0}),
    Case("the other quotes", [[write("it's")]], 'pyautogui.write(message="it\'s", interval=0.1)', 1.0, {"write": 1.0}),
    Case(
        "under the name of content", [[{"type": "write", "params": {"content": "hello"}}]], "pyautogui.write('hello')", 1.0, {"write": 1.0}
    ),
    # -- write and enter are one
    Case("write and press enter", [[write("hello\n")]], f"pyautogui.write(message='hello')\n{ENTER_LINE}", 1.0, {"write": 1.0}),
    Case("write and press return", [[write("hello\n")]], "pyautogui.write('hello')\npyautogui.press('return')", 1.0, {"write": 1.0}),
    Case(
        "wanted write and press enter, predicted the same",
        [[write("hello"), keys("press", "Enter")]],
        f"pyautogui.write(message='hello')\n{ENTER_LINE}",
        1.0,
        {"write": 1.0},
    ),
    Case(
        "wanted write and hotkey enter, predicted text alone",
        [[write("hi"), keys("hotkey", "enter")]],
        "pyautogui.write('hi')",
        1.0,
        {"write": 1.0},
    ),
    # on the predicted side a hotkey is not merged: [write, hotkey] against [write], the second is superfluous
    Case(
        "predicted write and hotkey enter",
        [[write("hi"), keys("press", "enter")]],
        "pyautogui.write('hi')\npyautogui.hotkey('enter')",
        1.0,
        {"write": 1.0},
    ),
    # [write, press] wanted, tab is no enter; predicted [write]: (1 + 0) / 2
    Case("tab is not merged", [[write("hi"), keys("press", "tab")]], "pyautogui.write('hi')", 0.5, {"write": 1.0, "press": 0.0}),
    # wanted [click, write⏎], predicted [click, write⏎]
    Case(
        "click, write and enter",
        [[BARE, write("hi\n")]],
        f"pyautogui.click(x=0.5, y=0.5)\npyautogui.write(message='hi')\n{ENTER_LINE}",
        1.0,
        {"click": 1.0, "write": 1.0},
    ),
    # the first enter belongs to the text, the second stands alone: wanted [write⏎, press]
    Case(
        "only one enter is merged",
        [[write("hi"), keys("press", "enter"), keys("press", "enter")]],
        f"pyautogui.write('hi')\n{ENTER_LINE}\n{ENTER_LINE}",
        1.0,
        {"write": 1.0, "press": 1.0},
    ),
    # -- keys
    Case("press", [[keys("press", "enter")]], ENTER_LINE, 1.0, {"press": 1.0}),
    Case("press, positional", [[keys("press", "enter")]], "pyautogui.press('enter')", 1.0, {"press": 1.0}),
    Case("press another key", [[keys("press", "enter")]], "pyautogui.press('tab')", 0.0, {"press": 0.0}),
    Case("keys' capitals do not count", [[keys("hotkey", "ctrl", "F")]], "pyautogui.hotkey('CTRL', 'f')", 1.0, {"hotkey": 1.0}),
    Case(
        "keys' order does not count",
        [[keys("hotkey", "ctrl", "shift", "t")]],
        "pyautogui.hotkey(keys=['shift', 't', 'ctrl'])",
        1.0,
        {"hotkey": 1.0},
    ),
    Case("a key is missing", [[keys("hotkey", "ctrl", "shift", "t")]], "pyautogui.hotkey('ctrl', 't')", 0.0, {"hotkey": 0.0}),
    Case("a key is too many", [[keys("hotkey", "ctrl", "t")]], "pyautogui.hotkey('ctrl', 'shift', 't')", 0.0, {"hotkey": 0.0}),
    Case("cmd is ctrl", [[keys("hotkey", "ctrl", "c")]], "pyautogui.hotkey('cmd', 'c')", 1.0, {"hotkey": 1.0}),
    Case("command is ctrl", [[keys("hotkey", "ctrl", "c")]], "pyautogui.hotkey(keys=['command', 'c'])", 1.0, {"hotkey": 1.0}),
    Case("press with several keys is a hotkey", [[keys("hotkey", "ctrl", "v")]], "pyautogui.press(['ctrl', 'v'])", 1.0, {"hotkey": 1.0}),
    Case("press with several keys by name", [[keys("hotkey", "ctrl", "v")]], "pyautogui.press(keys=['ctrl', 'v'])", 1.0, {"hotkey": 1.0}),
    Case("a hotkey where a press was right", [[keys("press", "f5")]], "pyautogui.hotkey('f5')", 0.0, {"press": 0.0}),
    # -- scroll
    Case("scroll", [[scroll(-5)]], "pyautogui.scroll(-5)", 1.0, {"scroll": 1.0}),
    Case("scroll by another amount", [[scroll(-5)]], "pyautogui.scroll(-500)", 1.0, {"scroll": 1.0}),
    Case("scroll the other way", [[scroll(-5)]], "pyautogui.scroll(3)", 1.0, {"scroll": 1.0}),
    Case(
        "move and scroll",
        [[at("moveTo", 0.5, 0.375, BOX), scroll(-54)]],
        "pyautogui.moveTo(x=0.3, y=0.3)\npyautogui.scroll(-10)",
        1.0,
        {"moveto": 1.0, "scroll": 1.0},
    ),
    # the first is among the wanted types, but stands where a move is wanted; then nothing is left
    Case("scroll without the move", [[at("moveTo", 0.5, 0.5), scroll(-5)]], "pyautogui.scroll(-5)", 0.0, {"moveto": 0.0, "scroll": 0.0}),
    Case(
        "move without the scroll",
        [[at("moveTo", 0.5, 0.5), scroll(-5)]],
        "pyautogui.moveTo(x=0.5, y=0.5)",
        0.5,
        {"moveto": 1.0, "scroll": 0.0},
    ),
    # position by position: scroll is not move, move is not scroll
    Case(
        "the two in the wrong order",
        [[at("moveTo", 0.5, 0.5), scroll(-5)]],
        "pyautogui.scroll(-5)\npyautogui.moveTo(x=0.5, y=0.5)",
        0.0,
        {"moveto": 0.0, "scroll": 0.0},
    ),
    # -- terminate
    Case("terminate", [[terminate("success")]], "computer.terminate(status='success')", 1.0, {"terminate": 1.0}),
    Case(
        "terminate with an answer", [[terminate("success")]], "computer.terminate(status='success', answer='42')", 1.0, {"terminate": 1.0}
    ),
    Case("terminate with the other status", [[terminate("success")]], "computer.terminate(status='failure')", 0.0, {"terminate": 0.0}),
    Case("terminate as failed", [[terminate("failure")]], 'computer.terminate(status="failure")', 1.0, {"terminate": 1.0}),
    Case("anything else instead of terminate", [[terminate("success")]], "pyautogui.click(x=0.5, y=0.5)", 0.0, {"terminate": 0.0}),
    Case("terminate too late", [[terminate("success")]], f"{ENTER_LINE}\ncomputer.terminate(status='success')", 0.0, {"terminate": 0.0}),
    Case("terminate too early", [[BARE]], "computer.terminate(status='success')", 0.0, {"click": 0.0}),
    # -- several of one type, averaged within the type first
    # clicks: (1 + 0.4951256) / 2 = 0.7475628, then the mean over types with write 1: (0.7475628 + 1) / 2 = 0.8737814
    Case(
        "two clicks and a text",
        [[BARE, at("click", 0.1, 0.1), write("hi")]],
        "pyautogui.click(x=0.5, y=0.5)\npyautogui.click(x=0.12, y=0.1)\npyautogui.write(message='hi')",
        0.8737814,
        {"click": 0.7475628, "write": 1.0},
    ),
    # clicks: (1 + 0) / 2; text is missing: (0.5 + 0) / 2
    Case(
        "the first of three",
        [[BARE, at("click", 0.1, 0.1), write("hi")]],
        "pyautogui.click(x=0.5, y=0.5)",
        0.25,
        {"click": 0.5, "write": 0.0},
    ),
    # click 1, press 0 at the second place where a write is wanted: the types are click and write
    Case(
        "another type at the second place",
        [[BARE, write("hi")]],
        "pyautogui.click(x=0.5, y=0.5)\npyautogui.press('tab')",
        0.5,
        {"click": 1.0, "write": 0.0},
    ),
    Case("what is superfluous does not count", [[BARE]], "pyautogui.click(x=0.5, y=0.5)\npyautogui.write('x')", 1.0, {"click": 1.0}),
    # -- alternatives
    Case("the alternative is right", [[BARE], [at("click", 0.9, 0.9)]], "pyautogui.click(x=0.9, y=0.9)", 1.0, {"click": 1.0}),
    Case("an alternative of another type", [[keys("hotkey", "ctrl", "f")], [BARE]], "pyautogui.click(x=0.5, y=0.5)", 1.0, {"click": 1.0}),
    Case("the second alternative", [[BARE], [write("a")], [keys("press", "tab")]], "pyautogui.press('tab')", 1.0, {"press": 1.0}),
    # the ground truth gives 0.1491290, the alternative 0.4951256
    Case("the better of two that miss", [[BARE], [at("click", 0.52, 0.5)]], "pyautogui.click(x=0.54, y=0.5)", MISS_02, {"click": MISS_02}),
    Case(
        "the ground truth where it is the better",
        [[BARE], [at("click", 0.8, 0.5)]],
        "pyautogui.click(x=0.52, y=0.5)",
        MISS_02,
        {"click": MISS_02},
    ),
    Case("none of them", [[BARE], [keys("press", "tab")]], "pyautogui.write('x')", 0.0, {"click": 0.0}),
    # -- unreadable
    Case("nothing", [[BARE]], "", 0.0, {}),
    Case("prose", [[BARE]], "I would click on the button in the middle.", 0.0, {}),
    Case("a broken call", [[BARE]], "pyautogui.click(x=0.5, y=", 0.0, {}),
    Case("a call that is no literal", [[write("3")]], "pyautogui.write(message=str(1 + 2))", 0.0, {}),
    Case("a call without a rule", [[BARE]], "computer.wait(seconds=3)", 0.0, {}),
    # -- where the code stands
    Case(
        "behind thought and action, in a fence",
        [[BARE]],
        "## Thought:\nThe button.\n\n## Action:\nClick it.\n\n## Code:\n```python\npyautogui.click(x=0.5, y=0.5)\n```",
        1.0,
        {"click": 1.0},
    ),
    Case("on the thought's line", [[BARE]], "Action: pyautogui.click(x=0.5, y=0.5)", 1.0, {"click": 1.0}),
    Case("behind a call without a rule", [[BARE]], "pyautogui.sleep(1)\npyautogui.click(x=0.5, y=0.5)", 1.0, {"click": 1.0}),
    Case("positional coordinates", [[BARE]], "pyautogui.click(0.5, 0.5)", 1.0, {"click": 1.0}),
    Case(
        "two calls on one line",
        [[BARE, write("hi")]],
        "pyautogui.click(x=0.5, y=0.5); pyautogui.write('hi')",
        1.0,
        {"click": 1.0, "write": 1.0},
    ),
    Case("nothing is wanted", [[]], "pyautogui.click(x=0.5, y=0.5)", 0.0, {}),
]


def as_episode(cases: list[Case], task_id: str = "s_cases") -> Json:
    """The cases as one published episode; the number of a step is its place times two, so that numbers have gaps."""
    steps = [
        {
            "step_num": 2 * number,
            "image": f"{task_id}_{2 * number}.png",
            "action": "",
            "milestone": number % 7 == 0,
            "inner_monologue": {"low_level_instruction": case.name},
            "ground_truth_actions": deepcopy(case.options[0]),
            "alternative_options": deepcopy(case.options[1:]),
        }
        for number, case in enumerate(cases)
    ]
    return {"task_id": task_id, "high_level_task_description": "cases", "steps": steps}
