"""Packing training data: which tokens carry a loss, and micro-batches with shared prefixes.

Tokens of a micro-batch form a radix tree in which every shared prefix lies once: an instruction
common to all is one run of tokens, the prompt of a group another.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ..api.dialect import Datum
from ..errors import EngineError
from ..models.attention import Plan, Segment, make_plan, to_index
from ..models.model import Model, ModelState
from ..sampling.guided_decoding import Tokenizer
from ..sampling.radix_tree import RadixTree, count_common_prefix
from ..sampling.sampling import check_ids


@dataclass
class Action:
    """A token whose weight is not 0."""

    datum: int
    position: int
    token: int
    mask: np.ndarray | None  # [words] int32 bits of the tokens that the guide allowed


@dataclass
class MicroBatch:
    """Packed unique tokens of some data and the actions predicted from them."""

    actions: list[Action]
    action_rows: Tensor  # [actions] row of `rows` that predicts each action
    rows: Tensor  # [R] packed tokens whose final hidden state is needed
    positions: Tensor  # [T]
    slots: np.ndarray  # [T] where the lower cache holds the hidden state
    ids: np.ndarray  # [T]
    plan: Plan
    last_plan: Plan  # of the last layer, which is computed for `rows` only


def find_actions(data: list[Datum], tokenizer: Tokenizer | None) -> list[list[Action]]:
    """Actions of each datum.

    Given a tokenizer, the tokens that were allowed are computed again from the grammars; raises
    `invalid-input` where ids do not follow theirs.
    """
    found = []
    for i, datum in enumerate(data):
        masks: dict[int, np.ndarray] = {}
        for span in datum.guides:
            if tokenizer is None:
                break
            matcher = tokenizer.create_matcher(span.lark)
            for p in range(span.start, span.end):
                if datum.weights[p] != 0:
                    masks[p] = tokenizer.compute_masks([matcher])[0]
                if not matcher.consume_token(datum.ids[p]):
                    raise EngineError(
                        "invalid-input",
                        f"data.{i}: token {p} does not follow the guide of [{span.start}, "
                        f"{span.end}).",
                    )
        found.append(
            [
                Action(i, p, datum.ids[p], masks.get(p))
                for p in range(1, len(datum.ids))
                if datum.weights[p] != 0
            ]
        )
    return found


def split_into_groups(
    data: list[Datum], actions: list[list[Action]], budget: int
) -> list[list[int]]:
    """Indices of the data in batches of at most `budget` unique tokens, or of one datum.

    The data are taken in lexicographic order, so that shared prefixes come together.
    """
    order = sorted((i for i in range(len(data)) if actions[i]), key=lambda i: data[i].ids)
    found: list[list[int]] = []
    size, previous = 0, None
    for i in order:
        # Tokens after the last action have no effect on it.
        length = actions[i][-1].position
        new = length - (
            count_common_prefix(data[previous].ids, data[i].ids[:length])
            if previous is not None
            else 0
        )
        if not found or size + new > budget:
            found.append([])
            size, new = 0, length
        found[-1].append(i)
        size += max(0, new)
        previous = i
    return found


def pack(
    model: Model,
    data: list[Datum],
    actions: list[list[Action]],
    slots: dict[int, np.ndarray],
    group: list[int],
) -> MicroBatch:
    """The micro-batch of the data in `group`.

    `slots`: where the lower cache holds the hidden states of each datum; empty where all layers are
    trained.
    """
    c, device = model.base.model.config, model.base.model.device
    used = 0

    def allocate(count: int) -> np.ndarray:
        nonlocal used
        used += count
        return np.arange(used - count, used)

    tree = RadixTree(allocate)
    leaves = [tree.insert(data[i].ids[: actions[i][-1].position], owner=i) for i in group]
    positions, ids = np.empty(used, np.int64), np.empty(used, np.int64)
    lower = np.zeros(used, np.int64)
    segments = []
    for node in tree.fresh:
        depths = np.arange(node.start, node.end)
        positions[node.slots], ids[node.slots] = depths, node.tokens
        if slots:
            lower[node.slots] = slots[node.owner][node.start : node.end]
        segments.append(Segment(node.slots, depths, tree.gather_path_slots(node)))
    paths = [tree.gather_path_slots(leaf) for leaf in leaves]
    flat = [a for i in group for a in actions[i]]
    predictors = np.concatenate(
        [path[[a.position - 1 for a in actions[i]]] for i, path in zip(group, paths, strict=True)]
    )
    rows, action_rows = np.unique(predictors, return_inverse=True)
    place = {int(row): k for k, row in enumerate(rows)}
    last = []
    for s in segments:
        here = [k for k, row in enumerate(s.queries) if int(row) in place]
        if here:
            last.append(
                Segment(np.array([place[int(s.queries[k])] for k in here]), s.depths[here], s.keys)
            )
    dtype = model.base.model.dtype
    return MicroBatch(
        flat,
        to_index(action_rows.reshape(-1), device),
        to_index(rows, device),
        to_index(positions, device),
        lower,
        ids,
        make_plan(segments, used, c, device, dtype),
        make_plan(last, len(rows), c, device, dtype),
    )


def check_data(model: ModelState, data: list[Datum]) -> None:
    """Raises `invalid-input` for ids outside the vocabulary and for data that are too long."""
    c = model.base.model.config
    for i, datum in enumerate(data):
        check_ids(datum.ids, c.vocabulary, f"data.{i}")
        if len(datum.ids) > c.max_length:
            raise EngineError(
                "invalid-input",
                f"data.{i}: {len(datum.ids)} ids exceed the model's {c.max_length} positions.",
            )


def iterate_micro_batches(
    model: Model, data: list[Datum], check: Callable[[], None], budget: int
) -> Iterator[MicroBatch]:
    """Checks all data, then yields micro-batches of at most `budget` packed tokens.

    Before each the activations below the first trained layer that the cache lacks are computed.
    """
    check_data(model, data)
    # A value is that of a state, whatever a guide allows from there.
    actions = find_actions(data, model.base.tokenizer if model.head == "language" else None)
    for group in split_into_groups(data, actions, budget):
        slots: dict[int, np.ndarray] = {}
        if model.first_trained_layer:
            prefixes = [data[i].ids[: actions[i][-1].position] for i in group]
            found, _ = model.prefill_frozen_layers(prefixes, check)
            slots = dict(zip(group, found, strict=True))
        yield pack(model, data, actions, slots, group)
