"""AgentNet's words: pyautogui's function names in their own spelling, places as fractions of the screen.

Read as the published scorer's extractor reads them (xlang-ai/OpenCUA at 913e21e, evaluation/agentnetbench/agent/opencua.py and qwen25vl.py,
commits of 2025): `cmd` and `command` count as ctrl, `press` with several keys as `hotkey`; what has no rule (`sleep`, `keyDown`, `hscroll`,
`computer.wait`) says nothing. Three of its slips are not repeated, because the definition does without them: `computer.triple_click` is
`tripleClick`, arguments may also be positional, and a text may hold quotes and escapes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from actions.space import Action, CallUser, Click, Drag, Failed, Finished, Hotkey, Move, Scroll, TypeText, Wait
from evaluation.errors import Unreadable
from evaluation.steps import Act, EvalStep, Place
from evaluation.vocabularies.base import Vocabulary, place_of, point_of
from evaluation.vocabularies.code import CodeCall, read_calls

POINTED = ("click", "doubleClick", "rightClick", "tripleClick", "middleClick", "moveTo", "dragTo")
_CLICKS = {
    ("left", 1): "click",
    ("left", 2): "doubleClick",
    ("left", 3): "tripleClick",
    ("right", 1): "rightClick",
    ("middle", 1): "middleClick",
}
_BUTTONS = {name.lower(): kind for kind, name in _CLICKS.items()}
_ALIASES = {"triple_click": "tripleClick", "tripleclick": "tripleClick", "typewrite": "write"}
_CTRL = ("cmd", "command")


def read(text: str, step: EvalStep | None = None) -> tuple[Act, ...]:
    """The acts in `text`.

    Raises:
        Unreadable: there is none.
    """
    acts = tuple(act for call in read_calls(text) if (act := act_of(call)) is not None)
    if not acts:
        raise Unreadable("there is no line such as pyautogui.click(x=0.5, y=0.5) or computer.terminate(status='success') in it")
    return acts


def act_of(call: CodeCall) -> Act | None:
    """The act that `call` says, `None` when the scorer has no rule for it."""
    name = _ALIASES.get(call.name, call.name)
    if name in POINTED:
        place = _place(call)
        return None if place is None else Act(type=name, place=place)
    if name == "write":
        message = call.argument("message", 0, call.kwargs.get("text"))
        return Act(type=name, text=message) if isinstance(message, str) else None
    if name in ("press", "hotkey"):
        return _keys(name, call)
    if name == "scroll":
        amount = call.argument("clicks", 0)
        return Act(type=name, amount=float(amount)) if _is_number(amount) else None
    if name == "terminate":
        return Act(type=name, value=str(call.argument("status", 0, "")), text=str(call.kwargs.get("answer", "")))
    return None


def from_actions(actions: Sequence[Action]) -> tuple[Act, ...]:
    """Deftly's actions in AgentNet's words: a drag is a moveTo and a dragTo, and so is a scroll at a point, as they were recorded."""
    return tuple(act for action in actions for act in _acts(action))


def to_actions(acts: Sequence[Act]) -> tuple[Action, ...]:
    """The acts as Deftly performs them; a `dragTo` starts where the pointer was moved to."""
    done: list[Action] = []
    for act in acts:
        action = _action(act, done[-1] if done else None)
        if isinstance(action, Drag | Scroll) and done and isinstance(done[-1], Move):
            done.pop()
        if action is not None:
            done.append(action)
    return tuple(done)


def _place(call: CodeCall) -> Place | None:
    x, y = call.argument("x", 0), call.argument("y", 1)
    return Place(float(x), float(y)) if _is_number(x) and _is_number(y) else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _keys(name: str, call: CodeCall) -> Act | None:
    keys = call.argument("keys", 0)
    given = keys if isinstance(keys, list | tuple) else call.args if name == "hotkey" and call.args else (keys,)
    if not given or not all(isinstance(key, str) for key in given):
        return None
    normal = tuple("ctrl" if key.strip().lower() in _CTRL else key.strip() for key in given)
    return Act(type="hotkey" if name == "hotkey" or len(normal) > 1 else "press", keys=normal)


def _acts(action: Action) -> Iterator[Act]:
    match action:
        case Click():
            yield Act(type=_CLICKS.get((action.button, action.count), "click"), place=place_of(action.point))
        case Move():
            yield Act(type="moveTo", place=place_of(action.point))
        case Drag():
            yield Act(type="moveTo", place=place_of(action.path[0]))
            yield Act(type="dragTo", place=place_of(action.path[-1]))
        case Scroll():
            if action.point is not None:
                yield Act(type="moveTo", place=place_of(action.point))
            yield (
                Act(type="scroll", amount=float(action.dy)) if action.dy or not action.dx else Act(type="hscroll", amount=float(action.dx))
            )
        case TypeText():
            yield Act(type="write", text=action.text)
        case Hotkey():
            yield Act(type="hotkey" if len(action.keys) > 1 else "press", keys=action.keys, named=True)
        case Finished():
            yield Act(type="terminate", value="success", text=action.answer or "")
        case Failed():
            yield Act(type="terminate", value="failure", text=action.reason or "")
        case CallUser():
            yield Act(type="call_user")
        case _:
            pass  # waits, held keys and the like: the scorer has no rule for them, so they say nothing


def _action(act: Act, before: Action | None) -> Action | None:
    kind = act.type.lower()
    if act.place is not None and kind in _BUTTONS:
        button, count = _BUTTONS[kind]
        return Click(point=point_of(act.place), button=button, count=count)  # type: ignore[arg-type]
    if kind == "moveto" and act.place is not None:
        return Move(point=point_of(act.place))
    if kind == "dragto" and act.place is not None:
        start = before.point if isinstance(before, Move) else point_of(act.place)
        return Drag(path=(start, point_of(act.place)))
    if kind in ("scroll", "hscroll"):
        point = before.point if isinstance(before, Move) else point_of(act.place) if act.place else None
        clicks = max(-1000, min(1000, round(act.amount or 0)))
        return Scroll(point=point, dy=clicks) if kind == "scroll" else Scroll(point=point, dx=clicks)
    if kind == "write":
        return TypeText(text=act.text)
    if kind in ("press", "hotkey") and act.keys:
        return _pressed(act.keys)
    if kind == "terminate":
        return Finished(answer=act.text or None) if act.value == "success" else Failed(reason=act.text or None)
    return Wait() if kind == "wait" else None


def _pressed(keys: tuple[str, ...]) -> Action | None:
    try:
        return Hotkey(keys=keys)
    except ValueError:  # a recording may hold a key that no keyboard of ours has
        return None


AGENTNET = Vocabulary(name="agentnet", read=read, from_actions=from_actions, to_actions=to_actions)
