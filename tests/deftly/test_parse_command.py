"""`deftly parse` as a caller meets it: text on stdin, actions on stdout, and exit codes that a script can trust."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from deftly.cli import main

CLICK = "Thought: Open it.\nAction: click(point='<point>966 546</point>')"


class Done(NamedTuple):
    code: int
    out: str
    err: str


Parse = Callable[..., Done]


@pytest.fixture
def parse(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Parse:
    """`deftly parse` in this process, with `text` as its stdin."""

    def run(text: str | bytes, *options: str) -> Done:
        data = text.encode() if isinstance(text, str) else text
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        try:
            code = main(["parse", *options])
        except SystemExit as left:  # argparse's way
            code = int(left.code or 0)
        return Done(code, *capsys.readouterr())

    return run


def piped(data: bytes, *options: str) -> tuple[int, Any]:
    """`deftly parse --json` as a process of its own."""
    command = [sys.executable, "-m", "deftly", "parse", "--json", *options]
    done = subprocess.run(command, input=data, capture_output=True, timeout=300, check=False)
    assert done.stderr == b""
    return done.returncode, json.loads(done.stdout)


def parsed(parse: Parse, text: str | bytes, *options: str) -> tuple[int, Any]:
    done = parse(text, "--json", *options)
    assert done.err == ""
    return done.code, json.loads(done.out)


ON_1080P = ("--dialect", "uitars-1.5", "--screen", "1920x1080")


def test_a_text_through_a_pipe_comes_out_as_json_with_points_in_fractions() -> None:
    assert piped(CLICK.encode(), *ON_1080P) == (
        0,
        {
            "thought": "Open it.",
            "actions": [{"type": "click", "point": [0.5, 0.5], "button": "left", "count": 1, "modifiers": []}],
            "error": None,
        },
    )


def test_10_mb_through_a_pipe_are_refused_without_reading_them_all() -> None:
    code, said = piped(b"a" * 10_000_000, *ON_1080P)
    assert (code, said["actions"]) == (1, [])
    assert "stdin holds more than 1048576 bytes" in said["error"]


def test_an_image_smaller_than_the_screen_is_the_space_of_the_coordinates(parse: Parse) -> None:
    code, said = parsed(parse, "Action: click(point='<point>644 364</point>')", *ON_1080P, "--image", "1280x720")
    assert (code, said["actions"][0]["point"]) == (0, [0.5, 0.5])


def test_the_older_dialect_reads_thousandths(parse: Parse) -> None:
    code, said = parsed(parse, "Action: click(start_box='(235,512)')", "--dialect", "uitars-1.0", "--screen", "1920x1080")
    assert (code, said["actions"][0]["point"]) == (0, [0.235, 0.512])


def test_for_people_every_action_is_a_line_with_pixels_of_the_screen(parse: Parse) -> None:
    done = parse(CLICK + "\n\ntype(content='hi\\n')\n\nhotkey(key='ctrl s')", *ON_1080P)
    assert done.code == 0
    assert done.out.splitlines() == [
        "thought  Open it.",
        "      1  click  point=(0.5000, 0.5000) = 960,540 px  button='left'  count=1",
        "      2  type  text='hi\\n'",
        "      3  hotkey  ctrl+s",
    ]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "there is no action"),
        ("Thought: hm", "there is no action"),
        ("Action: click(point='<point>5000 5</point>')", "x is 5000, outside the 1932x1092 image"),
        ("Action: click(point='')", "'' is no point"),
        ("Action: __import__('os').system('true')", "'__import__' needs its arguments"),
        (b"\xff\xfe\x00\x01", "stdin is not text: byte 0 (0xff)"),
        (b"\x00\x01\x02", "there is no action"),
        (b"\xe4\xbd" * 1000, "stdin is not text"),
        ("a" * 300_000, "the text has 300000 characters"),
    ],
    ids=lambda value: str(value[:20]),
)
def test_a_text_that_is_no_answer_is_exit_code_1_and_says_why(parse: Parse, text: str | bytes, named: str) -> None:
    code, said = parsed(parse, text, *ON_1080P)
    assert (code, said["actions"]) == (1, [])
    assert named in said["error"]


def test_for_people_the_error_goes_to_stderr(parse: Parse) -> None:
    done = parse("Thought: hm", *ON_1080P)
    assert (done.code, done.out) == (1, "thought  hm\n")
    assert done.err.startswith("error    there is no action")


def test_what_could_steer_a_terminal_is_shown_escaped(parse: Parse) -> None:
    done = parse("Thought: \x1b]0;owned\x07\nAction: type(content='\x1b[2J')", *ON_1080P)
    assert done.code == 0
    assert "\x1b" not in done.out and "\\x1b]0;owned\\x07" in done.out


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--dialect", "tars", "--screen", "1920x1080"), "no dialect is called 'tars': did you mean uitars-1.5? Known are uitars-1.0"),
        (("--dialect", "uitars-1.5", "--screen", "1920"), "'1920' is no size: write width x height"),
        (("--dialect", "uitars-1.5", "--screen", "0x1080"), "'0x1080' is no size"),
        (("--dialect", "uitars-1.5", "--screen", "-5x1080"), "--screen"),
        (("--dialect", "uitars-1.5", "--screen", "9999999x1"), "is no size"),
        (("--dialect", "uitars-1.5", "--screen", "5000x5"), "--screen: a picture of 5000x5 is too narrow"),
        (("--dialect", "uitars-1.5", "--screen", "1920x1080", "--image", "big"), "'big' is no size"),
        (("--dialect", "uitars-1.5", "--screen", "1920x1080", "--image", "5000x5"), "--image: a picture of 5000x5 is too narrow"),
        (("--screen", "1920x1080"), "--dialect"),
        (("--dialect", "uitars-1.5"), "--screen"),
    ],
)
def test_wrong_use_is_exit_code_2_and_names_the_option(parse: Parse, options: tuple[str, ...], named: str) -> None:
    done = parse(CLICK, *options)
    assert (done.code, done.out) == (2, "")
    assert named in done.err
    assert "Traceback" not in done.err


def test_help_says_what_goes_in_and_what_comes_out(parse: Parse) -> None:
    done = parse("", "--help")
    assert done.code == 0
    for word in ("--dialect", "uitars-1.5", "--screen", "--image", "--json", "stdin", "exit codes"):
        assert word in done.out


def test_parsing_imports_nothing_heavy() -> None:
    code = (
        "import json, sys; from deftly.commands.parse import parse_command; "
        "parse_command(['--dialect', 'uitars-1.5', '--screen', '9x9']); print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], input="wait()", text=True, capture_output=True, timeout=120, check=True)
    assert done.stdout == "      1  wait  seconds=5.0\n"
    assert not {"torch", "numpy", "transformers", "PIL", "cv2", "mss", "Xlib", "rich", "agent", "inference"} & set(json.loads(done.stderr))


def test_every_dialect_can_be_listed_without_more(parse: Parse) -> None:
    done = parse("", "--list")
    lines = done.out.splitlines()
    assert (done.code, done.err) == (0, "")
    assert {line.split()[0] for line in lines} >= {"uitars-1.0", "uitars-2", "opencua", "qwen3-vl-mobile", "anthropic", "ui-venus"}
    assert next(line for line in lines if line.startswith("qwen3-vl ")).split()[:3] == ["qwen3-vl", "relative-1000", "qwen3vl"]


def test_another_coordinate_rule_than_the_family_s(parse: Parse) -> None:
    text = "## Code:\npyautogui.click(x=500, y=250)"
    code, said = parsed(parse, text, "--dialect", "opencua", "--screen", "1000x1000", "--coordinates", "relative-1000")
    assert (code, said["actions"][0]["point"]) == (0, [0.5, 0.25])
    assert "--coordinates" in parse(text, "--dialect", "opencua", "--screen", "1000x1000", "--coordinates", "metres").err


@pytest.mark.parametrize(("wrong", "meant"), [("qwen3vll", "qwen3-vl"), ("openCUAA", "opencua"), ("clade", "anthropic"), ("holo3", "holo")])
def test_a_wrong_name_is_answered_with_the_nearest(parse: Parse, wrong: str, meant: str) -> None:
    done = parse("wait()", "--dialect", wrong, "--screen", "1000x1000")
    assert done.code == 2
    assert f"did you mean {meant}" in done.err


def test_every_dialect_answers_through_the_command_line(parse: Parse) -> None:
    for line in parse("", "--list").out.splitlines():
        code, said = parsed(parse, "I am done.", "--dialect", line.split()[0], "--screen", "1920x1080")
        assert (code, said["actions"]) == (1, [])
        assert said["error"]
