"""What a step really takes: every allocation and release that torch reports while it runs, added up."""

from __future__ import annotations

from collections.abc import Callable

import torch


def measured_rise(step: Callable[[], object], device: torch.device) -> int:
    """By how many bytes `step` raises what is allocated on `device`, at its highest moment."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        step()
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_allocated(device) - before)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        step()
    assert profile.profiler is not None and profile.profiler.kineto_results is not None
    events = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    now = most = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most


def state_bytes(network: torch.nn.Module, optimizers: list[torch.optim.Optimizer]) -> int:
    """Of weights, buffers and optimizer states as they are."""
    tensors = [*network.parameters(), *network.buffers()]
    tensors += [
        value for each in optimizers for state in each.state.values() for value in state.values() if isinstance(value, torch.Tensor)
    ]
    return sum({tensor.untyped_storage()._cdata: tensor.untyped_storage().nbytes() for tensor in tensors}.values())
