"""Chameleon learns from packs in which pictures are tokens: text alone or pictures, too; its norms stay shared, and it is served again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from inference.engines.transformers import TransformersEngine
from inference.families import Family, load_family
from tests.inference.chats import PICTURES, ask, user
from tests.inference.tiny import build_tiny as build_qwen
from tests.inference.tiny_chameleon import Reference, build_tiny
from tests.training.processes import finish, options, start
from training.data.encode import Encoder
from training.data.exchange import Exchange
from training.data.model_folder import ModelFolder, open_model_folder
from training.data.pictures import PictureBook
from training.data.store import SampleStore, SampleWriter, picture_settings
from training.errors import DataSetError, PackingLeaks
from training.packing import IGNORED, Sample, make_pack
from training.trainer.config import DataConfig, LoraConfig, OptimizerConfig, ParallelConfig, TrainConfig, WatchConfig, config_json
from training.trainer.export import merge_adapter
from training.trainer.model import as_configured, load_model
from training.trainer.trainer import Trainer
from training.trainer.world import joined_world
from training.varlen.network import PackedNetwork
from training.varlen.one_stream import SharedNorm, with_picture_tokens
from training.varlen.self_test import check_packing

pytestmark = pytest.mark.model
QUESTIONS = (
    (user(PICTURES[1], "Click the button."), "Thought: There.\nAction: click(point='<point>31 40</point>')"),
    (user("Say yes."), "Action: finished()"),
    (user("First", PICTURES[0], "then", PICTURES[3], "which?"), "Action: wait()"),
    (user(PICTURES[2]), "Action: click(point='<point>100 20</point>')"),
)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """The products are so small that more threads only wait for each other: ten times as long on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny(tmp_path_factory.mktemp("chameleon") / "tiny")


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Family:
    file = tmp_path_factory.mktemp("families") / "small.yaml"
    file.write_text("base: chameleon\nname: small\nimage: {min_pixels: 9216, max_pixels: 9216}\n")
    return load_family(file)


def prepared(folder: Path, family: Family, out: Path, *, learn_pictures: bool = False) -> SampleStore:
    model: ModelFolder = open_model_folder(folder, family)
    writer = SampleWriter(out)
    book = PictureBook(model.pictures, writer)
    encoder = Encoder(model, book, learn_pictures=learn_pictures)
    asked = [
        Exchange(source=f"s{n}", name="step 1", thread=f"s{n}", messages=(q,), answer=a, restart=None) for n, (q, a) in enumerate(QUESTIONS)
    ]
    samples = [sample for exchange in asked for sample in encoder.add(exchange)] + list(encoder.finish())
    for sample in samples:
        writer.add(sample, [book.number(digest) for digest in sample.pictures])
    writer.close({"model": model.name, "vocabulary": model.vocabulary, "picture_settings": picture_settings(model.pictures)})
    return SampleStore(out)


@pytest.fixture(scope="module")
def store(folder: Path, family: Family, tmp_path_factory: pytest.TempPathFactory) -> SampleStore:
    return prepared(folder, family, tmp_path_factory.mktemp("data") / "text")


@pytest.fixture(scope="module")
def samples(store: SampleStore) -> list[Sample]:
    return [store[number] for number in range(len(store))]


def gradients(network: PackedNetwork, loss: Callable[[], Tensor]) -> dict[str, Tensor]:
    network.zero_grad()
    loss().backward()  # type: ignore[no-untyped-call]
    return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


def library_loss(network: PackedNetwork, tested: list[Sample], z: float = 0.0) -> Tensor:
    """By transformers' own path: its logits, which leave pictures' tokens out."""
    total = torch.zeros(())
    for one in tested:
        pack = make_pack([one])
        logits, labels = network(pack, "library-logits"), pack.labels[0]
        total = total + functional.cross_entropy(logits, labels, ignore_index=IGNORED, reduction="sum")
        total = total + z * logits[labels != IGNORED].exp().sum(-1).log().square().sum()
    return total


