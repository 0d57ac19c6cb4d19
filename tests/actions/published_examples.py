"""Answers as the families' own prompts, papers, tests and cookbooks show them, with what they mean on a screen of 1920x1080 px.

Each names where it was read. The texts are facts about a format; points are given in the family's own numbers and checked as fractions.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Example(NamedTuple):
    """`text` in the dialect `name` means `actions`, our JSON form; fields that are left out are as by default."""

    name: str
    source: str
    text: str
    thought: str
    actions: list[dict[str, Any]]


def click(x: float, y: float, **more: Any) -> dict[str, Any]:
    return {"type": "click", "point": [x, y], **more}


UI_TARS = "bytedance/UI-TARS"
DESKTOP = "bytedance/UI-TARS-desktop, gui-agent/action-parser/test"
OPENCUA = "xlang-ai/OpenCUA"
QWEN = "QwenLM/Qwen3-VL, cookbooks"
OWL = "X-PLUG/MobileAgent, Mobile-Agent-v3.5"
VENUS = "inclusionAI/UI-Venus"
GLM = "zai-org/GLM-V, examples/gui-agent"
HOLO = "hcompai/hai-cookbook"
CLAUDE = "anthropics/anthropic-quickstarts, computer-use-demo"
OPENAI = "openai/openai-cua-sample-app"

EXAMPLES = [
    # UI-TARS 1.0: 0 to 1000
    Example(
        "uitars-1.0",
        f"{UI_TARS}, README_v1",
        "Thought: Open it.\nAction: click(start_box='<|box_start|>(235,512)<|box_end|>')",
        "Open it.",
        [click(0.235, 0.512)],
    ),
    Example(
        "uitars-1.0",
        f"{UI_TARS}, README_v1",
        "Action: left_double(start_box='<|box_start|>(500,500)<|box_end|>')",
        "",
        [click(0.5, 0.5, count=2)],
    ),
    Example(
        "uitars-1.0",
        f"{UI_TARS}, README_v1",
        "Action: right_single(start_box='<|box_start|>(500,500)<|box_end|>')",
        "",
        [click(0.5, 0.5, button="right")],
    ),
    Example(
        "uitars-1.0",
        f"{UI_TARS}, README_v1",
        "Action: drag(start_box='<|box_start|>(100,200)<|box_end|>', end_box='<|box_start|>(300,400)<|box_end|>')",
        "",
        [{"type": "drag", "path": [[0.1, 0.2], [0.3, 0.4]]}],
    ),
    Example("uitars-1.0", f"{UI_TARS}, README_v1", "Action: hotkey(key='ctrl c')", "", [{"type": "hotkey", "keys": ["ctrl", "c"]}]),
    Example("uitars-1.0", f"{UI_TARS}, README_v1", "Action: type(content='hello\\n')", "", [{"type": "type", "text": "hello\n"}]),
    Example(
        "uitars-1.0",
        f"{UI_TARS}, README_v1",
        "Action: scroll(start_box='<|box_start|>(500,500)<|box_end|>', direction='down')",
        "",
        [{"type": "scroll", "point": [0.5, 0.5], "dy": -5}],
    ),
    Example("uitars-1.0", f"{UI_TARS}, README_v1", "Action: wait()", "", [{"type": "wait", "seconds": 5.0}]),
    Example("uitars-1.0", f"{UI_TARS}, README_v1", "Action: finished()", "", [{"type": "finished"}]),
    Example("uitars-1.0", f"{UI_TARS}, README_v1", "Action: call_user()", "", [{"type": "call_user"}]),
    Example(
        "uitars-1.0",
        f"{UI_TARS}, MOBILE_USE",
        "Action: long_press(start_box='<|box_start|>(500,250)<|box_end|>', time='')",
        "",
        [{"type": "long_press", "point": [0.5, 0.25]}],
    ),
    # UI-TARS 1.5: pixels of 1932x1092
    Example("uitars-1.5", f"{UI_TARS}, prompt.py", "Thought: t\nAction: click(point='<point>966 546</point>')", "t", [click(0.5, 0.5)]),
    Example("uitars-1.5", f"{UI_TARS}, README", "Thought: t\nAction: click(start_box='(966,546)')", "t", [click(0.5, 0.5)]),
    Example(
        "uitars-1.5",
        f"{UI_TARS}, prompt.py",
        "Action: drag(start_point='<point>0 0</point>', end_point='<point>1932 1092</point>')",
        "",
        [{"type": "drag", "path": [[0.0, 0.0], [1.0, 1.0]]}],
    ),
    Example(
        "uitars-1.5", f"{UI_TARS}, prompt.py", "Action: open_app(app_name='Settings')", "", [{"type": "open_app", "app_name": "Settings"}]
    ),
    Example(
        "uitars-1.5", f"{UI_TARS}, prompt.py", "Action: press_home()\n\npress_back()", "", [{"type": "press_home"}, {"type": "press_back"}]
    ),
    Example(
        "uitars-1.5", f"{UI_TARS}, prompt.py", "Action: finished(content='It\\'s 42.')", "", [{"type": "finished", "answer": "It's 42."}]
    ),
    # Doubao: 0 to 1000
    Example(
        "doubao", f"{UI_TARS}, COMPUTER_USE_DOUBAO", "Thought: t\nAction: click(point='<point>500 250</point>')", "t", [click(0.5, 0.25)]
    ),
    Example("doubao", DESKTOP, 'click(start_box="(100,200)")', "", [click(0.1, 0.2)]),
    Example(
        "doubao",
        DESKTOP,
        "Thought: I need to click this button\nAction：click(start_box='(100,200)')",
        "I need to click this button",
        [click(0.1, 0.2)],
    ),
    Example("doubao", DESKTOP, "\n\nAction：click(start_box='<bbox>191 21 191 21</bbox>')", "", [click(0.191, 0.021)]),
    Example("doubao", DESKTOP, "Thought: 我\nAction: click(start_box='<bbox>637 964 637 964</bbox>')", "我", [click(0.637, 0.964)]),
    Example(
        "doubao",
        DESKTOP,
        "<Thought>I need to perform this action</Thought>\nAction_Summary: Click and type text\nAction: click(start_box='(100,200)')\n</Output>",
        "I need to perform this action\nClick and type text",
        [click(0.1, 0.2)],
    ),
    # UI-TARS-2 and Seed: 0 to 1000
    Example(
        "uitars-2",
        DESKTOP,
        "<thinkt>To find it, I'll first open the browser.</thinkt><seed:tool_call>\n<function=click>\n<parameter=point><point>17 58</point></parameter>\n"
        "</function>\n</seed:tool_call>",
        "To find it, I'll first open the browser.",
        [click(0.017, 0.058)],
    ),
    Example(
        "uitars-2",
        DESKTOP,
        "<thinkt>t</thinkt><seed:tool_call>\n<function=type>\n<parameter=content>shrimp and crab recipes</parameter>\n</function>\n</seed:tool_call>",
        "t",
        [{"type": "type", "text": "shrimp and crab recipes"}],
    ),
    Example(
        "uitars-2",
        DESKTOP,
        "<think_never_used>t</think_never_used><seed:tool_call>\n<function=left_double>\n<parameter=point><point>18 58</point></parameter>\n</function>\n"
        "</seed:tool_call>",
        "t",
        [click(0.018, 0.058, count=2)],
    ),
    Example(
        "uitars-2",
        DESKTOP,
        "<thinkt>t</thinkt><seed:tool_call>\n<function=wait>\n</function>\n</seed:tool_call>",
        "t",
        [{"type": "wait", "seconds": 5.0}],
    ),
    Example(
        "uitars-2",
        DESKTOP,
        "<thinkt>比如<point>500 500</point>。</thinkt><seed:tool_call>\n<function=scroll>\n<parameter=direction>up</parameter>\n<parameter=point><point>500 500"
        "</point></parameter>\n</function>\n<function=type>\n<parameter=content>hello</parameter>\n<parameter=point><point>200 126</point></parameter>\n"
        "</function>\n<function=wait>\n</function>\n</seed:tool_call>",
        "比如<point>500 500</point>。",
        [{"type": "scroll", "point": [0.5, 0.5], "dy": 5}, {"type": "type", "text": "hello"}, {"type": "wait", "seconds": 5.0}],
    ),
    Example(
        "uitars-2",
        DESKTOP,
        "<seed:tool_call>\n<function name='scroll'>\n<parameter name='direction'>up</parameter>\n<parameter name='point'>500 500</parameter>\n</function>\n"
        "</seed:tool_call>",
        "",
        [{"type": "scroll", "point": [0.5, 0.5], "dy": 5}],
    ),
    Example(
        "uitars-2",
        DESKTOP,
        '{"name":"left_double","arguments":"{\\"point\\": \\"<point>18 58</point>\\"}"}',
        "",
        [click(0.018, 0.058, count=2)],
    ),
    Example("uitars-2", DESKTOP, '{"name": "wait", "arguments": "{\\"time\\": 5}"}', "", [{"type": "wait", "seconds": 5.0}]),
    Example("uitars-2", DESKTOP, '{"name": "wait", "arguments": ""}', "", [{"type": "wait", "seconds": 5.0}]),
    Example(
        "uitars-2",
        f"{DESKTOP} (Omni-TARS)",
        "<think>t</think>\n<computer_env>\nAction: open_computer()\n</computer_env>",
        "t",
        [{"type": "screenshot"}],
    ),
    Example(
        "uitars-2",
        f"{DESKTOP} (Omni-TARS)",
        "<think>t</think>\n<computer_env>\nAction: click(point='<point>400 435</point>')\n</computer_env>",
        "t",
        [click(0.4, 0.435)],
    ),
    # OpenCUA: pixels of 1932x1092, or fractions
    Example(
        "opencua",
        OPENCUA,
        "## Action:\nClick it.\n\n## Code:\n```python\npyautogui.click(x=966, y=546)\n```",
        "Click it.",
        [click(0.5, 0.5)],
    ),
    Example("opencua", f"{OPENCUA}, AgentNet", "pyautogui.click(x=0.1234, y=0.5678)", "", [click(0.1234, 0.5678)]),
    Example(
        "opencua",
        OPENCUA,
        "# Step 1:\n## Thought:\nt\n\n## Action:\na\n\n## Code:\n```python\ncomputer.triple_click(x=966, y=546)\n```",
        "t\n\n## Action:\na",
        [click(0.5, 0.5, count=3)],
    ),
    Example("opencua", OPENCUA, "pyautogui.hotkey(['ctrl', 'c'])", "", [{"type": "hotkey", "keys": ["ctrl", "c"]}]),
    Example("opencua", OPENCUA, "pyautogui.press(keys=['enter'])", "", [{"type": "hotkey", "keys": ["enter"]}]),
    Example("opencua", OPENCUA, "pyautogui.write(message='hello world')", "", [{"type": "type", "text": "hello world"}]),
    Example(
        "opencua",
        f"{OPENCUA}, AgentNet",
        "pyautogui.moveTo(x=0.25, y=0.5)\npyautogui.dragTo(x=0.75, y=0.5, button='left')",
        "",
        [{"type": "drag", "path": [[0.25, 0.5], [0.75, 0.5]]}],
    ),
    Example(
        "opencua",
        f"{OPENCUA}, AgentNetBench",
        "pyautogui.moveTo(x=0.5, y=0.5)\npyautogui.scroll(-5)",
        "",
        [{"type": "move", "point": [0.5, 0.5]}, {"type": "scroll", "dy": -5}],
    ),
    Example("opencua", OPENCUA, "```code\ncomputer.terminate(status='success')\n```", "", [{"type": "finished"}]),
    Example("opencua", OPENCUA, "## Action:\nWait.\n## Code:\n```code\ncomputer.wait()\n```", "Wait.", [{"type": "wait", "seconds": 20.0}]),
    Example(
        "opencua",
        OPENCUA,
        "Thought:\nt\nAction:\nWait.\n```code\ncomputer.wait()\n```",
        "t\nAction:\nWait.",
        [{"type": "wait", "seconds": 20.0}],
    ),
    Example("opencua", OPENCUA, "pyautogui.scroll(-5, x=0.5, y=0.25)", "", [{"type": "scroll", "point": [0.5, 0.25], "dy": -5}]),
    # Kimi-VL and Kimi-K2.5: fractions
    Example("kimi-vl", "MoonshotAI/Kimi-VL, issue 52", "pyautogui.click(x=0.879, y=0.294)", "", [click(0.879, 0.294)]),
    Example(
        "kimi-vl",
        "xlang-ai/OSWorld, kimi_agent",
        "◁think▷Look.◁/think▷## Action:\nClick.\n## Code:\n```python\npyautogui.doubleClick(x=0.5, y=0.25)\n```",
        "Look.\nClick.",
        [click(0.5, 0.25, count=2)],
    ),
    Example(
        "kimi-vl",
        "xlang-ai/OSWorld, kimi_agent",
        '## Thought\nt\n## Action:\na\n## Code:\n```code\ncomputer.terminate(status="success", answer="42")\n```',
        "t\n## Action:\na",
        [{"type": "finished", "answer": "42"}],
    ),
    Example("kimi-vl", "xlang-ai/OSWorld, kimi_agent", "```python\ncomputer.terminate(status='failure')\n```", "", [{"type": "failed"}]),
    # Qwen2.5-VL: pixels of 1932x1092; Qwen3-VL: 0 to 1000
    Example(
        "qwen2.5-vl",
        QWEN,
        '<tool_call>\n{"name": "computer_use", "arguments": {"action": "left_click", "coordinate": [966, 546]}}\n</tool_call>',
        "",
        [click(0.5, 0.5)],
    ),
    Example(
        "qwen3-vl",
        QWEN,
        'Action: Click the button.\n<tool_call>\n{"name": "computer_use", "arguments": {"action": "left_click", "coordinate": [500, 300]}}\n</tool_call>',
        "Click the button.",
        [click(0.5, 0.3)],
    ),
    Example(
        "qwen3-vl",
        QWEN,
        '<tool_call>\n{"name": "computer_use", "arguments": {"action": "key", "keys": ["ctrl", "c"]}}\n</tool_call>',
        "",
        [{"type": "hotkey", "keys": ["ctrl", "c"]}],
    ),
    Example(
        "qwen3-vl",
        QWEN,
        '<tool_call>\n{"name": "computer_use", "arguments": {"action": "scroll", "coordinate": [500, 500], "pixels": -500}}\n</tool_call>',
        "",
        [{"type": "scroll", "point": [0.5, 0.5], "dy": -5}],
    ),
    Example(
        "qwen3-vl",
        QWEN,
        '<tool_call>\n{"name": "computer_use", "arguments": {"action": "mouse_move", "coordinate": [100, 100]}}\n</tool_call>\n'
        '<tool_call>\n{"name": "computer_use", "arguments": {"action": "left_click_drag", "coordinate": [500, 300]}}\n</tool_call>',
        "",
        [{"type": "drag", "path": [[0.1, 0.1], [0.5, 0.3]]}],
    ),
    Example(
        "qwen3-vl",
        QWEN,
        '<tool_call>\n{"name": "computer_use", "arguments": {"action": "terminate", "status": "failure"}}\n</tool_call>',
        "",
        [{"type": "failed"}],
    ),
    Example(
        "qwen3-vl",
        QWEN,
        '<tool_call>\n{"name": "computer_use", "arguments": {"action": "answer", "text": "42"}}\n</tool_call>',
        "",
        [{"type": "finished", "answer": "42"}],
    ),
    Example(
        "qwen3-vl",
        "xlang-ai/OSWorld, qwen35_agent",
        "<tool_call>\n<function=computer_use>\n<parameter=action>\nleft_click\n</parameter>\n<parameter=coordinate>\n[500, 300]\n</parameter>\n</function>\n</tool_call>",
        "",
        [click(0.5, 0.3)],
    ),
    Example(
        "qwen3-vl",
        "EvoCUA",
        '<tool_call>\n{"name": "computer_use", "arguments": {"action": "key_down", "keys": ["shift"]}}\n</tool_call>',
        "",
        [{"type": "key_down", "key": "shift"}],
    ),
    Example(
        "qwen3-vl-mobile",
        QWEN,
        'Thought: t\nAction: a\n<tool_call>\n{"name": "mobile_use", "arguments": {"action": "swipe", "coordinate": [500, 800], "coordinate2": [500, 200]}}\n</tool_call>',
        "t\nAction: a",
        [{"type": "drag", "path": [[0.5, 0.8], [0.5, 0.2]]}],
    ),
    Example(
        "qwen2.5-vl-mobile",
        QWEN,
        '<tool_call>\n{"name": "mobile_use", "arguments": {"action": "long_press", "coordinate": [966, 546], "time": 2}}\n</tool_call>',
        "",
        [{"type": "long_press", "point": [0.5, 0.5], "seconds": 2.0}],
    ),
    *(
        Example("qwen3-vl-mobile", QWEN, f'<tool_call>\n{{"name": "mobile_use", "arguments": {arguments}}}\n</tool_call>', "", [action])
        for arguments, action in [
            ('{"action": "click", "coordinate": [500, 300]}', click(0.5, 0.3)),
            ('{"action": "system_button", "button": "Back"}', {"type": "press_back"}),
            ('{"action": "system_button", "button": "Home"}', {"type": "press_home"}),
            ('{"action": "system_button", "button": "Menu"}', {"type": "press_recent"}),
            ('{"action": "system_button", "button": "Enter"}', {"type": "hotkey", "keys": ["enter"]}),
            ('{"action": "open", "text": "Clock"}', {"type": "open_app", "app_name": "Clock"}),
            ('{"action": "key", "text": "volume_up"}', {"type": "hotkey", "keys": ["volume_up"]}),
            ('{"action": "wait", "time": 2}', {"type": "wait", "seconds": 2.0}),
            ('{"action": "type", "text": "hello"}', {"type": "type", "text": "hello"}),
            ('{"action": "terminate", "status": "success"}', {"type": "finished"}),
        ]
    ),
    # GUI-Owl
    Example(
        "gui-owl",
        OWL,
        '<thinking>t</thinking><tool_call>{"name": "computer_use", "arguments": {"action": "double_click", "coordinate": [500, 300]}}</tool_call>'
        "<conclusion>Opened.</conclusion>",
        "t\nOpened.",
        [click(0.5, 0.3, count=2)],
    ),
    Example(
        "gui-owl",
        OWL,
        'Action: Ask.\n<tool_call>\n{"name": "computer_use", "arguments": {"action": "interact", "text": "Log in?"}}\n</tool_call>',
        "Ask.",
        [{"type": "call_user", "question": "Log in?"}],
    ),
    # Anthropic: pixels of the image that was sent
    *(
        Example("anthropic", CLAUDE, text, "", meant)
        for text, meant in [
            ('{"action": "left_click", "coordinate": [960, 540]}', [click(0.5, 0.5)]),
            ('{"action": "left_click", "coordinate": [960, 540], "text": "shift"}', [click(0.5, 0.5, modifiers=["shift"])]),
            ('{"action": "triple_click", "coordinate": [960, 540]}', [click(0.5, 0.5, count=3)]),
            ('{"action": "key", "text": "ctrl+s"}', [{"type": "hotkey", "keys": ["ctrl", "s"]}]),
            ('{"action": "key", "text": "Page_Down"}', [{"type": "hotkey", "keys": ["page_down"]}]),
            ('{"action": "type", "text": "hi"}', [{"type": "type", "text": "hi"}]),
            ('{"action": "mouse_move", "coordinate": [960, 540]}', [{"type": "move", "point": [0.5, 0.5]}]),
            (
                '{"action": "left_click_drag", "start_coordinate": [0, 0], "coordinate": [960, 540]}',
                [{"type": "drag", "path": [[0.0, 0.0], [0.5, 0.5]]}],
            ),
            (
                '{"action": "scroll", "coordinate": [960, 540], "scroll_direction": "down", "scroll_amount": 3}',
                [{"type": "scroll", "point": [0.5, 0.5], "dy": -3}],
            ),
            (
                '{"action": "hold_key", "text": "shift", "duration": 2}',
                [{"type": "key_down", "key": "shift"}, {"type": "wait", "seconds": 2.0}, {"type": "key_up", "key": "shift"}],
            ),
            ('{"action": "left_mouse_down"}', [{"type": "button_down"}]),
            ('{"action": "left_mouse_up"}', [{"type": "button_up"}]),
            ('{"action": "wait", "duration": 1}', [{"type": "wait", "seconds": 1.0}]),
            ('{"action": "screenshot"}', [{"type": "screenshot"}]),
            ('{"action": "cursor_position"}', [{"type": "screenshot"}]),
            ('{"action": "zoom", "region": [0, 0, 400, 300]}', [{"type": "screenshot"}]),
        ]
    ),
    Example(
        "anthropic",
        CLAUDE,
        '[{"type": "text", "text": "I click."}, {"type": "tool_use", "id": "toolu_1", "name": "computer", "input": {"action": "right_click", "coordinate": [960, 540]}}]',
        "I click.",
        [click(0.5, 0.5, button="right")],
    ),
    # OpenAI: pixels of the image that was sent
    *(
        Example("openai", OPENAI, text, "", meant)
        for text, meant in [
            ('{"type": "click", "x": 960, "y": 540, "button": "left"}', [click(0.5, 0.5)]),
            ('{"type": "click", "x": 0, "y": 0, "button": "wheel"}', [click(0.0, 0.0, button="middle")]),
            ('{"type": "click", "x": 960, "y": 540, "button": "left", "keys": ["CTRL"]}', [click(0.5, 0.5, modifiers=["ctrl"])]),
            ('{"type": "double_click", "x": 960, "y": 540}', [click(0.5, 0.5, count=2)]),
            (
                '{"type": "drag", "path": [{"x": 0, "y": 0}, {"x": 960, "y": 540}, {"x": 1920, "y": 1080}]}',
                [{"type": "drag", "path": [[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]]}],
            ),
            ('{"type": "keypress", "keys": ["CTRL", "C"]}', [{"type": "hotkey", "keys": ["ctrl", "c"]}]),
            ('{"type": "move", "x": 960, "y": 540}', [{"type": "move", "point": [0.5, 0.5]}]),
            ('{"type": "scroll", "x": 960, "y": 540, "scroll_x": 0, "scroll_y": 300}', [{"type": "scroll", "point": [0.5, 0.5], "dy": -3}]),
            ('{"type": "type", "text": "hi"}', [{"type": "type", "text": "hi"}]),
            ('{"type": "wait"}', [{"type": "wait", "seconds": 5.0}]),
            ('{"type": "screenshot"}', [{"type": "screenshot"}]),
            (
                '{"type": "computer_call", "call_id": "c", "action": {"type": "move", "x": 0, "y": 1080}, "pending_safety_checks": []}',
                [{"type": "move", "point": [0.0, 1.0]}],
            ),
            (
                '{"type": "computer_call", "actions": [{"type": "wait"}, {"type": "screenshot"}]}',
                [{"type": "wait", "seconds": 5.0}, {"type": "screenshot"}],
            ),
        ]
    ),
    # GLM-V: 0 to 999
    Example(
        "glm-v",
        GLM,
        "I'm now on the page and click the box.\nleft_click(start_box='[999,0]')\nMemory:\n[]",
        "I'm now on the page and click the box.",
        [click(1.0, 0.0)],
    ),
    Example(
        "glm-v",
        GLM,
        "Type.\ntype(content='drip coffee maker black')\nMemory:\n[]",
        "Type.",
        [{"type": "type", "text": "drip coffee maker black"}],
    ),
    Example(
        "glm-v", GLM, "<think>t</think><|begin_of_box|>key(keys='ctrl+c')<|end_of_box|>", "t", [{"type": "hotkey", "keys": ["ctrl", "c"]}]
    ),
    Example(
        "glm-v",
        GLM,
        "scroll(start_box='[0,999]', direction='down', step=3, element_info='list')",
        "",
        [{"type": "scroll", "point": [0.0, 1.0], "dy": -3}],
    ),
    Example(
        "glm-v",
        GLM,
        "left_drag(start_box='[0,0]', end_box='[999,999]', element_info='')",
        "",
        [{"type": "drag", "path": [[0.0, 0.0], [1.0, 1.0]]}],
    ),
    Example("glm-v", GLM, "left_double_click(start_box='[0,0]', element_info='a, b')", "", [click(0.0, 0.0, count=2)]),
    Example("glm-v", GLM, "WAIT()", "", [{"type": "wait", "seconds": 5.0}]),
    Example("glm-v", GLM, "DONE()", "", [{"type": "finished"}]),
    Example("glm-v", GLM, "FAIL()", "", [{"type": "failed"}]),
    Example("glm-v", f"{GLM} (phone)", '{"action_type": "click", "box_2d": [[0, 0, 999, 999]]}', "", [click(0.5, 0.5)]),
    Example("glm-v", f"{GLM} (phone)", '{"action_type": "status", "goal_status": "complete"}', "", [{"type": "finished"}]),
    Example("glm-v", f"{GLM} (phone)", '{"action_type": "navigate_home"}', "", [{"type": "press_home"}]),
    Example("glm-v", f"{GLM} (phone)", '{"action_type": "swipe", "direction": "up"}', "", [{"type": "scroll", "dy": -5}]),
    # Holo: pixels of 1932x1092; Holo2: 0 to 1000
    Example(
        "holo",
        f"{HOLO}, utils/navigation.py",
        '{"note": "n", "thought": "t", "action": {"action": "click_element", "element": "the button", "x": 966, "y": 546}}',
        "n\nt",
        [click(0.5, 0.5)],
    ),
    Example(
        "holo",
        f"{HOLO}, utils/navigation.py",
        '{"note": "", "thought": "t", "action": {"action": "write_element_abs", "content": "hotels", "element": "search", "x": 966, "y": 546}}',
        "t",
        [click(0.5, 0.5), {"type": "type", "text": "hotels\n"}],
    ),
    Example(
        "holo",
        f"{HOLO}, utils/navigation.py",
        '{"note": "", "thought": "t", "action": {"action": "scroll", "direction": "down"}}',
        "t",
        [{"type": "scroll", "dy": -5}],
    ),
    Example(
        "holo",
        f"{HOLO}, utils/navigation.py",
        '{"note": "", "thought": "t", "action": {"action": "answer", "content": "42"}}',
        "t",
        [{"type": "finished", "answer": "42"}],
    ),
    Example(
        "holo",
        f"{HOLO}, utils/navigation.py",
        '{"note": "", "thought": "t", "action": {"action": "wait", "seconds": 2}}',
        "t",
        [{"type": "wait", "seconds": 2.0}],
    ),
    Example("holo", f"{HOLO}, holo1", "Click(966, 546)", "", [click(0.5, 0.5)]),
    Example("holo", f"{HOLO}, holo1_5", '{"action": "click_absolute", "x": 966, "y": 546}', "", [click(0.5, 0.5)]),
    Example("holo2", f"{HOLO}, holo2", '{"x": 500, "y": 250}', "", [click(0.5, 0.25)]),
    # UI-Venus-2: thousandths
    *(
        Example("ui-venus", f"{VENUS}, ui_venus_2_processor.py", f"<think> t </think>\n<action> {call} </action>", "t", [action])
        for call, action in [
            ("Click(point=(500, 250))", click(0.5, 0.25)),
            ("DoubleClick(point=(500, 250))", click(0.5, 0.25, count=2)),
            ("LongPress(point=(500, 250))", {"type": "long_press", "point": [0.5, 0.25]}),
            ("Drag(start=(100, 200), end=(300, 400))", {"type": "drag", "path": [[0.1, 0.2], [0.3, 0.4]]}),
            ("Swipe(start=(500, 800), end=(500, 200))", {"type": "drag", "path": [[0.5, 0.8], [0.5, 0.2]]}),
            ("Type(content='hi')", {"type": "type", "text": "hi"}),
            ("LaunchApp(app='Maps')", {"type": "open_app", "app_name": "Maps"}),
            ("Wait()", {"type": "wait", "seconds": 5.0}),
            ("CallUser(content='Which?')", {"type": "call_user", "question": "Which?"}),
            ("GetScreenshot()", {"type": "screenshot"}),
            ("PressBack()", {"type": "press_back"}),
            ("PressHome()", {"type": "press_home"}),
            ("PressEnter()", {"type": "hotkey", "keys": ["enter"]}),
            ("PressRecent()", {"type": "press_recent"}),
            ("Answer(content='42')", {"type": "finished", "answer": "42"}),
            ("Finished(content='Done.')", {"type": "finished", "answer": "Done."}),
        ]
    ),
    Example(
        "ui-venus",
        f"{VENUS}, UI-Venus-1",
        "<think>t</think><action>Click(box=(500, 250))</action><conclusion>c</conclusion>",
        "t\nc",
        [click(0.5, 0.25)],
    ),
]
