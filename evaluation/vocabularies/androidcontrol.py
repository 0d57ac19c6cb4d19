"""AndroidControl's words: JSON objects such as {"action_type": "click", "x": 540, "y": 1200}, places in pixels of the screenshot.

    click (x, y)  long_press (x, y)  scroll (direction)  open_app (app_name)  input_text (text)  navigate_home  navigate_back  wait
    status (goal_status), for answers that end the task   (google-research/google-research, android_control/README.md)

`scroll down` shows what is below: the finger goes up.
"""

from __future__ import annotations

from collections.abc import Sequence

from actions.phone import LongPress, OpenApp, PressBack, PressHome
from actions.space import Action, CallUser, Click, Drag, Failed, Finished, Scroll, TypeText, Wait
from evaluation.errors import Unreadable
from evaluation.steps import Act, EvalStep, Place
from evaluation.vocabularies.base import Vocabulary, place_of, point_of
from evaluation.vocabularies.mind2web import last_object
from evaluation.vocabularies.odyssey import finger_way, scroll_way

POINTED = ("click", "long_press")
WORDS = (*POINTED, "scroll", "open_app", "input_text", "navigate_home", "navigate_back", "wait", "status")
WHEEL_CLICKS = 5  # what a swipe amounts to
_SHOWS = {"UP": "down", "DOWN": "up", "LEFT": "right", "RIGHT": "left"}  # what a finger that goes so brings into view
_WAYS = {"down": (0, -1), "up": (0, 1), "right": (1, 0), "left": (-1, 0)}


def read(text: str, step: EvalStep) -> tuple[Act, ...]:
    """The one act in `text`.

    Raises:
        Unreadable: there is none.
    """
    return (act_of(last_object(text), step.screen),)


def act_of(data: dict[str, object], size: tuple[int, int]) -> Act:
    """The act that an object says.

    Raises:
        Unreadable: it says none.
    """
    kind = str(data.get("action_type", ""))
    if kind == "type":  # a click and a text in one, which the recordings hardly hold
        return Act(type="input_text", text=str(data.get("text", "")))
    if kind not in WORDS:
        raise Unreadable(f"action_type is {kind!r}: it must be one of {', '.join(WORDS)}")
    if kind in POINTED:
        x, y = data.get("x"), data.get("y")
        if not isinstance(x, int | float) or not isinstance(y, int | float):
            raise Unreadable(f"{kind} needs x and y, in pixels")
        return Act(type=kind, place=Place(x / size[0], y / size[1]))
    text = str(data.get("app_name" if kind == "open_app" else "text", ""))
    return Act(type=kind, text=text, value=str(data.get("direction", data.get("goal_status", ""))))


def from_actions(actions: Sequence[Action]) -> tuple[Act, ...]:
    """The first action that has a word there: a step of AndroidControl is one action."""
    return next(((act,) for action in actions if (act := _act(action)) is not None), ())


def to_actions(acts: Sequence[Act]) -> tuple[Action, ...]:
    return tuple(action for act in acts if (action := _action(act)) is not None)


def _act(action: Action) -> Act | None:
    match action:
        case Click():
            return Act(type="click", place=place_of(action.point))
        case LongPress():
            return Act(type="long_press", place=place_of(action.point))
        case Drag():
            return Act(type="scroll", value=_SHOWS[finger_way(action.path)])
        case Scroll():
            return Act(type="scroll", value=_SHOWS[scroll_way(action)])
        case TypeText():
            return Act(type="input_text", text=action.text)
        case OpenApp():
            return Act(type="open_app", text=action.app_name)
        case PressHome():
            return Act(type="navigate_home")
        case PressBack():
            return Act(type="navigate_back")
        case Wait():
            return Act(type="wait")
        case Finished() | Failed() | CallUser():
            return Act(type="status", value="complete" if isinstance(action, Finished) else "infeasible")
    return None


def _action(act: Act) -> Action | None:
    if act.place is not None:
        return Click(point=point_of(act.place)) if act.type == "click" else LongPress(point=point_of(act.place))
    if act.type == "scroll" and act.value in _WAYS:
        dx, dy = _WAYS[act.value]
        return Scroll(dx=dx * WHEEL_CLICKS, dy=dy * WHEEL_CLICKS)
    match act.type:
        case "input_text":
            return TypeText(text=act.text)
        case "open_app":
            return OpenApp(app_name=act.text) if act.text.strip() else None
        case "navigate_home":
            return PressHome()
        case "navigate_back":
            return PressBack()
        case "wait":
            return Wait()
    return Finished() if act.type == "status" else None


ANDROIDCONTROL = Vocabulary(name="androidcontrol", read=read, from_actions=from_actions, to_actions=to_actions)
