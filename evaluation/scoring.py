"""From stored texts to scores: each answer is read, in the data set's own format or by a dialect, and scored by the data set's metric."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from actions.dialects import Dialect, get_dialect
from actions.geometry import Frame
from evaluation.datasets.base import Dataset
from evaluation.errors import PredictionsError, Unreadable
from evaluation.metrics.base import Metric, Scored
from evaluation.metrics.registry import get_metric
from evaluation.predictions import Answer, Key
from evaluation.steps import Act, EvalStep
from evaluation.vocabularies.agentnet import AGENTNET
from evaluation.vocabularies.base import Vocabulary

NATIVE = "native"
CODE_DIALECTS = ("opencua", "kimi-vl")
MISSING = "missing: no prediction for this step"

Reader = Callable[[str, EvalStep], tuple[Act, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Every step of the data set with its score, in its order; `unknown` are answers to steps that it does not have."""

    dataset: Dataset
    metric: Metric
    dialect: str
    scored: tuple[Scored, ...]
    unknown: tuple[Answer, ...] = ()

    @property
    def num_missing(self) -> int:
        return sum(each.note == MISSING for each in self.scored)

    @property
    def num_unreadable(self) -> int:
        return sum(bool(each.note) and each.note != MISSING for each in self.scored)


def score_answers(
    dataset: Dataset, answers: Mapping[Key, Answer], *, dialect: str | Dialect | None = None, metric: str | None = None
) -> Result:
    """The scores of `answers`; a step without one gets 0 and is counted as missing. `dialect` is a name, or one bound to its family.

    Raises:
        UnknownDialect, UnknownMetric: there is no such thing.
        PredictionsError: not one answer is to a step of this data set.
    """
    judge, spoken = get_metric(metric or dataset.metric), dialect or dataset.dialect
    reader = make_reader(spoken, judge.vocabulary) if isinstance(spoken, str) else reader_of(spoken, judge.vocabulary)
    known = {(step.episode, step.step) for step in dataset.steps}
    unknown = tuple(answer for key, answer in answers.items() if key not in known)
    if answers and len(unknown) == len(answers):
        raise PredictionsError(_all_unknown(dataset, unknown))
    scored = tuple(_scored(dataset.steps, answers, judge, reader))
    return Result(dataset=dataset, metric=judge, dialect=spoken if isinstance(spoken, str) else spoken.name, scored=scored, unknown=unknown)


def make_reader(dialect: str, vocabulary: Vocabulary) -> Reader:
    """Reads texts into the vocabulary's acts.

    Raises:
        UnknownDialect: there is no such dialect.
    """
    return vocabulary.read if dialect == NATIVE else reader_of(get_dialect(dialect), vocabulary)


def reader_of(dialect: Dialect, vocabulary: Vocabulary) -> Reader:
    """Reads what is written in `dialect`.

    AgentNet's own language is that of some dialects, too. There the scorer's own reading decides, wherever it has fractions to go by: it
    has rules that the dialect, which is there to perform the actions, must not have (`press` with several keys is a hotkey).
    """

    def read(text: str, step: EvalStep) -> tuple[Act, ...]:
        said = dialect.parse(text, Frame(screen=step.screen))
        if said.error is not None:
            raise Unreadable(said.error)
        return vocabulary.from_actions(said.actions)

    def read_code(text: str, step: EvalStep) -> tuple[Act, ...]:
        acts = vocabulary.read(text, step)
        pixels = any(max(act.place) > 1 for act in acts if act.place is not None)
        return read(text, step) if pixels else acts

    return read_code if vocabulary.name == AGENTNET.name and dialect.name in CODE_DIALECTS else read


def _scored(steps: Sequence[EvalStep], answers: Mapping[Key, Answer], metric: Metric, reader: Reader) -> Iterator[Scored]:
    for step in steps:
        answer = answers.get((step.episode, step.step))
        if answer is None:
            yield Scored(step=step, score=metric.score(step, ()), note=MISSING)
            continue
        note, acts = "", tuple[Act, ...]()
        try:
            acts = reader(answer.text, step)
        except Unreadable as error:
            note = f"unreadable: {error}"
        yield Scored(step=step, score=metric.score(step, acts), acts=acts, text=answer.text, note=note)


def _all_unknown(dataset: Dataset, unknown: Sequence[Answer]) -> str:
    first, step = unknown[0], dataset.steps[0]
    return (
        f"not one prediction is to a step of {dataset.path}: line {first.line} answers step {first.step} of episode {first.episode!r}, "
        f"and the data set ({dataset.name}) begins with step {step.step} of episode {step.episode!r}"
    )
