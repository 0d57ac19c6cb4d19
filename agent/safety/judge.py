"""The verdict of a policy on one action: which rules match it, and the strictest of those.

A condition holds, does not hold, or cannot be told on this computer; what that means for its rule is the rule's own word (`unknown`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from actions.geometry import Point
from actions.space import Action
from agent.endings import DisplayLost
from agent.safety.hands import Hands, chords, points_of, typed_text, uses_keyboard, uses_pointer
from agent.safety.place import NOWHERE, Place, Scene, host_fits, window_fits
from agent.safety.rules import VERDICTS, Rule, SafetyPolicy, Verdict
from agent.safety.words import find_word

UNTOLD = "policy-cannot-be-evaluated"
Held = bool | None  # None: it cannot be told
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What a policy says to one action. `rules` are the names of those that decided; none of them when it is the policy's default."""

    verdict: Verdict
    rules: tuple[str, ...] = ()
    reason: str = ""

    @property
    def words(self) -> str:
        """Why, for people and for the model."""
        named = " and ".join(repr(name) for name in self.rules)
        return f"rule {named}" + (f": {self.reason}" if self.reason else "") if named else "the policy's default"


class Judge:
    """Applies `policy` on one computer, of which `scene` can tell what is where."""

    def __init__(self, policy: SafetyPolicy, scene: Scene) -> None:
        self.policy = policy
        self.scene = scene
        self.hands = Hands()

    def rule_on(self, action: Action, thought: str = "") -> Ruling:
        """What the policy says to `action` as the screen is now. When that cannot be told, it is refused."""
        try:
            case = _Case(action, thought, self.hands, self.scene)
            found = [(rule, why) for rule in self.policy.rules if (why := _match(rule, case)) is not None]
        except DisplayLost as error:
            return Ruling(verdict="refuse", rules=(UNTOLD,), reason=str(error))
        if not found:
            return Ruling(verdict=self.policy.default)
        verdict = max((rule.verdict for rule, _ in found), key=VERDICTS.index)
        strictest = [(rule, why) for rule, why in found if rule.verdict == verdict]
        reasons = dict.fromkeys("; ".join(filter(None, (rule.reason, why))) for rule, why in strictest)
        return Ruling(verdict=verdict, rules=tuple(rule.name for rule, _ in strictest), reason=". ".join(filter(None, reasons)))


class _Case:
    """One action with what rules ask about it, each looked up once, when the first rule asks."""

    def __init__(self, action: Action, thought: str, hands: Hands, scene: Scene) -> None:
        self.action = action
        self.thought = thought
        self.hands = hands
        self._scene = scene
        self._places: tuple[Place, ...] | None = None

    @property
    def points(self) -> tuple[Point, ...] | None:
        """Where the pointer is used; `None` when nobody knows where it is."""
        told = points_of(self.action)
        if told or not uses_pointer(self.action):
            return told
        return None if self.hands.pointer is None else (self.hands.pointer,)

    @property
    def places(self) -> tuple[Place, ...]:
        """What the action reaches; nothing for one that reaches nothing."""
        if self._places is None:
            points = self.points
            if uses_pointer(self.action):
                self._places = (NOWHERE,) if points is None else tuple(self._scene.at(point) for point in points)
            else:
                self._places = (self._scene.focused(),) if uses_keyboard(self.action) else ()
        return self._places


def _match(rule: Rule, case: _Case) -> str | None:
    """Why `rule` matches, in words that may be empty; `None` when it does not. What costs a question to the computer comes last."""
    if rule.actions is not None and case.action.type not in rule.actions:
        return None
    whys: list[str] = []
    untold: list[str] = []
    for name, condition in _CONDITIONS.items():
        if getattr(rule, name) is None:
            continue
        held, why = condition(rule, case)
        if held is False:
            return None
        (whys if held else untold).append(why if held else name)
    if untold and rule.unknown == "skip":
        return None
    if untold:
        whys.append(f"this computer cannot tell about {' and '.join(untold)}, which the rule asks for")
    return "; ".join(filter(None, whys))


