"""Tensors that FSDP2 shards over the ranks and gathers together (Zhao et al. 2023)."""

from collections.abc import Callable
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor

from .rank_group import RankGroup, TimedAllGather, TimedReduceScatter

X = TypeVar("X")
T = TypeVar("T")
Tensors = dict[str, Tensor]
Shapes = dict[str, tuple[int, ...]]


class ShardGroup(nn.Module):
    """Tensors that are gathered together. `apply_fsdp` shards them."""

    def __init__(self, shapes: Shapes, dtype: torch.dtype, is_trained: bool = True):
        super().__init__()
        self.names = list(shapes)
        for i, shape in enumerate(shapes.values()):
            # Without numbers: no rank holds them whole before they are shards.
            tensor = torch.empty(shape, dtype=dtype, device="meta")
            self.register_parameter(f"tensor{i}", nn.Parameter(tensor, is_trained))

    def tensors(self) -> Tensors:
        """The tensors by name: whole within `forward`, otherwise this rank's shards."""
        return {name: getattr(self, f"tensor{i}") for i, name in enumerate(self.names)}

    def forward(self, x: X, compute: Callable[[X, Tensors], T]) -> T:
        """`compute(x, tensors)`, with the tensors whole."""
        return compute(x, self.tensors())


def call_together(groups: list[ShardGroup], x: X, compute: Callable[[X, Tensors], T]) -> T:
    """`compute(x, tensors)`, with the tensors of all groups whole."""
    first, *rest = groups
    if not rest:
        return first(x, compute)
    return first(
        x,
        lambda x, tensors: call_together(rest, x, lambda x, others: compute(x, tensors | others)),
    )


def apply_fsdp(module: nn.Module, group: RankGroup) -> None:
    """Shards the parameters of a module that no module below it has sharded."""
    # Ranks' gradients are summed in float32. The loss is a sum over tokens, so nothing is
    # divided; gloo has no scaled sum, which FSDP2 takes for a factor unless told otherwise.
    policy = MixedPrecisionPolicy(reduce_dtype=torch.float32, cast_forward_inputs=False)
    sharded = cast(FSDPModule, fully_shard(module, mesh=group.mesh, mp_policy=policy))
    sharded.set_gradient_divide_factor(1.0)
    sharded.set_force_sum_reduction_for_comms(True)
    if next(module.parameters(), None) is not None:
        sharded.set_custom_all_gather(TimedAllGather(group.clock))
        sharded.set_custom_reduce_scatter(TimedReduceScatter(group.clock))


def list_shards(groups: list[ShardGroup]) -> dict[str, DTensor]:
    """The sharded tensors of groups by name."""
    return {n: cast(DTensor, p) for group in groups for n, p in group.tensors().items()}


def reshard(groups: list[ShardGroup]) -> None:
    """Frees the whole tensors of roots, which FSDP2 keeps for a backward pass."""
    for group in groups:
        cast(FSDPModule, group).reshard()
