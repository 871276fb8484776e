"""Decoding a batch token by token; a shared prefix is read once for all its rows."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..models.attention import attend_with_lse, build_causal_mask, lay_out_queries, to_index
from ..models.kv_cache import KVCache
from ..models.llama import Llama, LlamaConfig, run_layers
from .radix_tree import count_common_prefix

# A prefix is attended to as one block for all its rows where that saves reading at least this many
# keys.
MIN_SAVED_KEYS = 48
MAX_SHARED_LEVELS = 3
# Tokens per row that buffers have room for at first; they grow by half.
INITIAL_ROOM = 48


@dataclass
class Block:
    """Depths [start, end) that rows first..last-1 share."""

    first: int
    last: int
    start: int
    end: int


def find_shared_blocks(rows: list[list[int]]) -> list[list[Block]]:
    """Shared prefixes of rows in lexicographic order, by level.

    A row is in at most one block of a level, and the blocks of a row follow on each other in depth.
    """
    levels: list[list[Block]] = []
    adjacent = [count_common_prefix(a, b) for a, b in itertools.pairwise(rows)]

    def split(first: int, last: int, start: int, level: int) -> None:
        if last - first < 2 or level == MAX_SHARED_LEVELS:
            return
        end = min(adjacent[first : last - 1])
        if (end - start) * (last - first - 1) >= MIN_SAVED_KEYS:
            if level == len(levels):
                levels.append([])
            levels[level].append(Block(first, last, start, end))
            start, level = end, level + 1
        begin = first
        for i in range(first, last):
            if i == last - 1 or adjacent[i] == end:
                if i + 1 - begin < last - first:
                    split(begin, i + 1, start, level)
                begin = i + 1

    split(0, len(rows), 0, 0)
    return levels


@dataclass
class Level:
    """Keys and values of the blocks of one level, per layer [blocks, keys, kv_width]."""

    keys: list[Tensor]
    values: list[Tensor]
    mask: Tensor | None  # [blocks, 1, 1, keys]; None: one block, which needs no padding
    blocks: list[Block]


@dataclass
class Layout:
    """Where the queries of a step go; the same for all layers."""

    query_rows: Tensor  # rows of the queries seen as [tokens * heads, head_dim]
    out_rows: Tensor  # where each (token, head) lies in the output
    covered: Tensor | None  # packed tokens in a block; None: all
    blocks: int


def pad_columns(buffer: Tensor, count: int) -> Tensor:
    """A buffer [rows, columns, width] with `count` more columns of zeros."""
    return torch.nn.functional.pad(buffer, (0, 0, 0, count))


class Decoder:
    """Decodes rows, in lexicographic order, whose first tokens are in the caches.

    Each row's own keys lie in a buffer [rows, capacity, kv_width] per layer: first those of the
    prompt that it does not share, then those of its new tokens.
    """

    def __init__(
        self,
        model: Llama,
        caches: list[KVCache],
        rows: list[list[int]],
        slots: list[list[np.ndarray]],
        room: int,
    ):
        """`caches` cover consecutive layer ranges; slots[i][r] are those of row r in caches[i].

        `room` is the number of tokens by which a row may grow.
        """
        self.model, self.caches = model, caches
        c, device = model.config, model.device
        self.dtype, self.device = model.dtype, device
        levels = find_shared_blocks(rows)
        count = len(rows)
        shared = np.zeros(count, np.int64)
        for level in levels:
            for b in level:
                shared[b.first : b.last] = b.end
        lengths = np.array([len(r) for r in rows])
        tails = lengths - shared
        self.shared = shared
        self.own_lengths = tails.copy()  # keys in each row's own buffer
        self.prompt_lengths = tails.copy()  # those of them that belong to the prompt
        self.room = room
        self.capacity = int(tails.max()) + min(room, INITIAL_ROOM)
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []
        self.levels: list[Level] = []
        level_keys: list[list[Tensor]] = [[] for _ in levels]
        level_values: list[list[Tensor]] = [[] for _ in levels]
        widest = int(tails.max())
        for i, cache in enumerate(caches):
            own = np.zeros((count, widest), np.int64)
            for r in range(count):
                own[r, : tails[r]] = slots[i][r][shared[r] :]
            own_index = to_index(own.reshape(-1), device)
            level_index = []
            for level in levels:
                block = np.zeros((len(level), max(b.end - b.start for b in level)), np.int64)
                for j, b in enumerate(level):
                    block[j, : b.end - b.start] = slots[i][b.first][b.start : b.end]
                level_index.append((block.shape, to_index(block.reshape(-1), device)))
            for layer in range(cache.first, cache.first + cache.count):
                for pool, buffers, level_buffers in (
                    (cache.keys(layer), self.keys, level_keys),
                    (cache.values(layer), self.values, level_values),
                ):
                    buffer = torch.zeros(
                        count, self.capacity, c.kv_width, dtype=self.dtype, device=device
                    )
                    if widest:
                        buffer[:, :widest] = pool.index_select(0, own_index).view(count, widest, -1)
                    buffers.append(buffer)
                    for j, (shape, where) in enumerate(level_index):
                        level_buffers[j].append(pool.index_select(0, where).view(*shape, -1))
        for level, k, v in zip(levels, level_keys, level_values, strict=True):
            ends = torch.tensor([b.end - b.start - 1 for b in level], device=device)
            mask = (
                build_causal_mask(ends[:, None], k[0].shape[1], self.dtype)[:, None]
                if len(level) > 1
                else None
            )
            self.levels.append(Level(k, v, mask, level))
        # Hidden states of new tokens between the two caches, which the gradient uses again.
        self.boundary_hidden = (
            torch.zeros(count, min(room, INITIAL_ROOM), c.hidden, dtype=self.dtype, device=device)
            if len(caches) > 1
            else None
        )

    def _grow(self, width: int, new_tokens: int) -> None:
        """Makes the rows' own buffers hold `width` tokens, `new_tokens` of them after the prompt.

        New columns are zero: values that are masked must be finite.
        """
        if width > self.capacity:
            more = max(width - self.capacity, min(self.room, self.capacity // 2))
            self.capacity += more
            self.keys = [pad_columns(keys, more) for keys in self.keys]
            self.values = [pad_columns(values, more) for values in self.values]
        # A row with a short prompt of its own may grow longer than this before `capacity` does.
        if self.boundary_hidden is not None and new_tokens > self.boundary_hidden.shape[1]:
            held = self.boundary_hidden.shape[1]
            more = max(new_tokens - held, min(self.room - held, held // 2))
            self.boundary_hidden = pad_columns(self.boundary_hidden, more)

    def keep_rows(self, rows: list[int]) -> None:
        """Removes all rows but these (ascending)."""
        where = torch.tensor(rows, device=self.device)
        self.keys = [k.index_select(0, where) for k in self.keys]
        self.values = [v.index_select(0, where) for v in self.values]
        if self.boundary_hidden is not None:
            self.boundary_hidden = self.boundary_hidden.index_select(0, where)
        self.own_lengths, self.shared, self.prompt_lengths = (
            self.own_lengths[rows],
            self.shared[rows],
            self.prompt_lengths[rows],
        )
        kept_levels = []
        for level in self.levels:
            moved = [
                (j, np.searchsorted(rows, b.first), np.searchsorted(rows, b.last))
                for j, b in enumerate(level.blocks)
            ]
            alive = [(j, int(a), int(z)) for j, a, z in moved if z > a]
            if not alive:
                continue
            if len(alive) < len(level.blocks):
                pick = torch.tensor([j for j, _, _ in alive], device=self.device)
                level.keys = [k.index_select(0, pick) for k in level.keys]
                level.values = [v.index_select(0, pick) for v in level.values]
                level.mask = level.mask.index_select(0, pick) if level.mask is not None else None
            level.blocks = [
                Block(a, z, level.blocks[j].start, level.blocks[j].end) for j, a, z in alive
            ]
            kept_levels.append(level)
        self.levels = kept_levels

    def step(self, tokens: list[list[int]], check: Callable[[], None]) -> Tensor:
        """Computes the next tokens of each row, at least one each.

        Returns the final hidden states [rows, hidden] at each row's last token.
        """
        c = self.model.config
        counts = np.array([len(t) for t in tokens])
        starts = np.concatenate([[0], np.cumsum(counts)])
        total = int(starts[-1])
        row_of = np.repeat(np.arange(len(tokens)), counts)
        within = np.arange(total) - starts[row_of]
        place = self.own_lengths[row_of] + within
        depths = self.shared[row_of] + place
        ids = to_index(np.array([t for row in tokens for t in row]), self.device)
        width = int((self.own_lengths + counts).max())
        self._grow(width, int((self.own_lengths + counts - self.prompt_lengths).max()))
        write = to_index(row_of * self.capacity + place, self.device)
        rows = to_index(starts[1:] - 1, self.device) if total > len(tokens) else None
        full = self._lay_out_levels(starts)
        last = self._lay_out_levels(np.arange(len(tokens) + 1)) if rows is not None else full
        own_full = build_causal_mask(self._pad(place, starts), width, self.dtype)
        own_last = (
            own_full
            if rows is None
            else build_causal_mask(
                to_index((self.own_lengths + counts - 1)[:, None], self.device), width, self.dtype
            )
        )
        final = c.layers - 1
        group = c.heads // c.kv_heads

        def expand(mask: Tensor) -> Tensor:
            n, lq, lk = mask.shape
            return mask[:, None, None].expand(n, 1, group, lq, lk).reshape(n, 1, group * lq, lk)

        own_full, own_last = expand(own_full), expand(own_last)

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            keys, values = self.keys[layer], self.values[layer]
            keys.view(-1, c.kv_width).index_copy_(0, write, k)
            values.view(-1, c.kv_width).index_copy_(0, write, v)
            layouts, mask = (last, own_last) if layer == final else (full, own_full)
            return self._attend(layer, q, keys[:, :width], values[:, :width], mask, layouts, c)

        x = self.model.embedding.index_select(0, ids)
        positions = to_index(depths, self.device)
        first = 0
        if self.boundary_hidden is not None:
            first = self.caches[0].count
            x = run_layers(
                self.model, self.model.layers[:first], 0, x, positions, attend, check=check
            )
            room = self.boundary_hidden.shape[1]
            offset = to_index(row_of * room + place - self.prompt_lengths[row_of], self.device)
            self.boundary_hidden.view(-1, c.hidden).index_copy_(0, offset, x)
        x = run_layers(
            self.model,
            self.model.layers[first:],
            first,
            x,
            positions,
            attend,
            rows=rows,
            check=check,
        )
        self.own_lengths = self.own_lengths + counts
        return x

    def _pad(self, place: np.ndarray, starts: np.ndarray) -> Tensor:
        """[rows, Lq] places of the rows' tokens, which lie packed in `place`."""
        width = int(np.diff(starts).max())
        padded = np.zeros((len(starts) - 1, width), np.int64)
        for i in range(len(starts) - 1):
            padded[i, : starts[i + 1] - starts[i]] = place[starts[i] : starts[i + 1]]
        return to_index(padded, self.device)

    def _lay_out_levels(self, starts: np.ndarray) -> list[Layout]:
        """Query layout of each level and, last, of the rows' own keys.

        The packed tokens of row r are starts[r]..starts[r + 1].
        """
        c = self.model.config
        of_levels = [[(b.first, b.last) for b in level.blocks] for level in self.levels]
        of_rows = [(r, r + 1) for r in range(len(starts) - 1)]
        layouts = []
        for ranges in [*of_levels, of_rows]:
            blocks = [np.arange(int(starts[a]), int(starts[z])) for a, z in ranges]
            rows, real, places = lay_out_queries(blocks, c)
            covered = np.concatenate(blocks)
            out = np.empty(int(starts[-1]) * c.heads, np.int64)
            out[real] = places
            whole = len(covered) == int(starts[-1])
            if not whole:
                out = out.reshape(-1, c.heads)[covered].reshape(-1)
            layouts.append(
                Layout(
                    to_index(rows.reshape(-1), self.device),
                    to_index(out, self.device),
                    None if whole else to_index(covered, self.device),
                    len(blocks),
                )
            )
        return layouts

    def _attend(
        self,
        layer: int,
        q: Tensor,
        keys: Tensor,
        values: Tensor,
        mask: Tensor,
        layouts: list[Layout],
        c: LlamaConfig,
    ) -> Tensor:
        """Exact attention over each level and the rows' own keys, merged by their log-sum-exp."""
        queries = q.reshape(-1, c.head_dim)
        tokens = q.shape[0]
        outs, lses = [], []
        parts = [(level.keys[layer], level.values[layer], level.mask) for level in self.levels] + [
            (keys, values, mask)
        ]
        for (k, v, m), layout in zip(parts, layouts, strict=True):
            n = layout.blocks
            qb = queries.index_select(0, layout.query_rows).view(n, c.kv_heads, -1, c.head_dim)
            kb = k.unflatten(2, (c.kv_heads, c.head_dim)).transpose(1, 2)
            vb = v.unflatten(2, (c.kv_heads, c.head_dim)).transpose(1, 2)
            out, lse = attend_with_lse(qb, kb, vb, m)
            out = out.reshape(-1, c.head_dim).index_select(0, layout.out_rows)
            lse = lse.reshape(-1).index_select(0, layout.out_rows)
            if layout.covered is not None:
                every = torch.zeros(tokens, c.heads, c.head_dim, dtype=out.dtype, device=out.device)
                every.index_copy_(0, layout.covered, out.view(-1, c.heads, c.head_dim))
                out = every.view(-1, c.head_dim)
                none = torch.full((tokens, c.heads), float("-inf"), device=out.device)
                lse = none.index_copy_(0, layout.covered, lse.view(-1, c.heads)).view(-1)
            outs.append(out)
            lses.append(lse)
        if len(outs) == 1:
            return outs[0].view(tokens, -1)
        weights = torch.softmax(torch.stack(lses), 0).to(outs[0].dtype)
        merged = outs[0] * weights[0][:, None]
        for out, weight in zip(outs[1:], weights[1:], strict=True):
            merged.addcmul_(out, weight[:, None])
        return merged.view(tokens, -1)
