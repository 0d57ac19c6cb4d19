"""Preferences: the loss is the paper's to the last digit, packs change nothing, and what is preferred becomes likelier."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from tests.training import tiny_models
from training.errors import Overlong
from training.packing import make_pack
from training.trainer.config import DataConfig, OptimizerConfig, ScheduleConfig, TrainConfig
from training.trainer.preference import Preference, PreferenceTrainer, SamplePair, preference_loss
from training.varlen.network import PackedNetwork


def test_the_loss_is_equation_7_by_hand() -> None:
    policy = torch.tensor([[-3.0, -5.0], [-2.0, -1.5]], dtype=torch.float64)
    reference = torch.tensor([[-4.0, -4.5], [-2.5, -1.0]], dtype=torch.float64)
    losses, margins = preference_loss(policy, reference, beta=0.1)
    by_hand = [0.1 * ((-3.0 + 4.0) - (-5.0 + 4.5)), 0.1 * ((-2.0 + 2.5) - (-1.5 + 1.0))]  # 0.15 and 0.1
    assert margins.tolist() == pytest.approx(by_hand, abs=1e-15)
    assert losses.tolist() == pytest.approx([math.log(1 + math.exp(-margin)) for margin in by_hand], abs=1e-15)


def test_a_model_that_is_its_own_reference_has_the_loss_log_2() -> None:
    log_probs = torch.randn(3, 2)
    assert preference_loss(log_probs, log_probs, 0.5)[0].tolist() == pytest.approx([math.log(2)] * 3)


@pytest.fixture()
def network() -> PackedNetwork:
    return PackedNetwork(tiny_models.build("qwen2_5_vl"), loss_chunk=7)


@pytest.fixture()
def pairs(network: PackedNetwork) -> list[SamplePair]:
    def sample(seed: int) -> Any:
        return tiny_models.sample(network.core, (5, 9), [(4, 4)], seed=seed)

    return [SamplePair(sample(2 * n), sample(2 * n + 1)) for n in range(4)]


def test_log_probabilities_of_a_pack_are_those_of_each_sample_alone(network: PackedNetwork, pairs: list[SamplePair]) -> None:
    samples = [sample for pair in pairs for sample in pair]
    with torch.no_grad():
        packed = network(make_pack(samples), "log-probs")
        for number, sample in enumerate(samples):
            logits = network(make_pack([sample]), "library-logits").log_softmax(-1)
            labels = torch.from_numpy(sample.labels)
            learnt = labels >= 0
            by_hand = logits[learnt].gather(1, labels[learnt][:, None]).sum()
            assert float(packed[number]) == pytest.approx(float(by_hand), abs=1e-4)


def _config(length: int = 100) -> TrainConfig:
    return TrainConfig(
        model="",
        out="",
        data=DataConfig(folder="", pack_length=length, packs_per_step=2),
        epochs=10,
        optimizer=OptimizerConfig(learning_rate=1e-3),
        schedule=ScheduleConfig(name="constant", warmup=0.0),
    )


def test_what_is_preferred_becomes_likelier_than_what_is_not(network: PackedNetwork, pairs: list[SamplePair]) -> None:
    trainer = PreferenceTrainer(network, pairs, _config(), Preference(beta=0.5))
    assert len(trainer.packs) < len(pairs)
    trainer.run()
    first, last = trainer.rows[0], trainer.rows[-1]
    assert first["loss"] == pytest.approx(math.log(2), abs=1e-4)
    assert last["loss"] < 0.5 * first["loss"] and last["accuracy"] == 1.0


def test_a_pair_that_fits_no_pack_is_named(network: PackedNetwork, pairs: list[SamplePair]) -> None:
    with pytest.raises(Overlong, match=r"sample 0: the pair has \d+ tokens, and data\.pack_length is 20"):
        PreferenceTrainer(network, pairs, _config(length=20), Preference())
