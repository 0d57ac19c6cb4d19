"""Tokens are picked as the request says."""

from __future__ import annotations

from collections import Counter

import torch

from inference.engines.base import ChatRequest
from inference.vlm.sampling import Sampler

LOGITS = torch.tensor([0.0, 3.0, 2.9, -5.0])


def sampler(**options: object) -> Sampler:
    return Sampler(ChatRequest(messages=(), **options))  # type: ignore[arg-type]


def test_temperature_0_takes_the_most_likely() -> None:
    assert sampler().pick(LOGITS) == 1


def test_a_seed_always_draws_the_same_and_other_seeds_draw_others() -> None:
    draws = [[sampler.pick(LOGITS) for _ in range(30)] for sampler in (sampler(temperature=1.0, seed=seed) for seed in (1, 1, 2))]
    assert draws[0] == draws[1] != draws[2]


def test_draws_follow_the_probabilities() -> None:
    drawn = sampler(temperature=0.5, seed=0)
    counts = Counter(drawn.pick(LOGITS) for _ in range(4000))
    for token, probability in enumerate(torch.softmax(LOGITS / 0.5, -1).tolist()):
        assert abs(counts[token] / 4000 - probability) < 0.04


def test_top_p_keeps_the_fewest_tokens_that_reach_it() -> None:
    for top_p, kept in ((1e-9, {1}), (0.6, {1, 2})):
        drawn = sampler(temperature=1.0, top_p=top_p, seed=0)
        assert {drawn.pick(LOGITS) for _ in range(300)} == kept


def test_the_frequency_penalty_lowers_a_token_by_each_of_its_occurrences() -> None:
    greedy = sampler(frequency_penalty=2.0)
    assert [greedy.pick(LOGITS) for _ in range(5)] == [1, 2, 1, 2, 0]


def test_the_logits_that_came_in_are_not_changed() -> None:
    logits = LOGITS.clone()
    greedy = sampler(frequency_penalty=2.0)
    for _ in range(3):
        greedy.pick(logits)
    assert torch.equal(logits, LOGITS)
