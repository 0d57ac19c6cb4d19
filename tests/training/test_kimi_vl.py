"""Kimi-VL learns from packs, whole and with adapters, and its routers stay even; what comes out is a published folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from inference.models.kimi_vl.experts import Sequences, balance_routers, routers, sequence_balance
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


def balance_of_one(scores: torch.Tensor, num_chosen: int) -> torch.Tensor:
    """DeepSeek-V3's equations 17 to 20 for one sequence, `scores` `[T, E]`, word by word."""
    length, count = scores.shape
    total = scores.new_zeros(())
    for expert in range(count):
        often = sum(float(expert in row.topk(num_chosen).indices) for row in scores) * count / (num_chosen * length)
        share = torch.stack([row[expert] / row.sum() for row in scores]).mean()
        total = total + often * share
    return total


def test_the_balance_of_sequences_is_that_of_the_paper_s_equations() -> None:
    scores = torch.rand(17, 6, generator=torch.Generator().manual_seed(0)).requires_grad_()
    edges, weights = torch.tensor([0, 5, 6, 17], dtype=torch.int32), torch.tensor([3.0, 0.0, 2.0])
    got = sequence_balance(scores, 2, Sequences(edges, weights))
    wanted = 3 * balance_of_one(scores[:5], 2) + 2 * balance_of_one(scores[6:], 2)
    torch.testing.assert_close(got, wanted)
    torch.testing.assert_close(*(torch.autograd.grad(loss, scores)[0] for loss in (got, wanted)))
    even = torch.eye(4).repeat(3, 1) + 0.5
    whole = Sequences(torch.tensor([0, 12], dtype=torch.int32), torch.ones(1))
    torch.testing.assert_close(sequence_balance(even, 1, whole), torch.ones(()))
    uneven = torch.tensor([[9.0, 1, 1, 1]]).repeat(12, 1)
    torch.testing.assert_close(sequence_balance(uneven, 1, whole), torch.tensor(3.0))  # one expert: 4 times as often, and 3/4 of the scores


def by_name(network: PackedNetwork, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    network.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


def test_uneven_experts_cost_packed_what_they_cost_each_sequence_alone_and_again_when_activations_are_made_again(folder: Path) -> None:
    weight = 0.3
    plain, network = (PackedNetwork(load_model(folder, torch.float32).train(), balance_loss=w) for w in (0.0, weight))
    tested = [_for_this_model(one, network.core) for one in samples(network.core)]
    found: list[torch.Tensor] = []
    hooks = [r.register_forward_hook(lambda m, x, _: found.append((x[0].float() @ m.weight.T).sigmoid())) for r in routers(plain)]
    wanted = torch.zeros(())
    for one in tested:
        found.clear()
        wanted = wanted + plain(make_pack([one]))
        learnt = int((one.labels >= 0).sum())
        wanted = wanted + weight * learnt * torch.stack([balance_of_one(s, next(routers(plain)).num_chosen) for s in found]).sum()
    loss = network(make_pack(tested))
    torch.testing.assert_close(loss, wanted, rtol=1e-5, atol=1e-4)
    for hook in hooks:
        hook.remove()
    got, alone = by_name(network, loss), by_name(plain, wanted)
    network.core.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    again = by_name(network, network(make_pack(tested)))
    assert got.keys() == alone.keys() == again.keys()
    for name, gradient in alone.items():
        assert (got[name] - gradient).norm() <= 1e-4 * gradient.norm() + 1e-6, name
        assert (again[name] - got[name]).norm() <= 1e-5 * gradient.norm() + 1e-6, name
    assert network.eval()(make_pack(tested)).item() == pytest.approx(plain.eval()(make_pack(tested)).item())


def test_the_balance_loss_evens_the_experts_out_within_sequences(folder: Path) -> None:
    ends = []
    for weight in (0.0, 1.0):
        torch.manual_seed(0)
        network = PackedNetwork(load_model(folder, torch.float32).train(), balance_loss=weight)
        pack = pack_for(network.core)
        optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
        for _ in range(STEPS):
            (network(pack) / pack.num_supervised).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        network.balance_loss, network.routers = 1.0, list(routers(network))
        with_it = network(pack).item()
        network.balance_loss = 0.0
        ends.append((with_it - network(pack).item()) / pack.num_supervised)
    assert ends[1] < ends[0]
    assert ends[1] < 1.1 * len(list(routers(network)))  # 1 a layer is even


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
