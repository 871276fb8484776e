"""A model: trained weights (or none) on a shared frozen base, with cached activations."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..api.dialect import CreateModelBody, FullConfig, LoraConfig
from ..device import Device
from ..errors import EngineError
from ..sampling.guided_decoding import Tokenizer
from ..sampling.radix_tree import Node
from ..training.full_finetuning import FullFinetuning
from ..training.trainable import LazyTensors, Trainable
from . import value_head
from .attention import to_index
from .kv_cache import InputSource, KVCache
from .llama import Linear, Llama, StoredLlama, apply_linear
from .lora import Lora, check_first_layer

if TYPE_CHECKING:
    from .transformers_model import TransformersBase


class FrozenBase:
    """Frozen weights and tokenizer, loaded once per folder and shared by all models on it.

    Tensors that are not held are on the device meta: they have a shape and no numbers.
    """

    def __init__(self, folder: Path, device: Device, is_empty: bool = False):
        """`is_empty`: no tensor is held yet."""
        self.folder = folder
        self.stored = StoredLlama(folder, device.dtype)
        self.model = self.stored.build(device.torch_device, is_empty)
        self.tokenizer = Tokenizer(folder, self.model.config.vocabulary, self.model.config.eos_ids)

    def list_names(self) -> set[str]:
        """The names of all tensors."""
        return set(self.model.list_tensors())

    def read(self, name: str) -> Tensor:
        """A tensor by its name, from the folder where it is not held."""
        tensor = self.model.list_tensors()[name]
        return self.stored.read(name) if tensor.is_meta else tensor

    def keep_all(self) -> None:
        """Holds all tensors."""
        self.keep(self.list_names())

    def keep(self, names: set[str], read: Callable[[str], Tensor] | None = None) -> None:
        """Holds these tensors and no others. `read` gets one, from elsewhere than the folder."""
        for name, tensor in self.model.list_tensors().items():
            if name not in names:
                self.model.set_tensor(name, tensor.to("meta"))
            elif tensor.is_meta:
                found = (read or self.stored.read)(name)
                self.model.set_tensor(name, found.to(self.model.device))


@dataclass
class PrefillResult:
    """Rows of a batch whose keys and values are in the caches."""

    caches: list[KVCache]
    slots: list[list[np.ndarray]]  # per cache and row: the slots of its tokens
    hidden: Tensor  # [rows, hidden] final hidden state of each row's last token
    computed: int  # tokens that no cache held


@dataclass
class Network:
    """A transformer with certain weights, and the tensors of its value head."""

    llama: Llama
    linear: Linear
    score: dict[str, Tensor] | None  # None: a language model


class Tuning(Protocol):
    """What of a model is trained: low-rank factors, or the weights themselves."""

    @property
    def config(self) -> LoraConfig | FullConfig: ...

    @property
    def first_layer(self) -> int: ...

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]: ...

    def init_tensors(self, seed: int) -> dict[str, Tensor]: ...


B = TypeVar("B", bound="FrozenBase | TransformersBase")
T = TypeVar("T", bound=Tuning)


class ModelState(Generic[B, T]):
    """A base with what is trained of it, whoever computes its layers."""

    def __init__(
        self,
        name: str,
        body: CreateModelBody,
        base: B,
        tuning: T | None,
        make_trainable: "MakeTrainable | None" = None,
    ):
        self.name, self.base, self.head, self.tuning = name, base, body.head, tuning
        self.checkpointing = body.checkpointing
        self.token_budget = body.microbatchTokens
        if body.head == "language" and not base.model.config.has_head:
            raise EngineError(
                "unsupported",
                f"{base.folder.name} is a token classifier, which writes no text: it can only be "
                "the base of a critic.",
            )
        self.first_trained_layer = tuning.first_layer if tuning else 0
        self.trainable: Trainable | None = None
        if tuning is not None:
            shapes, initial = self._init_tensors(tuning, body.seed)
            if make_trainable is None:
                self.trainable = Trainable(shapes, initial, body.offloadOptimizer)
            else:
                self.trainable = make_trainable(self, body, shapes, initial)

    def _init_tensors(
        self, tuning: T, seed: int
    ) -> tuple[dict[str, tuple[int, ...]], Mapping[str, Tensor]]:
        """Shapes and initial values of what is trained, by name."""
        shapes, initial = tuning.shapes, tuning.init_tensors(seed)
        if self.head == "value":
            hidden = self.base.model.config.hidden
            shapes = shapes | value_head.get_shapes(hidden)
            initial = initial | value_head.init_tensors(hidden)
        device = self.base.model.device

        def read(name: str) -> Tensor:
            tensor = initial[name]
            return (self.base.read(name) if tensor.is_meta else tensor).to(device)

        return shapes, LazyTensors(shapes, read)

    def list_frozen_tensors(self) -> set[str]:
        """Names of the base's tensors that it computes with where nothing is gathered."""
        names = self.base.list_names()
        if self.tuning and isinstance(self.tuning.config, FullConfig):
            names -= set(self.tuning.shapes)
        return names

    @property
    def spec(self) -> dict:
        """What decides the trained tensors' names, shapes and meaning; written to saved states."""
        kind = "lora" if self.tuning and isinstance(self.tuning.config, LoraConfig) else "full"
        return {
            "lora": None,
            "full": None,
            "head": self.head,
            **({kind: self.tuning.config.model_dump()} if self.tuning else {}),
        }

    def _build_untrained_error(self) -> EngineError:
        return EngineError(
            "unsupported",
            f"Model {self.name!r} has nothing that is trained: it was created with neither lora "
            "nor full.",
        )

    def require_trainable(self) -> Trainable:
        """What is trained; raises `unsupported` where nothing is."""
        if self.trainable is None:
            raise self._build_untrained_error()
        return self.trainable

    def require_tuning(self) -> T:
        """The way of training; raises `unsupported` where nothing is trained."""
        if self.tuning is None:
            raise self._build_untrained_error()
        return self.tuning

    def caches(self) -> list[KVCache]:
        """The caches of activations that outlive a call."""
        return []

    def clear_activations(self) -> None:
        """Clears all caches."""

    def end_sessions(self, sessions: list[str]) -> None:
        """Lets the activations of these conversations be evicted as any other."""


