"""Packed equals sample by sample, in logits and gradients, for every architecture; and what would leak is refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from inference.kernels.flash_attention import use_implementation
from tests.training.tiny_models import MODELS, build, sample, samples
from training.errors import NotPacked, PackingLeaks
from training.packing import IGNORED, Sample, make_pack
from training.varlen import attention
from training.varlen.attention import segment_attention, use_packed_attention
from training.varlen.network import PackedNetwork
from training.varlen.self_test import check_packing

pytestmark = pytest.mark.filterwarnings("ignore:.*falling back")


def _gradients(network: PackedNetwork, loss: Callable[[], Tensor]) -> dict[str, Tensor]:
    network.zero_grad()
    loss().backward()
    return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


def _library_loss(network: PackedNetwork, tested: list[Sample]) -> Tensor:
    """The same sum by transformers' own path, from logits of all tokens."""
    total = torch.zeros(())
    for one in tested:
        pack = make_pack([one])
        logits = network(pack, "library-logits")
        total = total + functional.cross_entropy(logits, pack.labels[0], ignore_index=IGNORED, reduction="sum")
    return total


@pytest.mark.parametrize("kind", MODELS)
def test_packed_logits_and_gradients_are_those_of_each_sample_alone(kind: str) -> None:
    network = PackedNetwork(build(kind), loss_chunk=8)
    tested = samples(network.core)
    packed = network(make_pack(tested), "logits")
    alone = torch.cat([network(make_pack([one]), "library-logits") for one in tested])
    assert (packed - alone).abs().max() <= 1e-5
    got = _gradients(network, lambda: network(make_pack(tested)))
    wanted = _gradients(network, partial(_library_loss, network, tested))
    assert got.keys() == wanted.keys()
    for name, gradient in wanted.items():
        assert (got[name] - gradient).norm() <= 1e-5 * gradient.norm() + 1e-7, name


@pytest.mark.parametrize("kind", MODELS)
def test_a_sample_does_not_feel_what_it_is_packed_with(kind: str) -> None:
    network = PackedNetwork(build(kind))
    first, second, third, fourth = samples(network.core)
    with torch.no_grad():
        here = network(make_pack([first, second, third]), "logits")[-len(third.ids) :]
        there = network(make_pack([fourth, third]), "logits")[-len(third.ids) :]
    assert (here - there).abs().max() <= 1e-5


@pytest.mark.parametrize("kind", ["qwen3_5", "bamba"])
def test_recurrent_layers_are_found_and_keep_the_names_of_their_weights(kind: str) -> None:
    model = build(kind)
    names = set(model.state_dict())
    network = PackedNetwork(model)
    assert len(network.recurrent_layers) == 1
    assert set(model.state_dict()) == names


def test_the_self_test_passes_on_a_sound_model_and_stops_one_that_leaks() -> None:
    network = PackedNetwork(build("qwen3_5"))
    tested = samples(network.core)
    found = check_packing(network, tested, device=network.device, dtype=torch.float32)
    assert found.difference <= 1e-5
    layer = network.get_submodule("model." + network.recurrent_layers[0])
    layer.__class__ = type(layer).__mro__[2]  # as transformers has it: the state runs on into the next sample
    with pytest.raises(PackingLeaks, match=r"logits for sample \d differ by"):
        check_packing(network, tested, device=network.device, dtype=torch.float32)


def test_packed_attention_without_boundaries_is_refused() -> None:
    model = build("qwen2_5_vl")
    use_packed_attention(model)
    ids = torch.arange(3, 20)[None]
    with pytest.raises(NotPacked, match="without the boundaries of its segments"):
        model(input_ids=ids, use_cache=False)
    with pytest.raises(NotPacked, match="padded"):
        model(input_ids=ids, attention_mask=torch.arange(17)[None] > 2, use_cache=False)


