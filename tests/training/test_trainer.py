"""A run is the same run on one process or two, sharded or not, killed or not; and what comes out of it serves."""

from __future__ import annotations

import json
import random
import signal
import time
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from inference.engines.base import ChatRequest, Message
from inference.engines.transformers import TransformersEngine
from inference.families import Family
from tests.training.conftest import answers, record_episode, screen
from tests.training.processes import finish, options, start
from training.data.prepare import Order, prepare
from training.data.store import SampleStore
from training.errors import Overlong, PackingLeaks, RunError
from training.trainer import dataset as datasets
from training.trainer.config import DataConfig, ScheduleConfig, read_config
from training.trainer.dataset import PackLoader, make_plan, split
from training.trainer.export import export_run
from training.trainer.journal import read_metrics
from training.trainer.optimizers import rate_at
from training.trainer.trainer import Trainer
from training.trainer.world import joined_world

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*TypedStorage is deprecated"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
STEPS = 20


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen2.5-VL of some 30,000 parameters."""
    from transformers import AutoConfig, AutoModelForImageTextToText

    from inference.vlm.checkpoint import quiet
    from tests.inference import tiny

    folder = tiny.build_tiny(tmp_path_factory.mktemp("models") / "small-vlm")
    config = AutoConfig.from_pretrained(folder)
    text, eyes = config.text_config, config.vision_config
    text.hidden_size = eyes.out_hidden_size = 32
    text.intermediate_size, text.num_attention_heads, text.num_key_value_heads = 48, 2, 1
    text.rope_parameters = {**text.rope_parameters, "mrope_section": [2, 3, 3]}
    eyes.hidden_size, eyes.intermediate_size = 16, 24
    torch.manual_seed(0)
    with quiet():
        AutoModelForImageTextToText.from_config(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def small_set(tmp_path_factory: pytest.TempPathFactory, small_folder: Path, tiny_family: Family) -> Path:
    """Episodes with screens, and two conversations of text alone."""
    root = tmp_path_factory.mktemp("small")
    for number in range(8):
        record_episode(root / "episodes", tiny_family, answers(1 + number % 4, seed=number), f"press the {number}. button", seed=number)
    prepare(Order(sources=(root / "episodes",), model=small_folder, out=root / "set"), tiny_family, tell=lambda _: None)
    return root / "set"


def _run(model: Path, data: Path, out: Path, **changes: Any) -> list[str]:
    run: dict[str, Any] = {
        "model": model,
        "out": out,
        "data.folder": data,
        "data.pack_length": 600,
        "data.packs_per_step": 3,
        "data.workers": 0,
        "data.held_out": 0,
        "data.lookahead": 6,
        "steps": STEPS,
        "optimizer.learning_rate": 3e-4,
        "checkpoints.every": 4,
        "schedule.name": "constant",
        "watch.every": 0,
        "watch.tensorboard": False,
    }
    return options(run | {name.replace("__", "."): value for name, value in changes.items()})


def _train_here(changes: list[str]) -> Trainer:
    config = read_config(None, changes)
    with joined_world("cpu") as world:
        trainer = Trainer(config, world, quiet=True)
        trainer.run()
    return trainer


def _losses(out: Path) -> list[float]:
    rows = [row for row in read_metrics(out / "metrics.jsonl") if "loss" in row]
    assert [row["step"] for row in rows] == list(range(1, len(rows) + 1))
    return [row["loss"] for row in rows]


def _weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "model" / "model.safetensors")


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory, small_folder: Path, small_set: Path) -> Path:
    """The run that others are compared with: one process, never stopped."""
    out = tmp_path_factory.mktemp("alone") / "run"
    finish(start(_run(small_folder, small_set, out)))
    return out


def test_the_loss_falls(alone: Path) -> None:
    losses = _losses(alone)
    assert len(losses) == STEPS
    assert sum(losses[-5:]) < sum(losses[:5])
    assert (alone / "loss.svg").read_text().count("<polyline") == 2
    assert sorted(path.name for path in (alone / "checkpoints").iterdir()) == ["step-00000016", "step-00000020"]


@pytest.mark.parametrize("mode", ["ddp", "fsdp"])
def test_two_ranks_with_unequal_tokens_train_what_one_process_trains(
    tmp_path: Path, small_folder: Path, small_set: Path, alone: Path, mode: str
) -> None:
    """Three packs a step for two ranks: one rank has twice the tokens, or a pack of a single idle token."""
    finish(start(_run(small_folder, small_set, tmp_path / "run", parallel__mode=mode), world_size=2))
    assert _losses(tmp_path / "run") == pytest.approx(_losses(alone), abs=1e-5)
    got, wanted = _weights(tmp_path / "run"), _weights(alone)
    assert got.keys() == wanted.keys()
    assert max(float((got[name] - wanted[name]).abs().max()) for name in wanted) <= 1e-5


@pytest.mark.parametrize("workers", [0, 2])
def test_killed_at_any_moment_a_run_goes_on_with_bitwise_the_same_losses(
    tmp_path: Path, small_folder: Path, small_set: Path, alone: Path, workers: int
) -> None:
    run = _run(small_folder, small_set, tmp_path / "run", data__workers=workers)
    dice = random.Random(workers)
    for at in sorted(dice.sample(range(2, STEPS - 4), 2)):
        _kill_after(run, tmp_path / "run", at)
    finish(start(run))
    assert _losses(tmp_path / "run") == _losses(alone)
    got, wanted = _weights(tmp_path / "run"), _weights(alone)
    assert all(torch.equal(got[name], wanted[name]) for name in wanted)


def _kill_after(run: list[str], out: Path, step: int) -> None:
    """Start the run, and kill -9 it once it has told of `step`, whatever it is doing then."""
    ranks = start(run)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and ranks[0].is_alive():
        if any(row["step"] >= step for row in read_metrics(out / "metrics.jsonl")):
            break
        time.sleep(0.002)
    started = _descendants(ranks[0].pid)
    ranks[0].kill()
    ranks[0].join()
    assert ranks[0].exitcode == -signal.SIGKILL, "the run ended before it could be killed"
    while alive := [pid for pid in started if Path(f"/proc/{pid}/cmdline").exists()]:
        assert time.monotonic() < deadline, f"processes {alive} outlive the trainer that started them"
        time.sleep(0.05)


def _descendants(parent: int | None) -> list[int]:
    children = [int(pid) for file in Path(f"/proc/{parent}/task").glob("*/children") for pid in file.read_text().split()]
    return [*children, *(pid for child in children for pid in _descendants(child))]


def test_a_run_goes_on_with_another_number_of_ranks_and_another_way_of_sharding(
    tmp_path: Path, small_folder: Path, small_set: Path, alone: Path
) -> None:
    out = tmp_path / "run"
    finish(start(_run(small_folder, small_set, out, steps=8, parallel__mode="fsdp"), world_size=2))
    finish(start(_run(small_folder, small_set, out, steps=12)))
    assert _losses(out) == pytest.approx(_losses(alone)[:12], abs=1e-5)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("worlds", [(1, 1), (2, 2), (1, 3), (3, 2)])
def test_every_sample_is_seen_exactly_once_an_epoch_across_a_stop_and_a_change_of_ranks(
    small_set: Path, workers: int, worlds: tuple[int, int]
) -> None:
    store = SampleStore(small_set)
    config = DataConfig(folder=str(small_set), pack_length=600, packs_per_step=2, lookahead=4, held_out=0)
    numbers = split(store, config).train
    seen: Counter[str] = Counter()
    for rank in range(worlds[0]):
        plan = make_plan(store, numbers, config, epochs=2, equal_length=400)
        loader = PackLoader(store, numbers, plan, rank=rank, world_size=worlds[0], workers=workers)
        before = list(islice(loader, 3))
        seen.update(name for work in before for pack in work.packs for name in pack.names)
    for rank in range(worlds[1]):
        plan = make_plan(store, numbers, config, epochs=2, equal_length=400)
        plan.restore(json.loads(json.dumps(before[-1].step.state)))
        loader = PackLoader(store, numbers, plan, rank=rank, world_size=worlds[1], workers=workers)
        seen.update(name for work in loader for pack in work.packs for name in pack.names)
    seen.pop("idle", None)
    assert seen == Counter({store[number].name: 2 for number in numbers})


def test_lora_trains_adapters_alone_and_merges_into_one_model(tmp_path: Path, small_folder: Path, small_set: Path) -> None:
    out = tmp_path / "run"
    changes = _run(small_folder, small_set, out, lora__rank=4, steps=4, data__packs_per_step=1, optimizer__learning_rate=1e-2)
    trainer = _train_here(changes)
    trained = {name for name, p in trainer.network.named_parameters() if p.requires_grad}
    assert trained and all("lora_" in name and "visual" not in name for name in trained)
    adapter = json.loads((out / "model" / "adapter_config.json").read_text())
    assert (adapter["r"], Path(adapter["base_model_name_or_path"])) == (4, small_folder.resolve())
    keys = set(load_file(out / "model" / "adapter_model.safetensors"))
    assert len(keys) == len(trained) and all(key.startswith("base_model.model.model.language_model") for key in keys)
    export_run(out, tmp_path / "merged", merge=True)
    before, after = (load_file(folder / "model.safetensors") for folder in (small_folder, tmp_path / "merged"))
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    assert before.keys() == after.keys()
    assert changed and all("q_proj" in n or "k_proj" in n or "v_proj" in n or "o_proj" in n or "mlp" in n for n in changed)


def test_frozen_parts_stay_as_they_are_and_a_pattern_that_fits_nothing_is_an_error(
    tmp_path: Path, small_folder: Path, small_set: Path
) -> None:
    _train_here(_run(small_folder, small_set, tmp_path / "run", freeze="['*visual*']", steps=3))
    before, after = load_file(small_folder / "model.safetensors"), _weights(tmp_path / "run")
    same = {name for name in after if torch.equal(before[name], after[name])}
    assert same == {name for name in after if "visual" in name}
    with pytest.raises(RunError, match=r"freeze has '\*vision\*', which fits no parameter"):
        _train_here(_run(small_folder, small_set, tmp_path / "other", freeze="['*vision*']"))


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer__name": "muon"},
        {"dtype": "bfloat16"},
        {"checkpoint_activations": True},
        {"ema": 0.9},
    ],
    ids=lambda changes: "-".join(map(str, *changes.items())),
)
def test_each_way_of_training_learns_and_goes_on_bitwise_after_a_stop(
    tmp_path: Path, small_folder: Path, small_set: Path, changes: dict[str, Any]
) -> None:
    common = {"checkpoints__every": 2, "data__packs_per_step": 1, "optimizer__learning_rate": 2e-3} | changes
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    _train_here(_run(small_folder, small_set, straight, **common, steps=8))
    for steps in (4, 8):
        _train_here(_run(small_folder, small_set, stopped, **common, steps=steps))
    assert _losses(stopped) == _losses(straight)
    assert sum(_losses(straight)[-3:]) < sum(_losses(straight)[:3])
    got, wanted = _weights(stopped), _weights(straight)
    assert all(torch.equal(got[name], wanted[name]) for name in wanted)


def test_activation_checkpoints_change_nothing_but_memory(tmp_path: Path, small_folder: Path, small_set: Path, alone: Path) -> None:
    _train_here(_run(small_folder, small_set, tmp_path / "run", checkpoint_activations=True, steps=4))
    assert _losses(tmp_path / "run") == pytest.approx(_losses(alone)[:4], abs=1e-5)


def test_the_exported_model_answers_as_the_previews_said(tmp_path: Path, small_folder: Path, small_set: Path) -> None:
    """The in-process engine, with its key-value cache, loads the folder and says what packed training without a cache said."""
    changes = {"data__held_out": 0.5, "watch__every": 6, "watch__samples": 2, "watch__max_tokens": 12}
    _train_here(_run(small_folder, small_set, tmp_path / "run", steps=6, **changes))
    previews = json.loads((tmp_path / "run" / "previews" / "step-00000006.json").read_text())
    rows = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert previews and rows[-1]["held_out_loss"] > 0
    assert {path.name for path in (tmp_path / "run" / "model").iterdir()} == {path.name for path in small_folder.iterdir()}
    engine = TransformersEngine(tmp_path / "run" / "model", dtype="float32")
    reply = engine.chat(ChatRequest(messages=(Message(role="user", content=(screen(1), "Task: x")),), max_tokens=4))
    assert reply.num_completion_tokens == 4
    engine.close()


def test_samples_too_long_for_a_pack_stop_the_run_by_name_or_are_left_out_and_listed(
    tmp_path: Path, small_folder: Path, small_set: Path
) -> None:
    with pytest.raises(Overlong, match=r"samples do not fit into data.pack_length 250 .*step .*tokens"):
        _train_here(_run(small_folder, small_set, tmp_path / "run", data__pack_length=250))
    _train_here(_run(small_folder, small_set, tmp_path / "run2", data__pack_length=250, data__overlong="skip", steps=2))
    told = json.loads((tmp_path / "run2" / "start.json").read_text())
    store = SampleStore(small_set)
    assert len(told["samples"]["overlong"]) == sum(length > 250 for length in store.index().lengths)
    assert told["samples"]["train"] + len(told["samples"]["overlong"]) == len(store)


def test_a_model_that_leaks_between_samples_never_takes_a_step(
    tmp_path: Path, small_folder: Path, small_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all segments told as one, which is what a lost cu_seqlens amounts to."""
    from training.varlen import attention

    def leaking(q: Any, k: Any, v: Any, cu_q: Any, cu_k: Any, **rest: Any) -> Any:
        whole = [torch.tensor([0, len(x)], dtype=torch.int32) if rest["causal"] else cu for x, cu in ((q, cu_q), (k, cu_k))]
        return attention.segment_attention(q, k, v, *whole, **rest)

    monkeypatch.setattr(attention, "varlen_attention", lambda *_: leaking)
    with pytest.raises(PackingLeaks, match="would learn from each other"):
        _train_here(_run(small_folder, small_set, tmp_path / "run"))
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def test_another_configuration_in_the_same_folder_is_refused_by_its_key(tmp_path: Path, small_folder: Path, small_set: Path) -> None:
    _train_here(_run(small_folder, small_set, tmp_path / "run", steps=1))
    with pytest.raises(RunError, match=r"began with optimizer.learning_rate 0.0003, and now it is 0.1"):
        _train_here(_run(small_folder, small_set, tmp_path / "run", optimizer__learning_rate=0.1))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("optimizer.learning_rat=1", r"optimizer.learning_rat is unknown \(did you mean learning_rate\?\)"),
        ("data.pack_length=0", "data.pack_length is 0: it must be 1 or more"),
        ("data.pack_length=long", "data.pack_length is 'long': it must be a whole number"),
        ("parallel.mode=hsdp", "parallel.shard_size goes with parallel.mode hsdp"),
        ("steps", "'steps' is not KEY=VALUE"),
    ],
)
def test_a_wrong_key_is_named_by_its_path(change: str, said: str) -> None:
    with pytest.raises(RunError, match=said):
        read_config(None, ["model=m", "out=o", "data.folder=d", change])


def test_the_learning_rate_warms_up_and_comes_down() -> None:
    def rates(name: Any) -> list[float]:
        return [rate_at(step, 100, ScheduleConfig(name=name, warmup=0.1, decay=0.2, final=0.1)) for step in range(1, 101)]

    for name in ("cosine", "linear", "constant", "wsd"):
        assert rates(name)[:10] == pytest.approx([n / 10 for n in range(1, 11)])
    assert rates("constant")[-1] == 1
    assert rates("wsd")[79] == 1 and rates("wsd")[-1] == pytest.approx(0.1, abs=0.05)
    for name in ("cosine", "linear"):
        falling = rates(name)[9:]
        assert falling == sorted(falling, reverse=True)
        assert falling[-1] == pytest.approx(0.1, abs=0.02)


def test_held_out_episodes_are_whole_and_do_not_depend_on_where_the_set_lies(small_set: Path) -> None:
    store = SampleStore(small_set)
    parts = split(store, DataConfig(folder="x", pack_length=600, held_out=0.5))
    sources = store.index().sources
    assert parts.train and parts.held_out
    assert not {sources[n] for n in parts.train} & {sources[n] for n in parts.held_out}
    assert datasets.idle_sample(store).positions.shape == (3, 1)
