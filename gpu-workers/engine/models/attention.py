"""Attention of packed tokens over keys that are found by slot. Exact, with or without gradient."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .llama import LlamaConfig

# Queries of a long segment are cut into chunks of this many tokens, so that a chunk reads only keys
# up to its own end.
QUERY_CHUNK = 256
# Bound on the elements of one batch's score matrix for one key-value head.
MAX_SCORES = 6_000_000


@dataclass
class Segment:
    """Queries that share their keys: tokens on one path of the tree."""

    queries: np.ndarray  # packed row of each query token
    depths: np.ndarray  # depth of each query token
    keys: np.ndarray  # slot of the key at each depth 0..max(depths)


@dataclass
class Batch:
    """Segments that are computed together, padded to one length."""

    # [n * kv_heads * G * Lq] rows of the queries seen as [tokens * heads, head_dim]
    query_rows: Tensor
    key_slots: Tensor  # [n * Lk]
    mask: Tensor  # [n, 1, G * Lq, Lk] additive
    shape: tuple[int, int, int]  # n, Lq, Lk


@dataclass
class Plan:
    """How the queries of one call are batched; the same for every layer."""

    batches: list[Batch]
    # [tokens * heads] where the output of each (token, head) lies in the batches' outputs
    out_rows: Tensor


def expand_to_head_rows(tokens: np.ndarray, c: LlamaConfig) -> np.ndarray:
    """[n, Lq] packed tokens -> [n, kv_heads, group, Lq] rows of [tokens * heads, head_dim]."""
    heads = np.arange(c.heads).reshape(1, c.kv_heads, c.heads // c.kv_heads, 1)
    return tokens[:, None, None, :] * c.heads + heads


def lay_out_queries(
    blocks: list[np.ndarray], c: LlamaConfig
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pads blocks of packed tokens to [n, Lq].

    Returns the rows [n, kv_heads, group, Lq], the rows of real queries, and their places in the
    output.
    """
    width = max(len(b) for b in blocks)
    tokens = np.zeros((len(blocks), width), np.int64)
    real = np.zeros((len(blocks), width), bool)
    for i, block in enumerate(blocks):
        tokens[i, : len(block)] = block
        real[i, : len(block)] = True
    rows = expand_to_head_rows(tokens, c)
    real = np.broadcast_to(real[:, None, None, :], rows.shape)
    return rows, rows[real], np.flatnonzero(real)


def make_plan(
    segments: list[Segment], tokens: int, c: LlamaConfig, device: torch.device, dtype: torch.dtype
) -> Plan:
    """Cuts and batches segments. Every one of the `tokens` packed queries must be in exactly one
    segment.
    """
    pieces = []
    for s in segments:
        for a in range(0, len(s.queries), QUERY_CHUNK):
            depths = s.depths[a : a + QUERY_CHUNK]
            pieces.append(
                Segment(s.queries[a : a + QUERY_CHUNK], depths, s.keys[: int(depths.max()) + 1])
            )
    pieces.sort(key=lambda s: (len(s.queries), len(s.keys)))
    group = c.heads // c.kv_heads
    batches, current, cost = [], [], 0
    for piece in pieces:
        size = len(piece.queries) * len(piece.keys)
        width = max([len(p.keys) for p in current] + [len(piece.keys)])
        padded = (len(current) + 1) * len(piece.queries) * width
        if current and (padded * group > MAX_SCORES or padded > 2 * (cost + size) + 65536):
            batches.append(current)
            current, cost = [], 0
        current.append(piece)
        cost += size
    if current:
        batches.append(current)
    out_rows = np.empty(tokens * c.heads, np.int64)
    made, offset = [], 0
    for batch in batches:
        rows, real, places = lay_out_queries([p.queries for p in batch], c)
        out_rows[real] = places + offset
        offset += rows.size
        n, lq, lk = len(batch), rows.shape[-1], max(len(p.keys) for p in batch)
        keys, depths = np.zeros((n, lk), np.int64), np.zeros((n, lq), np.int64)
        for i, p in enumerate(batch):
            keys[i, : len(p.keys)] = p.keys
            depths[i, : len(p.depths)] = p.depths
        mask = build_causal_mask(torch.from_numpy(depths).to(device), lk, dtype)
        mask = mask[:, None, None].expand(n, 1, group, lq, lk).reshape(n, 1, group * lq, lk)
        made.append(
            Batch(
                to_index(rows.reshape(-1), device),
                to_index(keys.reshape(-1), device),
                mask,
                (n, lq, lk),
            )
        )
    return Plan(made, to_index(out_rows, device))


def to_index(array: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.int64)).to(device)


def build_causal_mask(depths: Tensor, keys: int, dtype: torch.dtype) -> Tensor:
    """[..., Lq] depths -> [..., Lq, keys] additive mask: the key at depth j is seen by queries at
    depth j and below it.
    """
    seen = torch.arange(keys, device=depths.device) <= depths[..., None]
    return torch.zeros(seen.shape, dtype=dtype, device=depths.device).masked_fill_(
        ~seen, float("-inf")
    )


def attend(plan: Plan, q: Tensor, keys: Tensor, values: Tensor, c: LlamaConfig) -> Tensor:
    """q [tokens, heads * head_dim]; keys and values [slots, kv_heads * head_dim] -> [tokens, heads
    * head_dim].
    """
    queries = q.reshape(-1, c.head_dim)
    outputs = []
    for batch in plan.batches:
        n, _lq, lk = batch.shape
        qb = queries.index_select(0, batch.query_rows).view(n, c.kv_heads, -1, c.head_dim)
        kb = (
            keys.index_select(0, batch.key_slots)
            .view(n, lk, c.kv_heads, c.head_dim)
            .transpose(1, 2)
        )
        vb = (
            values.index_select(0, batch.key_slots)
            .view(n, lk, c.kv_heads, c.head_dim)
            .transpose(1, 2)
        )
        out = torch.nn.functional.scaled_dot_product_attention(qb, kb, vb, attn_mask=batch.mask)
        outputs.append(out.reshape(-1, c.head_dim))
    every = outputs[0] if len(outputs) == 1 else torch.cat(outputs)
    return every.index_select(0, plan.out_rows).view(-1, c.q_width)


def attend_with_lse(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Attention output and the log-sum-exp of its scores, with which outputs over several key
    blocks are merged.

    q [n, H, Lq, D], k and v [n, H, Lk, D], mask additive and broadcastable. Returns [n, H, Lq, D]
    and [n, H, Lq] float32.
    """
    if q.device.type == "cpu":
        if mask is not None:
            mask = mask.expand(q.shape[0], 1, q.shape[2], k.shape[2])
        out = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            q, k, v, 0.0, False, attn_mask=mask
        )
        return out[0], out[1].float()
    scores = torch.matmul(q.float(), k.float().transpose(2, 3)) * q.shape[-1] ** -0.5
    if mask is not None:
        scores = scores + mask
    lse = scores.logsumexp(-1)
    return torch.matmul((scores - lse[..., None]).exp(), v.float()).to(q.dtype), lse
