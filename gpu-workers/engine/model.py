"""A base model shared by its users, and a model: trained weights (or none) on a base, with cached activations."""

from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np
import torch
from torch import Tensor

from . import value_head
from .attention import to_index
from .device import Device
from .dialect import CreateModelBody
from .errors import EngineError
from .full_finetuning import Full
from .guided_decoding import Tokenizer
from .kv_cache import KVCache
from .llama import Linear, Llama, apply_linear, load_llama
from .lora import Lora, check_first_layer
from .radix_tree import Node
from .trainable import Trainable


class FrozenBase:
    """Frozen weights and tokenizer, loaded once per folder and shared by all models on it."""

    def __init__(self, folder: Path, device: Device):
        self.folder = folder
        self.model = load_llama(folder, device.dtype, device.torch_device)
        self.tokenizer = Tokenizer(folder, self.model.config.vocabulary, self.model.config.eos_ids)


@dataclass
class PrefillResult:
    """Rows whose keys are in the caches: slots per cache and row, final hidden states of each row's last token."""

    caches: list[KVCache]
    slots: list[list[np.ndarray]]
    hidden: Tensor
    computed: int


@dataclass
class Network:
    """The transformer as computed with certain weights, and the tensors of the value head where there is one."""

    llama: Llama
    linear: Linear
    score: dict[str, Tensor] | None


