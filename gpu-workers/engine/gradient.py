"""Log-probabilities and gradients of a batch, each shared prefix computed once.

Tokens of a micro-batch are packed as a radix tree: a common instruction is one run of tokens, a group's prompt another.
The graph is kept through the sharing, so the gradient is that of the plain, unshared batch. What lies below the first
adapted layer comes from the cache. Losses are sums over tokens, so micro-batches add up exactly.
"""

import time
from dataclasses import dataclass
from typing import Callable

import numpy as np
import torch
from torch import Tensor

from .attention import Segment, attend, index, make_plan
from .engine_model import Model
from .errors import EngineError
from .guide import Tokenizer
from .llama import Linear, plain_linear, run_layers
from .losses import token_loss
from .sampling import FEW_TOKENS, check_ids
from .schema import Datum, Forward, ForwardBackward, LossConfig
from .tree import TokenTree, common_prefix

# Packed tokens of a micro-batch: bounds the memory of the graph.
TOKEN_BUDGET = 2048
# Rows of logits [rows, vocabulary] held at once.
LOGIT_ROWS = 256


@dataclass
class Action:
    """A token whose weight is not 0."""

    datum: int
    position: int
    token: int
    mask: bytes | None  # of the tokens that the guide allowed


@dataclass
class MicroBatch:
    """Packed unique tokens of some data and the actions predicted from them."""

    actions: list[Action]
    action_rows: Tensor  # [actions] row of `rows` that predicts each action
    rows: Tensor  # [R] packed tokens whose final hidden state is needed
    positions: Tensor  # [T]
    slots: np.ndarray  # [T] where the lower cache holds the hidden state
    ids: np.ndarray  # [T]
    plan: object
    last_plan: object


def find_actions(data: list[Datum], tokenizer: Tokenizer) -> list[list[Action]]:
    """Actions of each datum; masks are recomputed from the grammars."""
    found = []
    for i, datum in enumerate(data):
        masks: dict[int, bytes | None] = {}
        for span in datum.guides:
            matcher = tokenizer.matcher(span.lark)
            for p in range(span.start, span.end):
                if datum.weights[p] != 0:
                    masks[p] = tokenizer.masks([matcher])[0].tobytes()
                if not matcher.consume_token(datum.ids[p]):
                    raise EngineError("invalid-input", f"data.{i}: token {p} does not follow the guide of [{span.start}, {span.end}).")
        found.append(
            [Action(i, p, datum.ids[p], masks.get(p)) for p in range(1, len(datum.ids)) if datum.weights[p] != 0]
        )
    return found


def micro_batches(model: Model, data: list[Datum], actions: list[list[Action]], slots: list[np.ndarray], budget: int) -> list[MicroBatch]:
    """Cuts the data, in lexicographic order, into batches of at most `budget` unique tokens (one datum at least)."""
    order = sorted((i for i in range(len(data)) if actions[i]), key=lambda i: data[i].ids)
    groups: list[list[int]] = []
    size, previous = 0, None
    for i in order:
        # What follows the last action has no effect on any of them.
        length = actions[i][-1].position
        new = length - (common_prefix(data[previous].ids, data[i].ids[:length]) if previous is not None else 0)
        if not groups or size + new > budget:
            groups.append([])
            size, new = 0, length
        groups[-1].append(i)
        size += max(0, new)
        previous = i
    return [pack(model, data, actions, slots, group) for group in groups]


