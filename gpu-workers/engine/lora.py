"""The adapter: low-rank factors, their gradient and their optimiser, each one flat float32 vector."""

import hashlib
import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .errors import EngineError
from .functional import lora_linear
from .llama import Layer, Llama, LlamaConfig, plain_linear
from .schema import LoraConfig

# Where each map lies: the fused matrix that holds it.
FUSED = {
    "q_proj": "qkv", "k_proj": "qkv", "v_proj": "qkv", "o_proj": "o",
    "gate_proj": "gate_up", "up_proj": "gate_up", "down_proj": "down",
}  # fmt: skip


def column_range(target: str, c: LlamaConfig) -> tuple[int, int]:
    """Columns of the fused matrix that belong to a map."""
    q, kv, inner = c.q_width, c.kv_width, c.intermediate
    return {
        "q_proj": (0, q), "k_proj": (q, q + kv), "v_proj": (q + kv, q + 2 * kv), "o_proj": (0, c.hidden),
        "gate_proj": (0, inner), "up_proj": (inner, 2 * inner), "down_proj": (0, c.hidden),
    }[target]  # fmt: skip


def input_width(target: str, c: LlamaConfig) -> int:
    return {"o_proj": c.q_width, "down_proj": c.intermediate}.get(target, c.hidden)


@dataclass(frozen=True)
class Factor:
    """Place of one factor in the flat vector. `name` is PEFT's name of the tensor."""

    name: str
    layer: int
    target: str
    side: str  # A [rank, in] or B [out, rank]
    shape: tuple[int, int]
    start: int

    @property
    def size(self) -> int:
        return self.shape[0] * self.shape[1]


def layout(config: LoraConfig, c: LlamaConfig) -> list[Factor]:
    """All factors in order, A before B."""
    factors, start = [], 0
    for layer in range(config.firstLayer, c.layers):
        for target in [t for t in FUSED if t in config.targets]:
            block = "self_attn" if FUSED[target] in ("qkv", "o") else "mlp"
            low, high = column_range(target, c)
            for side, shape in (("A", (config.rank, input_width(target, c))), ("B", (high - low, config.rank))):
                name = f"base_model.model.model.layers.{layer}.{block}.{target}.lora_{side}.weight"
                factors.append(Factor(name, layer, target, side, shape, start))
                start += factors[-1].size
    return factors


