"""FullFinetuning fine-tuning: the weights themselves are trained."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from ..api.dialect import FullConfig
from ..errors import EngineError
from ..models.llama import Linear, Llama, LlamaConfig, StoredLlama, apply_linear
from .trainable import LazyTensors


class FullFinetuning:
    """Layers from firstLayer on and the final norm; from layer 0 also embedding and output matrix.

    A tied output matrix is the embedding, and gets the gradients of both uses. With frozen layers
    below, embedding and output stay frozen, so that the activations of the frozen part can be kept
    between steps. `output` is False for a value model, which does not use the output matrix.
    """

    def __init__(self, config: FullConfig, llama: Llama, output: bool = True):
        self.config, self.llama, self.output = config, llama, output
        self.first_layer = config.firstLayer
        trained = {n: t for n, t in llama.list_tensors().items() if self._is_trained(n)}
        self.shapes = {name: tuple(tensor.shape) for name, tensor in trained.items()}

    def _is_trained(self, name: str) -> bool:
        if name.startswith("layers."):
            return int(name.split(".")[1]) >= self.first_layer
        if name == "head":
            return self.first_layer == 0 and self.output
        return name == "norm" or self.first_layer == 0

    def init_tensors(self, seed: int) -> dict[str, Tensor]:
        """The base's weights; nothing is random, so `seed` is not used."""
        tensors = self.llama.list_tensors()
        return {name: tensors[name] for name in self.shapes}

    def build_network(self, tensors: dict[str, Tensor]) -> tuple[Llama, Linear]:
        """The transformer with these tensors in the device's dtype; gradients reach them.

        Those that are not given are the base's. In float32 they are used without a copy.
        """
        dtype = self.llama.dtype
        cast = {name: tensors[name].to(dtype) for name in self.shapes if name in tensors}
        return self.llama.replace_tensors(cast), apply_linear

    def build_float32_model(self, tensors: dict[str, Tensor]) -> Llama:
        """The transformer in float32, with the trained tensors as they are kept."""
        base = self.llama
        # What is frozen in the machine's memory: it is only written to a file.
        exact = replace(base, layers=[replace(layer) for layer in base.layers])
        for name, tensor in base.list_tensors().items():
            if name in self.shapes:
                exact.set_tensor(name, tensors[name].float())
            elif name != "head" or self.output:
                exact.set_tensor(name, tensor.cpu().float())
        return exact

    @torch.no_grad()
    def merge(self, tensors: dict[str, Tensor], old: Llama | None) -> Llama:
        """The transformer for sampling; `old`, an earlier result, is not needed here."""
        return self.build_network(tensors)[0]

    def extract_trained(self, other: StoredLlama, name: str) -> Mapping[str, Tensor]:
        """The trained tensors of another transformer, in its number format, as they are asked for.

        Raises `invalid-input` where it has another shape, or where a frozen tensor differs.
        """
        mine, theirs = describe_shape(self.llama.config), describe_shape(other.config)
        if mine != theirs or {n for n in other.list_names() if self._is_trained(n)} != set(
            self.shapes
        ):
            raise EngineError(
                "invalid-input",
                f"{name} is of another architecture ({theirs}) than this model ({mine}).",
            )
        frozen = {n: t for n, t in self.llama.list_tensors().items() if n not in self.shapes}
        frozen.pop("head", None)
        if self.first_layer and self.output:
            frozen["head"] = self.llama.head
        for tensor, ours in frozen.items():
            if not torch.equal(ours, other.read(tensor).to(ours.device, ours.dtype)):
                raise EngineError(
                    "invalid-input",
                    f"{name} differs from the base in {tensor}, which is frozen here: create the "
                    f"model with full.firstLayer 0, or with {name} as its base.",
                )
        return LazyTensors(self.shapes, other.read)


def describe_shape(c: LlamaConfig) -> dict[str, int]:
    """The numbers in which two architectures are compared."""
    return {
        "hidden": c.hidden,
        "layers": c.layers,
        "heads": c.heads,
        "keyValueHeads": c.kv_heads,
        "headDim": c.head_dim,
        "intermediate": c.intermediate,
        "vocabulary": c.vocabulary,
    }