def pack(model: Model, data: list[Datum], actions: list[list[Action]], slots: list[np.ndarray], group: list[int]) -> MicroBatch:
    c, device = model.base.model.config, model.base.model.embedding.device
    used = 0

    def allocate(count: int) -> np.ndarray:
        nonlocal used
        used += count
        return np.arange(used - count, used)

    tree = TokenTree(allocate)
    leaves = [tree.insert(data[i].ids[: actions[i][-1].position], owner=i) for i in group]
    positions, ids, lower = np.empty(used, np.int64), np.empty(used, np.int64), np.zeros(used, np.int64)
    segments = []
    for node in tree.fresh:
        depths = np.arange(node.start, node.end)
        positions[node.slots], ids[node.slots] = depths, node.tokens
        if slots:
            lower[node.slots] = slots[node.owner][node.start : node.end]
        segments.append(Segment(node.slots, depths, tree.path(node)))
    paths = [tree.path(leaf) for leaf in leaves]
    flat = [a for i in group for a in actions[i]]
    predictors = np.concatenate([path[[a.position - 1 for a in actions[i]]] for i, path in zip(group, paths)])
    rows, action_rows = np.unique(predictors, return_inverse=True)
    place = {int(row): k for k, row in enumerate(rows)}
    last = []
    for s in segments:
        here = [k for k, row in enumerate(s.queries) if int(row) in place]
        if here:
            last.append(Segment(np.array([place[int(s.queries[k])] for k in here]), s.depths[here], s.keys))
    dtype = model.base.model.embedding.dtype
    return MicroBatch(
        flat, index(action_rows.reshape(-1), device), index(rows, device), index(positions, device), lower, ids,
        make_plan(segments, used, c, device, dtype), make_plan(last, len(rows), c, device, dtype),
    )  # fmt: skip


