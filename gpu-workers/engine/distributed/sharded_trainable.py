"""What is trained, of which every rank holds a part: weights, gradient, optimiser, snapshots.

The flat vectors of `Trainable` hold this rank's rows of every tensor, so that AdamW and snapshots
are those of one process. The masters are float32; FSDP2 gathers copies of them in the number format
that the network computes in, layer by layer. Whole tensors exist on a rank while it samples, and
are dropped, where they are large, before `forward` or a gradient is computed.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from ..api.dialect import CreateModelBody
from ..models.model import Model, ModelState
from ..training.trainable import Trainable, lay_out_parameters
from .rank_group import RankGroup
from .sharded_base import ShardedBase
from .sharded_network import ShardedNetwork

# Stands for "none" where ranks compare indices.
NONE_FOUND = 2**62


class ShardedTrainable(Trainable):
    """The rows of one rank. Methods that gather or compare must be called by all ranks alike."""

    def __init__(
        self,
        model: ModelState,
        body: CreateModelBody,
        shapes: dict[str, tuple[int, ...]],
        initial: Mapping[str, Tensor],
        group: RankGroup,
        base: ShardedBase | None = None,
    ):
        """`base`: the shards of the frozen base; None: every rank holds it whole."""
        self.model, self.group = model, group
        self.network = ShardedNetwork(model, shapes, group, base)
        self.parts: dict[str, DTensor] = self.network.shards()
        self._network_version = -1
        self._whole: tuple[int, dict[str, Tensor]] | None = None
        self._held: tuple[dict[str, Tensor], str] | None = None
        super().__init__(shapes, initial, body.offloadOptimizer)

    def list_held_shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: tuple(self.parts[name].to_local().shape) for name in self.shapes}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        self.reset(self.take_values(tensors))

    def take_values(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """The flat vector of this rank's rows of whole tensors, of which one is read at a time."""
        size = sum(p.size for p in self.layout)
        values = torch.empty(size, device=self.group.device)
        for name, rows in self.tensors(values).items():
            rows.copy_(self.group.take_rows(tensors[name]))
        return values

    def take_held(self, whole: Tensor) -> Tensor:
        parts = lay_out_parameters(self.shapes)
        tensors = [whole[p.start : p.start + p.size].view(p.shape) for p in parts]
        return torch.cat([self.group.take_rows(tensor).reshape(-1) for tensor in tensors])

    def wrap_rows(self, values: Tensor) -> dict[str, DTensor]:
        """A flat vector's rows as sharded tensors by name, where the vector lies."""
        return {
            name: self.group.wrap(rows, self.shapes[name])
            for name, rows in self.tensors(values).items()
        }

    def gather(self, values: Tensor) -> dict[str, Tensor]:
        """Whole tensors in the network's number format; those of the present values are kept."""
        if values is self.values and self._whole and self._whole[0] == self.version:
            return self._whole[1]
        whole = {}
        for name, rows in self.tensors(values).items():
            rows = rows.to(self.values.device, self.parts[name].dtype)
            whole[name] = self.group.gather(self.group.wrap(rows, self.shapes[name]))
        if values is self.values:
            self._whole = (self.version, whole)
        return whole

    def drop_whole_tensors(self) -> None:
        """Frees what sampling needs and other operations do not, where it is large."""
        if self.model.spec["full"] is None and self.network.base is None:
            return
        self._whole = None
        if isinstance(self.model, Model):
            self.model.drop_merged()

    def gather_masters(self) -> dict[str, Tensor]:
        """Rank 0: the whole tensors in float32 in the machine's memory; other ranks: nothing."""
        if self._held is not None:
            return self._held[0]
        whole = {}
        for name, rows in self.tensors(self.values).items():
            tensor = self.group.gather(self.group.wrap(rows, self.shapes[name]))
            if self.group.rank == 0:
                whole[name] = tensor.cpu()
        return whole

    def hash(self) -> str:
        """Rank 0: as `Trainable.hash`, of the whole tensors; other ranks: an empty text."""
        if self._held is not None:
            return self._held[1]
        digest = hashlib.sha256()
        for name, rows in self.tensors(self.values).items():
            tensor = self.group.gather(self.group.wrap(rows, self.shapes[name]))
            if self.group.rank == 0:
                digest.update(name.encode())
                digest.update(tensor.cpu().contiguous().numpy().data)
        return digest.hexdigest() if self.group.rank == 0 else ""

    @contextmanager
    def hold_masters(self) -> Iterator[None]:
        """Gathers masters and their hash once; within, rank 0 has them without the others."""
        self._held = (self.gather_masters(), self.hash())
        try:
            yield
        finally:
            self._held = None

    def compute_norm(self, gradient: Tensor) -> float:
        own = torch.linalg.vector_norm(gradient, dtype=torch.float64)
        return self.group.add(float(own.square())) ** 0.5

    def find_first(self, index: int | None) -> int | None:
        lowest = -self.group.find_max(-(NONE_FOUND if index is None else index))
        return None if lowest == NONE_FOUND else lowest

    def update_network(self, values: Tensor | None = None) -> None:
        """Writes the present values to the parameters of FSDP2, where they hold others.

        `values`: a snapshot's instead.
        """
        if values is None and self._network_version == self.version:
            return
        with torch.no_grad():
            for name, rows in self.tensors(self.values if values is None else values).items():
                self.parts[name].to_local().copy_(rows)
        self._network_version = self.version if values is None else -1

    def take_gradient(self, total: Tensor) -> None:
        """Adds the gradients that FSDP2 has scattered to a flat vector, and clears them."""
        for name, rows in self.tensors(total).items():
            gradient = self.parts[name].grad
            if isinstance(gradient, DTensor):
                rows.add_(gradient.to_local())
                self.parts[name].grad = None

    def clear_gradient(self) -> None:
        """Forgets the gradients that FSDP2 has scattered."""
        for part in self.parts.values():
            part.grad = None
