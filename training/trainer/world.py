"""The processes of a run: found from torchrun's environment, joined, and the network spread over them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch._C._distributed_c10d import HashStore
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh

from training.errors import RunError
from training.trainer.config import DType, ParallelConfig
from training.varlen.network import PackedNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """This process among all of them. `checkpoint_group` is apart, so that checkpoints are written while training goes on."""

    rank: int
    size: int
    device: torch.device
    checkpoint_group: dist.ProcessGroup

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def sum(self, value: Tensor) -> Tensor:
        """Over all ranks."""
        value = value.detach().clone()
        if self.size > 1:
            dist.all_reduce(value)
        return value

    def barrier(self) -> None:
        if self.size > 1:
            dist.barrier()


@contextmanager
def joined_world(device: str = "auto") -> Iterator[World]:
    """The processes that torchrun started, or this one alone; left again at the end."""
    ours = not dist.is_initialized()
    where = _device(device)
    if ours:
        backend = "gloo" if where.type == "cpu" else "cpu:gloo,cuda:nccl"
        if "RANK" in os.environ and "WORLD_SIZE" in os.environ:
            dist.init_process_group(backend)
        else:
            dist.init_process_group(backend, store=HashStore(), rank=0, world_size=1)
    try:
        group = cast(dist.ProcessGroup, dist.new_group(backend="gloo"))
        yield World(rank=dist.get_rank(), size=dist.get_world_size(), device=where, checkpoint_group=group)
    finally:
        if ours:
            dist.destroy_process_group()


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda":
        local = int(os.environ.get("LOCAL_RANK", "0"))
        torch.cuda.set_device(local)
        return torch.device("cuda", local)
    return torch.device(name)


def spread(network: PackedNetwork, world: World, parallel: ParallelConfig, dtype: DType) -> nn.Module:
    """`network` over all ranks: replicated with DDP, or sharded with FSDP2.

    Raises:
        RunError: the ranks cannot be grouped as asked.
    """
    network.to(world.device)
    if parallel.mode == "ddp":
        if world.size == 1:
            return network
        return nn.parallel.DistributedDataParallel(network, gradient_as_bucket_view=True)
    return _sharded(network, world, parallel, dtype)


def _sharded(network: PackedNetwork, world: World, parallel: ParallelConfig, dtype: DType) -> nn.Module:
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16 if dtype == "bfloat16" else None, reduce_dtype=torch.float32)
    options: dict[str, Any] = {"mesh": _mesh(world, parallel), "mp_policy": policy}
    whole = set(network.kept_whole())
    for block in blocks_of(network.core):
        if whole.isdisjoint(block.parameters()):
            fully_shard(block, **options)
    if whole:  # nor are the pixels that come with a pack cut short for it
        options["mp_policy"] = replace(policy, cast_forward_inputs=False)
    fully_shard(network, ignored_params=whole, **options)
    return network


def _mesh(world: World, parallel: ParallelConfig) -> DeviceMesh:
    kind = world.device.type
    if parallel.mode == "fsdp":
        return init_device_mesh(kind, (world.size,), mesh_dim_names=("shard",))
    size = parallel.shard_size or world.size
    if world.size % size:
        raise RunError(f"parallel.shard_size is {size}, and {world.size} ranks cannot be divided into groups of that size")
    return init_device_mesh(kind, (world.size // size, size), mesh_dim_names=("replicate", "shard"))


def blocks_of(model: Any) -> list[nn.Module]:
    """The layers that repeat, in text and vision towers: the units of sharding and of activation checkpoints."""
    kinds = set(model._no_split_modules or ())
    found = [module for module in model.modules() if type(module).__name__ in kinds]
    return [module for module in found if not any(module is not other and module in set(other.modules()) for other in found)]


def without_sync(network: nn.Module, *, last: bool) -> AbstractContextManager[None]:
    """Gradients of all but the `last` pack of a step stay local where the weights are replicated."""
    if isinstance(network, nn.parallel.DistributedDataParallel) and not last:
        return cast("AbstractContextManager[None]", network.no_sync())
    return nullcontext()


def packed_network(network: nn.Module) -> PackedNetwork:
    """The network under what spreads it."""
    return cast(PackedNetwork, network.module if isinstance(network, nn.parallel.DistributedDataParallel) else network)