class Model:
    """What one `create_model` made. All methods run on the worker thread.

    Three caches of activations: `lower`, of the layers below the first trained one, with the hidden states that enter it
    (they do not depend on what is trained, and a model created share_activations_with another uses the other's); `upper`, of the trained
    layers at their present version; and `frozen`, of all layers of the base. All are forgotten at `clear_activations`.
    """

    def __init__(
        self,
        name: str,
        body: CreateModelBody,
        base: FrozenBase,
        cache_bytes: int,
        share_activations_with: "Model | None" = None,
    ):
        self.name, self.base, self.head, self.checkpointing = (
            name,
            base,
            body.head,
            body.checkpointing,
        )
        llama = base.model
        self.tuning: Lora | Full | None = None
        self.trainable: Trainable | None = None
        self.first_trained_layer = 0
        config = body.lora or body.full
        if config:
            check_first_layer(config.firstLayer, llama.config)
            self.tuning = (
                Lora(body.lora, llama)
                if body.lora
                else Full(body.full, llama, self.head == "language")
            )
            self.first_trained_layer = config.firstLayer
            shapes, initial = self.tuning.shapes, self.tuning.init_tensors(body.seed)
            if self.head == "value":
                shapes, initial = (
                    shapes | value_head.get_shapes(llama.config),
                    initial | value_head.init_tensors(llama.config),
                )
            flat = torch.cat(
                [initial[name].reshape(-1).to(llama.embedding.device) for name in shapes]
            )
            self.trainable = Trainable(shapes, flat)
        if share_activations_with is not None and (
            share_activations_with.base is not base
            or share_activations_with.first_trained_layer != self.first_trained_layer
        ):
            raise EngineError(
                "invalid-input",
                f"Model {name!r} cannot share activations with {share_activations_with.name!r}: both need the same base and firstLayer ({share_activations_with.base.folder.name} from layer {share_activations_with.first_trained_layer} there).",
            )
        self.frozen = KVCache(llama, 0, llama.config.layers, False, cache_bytes)
        self.lower = (
            share_activations_with.lower
            if share_activations_with
            else KVCache(llama, 0, self.first_trained_layer, True, cache_bytes)
            if self.first_trained_layer
            else None
        )
        self._upper = KVCache(
            llama,
            self.first_trained_layer,
            llama.config.layers - self.first_trained_layer,
            False,
            cache_bytes,
        )
        self._upper_version = 0
        self._merged: tuple[int, Llama] | None = None

    @property
    def spec(self) -> dict:
        """What decides the trained tensors' names, shapes and meaning."""
        kind = "lora" if isinstance(self.tuning, Lora) else "full"
        return {
            "lora": None,
            "full": None,
            "head": self.head,
            **({kind: self.tuning.config.model_dump()} if self.tuning else {}),
        }

    def require_trainable(self) -> Trainable:
        if self.trainable is None:
            raise EngineError(
                "unsupported",
                f"Model {self.name!r} has nothing that is trained: it was created with neither lora nor full.",
            )
        return self.trainable

    def build_frozen_network(self) -> Network:
        return Network(self.base.model, apply_linear, None)

    def build_network(self, tensors: dict[str, Tensor]) -> Network:
        """The transformer with these values of what is trained; gradients reach them."""
        return Network(
            *self.tuning.build_network(tensors), tensors if self.head == "value" else None
        )

    def merged(self) -> Llama:
        """The transformer with the present weights, for sampling."""
        trainable = self.require_trainable()
        if self._merged is None or self._merged[0] != trainable.version:
            old = self._merged[1] if self._merged else None
            self._merged = (
                trainable.version,
                self.tuning.merge(trainable.tensors(trainable.values), old),
            )
        return self._merged[1]

    def upper(self) -> KVCache:
        """Cache of the layers from the border on, at the present version of the weights."""
        version = self.require_trainable().version
        if self._upper_version != version:
            self._upper.clear()
            self._upper_version = version
        return self._upper

    def caches(self) -> list[KVCache]:
        return [c for c in (self.frozen, self.lower, self._upper) if c is not None]

    def clear_activations(self) -> None:
        """Forgets all activations: what follows then depends, to the last bit, only on weights and calls, so that a run
        resumed from a saved state computes what the undisturbed run did. (A cached token's last bits depend on the
        batch it was computed in.) Recomputing an instruction prefix once a step costs next to nothing."""
        for cache in self.caches():
            cache.clear()

    def end_sessions(self, sessions: list[str]) -> None:
        for cache in self.caches():
            for session in sessions:
                cache.sessions.pop(session, None)

    @staticmethod
    def _embed(llama: Llama) -> Callable[[list[Node], np.ndarray], Tensor]:
        def source(nodes: list[Node], lengths: np.ndarray) -> Tensor:
            ids = [t for node, n in zip(nodes, lengths) for t in node.tokens[-n:]]
            return llama.embedding.index_select(0, to_index(np.array(ids), llama.embedding.device))

        return source

    @torch.no_grad()
    def prefill_frozen_layers(
        self,
        sequences: list[list[int]],
        check: Callable[[], None],
        sessions: list[str | None] | None = None,
    ) -> tuple[list[np.ndarray], int]:
        """Computes what is missing below the border; returns each sequence's slots in the lower cache and the number of
        tokens computed."""
        lower = self.lower
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
        lower.mark_session_ends(sessions or [], leaves)
        return [lower.tree.path_slots(leaf) for leaf in leaves], computed

    @torch.no_grad()
    def prefill(
        self,
        sequences: list[list[int]],
        adapted: bool,
        sessions: list[str | None],
        check: Callable[[], None],
    ) -> PrefillResult:
        """Brings all tokens of the sequences into the caches, each shared prefix once."""
        llama, upper, lower = self.base.model, self.frozen, None
        if adapted:
            llama, upper, lower = self.merged(), self.upper(), self.lower
        upper.begin_call()
        try:
            lower_slots, computed = (
                self.prefill_frozen_layers(sequences, check, sessions) if lower else ([], 0)
            )
            leaves = upper.insert(sequences)

            def source(nodes: list[Node], lengths: np.ndarray) -> Tensor:
                slots = [
                    lower_slots[node.owner][node.end - n : node.end]
                    for node, n in zip(nodes, lengths)
                ]
                return lower.hidden.index_select(0, to_index(np.concatenate(slots), lower.device))

            layers = llama.layers[upper.first :]
            hidden, order, upper_computed = upper.compute(
                layers, leaves, source if lower else self._embed(llama), True, check
            )
            upper.commit()
        except BaseException:
            upper.rollback()
            raise
        upper_slots = [upper.tree.path_slots(leaf) for leaf in leaves]
        upper.mark_session_ends(sessions, leaves)
        where = to_index(np.array([order[id(leaf)] for leaf in leaves]), hidden.device)
        caches, slots = (
            ([lower, upper], [lower_slots, upper_slots]) if lower else ([upper], [upper_slots])
        )
        return PrefillResult(
            caches, slots, hidden.index_select(0, where), max(computed, upper_computed)
        )
