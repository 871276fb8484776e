"""Low-rank adaptation (LoRA, Hu et al. 2021): factors added to frozen linear maps."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..api.dialect import LoraConfig
from ..errors import EngineError
from .functional import lora_linear
from .llama import (
    FUSED,
    Linear,
    Llama,
    apply_linear,
    get_block_name,
    get_column_range,
    get_input_width,
)
from .peft_adapter import to_module_name


@dataclass(frozen=True)
class FactorPair:
    """The factors A [rank, in] and B [out, rank] of one map."""

    layer: int
    target: str

    def name(self, side: str) -> str:
        """PEFT's name of the tensor; `side`: A or B."""
        block = f"base_model.model.model.layers.{self.layer}.{get_block_name(self.target)}"
        return f"{block}.{self.target}.lora_{side}.weight"


class Lora:
    """Which maps have factors, and the transformer with factors of given values."""

    def __init__(self, config: LoraConfig, llama: Llama):
        self.config, self.llama, self.first_layer = config, llama, config.firstLayer
        self.scale = config.alpha / config.rank
        targets = [t for t in FUSED if t in config.targets]
        self.pairs = [
            FactorPair(layer, target)
            for layer in range(config.firstLayer, llama.config.layers)
            for target in targets
        ]
        self.shapes: dict[str, tuple[int, ...]] = {}
        for pair in self.pairs:
            low, high = get_column_range(pair.target, llama.config)
            self.shapes[pair.name("A")] = (config.rank, get_input_width(pair.target, llama.config))
            self.shapes[pair.name("B")] = (high - low, config.rank)

    def init_tensors(self, seed: int) -> dict[str, Tensor]:
        """Initial values as PEFT's: A uniform, B zero, so that the adapter changes nothing yet."""
        generator = torch.Generator().manual_seed(seed)
        found = {}
        for name, shape in self.shapes.items():
            found[name] = torch.zeros(shape)
            if ".lora_A." in name:
                bound = math.sqrt(1 / shape[1])
                found[name].uniform_(-bound, bound, generator=generator)
        return found

    def build_network(self, tensors: dict[str, Tensor]) -> tuple[Llama, Linear]:
        """The frozen transformer with these factors added to its maps; gradients reach them.

        A map whose factors are not given stays as it is. Frozen tensors that are given, by their
        names in the base, take the place of the base's own.
        """
        table: dict[tuple[int, str], tuple[list[tuple[int, int]], list[Tensor]]] = {}
        for pair in self.pairs:
            if pair.name("A") not in tensors:
                continue
            ranges, factors = table.setdefault((pair.layer, FUSED[pair.target]), ([], []))
            ranges.append(get_column_range(pair.target, self.llama.config))
            factors += [tensors[pair.name("A")], tensors[pair.name("B")]]

        def apply(layer: int, name: str, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
            entry = table.get((layer, name))
            if entry is None:
                return apply_linear(layer, name, x, weight, bias)
            return lora_linear(x, weight, bias, self.scale, *entry)

        return self.llama.replace_tensors(tensors), apply

    @torch.no_grad()
    def merge(self, tensors: dict[str, Tensor], old: Llama | None) -> Llama:
        """The transformer with the factors added into copies of its matrices, for sampling.

        `old`: an earlier result, whose memory is used again.
        """
        layers = [replace(layer) for layer in self.llama.layers]
        for i in range(self.first_layer, len(layers)):
            for name in {FUSED[t] for t in self.config.targets}:
                frozen = getattr(self.llama.layers[i], name)
                target = getattr(old.layers[i], name) if old else torch.empty_like(frozen)
                setattr(layers[i], name, target.copy_(frozen))
        for pair in self.pairs:
            a, b = tensors[pair.name("A")], tensors[pair.name("B")]
            low, high = get_column_range(pair.target, self.llama.config)
            weight = getattr(layers[pair.layer], FUSED[pair.target])
            if weight.dtype == torch.float32:
                weight[:, low:high].addmm_(a.t(), b.t(), alpha=self.scale)
            else:
                weight[:, low:high] += ((a.t() @ b.t()) * self.scale).to(weight.dtype)
        return replace(self.llama, layers=layers)

    def list_factors(self, tensors: dict[str, Tensor]) -> dict[str, tuple[Tensor, Tensor, float]]:
        """A, B and their scale of each map by its module's name, for `merge_factors`."""
        return {
            to_module_name(pair.name("A")): (
                tensors[pair.name("A")],
                tensors[pair.name("B")],
                self.scale,
            )
            for pair in self.pairs
        }


def check_first_layer(first: int, layers: int) -> None:
    """Raises `invalid-input` where the model has no such layer."""
    if first >= layers:
        raise EngineError(
            "invalid-input", f"firstLayer is {first}, but the model has layers 0 to {layers - 1}."
        )
