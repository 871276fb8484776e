"""Log-probabilities, values and gradients of data on a model that transformers computes.

Sequences lie in batches padded at their ends, which causal attention never looks at.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ..api.dialect import Datum, ForwardBody
from ..models.attention import to_index
from ..models.transformers_model import TransformersModel
from ..models.transformers_network import LibraryNetwork
from ..models.value_head import compute_values
from ..sampling.guided_decoding import Tokenizer
from .loss_report import LossReport
from .packing import Action, check_data, find_actions

# Numbers in the logits [actions, vocabulary] of a batch, unless one datum has more.
LOGITS = 1 << 27


@dataclass
class PaddedBatch:
    """Some data as rows of one batch, and the actions predicted from them."""

    actions: list[Action]
    ids: np.ndarray  # [rows, tokens], padded with 0; its size counts as computed tokens
    mask: np.ndarray  # [rows, tokens] 1 where there is a token
    rows: np.ndarray  # [actions]
    columns: np.ndarray  # [actions] column of the token before the action
    allowed: np.ndarray | None  # [actions, vocabulary] bool, where a guide restricts any


def iterate_padded_batches(
    model: TransformersModel, data: list[Datum], check: Callable[[], None], budget: int
) -> Iterator[PaddedBatch]:
    """Checks all data, then yields batches of at most `budget` padded tokens, or of one datum."""
    check_data(model, data)
    tokenizer = model.base.tokenizer
    # A value is that of a state, whatever a guide allows from there.
    actions = find_actions(data, tokenizer if model.head == "language" else None)
    vocabulary = model.base.model.config.vocabulary
    group: list[int] = []
    # In the order of their lengths, so that little is padding; longest first, so that a batch that
    # does not fit into memory is noticed at once.
    for i in sorted((i for i in range(len(data)) if actions[i]), key=lambda i: -len(data[i].ids)):
        rows = [*group, i]
        longest = max(actions[k][-1].position for k in rows)
        logits = sum(len(actions[k]) for k in rows) * vocabulary
        if group and (longest * len(rows) > budget or logits > LOGITS):
            yield pad(data, actions, group, tokenizer)
            check()
            rows = [i]
        group = rows
    if group:
        yield pad(data, actions, group, tokenizer)


def pad(
    data: list[Datum], actions: list[list[Action]], group: list[int], tokenizer: Tokenizer
) -> PaddedBatch:
    """The batch of the data in `group`; what follows on a datum's last action is left out."""
    lengths = [actions[i][-1].position for i in group]
    ids = np.zeros((len(group), max(lengths)), np.int64)
    mask = np.zeros_like(ids)
    for row, (i, length) in enumerate(zip(group, lengths, strict=True)):
        ids[row, :length] = data[i].ids[:length]
        mask[row, :length] = 1
    flat = [a for i in group for a in actions[i]]
    allowed = None
    if any(a.mask is not None for a in flat):
        allowed = np.ones((len(flat), tokenizer.vocabulary), bool)
        for k, action in enumerate(flat):
            if action.mask is not None:
                allowed[k] = tokenizer.unpack_masks(action.mask[None])[0]
    rows = np.repeat(np.arange(len(group)), [len(actions[i]) for i in group])
    columns = np.array([a.position - 1 for a in flat])
    return PaddedBatch(flat, ids, mask, rows, columns, allowed)


def compute_logprobs(
    network: LibraryNetwork, batch: PaddedBatch, temperature: float
) -> tuple[Tensor, Tensor]:
    """Log-probability and entropy [actions] of each action; gradients reach the weights."""
    device = network.base.device
    wanted, places = np.unique(batch.columns, return_inverse=True)
    logits, _ = network.compute_logits(
        to_index(batch.ids, device),
        to_index(batch.mask, device),
        to_index(wanted, device),
        use_cache=False,
    )
    logits = logits[to_index(batch.rows, device), to_index(places.reshape(-1), device)].float()
    logits = logits / temperature
    refused = None if batch.allowed is None else torch.from_numpy(~batch.allowed).to(device)
    if refused is not None:
        logits = logits.masked_fill(refused, float("-inf"))
    logprobs = torch.log_softmax(logits, -1)
    # A token that is not allowed has probability 0 and no finite logarithm.
    finite = logprobs if refused is None else logprobs.masked_fill(refused, 0.0)
    entropies = -(logprobs.exp() * finite).sum(-1)
    tokens = to_index(np.array([a.token for a in batch.actions]), device)
    return logprobs.gather(1, tokens[:, None])[:, 0], entropies


# Values [n] of final states [n, hidden], by the value head.
Score = Callable[[Tensor], Tensor]


def compute_action_values(network: LibraryNetwork, batch: PaddedBatch, score: Score) -> Tensor:
    """Values [actions] of the states that actions are chosen from."""
    device = network.base.device
    final = network.compute_final_states(to_index(batch.ids, device), to_index(batch.mask, device))
    return score(final[to_index(batch.rows, device), to_index(batch.columns, device)])


@torch.no_grad()
def compute_library_numbers(
    network: LibraryNetwork, batch: PaddedBatch, body: ForwardBody
) -> tuple[Tensor, Tensor | None]:
    """Of each action the log-probability with its entropy, or a value model's value."""
    with network.activate():
        if network.score is not None:
            return compute_action_values(
                network, batch, partial(compute_values, network.score)
            ), None
        return compute_logprobs(network, batch, body.temperature)


def compute_library_loss(
    network: LibraryNetwork, batch: PaddedBatch, report: LossReport | None, score: Score | None
) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs of the autograd graph and the loss's gradients by them; the report is added to.

    `score`: the value head of a value model. Without a report the gradients are 0.
    """
    if score is not None:
        values = compute_action_values(network, batch, score)
        if report is None:
            return [values], [torch.zeros_like(values)]
        return [values], [report.add_value_loss(values, batch.actions)]
    temperature = 1.0 if report is None else report.body.config.temperature
    logprobs, entropies = compute_logprobs(network, batch, temperature)
    if report is None:
        return [logprobs], [torch.zeros_like(logprobs)]
    columns = report.gather_policy_columns(batch.actions, logprobs.detach, logprobs.device)
    with torch.no_grad():
        d_logprobs, d_entropies = report.add_policy_loss(
            logprobs.detach(), entropies.detach(), columns
        )
    report.write_logprobs(batch.actions, logprobs.detach())
    if d_entropies is None:
        return [logprobs], [d_logprobs]
    return [logprobs, entropies], [d_logprobs, d_entropies]


def compute_library_gradients(
    network: LibraryNetwork,
    batch: PaddedBatch,
    leaves: list[Tensor],
    report: LossReport,
    checkpointing: bool,
    check: Callable[[], None],
) -> tuple[Tensor | None, ...]:
    """Gradients of the loss of a batch by the leaves; what is reported of it is added."""
    score = None if network.score is None else partial(compute_values, network.score)
    with network.activate(checkpointing), torch.enable_grad():
        outputs, gradients = compute_library_loss(network, batch, report, score)
        check()
        return torch.autograd.grad(outputs, leaves, gradients, allow_unused=True)
