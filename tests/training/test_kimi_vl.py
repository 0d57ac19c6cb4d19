"""Kimi-VL learns from packs, whole and with adapters, and its routers stay even; what comes out is a published folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from inference.models.kimi_vl.experts import balance_routers, routers
from tests.inference.models.tiny_kimi import build_tiny
from tests.training.tiny_models import sample, samples
from training.packing import Pack, Sample, make_pack
from training.trainer.config import LoraConfig
from training.trainer.export import _write_model, merge_adapter
from training.trainer.model import load_model, with_adapters
from training.varlen.network import PackedNetwork

pytestmark = pytest.mark.model
STEPS = 20
LORA = LoraConfig(rank=4, alpha=8, targets=("q_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny(tmp_path_factory.mktemp("kimi") / "tiny")


def pack_for(model: Any) -> Pack:
    return make_pack([_for_this_model(one, model) for one in samples(model)])


def _for_this_model(one: Sample, model: Any) -> Sample:
    """The samples name pictures' tokens by a number of their own."""
    from dataclasses import replace

    from tests.training.tiny_models import IMAGE

    ids = one.ids.copy()
    ids[ids == IMAGE] = model.config.image_token_id
    return replace(one, ids=ids)


def learn(network: PackedNetwork) -> list[float]:
    """The mean loss of each step."""
    pack = pack_for(network.core)
    optimizer = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=3e-3)
    losses = []
    for _ in range(STEPS):
        loss = network(pack) / pack.num_supervised
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        balance_routers(network)
        losses.append(loss.item())
    return losses


def test_twenty_packed_steps_lower_the_loss_and_the_folder_is_as_published(folder: Path, tmp_path: Path) -> None:
    network = PackedNetwork(load_model(folder, torch.float32).train())
    before = [router.e_score_correction_bias.clone() for router in routers(network)]
    losses = learn(network)
    assert losses[-1] < 0.5 * losses[0]
    assert all(not torch.equal(old, router.e_score_correction_bias) for old, router in zip(before, routers(network), strict=True))
    _write_model(network.core, dict(network.core.state_dict()), folder, tmp_path / "out")
    base, out = load_file(folder / "model.safetensors"), load_file(tmp_path / "out" / "model.safetensors")
    assert {name: value.shape for name, value in base.items()} == {name: value.shape for name, value in out.items()}
    assert (tmp_path / "out" / "processing_kimi_vl.py").read_bytes() == (folder / "processing_kimi_vl.py").read_bytes()
    again = PackedNetwork(load_model(tmp_path / "out", torch.float32).eval())
    pack = pack_for(again.core)
    with torch.no_grad():
        torch.testing.assert_close(again(pack), network.eval()(pack))


def test_adapters_learn_and_merge_into_what_they_computed(folder: Path, tmp_path: Path) -> None:
    model = load_model(folder, torch.float32)
    network = PackedNetwork(with_adapters(model, LORA).train())
    assert {name.rsplit(".", 3)[1] for name, p in network.named_parameters() if p.requires_grad} <= {*LORA.targets, "lora_A", "lora_B"}
    losses = learn(network)
    assert losses[-1] < 0.9 * losses[0]
    network.model.save_pretrained(tmp_path / "adapter")
    merge_adapter(tmp_path / "adapter", folder, tmp_path / "merged")
    merged = PackedNetwork(load_model(tmp_path / "merged", torch.float32).eval())
    pack = pack_for(merged.core)
    with torch.no_grad():
        torch.testing.assert_close(merged(pack, "logits"), network.eval()(pack, "logits"), atol=1e-3, rtol=1e-3)


def test_answers_through_an_adapter_use_the_adapter(folder: Path) -> None:
    """Writing an answer, the matrix that makes keys is applied elsewhere: with an adapter on it, that short cut would leave it out."""
    model = load_model(folder, torch.float32)
    adapted: Any = with_adapters(model, LORA)
    for name, parameter in adapted.named_parameters():
        if "kv_b_proj.lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    ids = torch.randint(0, 250, (1, 20), generator=torch.Generator().manual_seed(0))
    answers = [adapted.eval().generate(input_ids=ids, max_new_tokens=8, do_sample=False, use_cache=kept) for kept in (True, False)]
    assert answers[0].tolist() == answers[1].tolist()


def test_a_shared_beginning_is_read_once_and_gives_what_it_gives_twice(folder: Path) -> None:
    network = PackedNetwork(load_model(folder, torch.float32).eval())
    one = _for_this_model(sample(network.core, [6, 5], [(4, 6)], 1), network.core)
    length, branch = len(one.ids), len(one.ids) - 3
    from dataclasses import replace

    import numpy as np

    ids = np.concatenate([one.ids, one.ids[branch:]])
    shared = replace(one, ids=ids, labels=np.full(len(ids), -100), positions=np.concatenate([one.positions, one.positions[:, branch:]], 1))
    shared = replace(shared, branches=(branch, length))
    with torch.no_grad():
        logits = network(make_pack([shared]), "logits")
    torch.testing.assert_close(logits[length:], logits[branch:length], atol=1e-5, rtol=1e-5)
