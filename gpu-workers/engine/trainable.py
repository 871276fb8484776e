"""What is trained: named float32 tensors in one flat vector, with gradient and optimiser state."""

import hashlib
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .errors import EngineError


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


class Trainable:
    """Master weights with accumulated gradient, AdamW state and snapshots.

    `version` changes with every change of the values. lora.py, full_finetuning.py and value_head.py
    say which tensors there are.
    """

    def __init__(self, shapes: dict[str, tuple[int, ...]], values: Tensor):
        self.layout = lay_out_parameters(shapes)
        self.version = 0
        self.snapshots: dict[str, Tensor] = {}
        self.reset(values)

    def reset(self, values: Tensor) -> None:
        """Takes over values [size], with an optimiser that has not seen any step."""
        self.values = values
        self.gradient: Tensor | None = None
        self.moment1 = torch.zeros_like(values)
        self.moment2 = torch.zeros_like(values)
        self.step = 0
        self.mark_changed()

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

    def accumulate(self, gradient: Tensor) -> None:
        """Adds a flat gradient to the accumulated one; one that is not finite is refused."""
        if not torch.isfinite(gradient).all():
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
        norm = float(torch.linalg.vector_norm(self.gradient, dtype=torch.float64))
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
        # Tensor by tensor, so that no second copy of everything is allocated: one pass checks, the
        # next writes.
        for write in (False, True):
            for p in self.layout:
                here = slice(p.start, p.start + p.size)
                gradient = self.gradient[here] if shrink is None else self.gradient[here] * shrink
                moment1 = torch.lerp(self.moment1[here], gradient, 1 - b1)
                moment2 = (self.moment2[here] * b2).addcmul_(gradient, gradient, value=1 - b2)
                denominator = (moment2 / (1 - b2**step)).sqrt_().add_(eps)
                decay = weight_decay if decays == "all" or len(p.shape) > 1 else 0.0
                values = (self.values[here] * (1 - lr * decay)).addcdiv_(
                    moment1, denominator, value=-lr / (1 - b1**step)
                )
                if write:
                    self.values[here], self.moment1[here], self.moment2[here] = (
                        values,
                        moment1,
                        moment2,
                    )
                elif not torch.isfinite(values).all():
                    self.gradient = None
                    raise EngineError(
                        "not-finite",
                        f"The step would make a weight of {p.name} NaN or infinite; the weights "
                        "were not changed and the gradient was dropped.",
                    )
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
