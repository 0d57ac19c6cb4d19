"""What a model writes is data: hostile texts run nothing, and no module of ours could run them."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from actions.dialects import DIALECTS, get_dialect
from actions.geometry import Frame, Size
from actions.space import Finished, Prediction, TypeText

ROOT = Path(__file__).parents[1]
PACKAGES = ("actions", "agent", "inference", "training", "evaluation", "server", "deftly", "scripts", "benchmarks")
RUNS_TEXT = {"eval", "exec", "compile", "__import__", "execfile"}
SCREEN = Frame(Size(1920, 1080))
NAMES = [entry.name for entry in DIALECTS.entries() if entry.origin == "deftly"]
EACH = pytest.mark.parametrize("name", NAMES)
UI_TARS = pytest.mark.parametrize("name", ["uitars-1.0", "uitars-1.5", "doubao"])


def our_modules() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def calls_that_run_text(source: str) -> list[int]:
    """The lines that call or even name eval, exec and their like; methods such as `model.eval()` or `re.compile()` are others."""
    return sorted(node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name) and node.id in RUNS_TEXT)


def test_the_check_itself_sees_what_runs_text() -> None:
    assert calls_that_run_text("x = eval('1')\nmodel.eval()\nf = exec\nre.compile('a')") == [1, 3]


@pytest.mark.parametrize("path", our_modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_of_ours_runs_text(path: Path) -> None:
    assert calls_that_run_text(path.read_text(encoding="utf-8")) == []


PAYLOADS = [
    "__import__('os').system('touch {mark}')",
    "(__import__('os').system('touch {mark}'), 1)",
    "[c for c in ().__class__.__base__.__subclasses__()]",
    "1); __import__('os').system('touch {mark}'",
    "'); import os; os.system('touch {mark}'); print('",
    "'''\nimport os\nos.system('touch {mark}')\n'''",
    "$(touch {mark})",
    "`touch {mark}`",
    "open('{mark}', 'w')",
]
PLACES = [
    "{payload}",
    "Thought: {payload}",
    "Thought: t\nAction: {payload}",
    "Thought: t\nAction: click(start_box={payload})",
    "Thought: t\nAction: click(start_box='{payload}')",
    'Thought: t\nAction: click(point="{payload}")',
    "Thought: t\nAction: hotkey(key='{payload}')",
    "Thought: t\nAction: wait(time='{payload}')",
    "Thought: t\nAction: scroll(direction='{payload}')",
    "## Code:\n```python\n{payload}\n```",
    "## Code:\npyautogui.click(x={payload}, y=0.5)",
    "## Code:\npyautogui.write({payload}.x)",
    '<tool_call>\n{"name": "computer_use", "arguments": {payload}}\n</tool_call>',
    '{"action": "left_click", "coordinate": "{payload}"}',
    "<seed:tool_call><function=click><parameter=point>{payload}</parameter></function></seed:tool_call>",
    "<action>Click(point={payload})</action>",
    "<action>{payload}</action>",
]


@EACH
@pytest.mark.parametrize("place", PLACES)
def test_hostile_text_is_an_error_and_runs_nothing(name: str, place: str, tmp_path: Path) -> None:
    dialect, mark = get_dialect(name), tmp_path / "mark"
    dialect.parse(place, SCREEN)  # what reading imports at its first use is imported now
    modules = set(sys.modules)
    for payload in PAYLOADS:
        prediction = dialect.parse(place.replace("{payload}", payload.replace("{mark}", str(mark))), SCREEN)
        assert prediction.error and prediction.actions == (), payload
    assert not mark.exists()
    assert set(sys.modules) == modules


@UI_TARS
@pytest.mark.parametrize("payload", ["__import__('os').system('x')", "''' + open('x').read() + '''", "$(rm -rf x)", '"; rm -rf x; "'])
def test_hostile_text_in_content_is_typed_as_it_is(name: str, payload: str) -> None:
    dialect = get_dialect(name)
    escaped = payload.replace("\\", "\\\\").replace("'", "\\'")
    prediction = dialect.parse(f"Thought: {payload}\nAction: type(content='{escaped}')\n\nfinished(content='{escaped}')", SCREEN)
    assert prediction.error is None
    assert prediction.actions == (TypeText(text=payload), Finished(answer=payload))
    assert prediction.thought == payload


@EACH
@pytest.mark.parametrize(
    "payload", ["__import__('os').system('x')", "''' + open('x').read() + '''", "$(rm -rf x)", '"; rm -rf x; "', "{x!r}"]
)
def test_hostile_text_that_a_dialect_wrote_itself_comes_back_as_text(name: str, payload: str) -> None:
    dialect = get_dialect(name)
    text = dialect.format(Prediction(thought="t", actions=(TypeText(text=payload), Finished(answer=payload))), SCREEN)
    assert dialect.parse(text, SCREEN).actions == (TypeText(text=payload), Finished(answer=payload))