# Makes what holds the trained tensors of a model, of its body of create_model, their shapes and
# initial values.
MakeTrainable = Callable[
    [ModelState, CreateModelBody, dict[str, tuple[int, ...]], Mapping[str, Tensor]], Trainable
]


class Model(ModelState[FrozenBase, Lora | FullFinetuning]):
    """A model on the engine's own layers. All methods run on the worker thread.

    It has three caches of activations, all cleared by `clear_activations`:
    `lower`: the layers below the first trained one, with the hidden states that leave them. These
    do not depend on what is trained, so two models on one base may share it.
    `upper`: the trained layers with the present weights.
    `frozen`: all layers of the base.
    """

    def __init__(
        self,
        name: str,
        body: CreateModelBody,
        base: FrozenBase,
        cache_bytes: int,
        share_activations_with: ModelState | None = None,
        make_trainable: "MakeTrainable | None" = None,
    ):
        llama, layers = base.model, base.model.config.layers
        tuning: Lora | FullFinetuning | None = None
        if body.lora:
            check_first_layer(body.lora.firstLayer, layers)
            tuning = Lora(body.lora, llama)
        elif body.full:
            check_first_layer(body.full.firstLayer, layers)
            tuning = FullFinetuning(body.full, llama, body.head == "language")
        super().__init__(name, body, base, tuning, make_trainable)
        self.frozen = KVCache(llama, 0, layers, False, cache_bytes)
        self.lower: KVCache | None = None
        if share_activations_with is not None:
            self.lower = self._check_shareable(share_activations_with).lower
        elif self.first_trained_layer:
            self.lower = KVCache(llama, 0, self.first_trained_layer, True, cache_bytes)
        trained = layers - self.first_trained_layer
        self._upper = KVCache(llama, self.first_trained_layer, trained, False, cache_bytes)
        self._upper_version = 0
        self._merged: tuple[int, Llama] | None = None

    def list_frozen_tensors(self) -> set[str]:
        """As of every model; a value model needs no output matrix."""
        names = super().list_frozen_tensors()
        return names - {"head"} if self.head == "value" else names

    def _check_shareable(self, other: ModelState) -> "Model":
        if (
            isinstance(other, Model)
            and other.base is self.base
            and other.first_trained_layer == self.first_trained_layer
        ):
            return other
        raise EngineError(
            "invalid-input",
            f"Model {self.name!r} cannot share activations with {other.name!r}: both need the same "
            f"base and firstLayer ({other.base.folder.name} from layer "
            f"{other.first_trained_layer} there).",
        )

    def build_frozen_network(self) -> Network:
        """The base as it was loaded."""
        return Network(self.base.model, apply_linear, None)

    def build_network(self, tensors: dict[str, Tensor]) -> Network:
        """The transformer with these values of the trained tensors; gradients reach them."""
        llama, linear = self.require_tuning().build_network(tensors)
        return Network(llama, linear, tensors if self.head == "value" else None)

    def merged(self) -> Llama:
        """The transformer with the present weights, for sampling."""
        trainable = self.require_trainable()
        if self._merged is None or self._merged[0] != trainable.version:
            old = self._merged[1] if self._merged else None
            merged = self.require_tuning().merge(trainable.gather(trainable.values), old)
            self._merged = (trainable.version, merged)
        return self._merged[1]

    def drop_merged(self) -> None:
        """Frees the transformer for sampling and its activations; made again where it is wanted."""
        self._merged = None
        self._upper.clear()

    def upper(self) -> KVCache:
        """Cache of the trained layers, cleared where the weights have changed."""
        version = self.require_trainable().version
        if self._upper_version != version:
            self._upper.clear()
            self._upper_version = version
        return self._upper

    def caches(self) -> list[KVCache]:
        """All caches; one that is shared is in each of its models' lists."""
        return [c for c in (self.frozen, self.lower, self._upper) if c is not None]

    def clear_activations(self) -> None:
        """Clears all caches.

        A cached token's last bits depend on the batch in which it was computed. With empty caches
        what follows depends, to the last bit, only on weights and calls, so that a run resumed from
        a saved state computes what the undisturbed run did. Computing an instruction prefix again
        once a step costs next to nothing.
        """
        for cache in self.caches():
            cache.clear()

    def end_sessions(self, sessions: list[str]) -> None:
        """Lets the activations of these conversations be evicted as any other."""
        for cache in self.caches():
            for session in sessions:
                cache.sessions.pop(session, None)

    @staticmethod
    def _embed(llama: Llama) -> InputSource:
        """Input of the first layer: the tokens' embeddings."""

        def source(nodes: list[Node], lengths: np.ndarray) -> Tensor:
            ids = [t for node, n in zip(nodes, lengths, strict=True) for t in node.tokens[-n:]]
            return llama.embedding.index_select(0, to_index(np.array(ids), llama.embedding.device))

        return source

    @staticmethod
    def _read_hidden(lower: KVCache, slots: list[np.ndarray]) -> InputSource:
        """Input of the first trained layer: the hidden states that the lower cache holds."""

        def source(nodes: list[Node], lengths: np.ndarray) -> Tensor:
            rows = [
                slots[node.owner][node.end - n : node.end]
                for node, n in zip(nodes, lengths, strict=True)
            ]
            return lower.hidden.index_select(0, to_index(np.concatenate(rows), lower.device))

        return source

    @torch.no_grad()
    def prefill_frozen_layers(
        self,
        sequences: list[list[int]],
        check: Callable[[], None],
        sessions: list[str | None] | None = None,
    ) -> tuple[list[np.ndarray], int]:
        """Computes what the lower cache lacks of the sequences.

        Returns each sequence's slots in that cache, and the number of tokens computed.
        """
        lower = self.lower
        if lower is None:
            raise ValueError(f"model {self.name} has no frozen layers below the trained ones")
        lower.begin_call()
        try:
            leaves = lower.insert(sequences)
            llama = self.base.model
            _, _, computed = lower.compute(
                llama.layers[: self.first_trained_layer], leaves, self._embed(llama), False, check
            )
            lower.commit()
        except BaseException:
            lower.rollback()
            raise
        if sessions is not None:
            lower.mark_session_ends(sessions, leaves)
        return [lower.tree.gather_path_slots(leaf) for leaf in leaves], computed

    @torch.no_grad()
    def prefill(
        self,
        sequences: list[list[int]],
        adapted: bool,
        sessions: list[str | None],
        check: Callable[[], None],
    ) -> PrefillResult:
        """Computes what the caches lack of the sequences, each shared prefix once."""
        llama, upper, lower = self.base.model, self.frozen, None
        if adapted:
            llama, upper, lower = self.merged(), self.upper(), self.lower
        source, lower_slots, computed = self._embed(llama), None, 0
        upper.begin_call()
        try:
            if lower is not None:
                lower_slots, computed = self.prefill_frozen_layers(sequences, check, sessions)
                source = self._read_hidden(lower, lower_slots)
            leaves = upper.insert(sequences)
            layers = llama.layers[upper.first :]
            hidden, order, upper_computed = upper.compute(layers, leaves, source, True, check)
            upper.commit()
        except BaseException:
            upper.rollback()
            raise
        upper.mark_session_ends(sessions, leaves)
        caches, slots = [upper], [[upper.tree.gather_path_slots(leaf) for leaf in leaves]]
        if lower is not None and lower_slots is not None:
            caches, slots = [lower, *caches], [lower_slots, *slots]
        last = to_index(np.array([order[id(leaf)] for leaf in leaves]), hidden.device)
        computed = max(computed, upper_computed)
        return PrefillResult(caches, slots, hidden.index_select(0, last), computed)