def hidden_states(model: Model, batch: MicroBatch, linear: Linear, check: Callable[[], None]) -> Tensor:
    """Final hidden states [R, hidden] of the rows that predict an action."""
    llama = model.base.model
    c = llama.config
    lower = model.lower
    device = llama.embedding.device
    if lower is None:
        x = llama.embedding.index_select(0, index(batch.ids, device))
    else:
        x = lower.hidden.index_select(0, index(batch.slots, device))

    def attention(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return attend(batch.last_plan if layer == c.layers - 1 else batch.plan, q, k, v, c)

    return run_layers(llama, llama.layers[model.border :], model.border, x, batch.positions, attention, linear, batch.rows, check)


@dataclass
class Head:
    """Actions whose log-probabilities are taken together: over the whole vocabulary or over a few tokens."""

    actions: list[int]
    tokens: np.ndarray | None  # columns of the logits; None: the vocabulary
    mask: np.ndarray | None  # [actions, columns] bool


def heads(actions: list[Action], tokenizer: Tokenizer) -> list[Head]:
    """Splits actions into chunks; those whose guide allows few tokens only need the logits of these."""
    few: list[int] = []
    many: list[int] = []
    union = np.zeros((1, (tokenizer.vocabulary + 31) // 32), np.int32)
    found: list[Head] = []

    def words(k: int) -> np.ndarray:
        return np.frombuffer(actions[k].mask, np.int32)[None]

    def flush() -> None:
        if few:
            tokens = np.flatnonzero(tokenizer.allowed(union)[0])
            mask = np.concatenate([tokenizer.allowed(words(k)) for k in few])[:, tokens]
            found.append(Head(list(few), tokens, mask))
            few.clear()
            union[:] = 0

    for k, action in enumerate(actions):
        if action.mask is None or np.bitwise_count(words(k).view(np.uint32)).sum() > FEW_TOKENS:
            many.append(k)
            continue
        joined = union | words(k)
        if np.bitwise_count(joined.view(np.uint32)).sum() > FEW_TOKENS or len(few) >= 4 * LOGIT_ROWS:
            flush()
            joined = union | words(k)
        union[:] = joined
        few.append(k)
    flush()
    for start in range(0, len(many), LOGIT_ROWS):
        chunk = many[start : start + LOGIT_ROWS]
        mask = None
        if any(actions[k].mask is not None for k in chunk):
            mask = np.concatenate(
                [tokenizer.allowed(words(k)) if actions[k].mask is not None else np.ones((1, tokenizer.vocabulary), bool) for k in chunk]
            )
        found.append(Head(chunk, None, mask))
    return found


def head_pass(
    model: Model, batch: MicroBatch, final: Tensor, temperature: float, entropy: bool, loss: Callable | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Log-probabilities and entropies [actions] from normalised hidden states [R, hidden] and, given
    `loss(head, logprobs, entropies) -> (d_logprobs, d_entropies or None)`, the gradient of the hidden states.

    The gradient of the logits is written out and each chunk's logits freed: dz = a (onehot - p) - b p (log p + H).
    """
    llama, tokenizer = model.base.model, model.base.tokenizer
    count, device = len(batch.actions), final.device
    logprobs, entropies = torch.zeros(count, device=device), torch.zeros(count, device=device)
    gradient = torch.zeros(final.shape, dtype=torch.float32, device=device) if loss else None
    targets = np.array([a.token for a in batch.actions])
    for head in heads(batch.actions, tokenizer):
        which = index(np.array(head.actions), device)
        rows = batch.action_rows.index_select(0, which)
        weight = llama.head if head.tokens is None else llama.head.index_select(0, index(head.tokens, device))
        logits = torch.mm(final.index_select(0, rows), weight.t()).float()
        if temperature != 1:
            logits.div_(temperature)
        wanted = targets[head.actions]
        columns = index(wanted if head.tokens is None else np.searchsorted(head.tokens, wanted), device)[:, None]
        if head.mask is not None:
            logits.masked_fill_(torch.from_numpy(~head.mask).to(device), float("-inf"))
        logits.sub_(logits.logsumexp(-1, keepdim=True))  # log p from here on
        lp = logits.gather(1, columns)[:, 0]
        logprobs.index_copy_(0, which, lp)
        if entropy or loss:
            p = logits.exp()
            safe = logits.masked_fill(p == 0, 0.0) if head.mask is not None else logits
            h = -(p * safe).sum(-1)
            entropies.index_copy_(0, which, h)
        if loss:
            d_lp, d_h = loss(head.actions, lp, h)
            dz = p.mul(-d_lp[:, None])
            dz.scatter_add_(1, columns, d_lp[:, None])
            if d_h is not None:
                dz.addcmul_(p * -d_h[:, None], safe + h[:, None])
            if temperature != 1:
                dz.div_(temperature)
            gradient.index_add_(0, rows, torch.mm(dz.to(weight.dtype), weight).float())
    return logprobs, entropies, gradient


def check_data(model: Model, data: list[Datum]) -> None:
    c = model.base.model.config
    for i, datum in enumerate(data):
        check_ids(datum.ids, c.vocabulary, f"data.{i}")
        if len(datum.ids) > c.max_length:
            raise EngineError("invalid-input", f"data.{i}: {len(datum.ids)} ids exceed the model's {c.max_length} positions.")


def prepare(model: Model, data: list[Datum], check: Callable[[], None], budget: int) -> list[MicroBatch]:
    """Actions, masks, missing lower activations, packing."""
    check_data(model, data)
    actions = find_actions(data, model.base.tokenizer)
    slots: list[np.ndarray] = []
    if model.border:
        needed = [d.ids[: a[-1].position] if a else d.ids[:1] for d, a in zip(data, actions)]
        slots, _ = model.enter(needed, check)
    return micro_batches(model, data, actions, slots, budget)


@torch.no_grad()
def forward(model: Model, body: Forward, check: Callable[[], None], budget: int = TOKEN_BUDGET) -> dict:
    """Runs a `forward` operation: log-probabilities of weighted tokens under the policy and a reference."""
    adapter = model.require_adapter() if body.adapter else None
    passes = {"logprobs": adapter.linear(adapter.factors(adapter.values)) if adapter else plain_linear}
    if body.reference == "base":
        passes["referenceLogprobs"] = plain_linear
    elif body.reference is not None:
        holder = model.require_adapter()
        passes["referenceLogprobs"] = holder.linear(holder.factors(holder.reference(body.reference)))
    result = {name: [[0.0] * len(d.ids) for d in body.data] for name in passes}
    result |= {"values": [], "tokenBudget": budget, "retriedOutOfMemory": 0}
    if body.entropy:
        result["entropies"] = [[0.0] * len(d.ids) for d in body.data]
    for batch in prepare(model, body.data, check, budget):
        for name, linear in passes.items():
            final = model.base.model.final_norm(hidden_states(model, batch, linear, check))
            logprobs, entropies, _ = head_pass(model, batch, final, body.temperature, body.entropy, None)
            for action, lp, h in zip(batch.actions, logprobs.tolist(), entropies.tolist()):
                result[name][action.datum][action.position] = lp
                if body.entropy and name == "logprobs":
                    result["entropies"][action.datum][action.position] = h
    return result


def forward_backward(model: Model, body: ForwardBackward, check: Callable[[], None], budget: int = TOKEN_BUDGET) -> dict:
    """Runs a `forward_backward` operation. The gradient is added to the accumulated one only when all of it is there."""
    started = time.perf_counter()
    adapter = model.require_adapter()
    config: LossConfig = body.config
    factors = adapter.factors(adapter.values, grad=True)
    linear = adapter.linear(factors)
    total: list[Tensor] | None = None
    sums = {"loss": 0.0, "tokens": 0, "entropy": 0.0, "kl": 0.0, "clipped": 0}
    ratio = {"sum": 0.0, "min": float("inf"), "max": float("-inf")}
    per_token = [[0.0] * len(d.ids) for d in body.data]
    computed = 0
    for batch in prepare(model, body.data, check, budget):
        device = batch.rows.device

        def column(name: str) -> Tensor | None:
            if getattr(body.data[0], name) is None:
                return None
            return torch.tensor([getattr(body.data[a.datum], name)[a.position] for a in batch.actions], device=device)

        columns = {name: column(name) for name in ("weights", "advantages", "logprobs", "referenceLogprobs")}

        def loss(which: list[int], lp: Tensor, h: Tensor) -> tuple[Tensor, Tensor | None]:
            rows = index(np.array(which), device)
            picked = {name: None if c is None else c.index_select(0, rows) for name, c in columns.items()}
            part = token_loss(body.loss, config, lp, h, picked)
            for name in sums:
                sums[name] += getattr(part, name)
            ratio["sum"] += part.ratio_sum
            ratio["min"], ratio["max"] = min(ratio["min"], part.ratio_min), max(ratio["max"], part.ratio_max)
            return part.d_logprobs, part.d_entropies

        with torch.enable_grad():
            last = hidden_states(model, batch, linear, check)
            final = model.base.model.final_norm(last)
        with torch.no_grad():
            logprobs, _, gradient = head_pass(model, batch, final.detach(), config.temperature, True, loss)
        check()
        grads = torch.autograd.grad(final, factors, gradient.to(final.dtype), allow_unused=True)
        grads = [torch.zeros_like(f) if g is None else g for f, g in zip(factors, grads)]
        total = grads if total is None else [t.add_(g) for t, g in zip(total, grads)]
        computed += len(batch.ids)
        for action, lp in zip(batch.actions, logprobs.tolist()):
            per_token[action.datum][action.position] = lp
    if not np.isfinite(sums["loss"]):
        raise EngineError("not-finite", "The loss is NaN or infinite; nothing was accumulated. Check advantages and log-probabilities.")
    check()
    if total is not None:
        adapter.accumulate(total)
    if not sums["tokens"]:
        ratio = {"sum": 0.0, "min": 1.0, "max": 1.0}
    return {**sums, "ratio": ratio, "logprobs": per_token, "values": [], "valueClipped": 0, "computedTokens": computed, "seconds": time.perf_counter() - started, "tokenBudget": budget, "retriedOutOfMemory": 0}