class Adapter:
    """Low-rank factors with accumulated gradient and AdamW state. `version` changes with every change of the values."""

    def __init__(self, config: LoraConfig, model: Llama, seed: int):
        c = model.config
        if config.firstLayer >= c.layers:
            raise EngineError("invalid-input", f"lora.firstLayer is {config.firstLayer}, but the model has layers 0 to {c.layers - 1}.")
        self.config, self.model = config, model
        self.scale = config.alpha / config.rank
        self.layout = layout(config, c)
        size = self.layout[-1].start + self.layout[-1].size
        device = model.embedding.device
        # As PEFT does it: A uniform as of a linear map, B zero, so that the adapter begins as the identity.
        generator = torch.Generator().manual_seed(seed)
        values = torch.zeros(size)
        for f in self.layout:
            if f.side == "A":
                bound = math.sqrt(1 / f.shape[1])
                values[f.start : f.start + f.size].uniform_(-bound, bound, generator=generator)
        self.values = values.to(device)
        self.gradient: Tensor | None = None
        self.moment1 = torch.zeros_like(self.values)
        self.moment2 = torch.zeros_like(self.values)
        self.step = 0
        self.version = 0
        self.snapshots: dict[str, Tensor] = {}
        self._merged: tuple[int, list[Layer]] | None = None

    def factors(self, values: Tensor, grad: bool = False) -> list[Tensor]:
        """Views of a flat vector, in the order of the layout."""
        views = [values[f.start : f.start + f.size].view(f.shape) for f in self.layout]
        return [v.detach().requires_grad_(True) for v in views] if grad else views

    def linear(self, factors: list[Tensor]):
        """The layers' maps with these factors applied beside the frozen weights (see llama.Linear)."""
        table: dict[tuple[int, str], tuple[list[tuple[int, int]], list[Tensor]]] = {}
        for f, tensor in zip(self.layout, factors):
            ranges, tensors = table.setdefault((f.layer, FUSED[f.target]), ([], []))
            if f.side == "A":
                ranges.append(column_range(f.target, self.model.config))
            tensors.append(tensor)

        def apply(layer: int, name: str, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
            entry = table.get((layer, name))
            if entry is None:
                return plain_linear(layer, name, x, weight, bias)
            return lora_linear(x, weight, bias, self.scale, *entry)

        return apply

    def merged_layers(self) -> list[Layer]:
        """Layers from firstLayer on with the current factors added into copies of the weights, for sampling."""
        if self._merged is None or self._merged[0] != self.version:
            layers = [replace(layer) for layer in self.model.layers[self.config.firstLayer :]]
            old = self._merged[1] if self._merged else None
            factors = self.factors(self.values)
            with torch.no_grad():
                for i, layer in enumerate(layers):
                    for name in {FUSED[t] for t in self.config.targets}:
                        frozen = getattr(self.model.layers[self.config.firstLayer + i], name)
                        target = getattr(old[i], name) if old else torch.empty_like(frozen)
                        setattr(layer, name, target.copy_(frozen))
                for (fa, a), (_, b) in zip(
                    zip(self.layout[0::2], factors[0::2]), zip(self.layout[1::2], factors[1::2])
                ):
                    low, high = column_range(fa.target, self.model.config)
                    weight = getattr(layers[fa.layer - self.config.firstLayer], FUSED[fa.target])
                    if weight.dtype == torch.float32:
                        weight[:, low:high].addmm_(a.t(), b.t(), alpha=self.scale)
                    else:
                        weight[:, low:high] += ((a.t() @ b.t()) * self.scale).to(weight.dtype)
            self._merged = (self.version, layers)
        return self._merged[1]

    def changed(self) -> None:
        self.version += 1

    def accumulate(self, gradients: list[Tensor]) -> None:
        flat = torch.cat([g.reshape(-1) for g in gradients])
        if not torch.isfinite(flat).all():
            raise EngineError("not-finite", "The gradient holds NaN or infinity; nothing was accumulated. Check advantages, log-probabilities and learning rate.")
        self.gradient = flat if self.gradient is None else self.gradient.add_(flat)

    def optim_step(self, lr: float, betas: tuple[float, float], eps: float, weight_decay: float, grad_clip: float | None) -> float:
        """AdamW (Loshchilov and Hutter 2019) with the accumulated gradient, which it clears. Returns the norm before clipping."""
        if self.gradient is None:
            raise EngineError("conflict", "There is no gradient: call forward_backward before optim_step.")
        norm = float(torch.linalg.vector_norm(self.gradient, dtype=torch.float64))
        if not math.isfinite(norm):
            raise EngineError("not-finite", "The gradient's norm is not finite; the weights were not changed.")
        gradient = self.gradient
        if grad_clip is not None and norm > grad_clip:
            gradient = gradient * (grad_clip / (norm + 1e-6))
        b1, b2 = betas
        step = self.step + 1
        moment1 = torch.lerp(self.moment1, gradient, 1 - b1)
        moment2 = (self.moment2 * b2).addcmul_(gradient, gradient, value=1 - b2)
        denominator = (moment2 / (1 - b2**step)).sqrt_().add_(eps)
        values = (self.values * (1 - lr * weight_decay)).addcdiv_(moment1, denominator, value=-lr / (1 - b1**step))
        if not torch.isfinite(values).all():
            raise EngineError("not-finite", "The step would make a weight NaN or infinite; the weights were not changed.")
        self.values, self.moment1, self.moment2, self.step, self.gradient = values, moment1, moment2, step, None
        self.changed()
        return norm

    def reference(self, name: str) -> Tensor:
        if name not in self.snapshots:
            raise EngineError("not-found", f"There is no snapshot {name!r}; taken so far: {', '.join(self.snapshots) or 'none'}.")
        return self.snapshots[name]

    def hash(self) -> str:
        """sha256 over names and values of all factors."""
        digest = hashlib.sha256()
        values = self.values.cpu()
        for f in self.layout:
            digest.update(f.name.encode())
            digest.update(values[f.start : f.start + f.size].numpy().tobytes())
        return digest.hexdigest()