@pytest.mark.parametrize(("swin_norm", "z"), [(False, 0.0), (True, 1e-2)], ids=["as in 7B", "as in 34B, with z-loss"])
def test_packed_logits_and_gradients_are_those_of_each_sample_alone(
    z: float, swin_norm: bool, samples: list[Sample], tmp_path: Path
) -> None:
    model = load_model(build_tiny(tmp_path / "m", swin_norm=swin_norm), torch.float32)
    network = PackedNetwork(model, loss_chunk=16, z_loss=z)
    packed = network(make_pack(samples), "logits")
    alone = torch.cat([network(make_pack([one]), "library-logits") for one in samples])
    assert (packed - alone).abs().max() <= 1e-5
    got = gradients(network, lambda: network(make_pack(samples)))
    wanted = gradients(network, partial(library_loss, network, samples, z))
    assert got.keys() == wanted.keys()
    assert any("k_norm.weight" in name for name in got) and not any("vqmodel" in name for name in got)
    for name, gradient in wanted.items():
        assert (got[name] - gradient).norm() <= 1e-5 * gradient.norm() + 1e-7, name


def test_the_self_test_sees_a_leak_although_silent_tokens_have_the_lowest_number_there_is(folder: Path, samples: list[Sample]) -> None:
    network = PackedNetwork(load_model(folder, torch.float32).eval())
    assert check_packing(network, samples, device=network.device, dtype=torch.float32).difference <= 1e-5

    def leaking(pack: Any, want: str) -> Tensor:
        if want == "logits":
            pack = replace(pack, cu_seqlens=pack.cu_seqlens[[0, -1]], cu_seqlens_k=pack.cu_seqlens_k[[0, -1]])
            pack = replace(pack, max_seqlen=pack.num_tokens, max_seqlen_k=pack.num_tokens)
        result: Tensor = network(pack, want)
        return result

    with pytest.raises(PackingLeaks):
        check_packing(leaking, samples, device=network.device, dtype=torch.float32)


def test_a_picture_has_the_same_tokens_in_a_pack_as_alone_and_as_the_library_makes(folder: Path, samples: list[Sample]) -> None:
    network, reference = PackedNetwork(load_model(folder, torch.float32).eval()), Reference(folder)
    streamed = with_picture_tokens(network.core, make_pack(samples))
    assert streamed.pixel_values is None
    hole = network.core.config.image_token_id
    start = 0
    for one, (question, _) in zip(samples, QUESTIONS, strict=True):
        mine = streamed.ids[0, start : start + len(one.ids)]
        start += len(one.ids)
        if one.pictures:
            tokens = reference.model.get_image_tokens(reference.inputs([question])["pixel_values"]).flatten()
            assert mine[torch.from_numpy(one.ids) == hole].tolist() == tokens.tolist()
            assert len(set(tokens.tolist())) > 10
    with torch.autocast("cpu", torch.bfloat16):
        again = with_picture_tokens(network.core, make_pack(samples))
    assert torch.equal(streamed.ids, again.ids)


