"""A radix tree over token sequences: every token has a slot, and shared prefixes share slots.

It serves the key-value caches (slots are rows of a pool that outlives calls), the packing of a
training batch (slots are rows of the packed matrix), and both to find which tokens are new.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(eq=False)
class Node:
    """A run of tokens with their slots. `fresh`: not yet computed."""

    tokens: list[int]
    slots: np.ndarray  # int64, one per token
    start: int  # depth of the first token
    parent: "Node | None"
    children: dict[int, "Node"] = field(default_factory=dict)
    fresh: bool = False
    used: int = 0  # clock of the last call that touched it
    owner: int = -1  # index of a sequence of the current call that passes through it

    @property
    def end(self) -> int:
        """Depth after the last token."""
        return self.start + len(self.tokens)


def count_common_prefix(a: list[int], b: list[int], a_start: int = 0, b_start: int = 0) -> int:
    """Length of the longest common prefix of a[a_start:] and b[b_start:]."""
    limit = min(len(a) - a_start, len(b) - b_start)
    if a[a_start : a_start + limit] == b[b_start : b_start + limit]:
        return limit
    low, high = 0, limit  # the prefix of length `low` is equal, that of length `high` is not
    while high - low > 1:
        middle = (low + high) // 2
        if a[a_start + low : a_start + middle] == b[b_start + low : b_start + middle]:
            low = middle
        else:
            high = middle
    return low


def get_parent(node: Node) -> Node:
    """Raises ValueError for the root and for nodes that were removed."""
    if node.parent is None:
        raise ValueError("the node is not below the root of a tree")
    return node.parent


class RadixTree:
    """Inserts sequences; new tokens get slots from `allocate(count)`."""

    def __init__(self, allocate: Callable[[int], np.ndarray]):
        self.allocate = allocate
        self.root = Node([], np.empty(0, np.int64), 0, None)
        self.fresh: list[Node] = []

    def insert(self, ids: list[int], owner: int = -1, clock: int = 0) -> Node:
        """The node that ends at the last token of `ids`; tokens not seen before become fresh nodes.

        `owner` and `clock` are noted in every node on the way.
        """
        node, depth = self.root, 0
        while depth < len(ids):
            child = node.children.get(ids[depth])
            if child is None:
                child = Node(ids[depth:], self.allocate(len(ids) - depth), depth, node, fresh=True)
                node.children[ids[depth]] = child
                self.fresh.append(child)
            else:
                matched = count_common_prefix(child.tokens, ids, 0, depth)
                if matched < len(child.tokens):
                    child = self._split(child, matched)
            child.used, child.owner = clock, owner
            depth, node = child.end, child
        return node

    def _split(self, node: Node, at: int) -> Node:
        """Cuts `node` after `at` tokens and returns the new node of the first part.

        The node itself keeps its end, so that references to leaves stay right.
        """
        head = replace(node, tokens=node.tokens[:at], slots=node.slots[:at], children={})
        get_parent(node).children[head.tokens[0]] = head
        node.tokens, node.slots = node.tokens[at:], node.slots[at:]
        node.start, node.parent = head.end, head
        head.children[node.tokens[0]] = node
        if node.fresh:
            self.fresh.append(head)
        return head

    def gather_path_slots(self, node: Node) -> np.ndarray:
        """Slots of all tokens from the root to the end of `node`; the index is the depth."""
        parts = []
        while node.parent is not None:
            parts.append(node.slots)
            node = node.parent
        return np.concatenate(parts[::-1]) if parts else self.root.slots

    def gather_path_tokens(self, node: Node) -> list[int]:
        """All tokens from the root to the end of `node`."""
        parts = []
        while node.parent is not None:
            parts.append(node.tokens)
            node = node.parent
        return [token for part in parts[::-1] for token in part]

    def remove(self, node: Node) -> None:
        """Removes a leaf; its slots are the caller's again."""
        del get_parent(node).children[node.tokens[0]]
        node.parent = None

    def list_leaves(self) -> list[Node]:
        """All nodes without children."""
        found, stack = [], list(self.root.children.values())
        while stack:
            node = stack.pop()
            if node.children:
                stack.extend(node.children.values())
            else:
                found.append(node)
        return found
