"""Training text is what the agent sends and the model answers; foreign forms are read; bad data is reported by file and step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.episode import Episode
from agent.export import to_uitars
from inference.families import Family, History, load_family
from inference.vlm.checkpoint import load_checkpoint, with_limits
from inference.vlm.prompt import PromptReader
from tests.training.conftest import Record, answers, screen
from training.data.model_folder import open_model_folder
from training.data.prepare import Form, Order, prepare
from training.data.report import Report
from training.data.store import SampleStore
from training.errors import BadData, DataSetError
from training.packing import IGNORED, Sample

AGENTNETBENCH = Path(__file__).resolve().parents[3] / "shared" / "recorded" / "agentnetbench"


def _prepare(sources: Path, model: Path, family: Family, out: Path, **options: Any) -> tuple[SampleStore, Report]:
    report = prepare(Order(sources=(sources,), model=model, out=out, **options), family, tell=lambda _: None)
    return SampleStore(out), report


def _learnt(sample: Sample, model: Path, family: Family) -> list[str]:
    """The texts that are learnt in `sample`, each with its end."""
    tokenizer = open_model_folder(model, family).tokenizer
    places = np.flatnonzero(sample.labels != IGNORED)
    runs = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)
    return [tokenizer.decode(sample.labels[run]) for run in runs if len(run)]


def _all(store: SampleStore) -> Iterator[Sample]:
    return (store[number] for number in range(len(store)))


def test_training_text_is_byte_for_byte_what_the_agent_sent_and_the_model_answered(
    tmp_path: Path, tiny_folder: Path, tiny_family: Family, record: Record
) -> None:
    said = answers(6)
    _, engine = record(tmp_path / "episodes", tiny_family, said)
    store, _ = _prepare(tmp_path / "episodes", tiny_folder, tiny_family, tmp_path / "set")
    checkpoint = load_checkpoint(tiny_folder, device=__import__("torch").device("cpu"), dtype="float32", attn_implementation="sdpa")
    limits = tiny_family.image.min_pixels, tiny_family.image.max_pixels
    pictures = with_limits(checkpoint.pictures, *limits)
    reader = PromptReader(tokenizer=checkpoint.tokenizer, pictures=pictures, image_token_id=checkpoint.image_token_id)
    trained = [(sample, end) for sample in _all(store) for end in _ends(sample)]
    assert len(trained) == len(engine.requests) == len(said)
    for request, answer, (sample, end) in zip(engine.requests, said, trained, strict=True):
        prompt = reader.read(request.messages)
        spoken = checkpoint.tokenizer(answer + "<|im_end|>")["input_ids"]
        assert sample.ids[:end].tolist() == [*prompt.ids.tolist(), *spoken]
        assert np.array_equal(sample.positions[:, : len(prompt.ids)], prompt.positions)
        assert sample.positions[:, len(prompt.ids)].tolist() == [prompt.next_position] * 3
        learnt = (sample.labels != IGNORED)[:end]
        assert sample.labels[:end][learnt][-len(spoken) :].tolist() == spoken
        shown = [part for message in request.messages for part in message.content if not isinstance(part, str)]
        for picture, source in zip(sample.pictures, shown, strict=False):
            assert np.array_equal(picture.patches, pictures.patches(source.rgb))


def _ends(sample: Sample) -> list[int]:
    """Where each answer that is learnt in `sample` ends."""
    learnt = sample.labels != IGNORED
    return [int(at) + 2 for at in np.flatnonzero(learnt & ~np.append(learnt[1:], False))]


def test_steps_are_one_sample_while_the_context_only_grows(tmp_path: Path, tiny_folder: Path, tiny_family: Family, record: Record) -> None:
    """The window of three screens slides from the fourth step on: a screen that was shown no longer is."""
    record(tmp_path / "episodes", tiny_family, answers(6))
    store, report = _prepare(tmp_path / "episodes", tiny_folder, tiny_family, tmp_path / "set")
    assert [len(sample.pictures) for sample in _all(store)] == [3, 3, 3, 3]
    assert [len(_learnt(sample, tiny_folder, tiny_family)) for sample in _all(store)] == [3, 1, 1, 1]
    grows = replace(tiny_family, history=History(images=None, text="responses"))
    store, grown = _prepare(tmp_path / "episodes", tiny_folder, grows, tmp_path / "grown")
    assert [len(_learnt(sample, tiny_folder, tiny_family)) for sample in _all(store)] == [6]
    assert grown.tokens < report.tokens / 2
    assert (report.exchanges, report.pictures) == (grown.exchanges, grown.pictures) == (6, 6)


def test_only_answers_are_learnt_each_with_its_end(tmp_path: Path, tiny_folder: Path, tiny_family: Family, record: Record) -> None:
    said = answers(3)
    record(tmp_path / "episodes", tiny_family, said)
    store, report = _prepare(tmp_path / "episodes", tiny_folder, tiny_family, tmp_path / "set")
    assert _learnt(store[0], tiny_folder, tiny_family) == [answer + "<|im_end|>" for answer in said]
    assert report.supervised == int((store[0].labels != IGNORED).sum()) == store.index().supervised[0]
    assert store.index().lengths == (len(store[0].ids),)


def test_a_200_step_episode_is_prepared_and_every_step_of_it_learnt(
    tmp_path: Path, tiny_folder: Path, tiny_family: Family, record: Record
) -> None:
    episode, _ = record(tmp_path / "episodes", tiny_family, answers(3))
    lines = (episode.path / "steps.jsonl").read_text().splitlines()
    row = json.loads(lines[0])
    (episode.path / "steps.jsonl").write_text("".join(json.dumps(row | {"index": n}) + "\n" for n in range(200)))
    short = replace(tiny_family, history=History(images=2, text="responses", max_steps=4))
    _, report = _prepare(tmp_path / "episodes", tiny_folder, short, tmp_path / "set")
    assert (report.exchanges, report.pictures, report.problems) == (200, 1, [])


def _break_picture(folder: Path) -> None:
    file = sorted((folder / "screens").glob("*.png"))[1]
    file.write_bytes(file.read_bytes()[:200])


def _remove_picture(folder: Path) -> None:
    sorted((folder / "screens").glob("*.png"))[1].unlink()


def _remove_steps(folder: Path) -> None:
    (folder / "steps.jsonl").write_text("")


def _point_outside(folder: Path) -> None:
    lines = (folder / "steps.jsonl").read_text().splitlines()
    row = json.loads(lines[1])
    row["actions"][0]["point"] = [1.2, 0.5]
    (folder / "steps.jsonl").write_text("\n".join([lines[0], json.dumps(row), *lines[2:]]) + "\n")


BAD = {
    "missing picture": (_remove_picture, r"step 2: the picture .*0001.png is missing", 1),
    "corrupt picture": (_break_picture, r"step 2: the picture cannot be read", 1),
    "no steps": (_remove_steps, r"the episode has no steps", 0),
    "a place outside the screen": (_point_outside, r"steps.jsonl, line 2: .*1\.2", 0),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_episodes_are_reported_by_file_and_step_and_the_run_goes_on_or_stops_as_asked(
    tmp_path: Path, tiny_folder: Path, tiny_family: Family, record: Record, what: str
) -> None:
    ruin, said, learnt_of_it = BAD[what]
    bad, _ = record(tmp_path / "episodes", tiny_family, answers(3), seed=1)
    good, _ = record(tmp_path / "episodes", tiny_family, answers(2), seed=2)
    ruin(bad.path)
    one_screen = replace(tiny_family, history=History(images=1, text="responses"))
    with pytest.raises(BadData, match=rf"{bad.path.name}.*{said}"):
        _prepare(tmp_path / "episodes", tiny_folder, one_screen, tmp_path / "stopped")
    with pytest.raises(DataSetError, match="not finished"):
        SampleStore(tmp_path / "stopped")
    store, report = _prepare(tmp_path / "episodes", tiny_folder, one_screen, tmp_path / "set", on_bad_data="skip")
    assert len(report.problems) == 1
    assert json.loads((tmp_path / "set" / "report.json").read_text())["problems"][0]["source"].startswith(str(bad.path))
    sources = [Path(source).name for source in store.index().sources]
    assert sources.count(good.path.name) == 2
    assert sources.count(bad.path.name) == (2 if learnt_of_it else 0)


def test_what_is_left_out_on_purpose_is_counted_and_is_no_problem(
    tmp_path: Path, tiny_folder: Path, tiny_family: Family, record: Record
) -> None:
    failed, _ = record(tmp_path / "episodes", tiny_family, answers(3), seed=1)
    failed.set_reward(0.0)
    won, _ = record(tmp_path / "episodes", tiny_family, answers(2), seed=2)
    won.set_reward(1.0)
    store, report = _prepare(tmp_path / "episodes", tiny_folder, tiny_family, tmp_path / "set", min_reward=1.0)
    assert {Path(source).name for source in store.index().sources} == {won.path.name}
    assert (sum(report.left_out.values()), report.problems) == (1, [])


def test_an_exchange_that_is_too_long_is_reported_by_name(tmp_path: Path, tiny_folder: Path, tiny_family: Family, record: Record) -> None:
    record(tmp_path / "episodes", tiny_family, answers(3))
    _, report = _prepare(tmp_path / "episodes", tiny_folder, tiny_family, tmp_path / "set", on_bad_data="skip", max_length=220)
    assert [problem.name for problem in report.problems] == ["step 3"]
    assert "220 are allowed" in report.problems[0].what
    assert report.longest <= 220


def test_our_export_of_conversations_reads_back_as_the_same_samples(
    tmp_path: Path, tiny_folder: Path, tiny_family: Family, record: Record
) -> None:
    episode, _ = record(tmp_path / "episodes", tiny_family, answers(5))
    file = tmp_path / "chats.json"
    file.write_text("".join(to_uitars([Episode.open(episode.path)], tmp_path, tiny_family)))
    alone = replace(tiny_family, history=replace(tiny_family.history))
    store, report = _prepare(file, tiny_folder, alone, tmp_path / "set", form="uitars")
    whole, _ = _prepare(tmp_path / "episodes", tiny_folder, tiny_family, tmp_path / "whole")
    assert report.exchanges == 5
    ends = [(sample.ids[:end].tolist(), sample.positions[:, :end].tolist()) for sample in _all(whole) for end in _ends(sample)]
    assert [(sample.ids.tolist(), sample.positions.tolist()) for sample in _all(store)] == ends


def _write(folder: Path, name: str, data: object) -> Path:
    folder.mkdir(exist_ok=True)
    for number in range(3):
        (folder / f"{number}.png").write_bytes(screen(number).png)
    file = folder / name
    file.write_text(json.dumps(data) + "\n")
    return file


def test_conversations_in_another_dialect_are_put_into_the_familys(tmp_path: Path, tiny_folder: Path, tiny_family: Family) -> None:
    chat = [
        {"role": "system", "content": "You are a helpful assistant.", "loss_mask": 0},
        {"role": "user", "content": "You are a GUI agent. […]\n\n## User Instruction\nbuy milk", "loss_mask": 0},
        {"role": "user", "content": [{"type": "image", "image": "0.png"}], "loss_mask": 0},
        {
            "role": "assistant",
            "content": "Thought: go\nAction: click(start_box='<|box_start|>(500,500)<|box_end|>')",
            "loss_mask": 1,
        },
    ]
    file = _write(tmp_path / "theirs", "chat.json", [chat])
    store, _ = _prepare(file, tiny_folder, tiny_family, tmp_path / "set", form="uitars", from_dialect="uitars-1.0")
    text = open_model_folder(tiny_folder, tiny_family).tokenizer.decode(store[0].ids)
    assert "Task: buy milk" in text
    assert _learnt(store[0], tiny_folder, tiny_family) == ["Thought: go\nAction: click(point='<point>64 48</point>')<|im_end|>"]


@pytest.mark.parametrize(
    ("form", "answer", "what"),
    [
        ("uitars", "Thought: go\nAction: click(point='<point>5000 20</point>')", "x is 5000, outside"),
        ("uitars", "Thought: go", "there is no action"),
    ],
)
def test_an_answer_that_the_family_cannot_read_is_reported_by_message(
    tmp_path: Path, tiny_folder: Path, tiny_family: Family, form: Form, answer: str, what: str
) -> None:
    chats = [
        [
            {"role": "user", "content": [{"type": "text", "text": "Task: x"}, {"type": "image", "image": "0.png"}]},
            {"role": "assistant", "content": said, "loss_mask": 1},
        ]
        for said in (answer, answers(1)[0])
    ]
    file = _write(tmp_path / "theirs", "chat.json", chats)
    _, report = _prepare(file, tiny_folder, tiny_family, tmp_path / "set", form=form, on_bad_data="skip")
    assert [(problem.source, problem.name) for problem in report.problems] == [(f"{file}:1", "message 2")]
    assert what in report.problems[0].what
    assert report.samples == 1


@pytest.mark.parametrize("shape", ["conversations", "messages"])
def test_sharegpt_conversations_are_one_sample_with_every_answer_learnt(
    tmp_path: Path, tiny_folder: Path, tiny_family: Family, shape: str
) -> None:
    said = [("human", "<image>\nWhat is this?"), ("gpt", "A window."), ("human", "And this? <image>"), ("gpt", "A menu.")]
    keys = ("from", "value") if shape == "conversations" else ("role", "content")
    names = {} if shape == "conversations" else {"human": "user", "gpt": "assistant"}
    row = {shape: [dict(zip(keys, (names.get(who, who), text), strict=True)) for who, text in said], "images": ["0.png", "1.png"]}
    file = _write(tmp_path / "theirs", "chat.jsonl", row)
    store, _ = _prepare(file, tiny_folder, tiny_family, tmp_path / "set", form="sharegpt")
    assert len(store) == 1
    assert len(store[0].pictures) == 2
    assert _learnt(store[0], tiny_folder, tiny_family) == ["A window.<|im_end|>", "A menu.<|im_end|>"]


def test_questions_about_one_screen_share_it_and_teach_what_they_teach_alone(
    tmp_path: Path, tiny_folder: Path, tiny_family: Family
) -> None:
    import torch

    from training.packing import make_pack
    from training.trainer.model import load_model
    from training.varlen.network import PackedNetwork

    asked = [("0.png", "Where is it?"), ("0.png", "And the other?"), ("0.png", "How many?"), ("1.png", "Where is it?")]
    (tmp_path / "theirs").mkdir()
    rows = [
        {"conversations": [{"from": "human", "value": f"<image>{q}"}, {"from": "gpt", "value": f"So {q}"}], "image": i} for i, q in asked
    ]
    file = _write(tmp_path / "theirs", "chats.json", rows)
    shared, report = _prepare(file, tiny_folder, tiny_family, tmp_path / "shared", form="sharegpt", share_beginnings=True)
    alone, apart = _prepare(file, tiny_folder, tiny_family, tmp_path / "alone", form="sharegpt")
    assert (len(shared), len(shared[0].branches), len(alone), report.supervised) == (2, 3, 4, apart.supervised)
    assert report.tokens < apart.tokens
    network = PackedNetwork(load_model(tiny_folder, torch.float32).eval())
    with torch.no_grad():
        together, one_by_one = (float(network(make_pack(list(_all(store))))) for store in (shared, alone))
    assert together == pytest.approx(one_by_one, rel=1e-5)


def test_a_long_conversation_is_split_before_a_question(tmp_path: Path, tiny_folder: Path, tiny_family: Family) -> None:
    turns = [{"from": who, "value": f"{word} {n} " + "x" * 40} for n in range(8) for who, word in (("human", "say"), ("gpt", "said"))]
    file = _write(tmp_path / "theirs", "chat.jsonl", {"system": "Be brief.", "conversations": turns})
    store, report = _prepare(file, tiny_folder, tiny_family, tmp_path / "set", form="sharegpt", max_length=400)
    learnt = [text for sample in _all(store) for text in _learnt(sample, tiny_folder, tiny_family)]
    assert [text.split()[1] for text in learnt] == [str(n) for n in range(8)]
    assert 1 < len(store) < 8
    assert report.longest <= 400
    tokenizer = open_model_folder(tiny_folder, tiny_family).tokenizer
    assert all("Be brief." in tokenizer.decode(sample.ids) for sample in _all(store))


def test_a_missing_picture_of_a_conversation_is_reported_with_its_line(tmp_path: Path, tiny_folder: Path, tiny_family: Family) -> None:
    row = {"conversations": [{"from": "human", "value": "<image>hi"}, {"from": "gpt", "value": "ho"}], "images": ["gone.png"]}
    file = _write(tmp_path / "theirs", "chat.jsonl", row)
    with pytest.raises(BadData, match=r"chat.jsonl:1: the picture .*gone.png is missing"):
        _prepare(file, tiny_folder, tiny_family, tmp_path / "set", form="sharegpt")


def test_agentnet_trajectories_become_the_familys_words_and_wrong_steps_are_shown_but_not_learnt(
    tmp_path: Path, tiny_folder: Path, tiny_family: Family
) -> None:
    codes = ["pyautogui.click(x=0.5, y=0.5)", "pyautogui.write(message='milk')", "computer.terminate(status='success')"]
    steps = [
        {"index": n, "image": f"{n}.png", "value": {"code": code, "thought": f"thought {n}", "last_step_correct": n != 1}}
        for n, code in enumerate(codes)
    ]
    file = _write(tmp_path / "net", "agentnet.jsonl", {"task_id": "t", "instruction": "buy milk", "traj": steps})
    store, report = _prepare(file, tiny_folder, tiny_family, tmp_path / "set", form="agentnet")
    assert report.problems == []
    assert sum(report.left_out.values()) == 1
    assert [text for sample in _all(store) for text in _learnt(sample, tiny_folder, tiny_family)] == [
        "Thought: thought 0\nAction: click(point='<point>64 48</point>')<|im_end|>",
        "Thought: thought 2\nAction: finished()<|im_end|>",
    ]
    assert "type(content='milk')" in open_model_folder(tiny_folder, tiny_family).tokenizer.decode(store[0].ids)


def test_agentnetbench_trajectories_are_read_whole(tmp_path: Path, tiny_folder: Path, tiny_family: Family) -> None:
    files = sorted(AGENTNETBENCH.glob("*.json"))
    if not files:
        pytest.skip("the recorded AgentNetBench trajectories are not beside this repository")
    one_screen = replace(tiny_family, history=History(images=1, text="responses", max_steps=3))
    order = Order(sources=(files[-1],), model=tiny_folder, out=tmp_path / "set", form="agentnet", on_bad_data="skip")
    report = prepare(order, one_screen, tell=lambda _: None)
    recorded = len(json.loads(files[-1].read_text())["steps"])
    assert report.exchanges + len(report.problems) == recorded
    assert report.exchanges >= recorded - 3


def test_the_family_of_the_open_weights_prepares_the_same_way(tmp_path: Path, tiny_folder: Path, record: Record) -> None:
    """The published prompt and five screens, on a model of another patch size: places are those of the family's pictures."""
    family = load_family("uitars-1.5")
    family = replace(family, image=replace(family.image, factor=32, min_pixels=96 * 96))
    said = answers(4)
    record(tmp_path / "episodes", family, said)
    store, _ = _prepare(tmp_path / "episodes", tiny_folder, family, tmp_path / "set")
    assert _learnt(store[0], tiny_folder, family) == [answer + "<|im_end|>" for answer in said]


def test_a_folder_is_not_written_over(tmp_path: Path, tiny_folder: Path, tiny_family: Family, episodes: Path) -> None:
    _prepare(episodes, tiny_folder, tiny_family, tmp_path / "set")
    with pytest.raises(DataSetError, match="holds a data set already"):
        _prepare(episodes, tiny_folder, tiny_family, tmp_path / "set")