def test_pictures_are_learnt_where_that_is_asked_for_and_each_token_is_the_next_one(
    folder: Path, family: Family, samples: list[Sample], tmp_path: Path
) -> None:
    both = prepared(folder, family, tmp_path / "both", learn_pictures=True)
    learnt = [both[number] for number in range(len(both))]
    assert [int((b.labels != IGNORED).sum() - (t.labels != IGNORED).sum()) for b, t in zip(learnt, samples, strict=True)] == [
        36,
        0,
        72,
        36,
    ]
    assert both.index().supervised[0] == int((learnt[0].labels != IGNORED).sum())
    network = PackedNetwork(load_model(folder, torch.float32).eval(), loss_chunk=16)
    pack = make_pack(learnt)
    streamed = with_picture_tokens(network.core, pack)
    places = (pack.labels[0] == network.core.config.image_token_id).nonzero()[:, 0]
    assert len(places) == 144 and torch.equal(streamed.labels[0, places], streamed.ids[0, places + 1])
    hidden = network._hidden(streamed)[0]
    whole = network.core.lm_head(hidden)
    wanted = functional.cross_entropy(whole[places], streamed.labels[0, places], reduction="sum")
    torch.testing.assert_close(network(pack), network(make_pack(samples)) + wanted, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(network(pack, "log-probs").sum(), -network(pack), rtol=1e-5, atol=1e-4)


def test_pictures_that_are_no_tokens_cannot_be_learnt(tmp_path: Path) -> None:
    model = open_model_folder(build_qwen(tmp_path / "qwen"), load_family("uitars-1.5"))
    with pytest.raises(DataSetError, match="leave --learn-pictures out"):
        Encoder(model, PictureBook(model.pictures, SampleWriter(tmp_path / "out")), learn_pictures=True)


def settings(folder: Path, data: Path, out: Path, **more: Any) -> TrainConfig:
    return TrainConfig(
        model=str(folder),
        out=str(out),
        data=DataConfig(folder=str(data), pack_length=512, packs_per_step=1, workers=0, held_out=0.0),
        steps=20,
        optimizer=OptimizerConfig(learning_rate=3e-3, weight_decay=0.1),
        watch=WatchConfig(every=0, tensorboard=False),
        z_loss=1e-5,
        device="cpu",
        **more,
    )


def losses_of(out: Path) -> list[float]:
    import json

    return [json.loads(line)["loss"] for line in (out / "metrics.jsonl").read_text().splitlines()]


def test_twenty_steps_lower_the_loss_and_the_model_is_served_again(folder: Path, store: SampleStore, tmp_path: Path) -> None:
    with joined_world("cpu") as world:
        trainer = Trainer(settings(folder, store.folder, tmp_path / "run"), world, quiet=True)
        norms = [module for module in trainer.network.modules() if isinstance(module, SharedNorm)]
        before = norms[0].weight.detach().clone()
        codes = trainer.network.get_submodule("model.model.vqmodel.quantize.embedding").weight.detach().clone()
        trainer.run()
    losses = losses_of(tmp_path / "run")
    assert len(losses) == 20 and losses[-1] < 0.3 * losses[0]
    assert len(norms) == 4 and not torch.equal(before, norms[0].weight)
    assert all(torch.equal(norm.weight, norm.weight[:1].expand_as(norm.weight)) for norm in norms)
    out = tmp_path / "run" / "model"
    engine, reference = TransformersEngine(out, device="cpu"), Reference(out)
    question, answer = QUESTIONS[0]
    said = engine.chat(ask(question, max_tokens=80)).text
    assert said == reference.generate([question], 80) == answer
    assert torch.equal(reference.model.model.vqmodel.quantize.embedding.weight, codes)
    engine.close()


def test_sharded_and_in_half_precision_pictures_keep_their_tokens(folder: Path, store: SampleStore, tmp_path: Path) -> None:
    """Cut to half precision, as sharding cuts what it gathers, the tokenizer would say others, and the run's self-test would stop it."""
    config = settings(folder, store.folder, tmp_path / "run", dtype="bfloat16", parallel=ParallelConfig(mode="fsdp"))
    changes = {**flat(config_json(config)), "steps": 3, "data.packs_per_step": 2}
    finish(start(options({name: value for name, value in changes.items() if value not in (None, [])}), world_size=2))
    assert len(losses_of(tmp_path / "run")) == 3
    base, out = load_file(folder / "model.safetensors"), load_file(tmp_path / "run" / "model" / "model.safetensors")
    assert base.keys() == out.keys() and all(torch.equal(base[name], out[name]) for name in base if "vqmodel" in name)
    assert all(torch.equal(out[name], out[name][:1].expand_as(out[name])) for name in out if name.endswith("q_norm.weight"))


def flat(nested: dict[str, Any], at: str = "") -> dict[str, Any]:
    """By dotted paths."""
    found: dict[str, Any] = {}
    for key, value in nested.items():
        found |= flat(value, f"{at}{key}.") if isinstance(value, dict) else {f"{at}{key}": value}
    return found


def test_adapters_learn_and_merge_into_what_they_computed(folder: Path, samples: list[Sample], tmp_path: Path) -> None:
    config = settings(folder, tmp_path, tmp_path / "run", lora=LoraConfig(rank=4, alpha=8))
    network = as_configured(load_model(folder, torch.float32), config)
    pack = make_pack(samples)
    optimizer = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(3):
        network(pack).backward()
        optimizer.step()
        optimizer.zero_grad()
    network.model.save_pretrained(tmp_path / "adapter")  # type: ignore[operator]
    merge_adapter(tmp_path / "adapter", folder, tmp_path / "merged")
    merged = PackedNetwork(load_model(tmp_path / "merged", torch.float32).eval())
    with torch.no_grad():
        torch.testing.assert_close(merged(pack, "logits"), network.eval()(pack, "logits"), atol=1e-3, rtol=1e-3)
