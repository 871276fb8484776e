"""A base model shared by its users, and a model: an adapter (or none) on a base, with cached activations."""

from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np
import torch
from torch import Tensor

from .attention import index
from .cache import Cache
from .device import Device
from .errors import EngineError
from .guide import Tokenizer
from .llama import Layer, Llama, load_llama
from .lora import Adapter
from .schema import CreateModel
from .tree import Node


class Base:
    """Frozen weights and tokenizer, loaded once per folder and shared by all models on it."""

    def __init__(self, folder: Path, device: Device):
        self.folder = folder
        self.model = load_llama(folder, device.dtype, device.torch_device)
        self.tokenizer = Tokenizer(folder, self.model.config.vocabulary, self.model.config.eos_ids)


@dataclass
class Prefilled:
    """Rows whose keys are in the caches: slots per cache and row, final hidden states of each row's last token."""

    caches: list[Cache]
    slots: list[list[np.ndarray]]
    hidden: Tensor
    computed: int


class Model:
    """What one `create_model` made. All methods run on the worker thread.

    Three caches of activations: `lower`, of the layers below the first adapted one, with the hidden states that enter it
    (they do not depend on the adapter's values); `upper`, of the adapted layers at the adapter's present version; and
    `frozen`, of all layers without adapter. All are forgotten at `renew`.
    """

    def __init__(self, name: str, body: CreateModel, base: Base, cache_bytes: int):
        self.name, self.base = name, base
        llama = base.model
        self.adapter = Adapter(body.lora, llama, body.seed) if body.lora else None
        self.border = body.lora.firstLayer if body.lora else 0
        self.frozen = Cache(llama, 0, llama.config.layers, False, cache_bytes)
        self.lower = Cache(llama, 0, self.border, True, cache_bytes) if self.border else None
        self._upper = Cache(llama, self.border, llama.config.layers - self.border, False, cache_bytes)
        self._upper_version = 0

    def require_adapter(self) -> Adapter:
        if self.adapter is None:
            raise EngineError("unsupported", f"Model {self.name!r} has no adapter: it was created with lora null.")
        return self.adapter

    def upper(self) -> tuple[Cache, list[Layer]]:
        """Cache and layers from the border on, at the adapter's present version."""
        adapter = self.require_adapter()
        if self._upper_version != adapter.version:
            self._upper.clear()
            self._upper_version = adapter.version
        return self._upper, adapter.merged_layers()

    def caches(self) -> list[Cache]:
        return [c for c in (self.frozen, self.lower, self._upper) if c is not None]

    def renew(self) -> None:
        """Forgets all activations: what follows then depends, to the last bit, only on weights and calls, so that a run
        resumed from a saved state computes what the undisturbed run did. (A cached token's last bits depend on the
        batch it was computed in.) Recomputing an instruction prefix once a step costs next to nothing."""
        for cache in self.caches():
            cache.clear()

    def end_sessions(self, sessions: list[str]) -> None:
        for cache in self.caches():
            for session in sessions:
                cache.sessions.pop(session, None)

    def _embed(self, sequences: list[list[int]]) -> Callable[[list[Node], np.ndarray], Tensor]:
        def source(nodes: list[Node], lengths: np.ndarray) -> Tensor:
            ids = [t for node, n in zip(nodes, lengths) for t in node.tokens[-n:]]
            return self.base.model.embedding.index_select(0, index(np.array(ids), self.base.model.embedding.device))

        return source

    @torch.no_grad()
    def enter(
        self, sequences: list[list[int]], check: Callable[[], None], sessions: list[str | None] | None = None
    ) -> tuple[list[np.ndarray], int]:
        """Computes what is missing below the border; returns each sequence's slots in the lower cache and the number of
        tokens computed."""
        lower = self.lower
        lower.begin()
        try:
            leaves = lower.insert(sequences)
            _, _, computed = lower.compute(self.base.model.layers[: self.border], leaves, self._embed(sequences), False, check)
            lower.commit()
        except BaseException:
            lower.rollback()
            raise
        lower.hold(sessions or [], leaves)
        return [lower.tree.path(leaf) for leaf in leaves], computed

    @torch.no_grad()
    def prefill(self, sequences: list[list[int]], adapted: bool, sessions: list[str | None], check: Callable[[], None]) -> Prefilled:
        """Brings all tokens of the sequences into the caches, each shared prefix once."""
        upper, layers = self.upper() if adapted else (self.frozen, self.base.model.layers)
        lower = self.lower if adapted else None
        upper.begin()
        try:
            lower_slots, computed = self.enter(sequences, check, sessions) if lower else ([], 0)
            leaves = upper.insert(sequences)

            def source(nodes: list[Node], lengths: np.ndarray) -> Tensor:
                slots = [lower_slots[node.owner][node.end - n : node.end] for node, n in zip(nodes, lengths)]
                return lower.hidden.index_select(0, index(np.concatenate(slots), lower.device))

            hidden, order, upper_computed = upper.compute(
                layers, leaves, source if lower else self._embed(sequences), True, check
            )
            upper.commit()
        except BaseException:
            upper.rollback()
            raise
        upper_slots = [upper.tree.path(leaf) for leaf in leaves]
        upper.hold(sessions, leaves)
        where = index(np.array([order[id(leaf)] for leaf in leaves]), hidden.device)
        caches, slots = ([lower, upper], [lower_slots, upper_slots]) if lower else ([upper], [upper_slots])
        return Prefilled(caches, slots, hidden.index_select(0, where), max(computed, upper_computed))
