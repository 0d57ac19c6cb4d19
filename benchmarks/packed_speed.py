"""Training speed of packs beside padded batches: the same data, model, optimizer and cores, in turns, in one run.

The data have the lengths of GUI samples (a share of long ones among many short), scaled to the model. The padded baseline is what a plain
trainer does: batches of 8 samples, in random order, padded to the longest, transformers' own attention with a padding mask.
Both compute the loss over learnt tokens only, by the same chunked cross-entropy. Peak memory is measured in a process of its own for each.

    python benchmarks/packed_speed.py [--device cuda --bf16 --hidden 1024 --layers 12 --pack-length 16384]   [--json]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from training.packing import IGNORED, Sample, make_pack
from training.plan import Plan, Sizes
from training.varlen.attention import use_library_attention
from training.varlen.network import PackedNetwork


def build(options: argparse.Namespace) -> Any:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    heads = max(1, options.hidden // 64)
    config = Qwen2Config(
        vocab_size=options.vocabulary,
        hidden_size=options.hidden,
        intermediate_size=options.hidden * 3,
        num_hidden_layers=options.layers,
        num_attention_heads=heads,
        num_key_value_heads=max(1, heads // 2),
        max_position_embeddings=options.pack_length,
        tie_word_embeddings=True,
        attn_implementation="sdpa",
    )
    return Qwen2ForCausalLM(config).to(options.device).train()


def data(options: argparse.Namespace) -> list[Sample]:
    """Lengths as in packing_fill.py, where a pack holds 16,384: mean a quarter of it, the longest nearly all."""
    from packing_fill import gui_lengths

    rng = np.random.default_rng(0)
    lengths = [max(8, length * options.pack_length // 16_384) for length in gui_lengths(options.samples, 16_384)]
    return [_sample(number, length, options.vocabulary, rng) for number, length in enumerate(lengths)]


def _sample(number: int, length: int, vocabulary: int, rng: np.random.Generator) -> Sample:
    ids = rng.integers(0, vocabulary, length)
    labels = np.full(length, IGNORED)
    learnt = slice(length - length // 10 - 2, length - 1)  # a tenth is learnt, as of screens and answers
    labels[learnt] = ids[1:][learnt]
    return Sample(name=str(number), ids=ids, positions=np.arange(length)[None], labels=labels)


def packed_steps(samples: Sequence[Sample], options: argparse.Namespace) -> Iterator[list[Sample]]:
    lengths = [len(sample.ids) for sample in samples]
    sizes = Sizes(lengths=lengths, supervised=lengths, equal_length=12 * options.hidden)
    for step in Plan(sizes, pack_length=options.pack_length, packs_per_step=1, epochs=1):
        yield [samples[number] for number in step.packs[0].samples]  # about half the tokens of a batch: memory is what bounds either


def padded_steps(samples: Sequence[Sample], options: argparse.Namespace) -> Iterator[list[Sample]]:
    size = options.batch
    order = np.random.default_rng(1).permutation(len(samples))
    for start in range(0, len(order), size):
        yield [samples[number] for number in order[start : start + size]]


def packed_loss(network: PackedNetwork, samples: Sequence[Sample], device: str) -> torch.Tensor:
    pack = make_pack(samples).to(device)
    return network(pack) / pack.num_supervised


def padded_loss(network: PackedNetwork, samples: Sequence[Sample], device: str) -> torch.Tensor:
    longest = max(len(sample.ids) for sample in samples)
    rows = [np.pad(sample.ids, (0, longest - len(sample.ids))) for sample in samples]
    labels = [np.pad(sample.labels, (0, longest - len(sample.ids)), constant_values=IGNORED) for sample in samples]
    mask = torch.tensor([[n < len(sample.ids) for n in range(longest)] for sample in samples], device=device)
    ids, wanted = (torch.from_numpy(np.stack(x)).to(device) for x in (rows, labels))
    hidden = network.core.model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    return network.summed_loss(hidden.flatten(0, 1), wanted.flatten()) / int((wanted != IGNORED).sum())


def epoch(kind: str, options: argparse.Namespace, steps_at_most: int | None = None) -> dict[str, float]:
    """One pass over the data, a warm-up step before it."""
    network = PackedNetwork(build(options))
    loss_of: Callable[..., torch.Tensor] = packed_loss if kind == "packed" else padded_loss
    if kind == "padded":
        use_library_attention(network.core)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    samples = data(options)
    steps = list((packed_steps if kind == "packed" else padded_steps)(samples, options))[:steps_at_most]
    step(network, loss_of, steps[0], optimizer, options)
    started = time.perf_counter()
    for batch in steps:
        step(network, loss_of, batch, optimizer, options)
    if options.device == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    tokens = sum(len(sample.ids) for batch in steps for sample in batch)
    computed = tokens if kind == "packed" else sum(len(batch) * max(len(sample.ids) for sample in batch) for batch in steps)
    return {
        "samples_per_second": sum(map(len, steps)) / seconds,
        "tokens_per_second": tokens / seconds,
        "steps": len(steps),
        "seconds": seconds,
        "padding": 1 - tokens / computed,
        "peak_mib": peak_mib(options.device),
    }


def step(network: PackedNetwork, loss_of: Callable[..., torch.Tensor], batch: Sequence[Sample], optimizer: Any, options: Any) -> None:
    with torch.autocast(options.device, torch.bfloat16) if options.bf16 else nullcontext():
        loss = loss_of(network, batch, options.device)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def peak_mib(device: str) -> float:
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _child(kind: str, options: argparse.Namespace, queue: Any) -> None:
    torch.set_num_threads(options.threads)
    queue.put(epoch(kind, options))


def measured(kind: str, options: argparse.Namespace) -> dict[str, float]:
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_child, args=(kind, options, queue))
    process.start()
    result: dict[str, float] = queue.get()
    process.join()
    return result


def check_same_loss(options: argparse.Namespace) -> float:
    """The two ways compute the same thing: the difference of their losses on one batch."""
    network = PackedNetwork(build(options)).eval()
    batch = data(options)[:3]
    with torch.no_grad():
        packed = packed_loss(network, batch, options.device)
        use_library_attention(network.core)
        padded = padded_loss(network, batch, options.device)
    difference = float((packed - padded).abs())
    assert functional.relu(torch.tensor(difference - 1e-4)) == 0, f"packed {packed} and padded {padded} losses differ"
    return difference


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--vocabulary", type=int, default=4096)
    parser.add_argument("--pack-length", type=int, default=2048)
    parser.add_argument("--batch", type=int, default=8, help="samples in a padded batch")
    parser.add_argument("--samples", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    difference = check_same_loss(options)
    rounds = [{kind: measured(kind, options) for kind in ("padded", "packed")} for _ in range(options.rounds)]
    ratios = [both["packed"]["samples_per_second"] / both["padded"]["samples_per_second"] for both in rounds]
    memory = [both["packed"]["peak_mib"] / both["padded"]["peak_mib"] for both in rounds]
    if options.json:
        print(json.dumps({"speed_ratios": ratios, "memory_ratios": memory, "loss_difference": difference, "rounds": rounds}))
        return
    for kind in ("padded", "packed"):
        best = [both[kind] for both in rounds]
        speed, peak = (statistics.median(row[key] for row in best) for key in ("samples_per_second", "peak_mib"))
        print(f"{kind:<7} {speed:7.1f} samples/s  peak {peak:7.0f} MiB  padding {best[0]['padding']:.0%}  {best[0]['steps']} steps")
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"packed is {statistics.median(ratios):.2f}x as fast ({spread}), at {statistics.median(memory):.2f}x the peak memory")
    print(f"on one batch the two losses differ by {difference:.1e}")


if __name__ == "__main__":
    main()
