"""AndroidControl: a step is right where its type and its arguments are.

`AndroidControl` follows its paper (Li et al. 2024, arXiv:2406.03679, section 5): a tap is right inside the box of the target element, edges
included; where the accessibility tree has no element there, within 0.14 of the screen. Texts and apps are equal up to capitals and blanks
at the ends. `OSAtlas` follows OS-Atlas (arXiv:2410.23218), whose figures most later papers report: every tap within 0.14, texts and apps
whose token F1 is above 0.5 or that are equal, directions equal; its grounding accuracy is that of the taps whose type is right.
High- and low-level instructions are separate runs (`--variant`); the splits that overlap are told apart under `subsplits`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.metrics.base import Scored, StepScore, mean
from evaluation.metrics.text import squad_f1
from evaluation.steps import Act, EvalStep, Wanted
from evaluation.vocabularies.androidcontrol import ANDROIDCONTROL, POINTED
from evaluation.vocabularies.base import Vocabulary

NEAR = 0.14
SAME_TEXT = 0.5


@dataclass(frozen=True, slots=True)
class AndroidControl:
    """The metric; with `osatlas` as that project scores it."""

    osatlas: bool = False

    @property
    def name(self) -> str:
        return "androidcontrol-osatlas" if self.osatlas else "androidcontrol"

    @property
    def source(self) -> str:
        return "https://arxiv.org/abs/2410.23218" if self.osatlas else "https://arxiv.org/abs/2406.03679"

    @property
    def vocabulary(self) -> Vocabulary:
        return ANDROIDCONTROL

    def score(self, step: EvalStep, acts: Sequence[Act]) -> StepScore:
        (wanted,), said = step.truth, acts[0] if acts else None
        same_type = said is not None and said.type == wanted.act.type
        right = float(said is not None and same_type and self._matches(wanted, said))
        parts = {"type": float(same_type)}
        if same_type and wanted.act.type in POINTED:
            parts["grounding"] = right
        return StepScore(score=right, actions={wanted.act.type: right}, parts=parts)

    def published(self, scored: Sequence[Scored]) -> dict[str, Any]:
        subsplits = sorted({name for each in scored for name in each.step.tags.get("subsplits", "").split(",") if name})
        parts = {name: [each for each in scored if name in each.step.tags.get("subsplits", "").split(",")] for name in subsplits}
        return {**_figures(scored), "subsplits": {name: _figures(part) for name, part in parts.items()}}

    def _matches(self, wanted: Wanted, said: Act) -> bool:
        act = wanted.act
        if act.type in POINTED:
            return self._touches(wanted, said)
        if act.type in ("input_text", "open_app"):
            same = act.text.strip().lower() == said.text.strip().lower()
            return same or (self.osatlas and squad_f1(said.text, act.text) > SAME_TEXT)
        return act.type not in ("scroll", "status") or act.value.lower() == said.value.lower()

    def _touches(self, wanted: Wanted, said: Act) -> bool:
        if said.place is None or wanted.act.place is None:
            return False
        if wanted.boxes and not self.osatlas:
            return any(box.holds(said.place) for box in wanted.boxes)
        dx, dy = said.place.x - wanted.act.place.x, said.place.y - wanted.act.place.y
        return bool((dx**2 + dy**2) ** 0.5 <= NEAR)


def osatlas() -> AndroidControl:
    """As OS-Atlas scores."""
    return AndroidControl(osatlas=True)


def _figures(scored: Sequence[Scored]) -> dict[str, Any]:
    whole: dict[str, bool] = {}
    for each in scored:
        whole[each.step.episode] = whole.get(each.step.episode, True) and each.success
    return {
        "step_accuracy": mean([each.score.score for each in scored]),
        "type_accuracy": mean([each.score.parts["type"] for each in scored]),
        "grounding_accuracy": mean([each.score.parts["grounding"] for each in scored if "grounding" in each.score.parts]),
        "episode_success": mean([float(good) for good in whole.values()]),
        "num_steps": len(scored),
    }
