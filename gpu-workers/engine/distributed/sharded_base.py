"""A frozen base of which every rank holds a part, for the adapters on it."""

import torch
from torch import Tensor

from ..models.model import FrozenBase
from .rank_group import RankGroup
from .shard_group import ShardGroup, apply_fsdp, list_shards


class ShardedBase:
    """The tensors of a base as FSDP2 modules: one a layer, and a root for the others.

    It is a tree of its own beside those of what is trained, so that several adapters share it.
    """

    def __init__(self, base: FrozenBase, group: RankGroup):
        """Reads the base's tensors one at a time; ranks do nothing together."""
        self.group = group
        rest = {n: tuple(tensor.shape) for n, tensor in base.model.list_tensors().items()}
        dtype = base.model.dtype
        self.layers: list[ShardGroup] = []
        for i in range(base.model.config.layers):
            own = {n: rest.pop(n) for n in list(rest) if n.startswith(f"layers.{i}.")}
            self.layers.append(ShardGroup(own, dtype, is_trained=False))
            apply_fsdp(self.layers[-1], group)
        self.root = ShardGroup(rest, dtype, is_trained=False)
        for i, layer in enumerate(self.layers):
            self.root.add_module(f"layer{i}", layer)
        apply_fsdp(self.root, group)
        self.root.to_empty(device=group.device)
        self.parts = list_shards([self.root, *self.layers])
        with torch.no_grad():
            for name, part in self.parts.items():
                part.to_local().copy_(group.take_rows(base.read(name)))

    def gather(self, name: str) -> Tensor:
        """A whole tensor by its name in the base; all ranks take part."""
        return self.group.gather(self.parts[name])