def _keys(rule: Rule, case: _Case) -> tuple[Held, str]:
    assert rule.keys is not None
    for pressed in chords(case.action, case.hands):
        for combination in rule.keys:
            if combination <= pressed:
                return True, f"it presses {'+'.join(sorted(combination, key=_modifiers_first))}"
    return False, ""


def _not_keys(rule: Rule, case: _Case) -> tuple[Held, str]:
    assert rule.not_keys is not None
    for pressed in chords(case.action, case.hands):
        if pressed not in rule.not_keys:
            return True, f"it presses {'+'.join(sorted(pressed, key=_modifiers_first))}"
    return False, ""


def _regions(rule: Rule, case: _Case) -> tuple[Held, str]:
    assert rule.regions is not None
    if case.points is None:
        return None, ""
    return any(region.has(point.x, point.y) for point in case.points for region in rule.regions), "it points into the region"


def _not_regions(rule: Rule, case: _Case) -> tuple[Held, str]:
    assert rule.not_regions is not None
    if case.points is None:
        return None, ""
    return any(
        not any(region.has(point.x, point.y) for region in rule.not_regions) for point in case.points
    ), "it points outside of the region"


def _words(rule: Rule, case: _Case) -> tuple[Held, str]:
    assert rule.words is not None
    said = {"thought": case.thought, "typed": typed_text(case.action)}
    for source in rule.sources:
        before = case.hands.typed if source == "typed" else ""
        if source in said and (found := find_word(rule.words, said[source], before)):
            return True, f"{found!r} is in what {'the model thought' if source == 'thought' else 'is typed'}"
    if "target" not in rule.sources:
        return False, ""
    for place in case.places:
        if place.text is not None and (found := find_word(rule.words, place.text)):
            return True, f"{found!r} is on the target"
    if rule.sources == ("target",) and any(place.text is None for place in case.places):
        return None, ""
    return False, ""


def _password_field(rule: Rule, case: _Case) -> tuple[Held, str]:
    fields = [place.password_field for place in case.places]
    return (None, "") if None in fields else (rule.password_field in fields, "")


def _windows(rule: Rule, case: _Case) -> tuple[Held, str]:
    patterns = rule.windows or ()
    return _any_place(case, lambda place: place.window, lambda window: window_fits(window, patterns), _title)


def _not_windows(rule: Rule, case: _Case) -> tuple[Held, str]:
    patterns = rule.not_windows or ()
    return _any_place(case, lambda place: place.window, lambda window: not window_fits(window, patterns), _title)


def _hosts(rule: Rule, case: _Case) -> tuple[Held, str]:
    patterns = rule.hosts or ()
    return _any_place(case, lambda place: place.hosts, lambda hosts: any(host_fits(host, patterns) for host in hosts), ", ".join)


def _not_hosts(rule: Rule, case: _Case) -> tuple[Held, str]:
    patterns = rule.not_hosts or ()
    return _any_place(case, lambda place: place.hosts, lambda hosts: not all(host_fits(host, patterns) for host in hosts), ", ".join)


def _any_place(case: _Case, get: Callable[[Place], V | None], test: Callable[[V], bool], name: Callable[[V], str]) -> tuple[Held, str]:
    values = [get(place) for place in case.places]
    for value in values:
        if value is not None and test(value):
            return True, f"it reaches {name(value) or 'the desktop'}"
    return (None if None in values else False), ""


def _title(window: tuple[str, str]) -> str:
    return f"the window {window[0] or window[1]!r}" if any(window) else ""


_CONDITIONS: dict[str, Callable[[Rule, _Case], tuple[Held, str]]] = {
    "keys": _keys,
    "not_keys": _not_keys,
    "regions": _regions,
    "not_regions": _not_regions,
    "words": _words,
    "password_field": _password_field,
    "windows": _windows,
    "not_windows": _not_windows,
    "hosts": _hosts,
    "not_hosts": _not_hosts,
}


def _modifiers_first(key: str) -> tuple[bool, str]:
    return (key not in ("ctrl", "alt", "shift", "meta"), key)
