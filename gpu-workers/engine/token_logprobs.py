"""From final hidden states to log-probabilities of the chosen tokens, and back: logits of a few rows at a time."""

from dataclasses import dataclass
from typing import Callable

import numpy as np
import torch
from torch import Tensor

from .attention import to_index
from .guided_decoding import Tokenizer
from .packing import Action, MicroBatch
from .sampling import FEW_TOKENS

# Rows of logits [rows, vocabulary] held at once.
LOGIT_ROWS = 256


@dataclass
class LogitChunk:
    """Actions whose log-probabilities are taken together: over the whole vocabulary or over a few tokens."""

    actions: list[int]
    tokens: np.ndarray | None  # columns of the logits; None: the vocabulary
    mask: np.ndarray | None  # [actions, columns] bool


def split_into_chunks(actions: list[Action], tokenizer: Tokenizer) -> list[LogitChunk]:
    """Splits actions into chunks; those whose guide allows few tokens only need the logits of these."""
    few: list[int] = []
    many: list[int] = []
    union = np.zeros((1, (tokenizer.vocabulary + 31) // 32), np.int32)
    found: list[LogitChunk] = []

    def words(k: int) -> np.ndarray:
        return np.frombuffer(actions[k].mask, np.int32)[None]

    def flush() -> None:
        if few:
            tokens = np.flatnonzero(tokenizer.allowed(union)[0])
            mask = np.concatenate([tokenizer.allowed(words(k)) for k in few])[:, tokens]
            found.append(LogitChunk(list(few), tokens, mask))
            few.clear()
            union[:] = 0

    for k, action in enumerate(actions):
        if action.mask is None or np.bitwise_count(words(k).view(np.uint32)).sum() > FEW_TOKENS:
            many.append(k)
            continue
        joined = union | words(k)
        if (
            np.bitwise_count(joined.view(np.uint32)).sum() > FEW_TOKENS
            or len(few) >= 4 * LOGIT_ROWS
        ):
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
                [
                    tokenizer.allowed(words(k))
                    if actions[k].mask is not None
                    else np.ones((1, tokenizer.vocabulary), bool)
                    for k in chunk
                ]
            )
        found.append(LogitChunk(chunk, None, mask))
    return found


def compute_token_logprobs(
    output: Tensor,
    tokenizer: Tokenizer,
    batch: MicroBatch,
    final: Tensor,
    temperature: float,
    entropy: bool,
    loss: Callable | None,
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """Log-probabilities and entropies [actions] from normalised hidden states [R, hidden] and the output matrix
    [vocabulary, hidden]. Given `loss(head, logprobs, entropies) -> (d_logprobs, d_entropies or None)`, also the float32
    gradients of the hidden states and, where it is trained, of the output matrix.

    The gradient of the logits is written out and each chunk's logits freed: dz = a (onehot - p) - b p (log p + H).
    """
    count, device = len(batch.actions), final.device
    logprobs, entropies = torch.zeros(count, device=device), torch.zeros(count, device=device)
    gradient = torch.zeros(final.shape, dtype=torch.float32, device=device) if loss else None
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
        if entropy or loss:
            p = logits.exp()
            safe = logits.masked_fill(p == 0, 0.0) if chunk.mask is not None else logits
            h = -(p * safe).sum(-1)
            entropies.index_copy_(0, which, h)
        if loss:
            d_lp, d_h = loss(chunk.actions, lp, h)
            dz = p.mul(-d_lp[:, None])
            dz.scatter_add_(1, columns, d_lp[:, None])
            if d_h is not None:
                dz.addcmul_(p * -d_h[:, None], safe + h[:, None])
            if temperature != 1:
                dz.div_(temperature)
            dz = dz.to(weight.dtype)
            gradient.index_add_(0, rows, torch.mm(dz, weight).float())
            if d_output is not None and few is None:
                d_output.add_(torch.mm(dz.t(), states))
            elif d_output is not None:
                d_output.index_add_(0, few, torch.mm(dz.t(), states).float())
    return logprobs, entropies, gradient, d_output
