"""Activations that outlive a call, by token prefix.

They are keys and values and, below the trained layers, the hidden states that enter these.
"""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor

from ..memory import empty_cache
from ..sampling.radix_tree import Node, RadixTree
from .attention import Segment, make_plan, to_index
from .attention import attend as attend_plan
from .llama import Layer, Llama, run_layers

# Input [T, hidden] of a range of layers: for each node its last lengths[i] tokens.
InputSource = Callable[[list[Node], np.ndarray], Tensor]


class KVCache:
    """Keys and values of a range of layers for recent token prefixes; LRU eviction.

    Slots are rows of the pools. With `hidden` it also keeps the hidden states that leave the range.
    Nodes used in the current call (`clock`) are never evicted, ends of sessions last. Not
    thread-safe: one worker uses it.
    """

    def __init__(self, model: Llama, first: int, count: int, hidden: bool, budget_bytes: int):
        c = model.config
        self.model, self.first, self.count = model, first, count
        self.dtype, self.device = model.dtype, model.device
        self.widths = [c.kv_width] * (2 * count) + ([c.hidden] if hidden else [])
        self.bytes_per_token = sum(self.widths) * self.dtype.itemsize
        self.budget = max(1024, budget_bytes // max(1, self.bytes_per_token))
        self.clock = 0
        self.clear()

    def clear(self) -> None:
        """Removes all entries, as after a change of weights.

        Pools keep their memory, up to the budget: what is evicted later must not depend on how far
        an earlier call made them grow.
        """
        if not hasattr(self, "pools") or self.capacity > self.budget:
            self.pools = [
                torch.empty(0, w, dtype=self.dtype, device=self.device) for w in self.widths
            ]
        self.free = list(range(self.capacity - 1, -1, -1))
        self.tree = RadixTree(self._allocate)
        self.sessions: dict[str, Node] = {}

    def make_empty(self) -> "KVCache":
        """An empty cache of the same layers, kind and budget."""
        keeps_hidden = len(self.widths) > 2 * self.count
        bytes_ = self.budget * self.bytes_per_token
        return KVCache(self.model, self.first, self.count, keeps_hidden, bytes_)

    def take_over(self, other: "KVCache") -> None:
        """Copies what another cache of the same layers holds and this one lacks.

        Ends of sessions come with it. The least recently used of this one makes room for it.
        """
        sessions = dict(other.sessions)
        ends = [*other.tree.list_leaves(), *sessions.values()]
        self.begin_call()
        try:
            mine = self.insert(other.tree.gather_path_tokens(node) for node in ends)
            if fresh := self.tree.fresh:
                paths = [other.tree.gather_path_slots(node) for node in ends]
                there = np.concatenate([paths[n.owner][n.start : n.end] for n in fresh])
                here = np.concatenate([n.slots for n in fresh])
                source, target = to_index(there, self.device), to_index(here, self.device)
                for pool, others in zip(self.pools, other.pools, strict=True):
                    pool.index_copy_(0, target, others.index_select(0, source))
            self.commit()
        except BaseException:
            self.rollback()
            raise
        self.mark_session_ends(list(sessions), mine[len(ends) - len(sessions) :])

    @property
    def capacity(self) -> int:
        """Tokens for which memory is allocated."""
        return self.pools[0].shape[0] if self.pools else 0

    @property
    def tokens(self) -> int:
        """Tokens held."""
        return self.capacity - len(self.free)

    @property
    def bytes(self) -> int:
        """Memory of the pools."""
        return self.capacity * self.bytes_per_token

    def keys(self, layer: int) -> Tensor:
        """[slots, kv_heads * head_dim] of a layer of the model."""
        return self.pools[2 * (layer - self.first)]

    def values(self, layer: int) -> Tensor:
        """[slots, kv_heads * head_dim] of a layer of the model."""
        return self.pools[2 * (layer - self.first) + 1]

    @property
    def hidden(self) -> Tensor:
        """[slots, hidden] that leave the range."""
        return self.pools[-1]

    def _allocate(self, count: int) -> np.ndarray:
        if len(self.free) < count:
            self._make_room(count)
        taken = self.free[-count:][::-1]
        del self.free[-count:]
        return np.array(taken, np.int64)

    def _make_room(self, count: int) -> None:
        missing = count - len(self.free)
        if self.capacity + missing > self.budget:
            self._evict(max(count, self.budget // 8))
        missing = count - len(self.free)
        if missing <= 0:
            return
        # Grow by doubling within the budget, beyond it only as far as this call needs.
        old = self.capacity
        new = max(old + missing, min(self.budget, max(4096, 2 * old)))
        try:
            for i, pool in enumerate(self.pools):
                grown = torch.empty(new, pool.shape[1], dtype=self.dtype, device=self.device)
                grown[:old] = pool
                self.pools[i] = pool = grown
        except Exception:  # out of memory: all pools must stay of one length
            self.pools = [pool[:old] for pool in self.pools]
            raise
        empty_cache()
        self.free = list(range(new - 1, old - 1, -1)) + self.free

    def _evict(self, wanted: int) -> None:
        ends = {id(node) for node in self.sessions.values()}
        while len(self.free) < wanted:
            leaves = [n for n in self.tree.list_leaves() if n.used < self.clock and not n.fresh]
            if not leaves:
                return
            leaves.sort(key=lambda n: (id(n) in ends, n.used))
            for node in leaves:
                self._remove(node)
                if len(self.free) >= wanted:
                    return

    def _remove(self, node: Node) -> None:
        self.free.extend(node.slots.tolist())
        self.tree.remove(node)
        for session in [s for s, n in self.sessions.items() if n is node]:
            del self.sessions[session]

    def begin_call(self) -> None:
        """Starts a call: what it inserts is safe from eviction until the next one."""
        self.clock += 1

    def insert(self, sequences: Iterable[list[int]]) -> list[Node]:
        """The node at the end of each sequence; tokens not held yet become fresh nodes."""
        return [self.tree.insert(ids, i, self.clock) for i, ids in enumerate(sequences)]

    def mark_session_ends(self, sessions: list[str | None], leaves: list[Node]) -> None:
        """Marks where conversations end; these nodes are evicted after everything else."""
        for session, leaf in zip(sessions, leaves, strict=True):
            if session is not None:
                self.sessions[session] = leaf

    def commit(self) -> None:
        """Marks all fresh tokens as computed."""
        for node in self.tree.fresh:
            node.fresh = False
        self.tree.fresh.clear()

    def rollback(self) -> None:
        """Removes tokens that were inserted but not computed."""
        for node in sorted(self.tree.fresh, key=lambda n: -n.start):
            self._remove(node)
        self.tree.fresh.clear()

    def compute(
        self,
        layers: list[Layer],
        leaves: list[Node],
        source: InputSource,
        want_ends: bool,
        check: Callable[[], None],
    ) -> tuple[Tensor, dict[int, int], int]:
        """Computes all fresh tokens through `layers`, and with `want_ends` the last of every leaf.

        `source` gives their input. Returns the hidden states [leaves, hidden] that leave the last
        layer at the leaves' ends, the row of each leaf (by id of the node), and the number of
        tokens computed. Where the cache keeps hidden states they are stored.
        """
        nodes = list(self.tree.fresh)
        lengths = [len(n.tokens) for n in nodes]
        if want_ends:
            known = {id(n) for n in nodes}
            for leaf in leaves:
                if id(leaf) not in known:
                    known.add(id(leaf))
                    nodes.append(leaf)
                    lengths.append(1)
        c = self.model.config
        if not nodes:
            return torch.empty(0, c.hidden, dtype=self.dtype, device=self.device), {}, 0
        segments, slots, positions, ends, row = [], [], [], {}, 0
        for node, length in zip(nodes, lengths, strict=True):
            depths = np.arange(node.end - length, node.end)
            segments.append(
                Segment(np.arange(row, row + length), depths, self.tree.gather_path_slots(node))
            )
            slots.append(node.slots[-length:])
            positions.append(depths)
            row += length
            ends[id(node)] = row - 1
        total = row
        slot_index = to_index(np.concatenate(slots), self.device)
        plan = make_plan(segments, total, c, self.device, self.dtype)
        rows, order, last_plan = None, {}, plan
        if want_ends:
            unique = list({id(leaf): leaf for leaf in leaves}.values())
            order = {id(leaf): i for i, leaf in enumerate(unique)}
            rows = to_index(np.array([ends[id(leaf)] for leaf in unique]), self.device)
            last = [
                Segment(np.array([i]), np.array([leaf.end - 1]), self.tree.gather_path_slots(leaf))
                for i, leaf in enumerate(unique)
            ]
            last_plan = make_plan(last, len(unique), c, self.device, self.dtype)
        final = self.first + self.count - 1

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            self.keys(layer).index_copy_(0, slot_index, k)
            self.values(layer).index_copy_(0, slot_index, v)
            return attend_plan(
                last_plan if layer == final else plan, q, self.keys(layer), self.values(layer), c
            )

        x = source(nodes, np.array(lengths))
        out = run_layers(
            self.model,
            layers,
            self.first,
            x,
            to_index(np.concatenate(positions), self.device),
            attend,
            rows=rows,
            check=check,
        )
        if len(self.widths) > 2 * self.count:
            self.hidden.index_copy_(0, slot_index, out)
        return out, order, total
