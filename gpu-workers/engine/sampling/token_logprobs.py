"""Log-probabilities of chosen tokens from final hidden states, and their gradient, in chunks.

The logits of a whole batch, [actions, vocabulary], would not fit into memory.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..models.attention import to_index
from ..training.packing import Action, MicroBatch
from .guided_decoding import Tokenizer, count_bits
from .sampling import FEW_TOKENS

# Rows of logits [rows, vocabulary] held at once.
LOGIT_ROWS = 256

# (actions, logprobs, entropies) of a chunk -> derivatives of the loss by both; None: no entropy.
ChunkLoss = Callable[[list[int], Tensor, Tensor], tuple[Tensor, Tensor | None]]


@dataclass
class LogitChunk:
    """Actions whose logits are computed at once: of the whole vocabulary or of a few tokens."""

    actions: list[int]
    tokens: np.ndarray | None  # columns of the logits; None: the vocabulary
    mask: np.ndarray | None  # [actions, columns] bool


def split_into_chunks(actions: list[Action], tokenizer: Tokenizer) -> list[LogitChunk]:
    """Chunks of actions; those whose guide allows few tokens need the logits of these only."""
    few: list[int] = []
    many: list[int] = []
    union = np.zeros((1, (tokenizer.vocabulary + 31) // 32), np.int32)
    found: list[LogitChunk] = []

    def flush() -> None:
        if few:
            tokens = np.flatnonzero(tokenizer.unpack_masks(union)[0])
            words = np.stack([mask for k in few if (mask := actions[k].mask) is not None])
            found.append(LogitChunk(list(few), tokens, tokenizer.unpack_masks(words)[:, tokens]))
            few.clear()
            union[:] = 0

    for k, action in enumerate(actions):
        if action.mask is None or count_bits(action.mask) > FEW_TOKENS:
            many.append(k)
            continue
        if count_bits(union | action.mask) > FEW_TOKENS or len(few) >= 4 * LOGIT_ROWS:
            flush()
        union |= action.mask
        few.append(k)
    flush()
    for start in range(0, len(many), LOGIT_ROWS):
        chunk = many[start : start + LOGIT_ROWS]
        mask = None
        if any(actions[k].mask is not None for k in chunk):
            mask = np.ones((len(chunk), tokenizer.vocabulary), bool)
            for row, k in enumerate(chunk):
                words = actions[k].mask
                if words is not None:
                    mask[row] = tokenizer.unpack_masks(words[None])[0]
        found.append(LogitChunk(chunk, None, mask))
    return found


def compute_token_logprobs(
    output: Tensor,
    tokenizer: Tokenizer,
    batch: MicroBatch,
    final: Tensor,
    temperature: float,
    entropy: bool,
    loss: ChunkLoss | None,
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """Log-probabilities and entropies [actions], and with `loss` the gradients of it.

    `final` [R, hidden] are normalised hidden states, `output` [vocabulary, hidden] is the output
    matrix. The gradients are float32, of `final` and, where it is trained, of `output`; that of the
    logits is written out, so that each chunk's logits can be freed:
    dz = a (onehot - p) - b p (log p + H), with a and b the derivatives by log p and H.
    """
    count, device = len(batch.actions), final.device
    logprobs, entropies = torch.zeros(count, device=device), torch.zeros(count, device=device)
    d_final = torch.zeros(final.shape, dtype=torch.float32, device=device) if loss else None
    d_output = (
        torch.zeros(output.shape, dtype=torch.float32, device=device)
        if loss and output.requires_grad
        else None
    )
    targets = np.array([a.token for a in batch.actions])
    for chunk in split_into_chunks(batch.actions, tokenizer):
        which = to_index(np.array(chunk.actions), device)
        rows = batch.action_rows.index_select(0, which)
        few = None if chunk.tokens is None else to_index(chunk.tokens, device)
        weight = output if few is None else output.index_select(0, few)
        states = final.index_select(0, rows)
        logits = torch.mm(states, weight.t()).float()
        if temperature != 1:
            logits.div_(temperature)
        wanted = targets[chunk.actions]
        columns = to_index(
            wanted if chunk.tokens is None else np.searchsorted(chunk.tokens, wanted), device
        )[:, None]
        if chunk.mask is not None:
            logits.masked_fill_(torch.from_numpy(~chunk.mask).to(device), float("-inf"))
        logits.sub_(logits.logsumexp(-1, keepdim=True))  # log p from here on
        lp = logits.gather(1, columns)[:, 0]
        logprobs.index_copy_(0, which, lp)
        if not (entropy or loss):
            continue
        p = logits.exp()
        safe = logits.masked_fill(p == 0, 0.0) if chunk.mask is not None else logits
        h = -(p * safe).sum(-1)
        entropies.index_copy_(0, which, h)
        if loss is None or d_final is None:
            continue
        d_lp, d_h = loss(chunk.actions, lp, h)
        dz = p.mul(-d_lp[:, None])
        dz.scatter_add_(1, columns, d_lp[:, None])
        if d_h is not None:
            dz.addcmul_(p * -d_h[:, None], safe + h[:, None])
        if temperature != 1:
            dz.div_(temperature)
        dz = dz.to(weight.dtype)
        d_final.index_add_(0, rows, torch.mm(dz, weight).float())
        if d_output is None:
            continue
        if few is None:
            d_output.add_(torch.mm(dz.t(), states))
        else:
            d_output.index_add_(0, few, torch.mm(dz.t(), states).float())
    return logprobs, entropies, d_final, d_output
