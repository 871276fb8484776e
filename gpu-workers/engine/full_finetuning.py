"""FullFinetuning fine-tuning: the weights themselves are trained."""

from dataclasses import replace

import torch
from torch import Tensor

from .dialect import FullConfig
from .errors import EngineError
from .llama import Linear, Llama, apply_linear


class FullFinetuning:
    """Layers from firstLayer on and the final norm; from layer 0 also embedding and output matrix.

    A tied output matrix is the embedding, and gets the gradients of both uses. With frozen layers
    below, embedding and output stay frozen, so that the activations of the frozen part can be kept
    between steps. `output` is False for a value model, which does not use the output matrix.
    """

    def __init__(self, config: FullConfig, llama: Llama, output: bool = True):
        self.config, self.llama, self.output = config, llama, output
        self.first_layer = config.firstLayer
        self.shapes = {name: tuple(t.shape) for name, t in self.get_trained(llama).items()}

    def get_trained(self, llama: Llama) -> dict[str, Tensor]:
        """The trained tensors as they are in a transformer, by name."""
        found = {
            f"layers.{i}.{field}": tensor
            for i, layer in enumerate(llama.layers)
            if i >= self.first_layer
            for field, tensor in vars(layer).items()
            if tensor is not None
        }
        found["norm"] = llama.norm
        if self.first_layer == 0:
            found["embedding"] = llama.embedding
            if self.output and llama.head is not llama.embedding:
                found["head"] = llama.head
        return found

    def init_tensors(self, seed: int) -> dict[str, Tensor]:
        """The base's weights; nothing is random, so `seed` is not used."""
        return self.get_trained(self.llama)

    def build_network(self, tensors: dict[str, Tensor]) -> tuple[Llama, Linear]:
        """The transformer with these tensors in the device's dtype; gradients reach them.

        Those that are not given are the base's. In float32 they are used without a copy.
        """
        base, dtype = self.llama, self.llama.embedding.dtype
        cast = {name: tensors[name].to(dtype) for name in self.shapes if name in tensors}
        layers = [
            replace(
                layer,
                **{
                    field: cast[f"layers.{i}.{field}"]
                    for field in vars(layer)
                    if f"layers.{i}.{field}" in cast
                },
            )
            for i, layer in enumerate(base.layers)
        ]
        embedding = cast.get("embedding", base.embedding)
        head = embedding if base.head is base.embedding else cast.get("head", base.head)
        llama = replace(
            base, layers=layers, norm=cast.get("norm", base.norm), embedding=embedding, head=head
        )
        return llama, apply_linear

    def build_float32_model(self, tensors: dict[str, Tensor]) -> Llama:
        """The transformer in float32, with the trained tensors as they are kept."""
        base = self.llama
        exact = replace(
            base,
            layers=[
                replace(layer, **{k: t.float() for k, t in vars(layer).items() if t is not None})
                for layer in base.layers
            ],
        )
        exact = replace(exact, norm=base.norm.float(), embedding=base.embedding.float())
        exact.head = exact.embedding if base.head is base.embedding else base.head.float()
        return FullFinetuning(self.config, exact, self.output).build_network(tensors)[0]

    @torch.no_grad()
    def merge(self, tensors: dict[str, Tensor], old: Llama | None) -> Llama:
        """The transformer for sampling; `old`, an earlier result, is not needed here."""
        return self.build_network(tensors)[0]

    def extract_trained(self, other: Llama, name: str) -> dict[str, Tensor]:
        """The trained tensors of another transformer, in float32.

        Raises `invalid-input` where it has another shape, or where a frozen tensor differs.
        """
        mine, theirs = describe_shape(self.llama), describe_shape(other)
        if mine != theirs or [t.shape for t in self.get_trained(other).values()] != list(
            map(torch.Size, self.shapes.values())
        ):
            raise EngineError(
                "invalid-input",
                f"{name} is of another architecture ({theirs}) than this model ({mine}).",
            )
        dtype = self.llama.embedding.dtype
        frozen = (
            {} if self.first_layer == 0 else {"embedding": (self.llama.embedding, other.embedding)}
        )
        if frozen and self.output:
            frozen["head"] = (self.llama.head, other.head)
        for i in range(self.first_layer):
            frozen |= {
                f"layers.{i}.{k}": (t, getattr(other.layers[i], k))
                for k, t in vars(self.llama.layers[i]).items()
                if t is not None
            }
        for tensor, (ours, given) in frozen.items():
            if not torch.equal(ours, given.to(dtype)):
                raise EngineError(
                    "invalid-input",
                    f"{name} differs from the base in {tensor}, which is frozen here: create the "
                    f"model with full.firstLayer 0, or with {name} as its base.",
                )
        return {key: t.float() for key, t in self.get_trained(other).items()}


def describe_shape(llama: Llama) -> dict[str, int]:
    """The numbers in which two architectures are compared."""
    c = llama.config
    return {
        "hidden": c.hidden,
        "layers": c.layers,
        "heads": c.heads,
        "keyValueHeads": c.kv_heads,
        "intermediate": c.intermediate,
        "vocabulary": c.vocabulary,
    }
