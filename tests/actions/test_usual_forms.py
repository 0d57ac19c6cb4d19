"""The short ways for what most models write read nothing that the readers of all forms would refuse, or read otherwise."""

from __future__ import annotations

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from actions.dialects.code_text import parse_calls
from actions.dialects.tool_calls import read_tool_calls
from actions.dialects.usual_code import read_usual_calls

NAMES = st.sampled_from(["pyautogui.click", "computer.wait", "Click", "pyautogui.class", "None", "a.b.c", "é", "x1", "__debug__"])
NUMBERS = st.sampled_from(["0", "-1", "966", "0.5", "-0.25", "-0", "007", "1.", ".5", "1e3", "+1", "1_000", "0x1f", "9" * 20, "1.0", "- 1"])
TEXTS = st.text(st.sampled_from("ab'\"\\nu \n\t\r\x0c\x00(),=[]é😀\u2028\ud800\ufeff{}"), max_size=8)
LITERALS = st.one_of(
    NUMBERS,
    TEXTS.map(repr),
    TEXTS.map(lambda text: f"'{text}'"),
    TEXTS.map(lambda text: f'"{text}"'),
    st.sampled_from(["None", "True", "False", "r'a'", "b'a'", "f'a'", "'a' 'b'", "''''''", "x", "[]", "()", "(1)", "(1,)", "1 + 1"]),
)
VALUES = st.one_of(
    LITERALS,
    st.lists(LITERALS, max_size=3).map(lambda each: f"[{', '.join(each)}]"),
    st.lists(LITERALS, max_size=3).map(lambda each: f"({','.join(each)})"),
)
KEYS = st.sampled_from(["", "", "x=", "y=", "message=", "class=", "keys = ", "ü=", "__debug__=", "*", "**"])
ARGUMENTS = st.lists(st.tuples(KEYS, VALUES).map("".join), max_size=4)
CALLS = st.builds(
    lambda name, arguments, comma, end: f"{name}({comma.join(arguments)}{end}",
    NAMES,
    ARGUMENTS,
    st.sampled_from([", ", ",", " , ", ",  "]),
    st.sampled_from([")", ") ", ",)", " )", ");", ")  # why", "", ")\r"]),
)
CODE = st.lists(CALLS, min_size=1, max_size=3).flatmap(
    lambda calls: st.sampled_from(["\n", "\n\n", "\n ", "; ", "\r\n"]).map(lambda between: between.join(calls))
)


@given(CODE)
@example("pyautogui.click(x=1, x=2)")
@example("f(a=1, 2)")
@example("\n".join(["f()"] * 101))
@settings(max_examples=200, deadline=None)
def test_usual_code_means_what_pythons_parser_says(code: str) -> None:
    usual = read_usual_calls(code)
    if usual is not None:
        assert repr(usual) == repr(parse_calls(code))  # repr tells 1 from 1.0 and True


def test_what_models_write_is_usual_code() -> None:
    for code in (
        "pyautogui.click(x=966, y=546)",
        "pyautogui.moveTo(x=0.1, y=0.25)\npyautogui.dragTo(x=0.5, y=0.5, button='left')",
        "pyautogui.write(message='it\\'s\\n')",
        "pyautogui.hotkey(['ctrl', 'c'])",
        "computer.terminate(status='success', answer=\"42\")",
        "Click(box=(376, 465))",
        "Wait()",
    ):
        assert repr(read_usual_calls(code)) == repr(parse_calls(code)), code


PIECES = st.sampled_from(
    ["a", '"', "\\", "\n", "{", "}", "[", "]", ",", ":", "</", "</tool_call>", "<tool_call>", "<function=x>", "1", " ", "```"]
)
ARGUMENT_VALUES = st.one_of(st.integers(0, 999), st.lists(st.integers(0, 999), max_size=2), st.lists(PIECES, max_size=3).map("".join))
OBJECTS = st.dictionaries(st.sampled_from(["action", "text", "coordinate", "name"]), ARGUMENT_VALUES, max_size=3)
BODIES = st.one_of(
    OBJECTS.map(lambda each: json.dumps({"name": "computer_use", "arguments": each})),
    OBJECTS.map(lambda each: json.dumps({"name": "computer_use", "arguments": json.dumps(each)})),
    OBJECTS.map(json.dumps),
    st.tuples(OBJECTS.map(lambda each: json.dumps({"arguments": each, "name": "t"})), PIECES, st.integers(0, 60)).map(
        lambda each: each[0][: each[2]] + each[1] + each[0][each[2] :]
    ),
)
ENDS = st.sampled_from(["\n</tool_call>", "</tool_call>", "\n</tool_call>,", "\n", ""])
BLOCKS = st.lists(st.tuples(BODIES, ENDS), min_size=1, max_size=3)


@given(BLOCKS, st.sampled_from(["\n", "", " words ", "\n```json\n"]))
@settings(max_examples=150, deadline=None)
def test_the_usual_tool_call_means_what_the_reader_of_all_forms_says(blocks: list[tuple[str, str]], between: str) -> None:
    """Capital letters in its tag make a call one that only the reader of all forms takes."""

    def read(tag: str) -> tuple[str, str, str | None]:
        said = read_tool_calls("Action: go.\n" + between.join(f"<{tag}>\n{body}{end}" for body, end in blocks))
        return said.thought.lower(), repr([(each.name, each.arguments) for each in said.calls]), said.error and said.error.lower()

    assert read("tool_call") == read("TOOL_CALL")
