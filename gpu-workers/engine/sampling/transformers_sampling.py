"""Sampling from a model that transformers computes, with its cache of keys and values.

Prompts are padded at their beginnings. Every row then gets one token a step, those that a guide
forces too: no row ever has a hole in its cache, which would move the windows of sliding attention.
"""

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..models.attention import to_index
from ..models.transformers_model import TransformersModel
from ..models.transformers_network import LibraryNetwork
from .sampling import Row, sample_tokens

# Tokens with padding of the prompts that are read at once.
PREFILL_TOKENS = 1 << 14
Check = Callable[[], None]


class LibraryDecoder:
    """Rows of a batch with the cache of what was computed for them."""

    def __init__(self, network: LibraryNetwork, prompts: list[list[int]], copies: list[int]):
        """Reads the prompts; `copies` says which of them each row continues."""
        base = network.base
        self.network, self.device = network, base.device
        longest = max(len(p) for p in prompts)
        ids = np.zeros((len(prompts), longest), np.int64)
        mask = np.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            ids[row, longest - len(prompt) :] = prompt
            mask[row, longest - len(prompt) :] = 1
        which = to_index(np.array(copies), self.device)
        self.ids = to_index(ids, self.device)  # also what is computed again without a cache
        self.mask = to_index(mask, self.device)
        self.cache = None
        if base.has_cache:
            from transformers import DynamicCache

            self.cache = DynamicCache(config=base.model.config)
        self.logits = self._compute(self.ids).index_select(0, which)
        self.keep_rows(which)

    def _compute(self, ids: Tensor) -> Tensor:
        """Logits [rows, vocabulary] after the last of these new tokens."""
        inputs: dict = {"use_cache": False}
        if self.cache is not None:
            inputs = {"use_cache": True, "past_key_values": self.cache}
        if self.network.base.takes_positions:
            positions = (self.mask.cumsum(-1) - 1).clamp(min=0)
            inputs["position_ids"] = positions[:, -ids.shape[1] :]
        last = torch.tensor([ids.shape[1] - 1], device=self.device)
        logits, _ = self.network.compute_logits(ids, self.mask, last, **inputs)
        return logits[:, 0].float()

    def keep_rows(self, rows: Tensor) -> None:
        """Keeps these rows of the cache, in this order."""
        self.ids, self.mask = self.ids.index_select(0, rows), self.mask.index_select(0, rows)
        if self.cache is not None:
            self.cache.batch_select_indices(rows)

    def step(self, tokens: list[int]) -> None:
        """Computes one more token of each row; `logits` are then those after it."""
        new = torch.tensor(tokens, device=self.device)[:, None]
        self.mask = torch.nn.functional.pad(self.mask, (0, 1), value=1)
        if self.cache is None:
            self.ids = torch.cat([self.ids, new], 1)
            self.logits = self._compute(self.ids)
        else:
            self.logits = self._compute(new)


def split_rows(rows: list[Row]) -> list[list[Row]]:
    """Rows in batches of similar length whose prompts hold at most PREFILL_TOKENS with padding."""
    found: list[list[Row]] = []
    prompts: set[tuple[int, ...]] = set()
    for row in sorted(rows, key=lambda r: (-len(r.prompt) - len(r.pending), r.prompt)):
        more = prompts | {(*row.prompt, *row.pending)}
        if not found or max(map(len, more)) * len(more) > PREFILL_TOKENS:
            found.append([])
            more = {(*row.prompt, *row.pending)}
        found[-1].append(row)
        prompts = more
    return found


@torch.no_grad()
def sample_library_rows(
    model: TransformersModel,
    rows: list[Row],
    adapted: bool,
    usage: dict,
    seconds: dict,
    check: Check,
) -> None:
    """Samples rows to their ends. Adds to `usage` and `seconds`."""
    for row in rows:
        row.append_forced()
    network = model.build_present_network(adapted)
    with network.activate():
        for batch in split_rows([row for row in rows if row.finish is None]):
            check()
            started = time.perf_counter()
            whole = [(*row.prompt, *row.pending) for row in batch]
            unique = sorted(set(whole), key=whole.index)
            decoder = LibraryDecoder(
                network, [list(p) for p in unique], [unique.index(w) for w in whole]
            )
            usage["computedTokens"] += sum(map(len, unique))
            seconds["prefillSeconds"] += time.perf_counter() - started
            for row in batch:
                row.pending = []
            started = time.perf_counter()
            decode(model, decoder, batch, check)
            seconds["decodeSeconds"] += time.perf_counter() - started


def decode(
    model: TransformersModel, decoder: LibraryDecoder, rows: list[Row], check: Check
) -> None:
    """Decodes rows to their ends, a token of each a step."""
    while True:
        free = [i for i, row in enumerate(rows) if not row.pending]
        if free:
            sample_next(model, [rows[i] for i in free], decoder.logits[free])
        alive = [i for i, row in enumerate(rows) if row.finish is None]
        if not alive:
            return
        if len(alive) < len(rows):
            decoder.keep_rows(to_index(np.array(alive), decoder.device))
            rows = [rows[i] for i in alive]
        check()
        decoder.step([row.pending.pop(0) for row in rows])


def sample_next(model: TransformersModel, rows: list[Row], logits: Tensor) -> None:
    """Samples the next token of each row from its logits [rows, vocabulary]."""
    tokenizer = model.base.tokenizer
    guided = [i for i, row in enumerate(rows) if row.matcher is not None]
    allowed = None
    if guided:
        masks = tokenizer.compute_masks([m for row in rows if (m := row.matcher) is not None])
        allowed = np.ones((len(rows), tokenizer.vocabulary), bool)
        allowed[guided] = tokenizer.unpack_masks(masks)
    sample_tokens(model, rows, logits, allowed, None)
