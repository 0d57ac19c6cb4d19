"""What was played is sorted into what is learnt: answers that led to a reward, and better answers beside worse ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from actions.geometry import Point
from actions.space import Click, Prediction, TypeText
from agent.episode import Episode
from inference.families import Family
from tests.training.conftest import answers, record_episode
from training.collect.correction import compared, read_edits
from training.collect.dataset import write_answers, write_pairs
from training.collect.play import ADVICE_FILE
from training.collect.selection import select
from training.data.store import SampleStore
from training.errors import BadData, DataSetError
from training.trainer.preference import read_pairs


@pytest.fixture()
def played(tmp_path: Path, tiny_family: Family) -> list[Episode]:
    """One that succeeded, and one that failed with the expert's advice for its first step."""
    found = []
    for number, reward in enumerate((1.0, -1.0)):
        episode, _ = record_episode(tmp_path / "episodes", tiny_family, answers(3, seed=number), seed=number)
        episode.set_reward(reward)
        found.append(Episode.open(episode.path))
    advice = {"step": 1, "thought": "the other button", "actions": [{"type": "click", "point": [0.9, 0.9]}]}
    (found[1].path / ADVICE_FILE).write_text(json.dumps(advice) + "\n")
    return found


def test_successes_are_imitated_and_failures_are_corrected_by_the_expert(played: list[Episode], tiny_family: Family) -> None:
    chosen = select(played, tiny_family)
    assert [e.source for e in chosen.accepted] == [str(played[0].path)] * 3 + [str(played[1].path)]
    (pair,) = chosen.pairs
    assert (pair.by, pair.rejected) == ("expert", played[1].steps[0].prediction.text)
    assert "the other button" in pair.chosen and pair.chosen != pair.rejected
    assert chosen.counts["steps nobody could correct"] == 2


def test_a_persons_edit_goes_before_the_expert(tmp_path: Path, played: list[Episode], tiny_family: Family) -> None:
    rows = [{"episode": played[1].id, "step": step, "thought": "mine", "actions": [{"type": "type", "text": "hi"}]} for step in (1, 2)]
    file = tmp_path / "edits.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    chosen = select(played, tiny_family, edits=read_edits(file))
    assert [(pair.by, pair.name) for pair in chosen.pairs] == [("person", "step 1"), ("person", "step 2")]
    assert all("mine" in pair.chosen for pair in chosen.pairs)


def test_an_answer_that_comes_to_the_same_is_no_pair() -> None:
    said = Prediction(thought="a", actions=(Click(point=Point(0.5, 0.5)),))
    assert compared(said, Prediction(thought="b", actions=(Click(point=Point(0.51, 0.49)),)), "expert").agrees
    assert not compared(said, Prediction(thought="b", actions=(Click(point=Point(0.6, 0.5)),)), "expert").agrees
    assert not compared(said, Prediction(actions=(TypeText(text="x"),)), "expert").agrees


def test_answers_and_pairs_become_data_sets_that_the_trainers_read(
    tmp_path: Path, played: list[Episode], tiny_family: Family, tiny_folder: Path
) -> None:
    chosen = select(played, tiny_family)
    for _ in range(2):  # a second time takes the place of the first
        count = write_answers(chosen.accepted, tiny_folder, tiny_family, tmp_path / "accepted")
        assert write_pairs(chosen.pairs, tiny_folder, tiny_family, tmp_path / "pairs") == 1
    assert len(SampleStore(tmp_path / "accepted")) == count
    (pair,) = read_pairs(tmp_path / "pairs")
    shared = min(int((sample.labels >= 0).argmax()) for sample in pair)
    assert (pair.chosen.ids[:shared] == pair.rejected.ids[:shared]).all()
    (tmp_path / "other").mkdir()
    with pytest.raises(DataSetError, match="holds no data set"):
        write_answers(chosen.accepted, tiny_folder, tiny_family, tmp_path / "other")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("nonsense", "cannot be read"),
        ('{"episode": "a", "step": 1}', "edit 1: 'actions' is missing"),
        ('{"episode": "a", "step": 0, "actions": [{"type": "wait", "seconds": 1}]}', "counted from 1"),
        ('{"episode": "a", "step": 1, "actions": [{"type": "leap"}]}', "edit 1: "),
    ],
)
def test_edits_that_cannot_be_read_are_named(tmp_path: Path, text: str, what: str) -> None:
    file = tmp_path / "edits.jsonl"
    file.write_text(text)
    with pytest.raises(BadData, match=what):
        read_edits(file)
