"""What is trained: named float32 tensors in one flat vector, with gradient and optimiser state."""

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import EngineError


@dataclass(frozen=True)
class ParameterSlice:
    """Place of one tensor in the flat vector."""

    name: str
    shape: tuple[int, ...]
    start: int

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def lay_out_parameters(shapes: dict[str, tuple[int, ...]]) -> list[ParameterSlice]:
    """Slices of the flat vector, in the order of `shapes`."""
    parts, start = [], 0
    for name, shape in shapes.items():
        parts.append(ParameterSlice(name, shape, start))
        start += parts[-1].size
    return parts


class LazyTensors(Mapping[str, Tensor]):
    """Tensors by name, each of which is made when it is asked for, and not kept."""

    def __init__(self, names: Iterable[str], read: Callable[[str], Tensor]):
        self.names, self.read = dict.fromkeys(names), read

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.names:
            raise KeyError(name)
        return self.read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


class Trainable:
    """Master weights with accumulated gradient, AdamW state and snapshots.

    `version` changes with every change of the values. lora.py, full_finetuning.py and value_head.py
    say which tensors there are. With `offload` AdamW's moments and the snapshots lie in the
    machine's memory and come to the device one tensor at a time.
    """

    def __init__(
        self,
        shapes: dict[str, tuple[int, ...]],
        initial: Mapping[str, Tensor],
        offload: bool = False,
    ):
        self.shapes = shapes
        self.layout = lay_out_parameters(self.list_held_shapes())
        self.size = sum(math.prod(shape) for shape in shapes.values())
        self.offload = offload
        self.version = 0
        self.snapshots: dict[str, Tensor] = {}
        self.load(initial)

    def list_held_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of what the flat vectors hold of each tensor: here all of it."""
        return self.shapes

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes over whole tensors by name, with an optimiser that has not seen any step."""
        self.reset(torch.cat([tensors[p.name].float().reshape(-1) for p in self.layout]))

    def take_held(self, whole: Tensor) -> Tensor:
        """Of a flat vector of whole tensors what is held here: all of it."""
        return whole

    def reset(self, values: Tensor) -> None:
        """Takes over values [size], with an optimiser that has not seen any step."""
        self.values = values
        self.gradient: Tensor | None = None
        self.moment1, self.moment2 = (self.allocate_offloaded().zero_() for _ in range(2))
        self.step = 0
        self.mark_changed()

    def allocate_offloaded(self) -> Tensor:
        """A flat vector [size] without values, where moments and snapshots are kept."""
        device = torch.device("cpu") if self.offload else self.values.device
        pinned = self.offload and self.values.device.type == "cuda"  # copied several times faster
        return torch.empty(self.values.shape, device=device, pin_memory=pinned)

    def move_to_offload_device(self, given: Tensor) -> Tensor:
        """A flat vector where moments and snapshots are kept: the given one, if it is there."""
        device = torch.device("cpu") if self.offload else self.values.device
        return given if given.device.type == device.type else self.allocate_offloaded().copy_(given)

    def take_snapshot(self, name: str) -> None:
        """Keeps the present values under a name."""
        self.snapshots[name] = self.allocate_offloaded().copy_(self.values)

    def mark_changed(self) -> None:
        """Must follow every change of `values`: caches compare versions."""
        self.version += 1

    def tensors(self, values: Tensor, grad: bool = False) -> dict[str, Tensor]:
        """Views of a flat vector by name, in the order of the layout.

        With `grad` they are leaves of an autograd graph.
        """
        views = {p.name: values[p.start : p.start + p.size].view(p.shape) for p in self.layout}
        return (
            {name: v.detach().requires_grad_(True) for name, v in views.items()} if grad else views
        )

    def gather(self, values: Tensor) -> dict[str, Tensor]:
        """Whole tensors by name of a flat vector, on the device, for a network."""
        return self.tensors(values.to(self.values.device))

    def gather_masters(self) -> dict[str, Tensor]:
        """The present whole tensors by name in float32, as they are kept, to write to files."""
        return self.tensors(self.values)

    def compute_norm(self, gradient: Tensor) -> float:
        """Euclidean norm of a flat gradient, over all that is trained."""
        return float(torch.linalg.vector_norm(gradient, dtype=torch.float64))

    def find_first(self, index: int | None) -> int | None:
        """The lowest index that anyone who holds a part of the tensors has found; here: its own."""
        return index

    def accumulate(self, gradient: Tensor) -> None:
        """Adds a flat gradient to the accumulated one; one that is not finite is refused."""
        is_finite = bool(torch.isfinite(gradient).all())
        if self.find_first(None if is_finite else 0) is not None:
            raise EngineError(
                "not-finite",
                "The gradient holds NaN or infinity; nothing was accumulated. Check advantages, "
                "log-probabilities, returns and learning rate.",
            )
        self.gradient = gradient if self.gradient is None else self.gradient.add_(gradient)

    def optim_step(
        self,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        grad_clip: float | None,
        decays: str = "matrices",
    ) -> float:
        """One step of AdamW (Loshchilov and Hutter 2019) with the accumulated gradient.

        Clears the gradient and returns its norm before clipping. Only matrices decay; norms and
        biases do so where `decays` is "all", as with torch's optimiser over all parameters. A step
        that would make a weight NaN or infinite raises `not-finite` and changes no weight; the
        gradient is dropped, or it would spoil the next step too.
        """
        if self.gradient is None:
            raise EngineError(
                "conflict", "There is no gradient: call forward_backward before optim_step."
            )
        norm = self.compute_norm(self.gradient)
        if not math.isfinite(norm):
            self.gradient = None
            raise EngineError(
                "not-finite",
                "The gradient's norm is not finite; the weights were not changed and the "
                "gradient was dropped.",
            )
        shrink = grad_clip / (norm + 1e-6) if grad_clip is not None and norm > grad_clip else None
        b1, b2 = betas
        step = self.step + 1

        def compute(p: ParameterSlice, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            """The tensor's next values and moments."""
            here, device = slice(p.start, p.start + p.size), gradient.device
            gradient = gradient[here] if shrink is None else gradient[here] * shrink
            moment1 = torch.lerp(self.moment1[here].to(device), gradient, 1 - b1)
            moment2 = (self.moment2[here].to(device) * b2).addcmul_(
                gradient, gradient, value=1 - b2
            )
            denominator = (moment2 / (1 - b2**step)).sqrt_().add_(eps)
            decay = weight_decay if decays == "all" or len(p.shape) > 1 else 0.0
            values = (self.values[here] * (1 - lr * decay)).addcdiv_(
                moment1, denominator, value=-lr / (1 - b1**step)
            )
            return values, moment1, moment2

        # Tensor by tensor, so that no second copy of everything is allocated: one pass checks, the
        # next writes.
        gradient = self.gradient
        found = next(
            (
                i
                for i, p in enumerate(self.layout)
                if not torch.isfinite(compute(p, gradient)[0]).all()
            ),
            None,
        )
        if (first := self.find_first(found)) is not None:
            self.gradient = None
            raise EngineError(
                "not-finite",
                f"The step would make a weight of {self.layout[first].name} NaN or infinite; the "
                "weights were not changed and the gradient was dropped.",
            )
        for p in self.layout:
            here = slice(p.start, p.start + p.size)
            self.values[here], self.moment1[here], self.moment2[here] = compute(p, gradient)
        self.step, self.gradient = step, None
        self.mark_changed()
        return norm

    def get_snapshot(self, name: str) -> Tensor:
        """Values [size] at the time of the snapshot; raises `not-found`."""
        if name not in self.snapshots:
            raise EngineError(
                "not-found",
                f"There is no snapshot {name!r}; taken so far: "
                f"{', '.join(self.snapshots) or 'none'}.",
            )
        return self.snapshots[name]

    def hash(self) -> str:
        """sha256 over names and values of all tensors."""
        digest = hashlib.sha256()
        values = self.values.cpu()
        for p in self.layout:
            digest.update(p.name.encode())
            digest.update(values[p.start : p.start + p.size].numpy().data)
        return digest.hexdigest()