def test_branches_give_what_each_question_gives_with_its_own_copy_of_the_beginning() -> None:
    network = PackedNetwork(build("qwen2_5_vl"))
    whole = sample(network.core, (4, 14), [(4, 6)], seed=9)
    start = len(whole.ids) - 12
    cut = [(start, start + 5), (start + 5, len(whole.ids))]
    positions = whole.positions.copy()
    for left, right in cut:
        positions[:, left:right] = positions[:, start : start + 1] + np.arange(right - left)
    together = Sample(
        name="together", ids=whole.ids, positions=positions, labels=whole.labels, pictures=whole.pictures, branches=(start, start + 5)
    )
    with torch.no_grad():
        packed = network(make_pack([samples(network.core)[1], together]), "logits")[11:]
        for left, right in cut:
            keep = np.r_[0:start, left:right]
            alone = Sample(
                name="alone", ids=whole.ids[keep], positions=positions[:, keep], labels=whole.labels[keep], pictures=whole.pictures
            )
            wanted = network(make_pack([alone]), "library-logits")
            assert (packed[left:right] - wanted[start:]).abs().max() <= 1e-5
            assert (packed[:start] - wanted[:start]).abs().max() <= 1e-5


@pytest.mark.parametrize("kind", ["qwen2_5_vl", "deepseek_v3"])
def test_our_own_kernels_compute_the_same(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those in plain torch; the ones in C++ and on GPUs are held to the same reference by their own tests."""
    network = PackedNetwork(build(kind))
    tested = samples(network.core)
    wanted = _gradients(network, lambda: network(make_pack(tested)))
    monkeypatch.setattr(attention, "varlen_attention", lambda _: attention.our_kernels)
    with use_implementation("torch"):
        got = _gradients(network, lambda: network(make_pack(tested)))
    for name, gradient in wanted.items():
        assert (got[name] - gradient).norm() <= 1e-5 * gradient.norm() + 1e-7, name


def test_a_state_cannot_be_shared_by_branches_and_says_so() -> None:
    network = PackedNetwork(build("bamba"))
    one = sample(network.core, (12,), seed=3)
    branched = Sample(name="b", ids=one.ids, positions=one.positions, labels=one.labels, branches=(4, 8))
    with pytest.raises(NotPacked, match="questions cannot share"):
        network(make_pack([branched]))


def test_a_pack_without_pictures_reaches_the_eyes_with_gradients_of_zero() -> None:
    network = PackedNetwork(build("qwen3_vl"))
    got = _gradients(network, lambda: network(make_pack([samples(network.core)[1]])))
    assert set(got) == {name for name, _ in network.named_parameters()}
    assert all(float(got[name].abs().max()) == 0 for name in got if ".visual." in name)


@pytest.mark.parametrize("window", [None, 1, 3, 50])
def test_segment_attention_is_softmax_over_the_keys_that_each_query_sees(window: int | None) -> None:
    generator = torch.Generator().manual_seed(0)
    lengths_q, lengths_k = [3, 1, 5], [3, 6, 9]
    q = torch.randn(9, 4, 8, generator=generator)
    k, v = torch.randn(18, 2, 8, generator=generator), torch.randn(18, 2, 6, generator=generator)
    edges = [torch.tensor([0, *np.cumsum(lengths)], dtype=torch.int32) for lengths in (lengths_q, lengths_k)]
    got = segment_attention(q, k, v, *edges, max_seqlen_q=5, max_seqlen_k=9, causal=True, window=window)
    for number in range(3):
        for row in range(lengths_q[number]):
            last = lengths_k[number] - lengths_q[number] + row
            first = 0 if window is None else max(0, last - window + 1)
            keys = slice(int(edges[1][number]) + first, int(edges[1][number]) + last + 1)
            for head in range(4):
                at = int(edges[0][number]) + row
                weights = (k[keys, head // 2] @ q[at, head] / 8**0.5).softmax(0)
                assert torch.allclose(got[at, head], weights @ v[keys, head // 2], atol=1e-6)
