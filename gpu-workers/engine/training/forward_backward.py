"""The operations forward and forward_backward: log-probabilities, values and gradients of data.

Each shared prefix is computed once. The autograd graph is kept through the sharing (packing.py), so
the gradient is that of the plain, unshared batch. Activations below the first trained layer come
from the cache. Losses are sums over tokens, so micro-batches add up exactly.
"""

import math
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from ..api.dialect import ForwardBackwardBody, ForwardBody
from ..errors import EngineError
from ..memory import empty_cache, is_out_of_memory
from ..models.attention import attend, to_index
from ..models.llama import Llama, run_layers
from ..models.model import Model, Network
from ..models.transformers_model import TransformersModel
from ..models.transformers_network import LibraryNetwork
from ..models.value_head import compute_values
from ..sampling.token_logprobs import compute_token_logprobs
from .loss_report import LossReport, write_per_token
from .packing import MicroBatch, iterate_micro_batches
from .transformers_gradients import (
    PaddedBatch,
    compute_library_gradients,
    compute_library_numbers,
    iterate_padded_batches,
)
from .turns import Serve, iterate_and_serve

# Packed tokens of a micro-batch, unless the caller says otherwise: bounds the memory of the graph.
TOKEN_BUDGET = 2048
Check = Callable[[], None]
AnyModel = Model | TransformersModel
AnyNetwork = Network | LibraryNetwork
AnyBatch = MicroBatch | PaddedBatch


def read_input_states(model: Model, llama: Llama, batch: MicroBatch) -> Tensor:
    """Hidden states [T, hidden] that enter the first trained layer."""
    lower, device = model.lower, llama.device
    if lower is None:
        return llama.embedding.index_select(0, to_index(batch.ids, device))
    return lower.hidden.index_select(0, to_index(batch.slots, device))


def compute_final_states(model: Model, network: Network, batch: MicroBatch, check: Check) -> Tensor:
    """Normalised final hidden states [R, hidden] of the rows that predict an action."""
    llama = network.llama
    c = llama.config
    x = read_input_states(model, llama, batch)

    def attention(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return attend(batch.last_plan if layer == c.layers - 1 else batch.plan, q, k, v, c)

    layers = llama.layers[model.first_trained_layer :]
    x = run_layers(
        llama,
        layers,
        model.first_trained_layer,
        x,
        batch.positions,
        attention,
        network.linear,
        batch.rows,
        check,
        model.checkpointing,
    )
    return llama.final_norm(x)


def choose_token_budget(model: AnyModel, body: ForwardBody | ForwardBackwardBody) -> int:
    """Packed tokens of a micro-batch: of the operation, else of its model, else the engine's."""
    return body.tokenBudget or model.token_budget or TOKEN_BUDGET


def retry_with_smaller_microbatch(
    model: AnyModel, body: ForwardBody | ForwardBackwardBody, attempt: Callable[[int], dict]
) -> dict:
    """Runs `attempt(token budget)`; out of memory it starts again with half the budget.

    An attempt must change nothing before its end. No budget is below the longest datum, which is
    the least that can be computed; where even that fails raises `out-of-memory`.
    """
    longest = max(len(d.ids) for d in body.data)
    budget, retried = choose_token_budget(model, body), 0
    while True:
        try:
            return attempt(budget) | {"tokenBudget": budget, "retriedOutOfMemory": retried}
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if budget <= longest:
                raise EngineError(
                    "out-of-memory",
                    f"Memory does not suffice even for one sequence of {longest} tokens at a "
                    "time, and nothing was changed: use shorter sequences, checkpointing, or a "
                    f"higher firstLayer. ({error})",
                ) from error
        # Outside the handler: the exception keeps the failed attempt's tensors alive.
        empty_cache()
        budget, retried = max(budget // 2, longest), retried + 1


def make_zeros(body: ForwardBody | ForwardBackwardBody) -> list[list[float]]:
    """A 0 for every token of every datum."""
    return [[0.0] * len(d.ids) for d in body.data]


def iterate_batches(
    model: AnyModel, body: ForwardBody | ForwardBackwardBody, check: Check, budget: int
) -> Iterator[AnyBatch]:
    """Checks the data, then yields them in batches of at most `budget` tokens, or of one datum."""
    if isinstance(model, TransformersModel):
        return iterate_padded_batches(model, body.data, check, budget)
    return iterate_micro_batches(model, body.data, check, budget)


def compute_numbers(
    model: AnyModel, network: AnyNetwork, batch: AnyBatch, body: ForwardBody, check: Check
) -> tuple[Tensor, Tensor | None]:
    """Of each action the log-probability, or a value model's value; and the entropies if asked."""
    if isinstance(network, LibraryNetwork) or isinstance(batch, PaddedBatch):
        assert isinstance(network, LibraryNetwork)
        assert isinstance(batch, PaddedBatch)
        return compute_library_numbers(network, batch, body)
    assert isinstance(model, Model)
    final = compute_final_states(model, network, batch, check)
    if network.score is not None:
        values = compute_values(network.score, final)
        return values.index_select(0, batch.action_rows), None
    logprobs, entropies, _, _ = compute_token_logprobs(
        network.llama.head,
        model.base.tokenizer,
        batch,
        final,
        body.temperature,
        body.entropy,
        None,
    )
    return logprobs, entropies


def check_forward(model: AnyModel, body: ForwardBody) -> None:
    """Raises `invalid-input` where a value model is asked for what it has not."""
    if model.head == "value" and (not body.adapter or body.reference is not None or body.entropy):
        raise EngineError(
            "invalid-input",
            f"Model {model.name!r} is a value model: forward takes adapter true, and neither "
            "reference nor entropy.",
        )


@torch.no_grad()
def build_forward_networks(model: AnyModel, body: ForwardBody) -> dict[str, AnyNetwork]:
    """The networks that a `forward` computes with, by the list of its result that each gives."""
    check_forward(model, body)
    network = model.build_frozen_network()
    if body.adapter:
        trainable = model.require_trainable()
        network = model.build_network(trainable.gather(trainable.values))
    networks = {"values" if model.head == "value" else "logprobs": network}
    if body.reference == "base":
        networks["referenceLogprobs"] = model.build_frozen_network()
    elif body.reference is not None:
        owner = model.require_trainable()
        snapshot = owner.get_snapshot(body.reference)
        networks["referenceLogprobs"] = model.build_network(owner.gather(snapshot))
    return networks


def make_forward_result(body: ForwardBody, parts: list[str]) -> dict[str, list]:
    """Zeros for every token, in the lists of a `forward`'s result that are computed."""
    result: dict[str, list] = {"logprobs": [], "values": []}
    result |= {part: make_zeros(body) for part in parts}
    return result | ({"entropies": make_zeros(body)} if body.entropy else {})


def write_numbers(
    result: dict[str, list], part: str, batch: AnyBatch, numbers: Tensor, entropies: Tensor | None
) -> None:
    """Writes what `compute_numbers` gave to the list `part`; entropies are the policy's."""
    write_per_token(result[part], batch.actions, numbers)
    if "entropies" in result and part == "logprobs" and entropies is not None:
        write_per_token(result["entropies"], batch.actions, entropies)


@torch.no_grad()
def forward(model: AnyModel, body: ForwardBody, check: Check, serve_waiting: Serve) -> dict:
    """Runs a `forward` operation; others have a turn between its micro-batches.

    Gives log-probabilities of weighted tokens under the policy and, where asked, a reference; a
    value model gives values.
    """
    networks = build_forward_networks(model, body)

    def attempt(budget: int) -> dict:
        result = make_forward_result(body, list(networks))
        batches = iterate_batches(model, body, check, budget)
        for batch in iterate_and_serve(batches, serve_waiting):
            for name, network in networks.items():
                found = compute_numbers(model, network, batch, body, check)
                write_numbers(result, name, batch, *found)
        return result

    return retry_with_smaller_microbatch(model, body, attempt)


def compute_policy_gradient(
    model: Model, network: Network, batch: MicroBatch, final: Tensor, report: LossReport
) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs of the autograd graph, and the gradients of the loss by them."""
    config = report.body.config
    output = network.llama.head

    @torch.no_grad()
    def compute_logprobs() -> Tensor:
        return compute_token_logprobs(
            output, model.base.tokenizer, batch, final, config.temperature, False, None
        )[0]

    columns = report.gather_policy_columns(batch.actions, compute_logprobs, final.device)

    def loss(which: list[int], lp: Tensor, h: Tensor) -> tuple[Tensor, Tensor | None]:
        rows = to_index(np.array(which), final.device)
        return report.add_policy_loss(
            lp, h, {name: column.index_select(0, rows) for name, column in columns.items()}
        )

    with torch.no_grad():
        logprobs, _, d_final, d_output = compute_token_logprobs(
            output, model.base.tokenizer, batch, final, config.temperature, True, loss
        )
    report.write_logprobs(batch.actions, logprobs)
    if d_final is None:
        raise ValueError("a loss gives gradients")
    outputs, gradients = [final], [d_final.to(final.dtype)]
    if d_output is not None:
        outputs.append(output)
        gradients.append(d_output.to(output.dtype))
    return outputs, gradients


def compute_value_gradient(
    score: dict[str, Tensor], batch: MicroBatch, final: Tensor, report: LossReport
) -> tuple[list[Tensor], list[Tensor]]:
    """As compute_policy_gradient, of a value model with the head `score`."""
    with torch.enable_grad():
        values = compute_values(score, final).index_select(0, batch.action_rows)
    return [values], [report.add_value_loss(values, batch.actions)]


def compute_gradients(
    model: AnyModel,
    network: AnyNetwork,
    batch: AnyBatch,
    leaves: list[Tensor],
    report: LossReport,
    check: Check,
) -> tuple[Tensor | None, ...]:
    """Gradients of a batch's loss by the leaves; None for one that it does not depend on."""
    if isinstance(network, LibraryNetwork) or isinstance(batch, PaddedBatch):
        assert isinstance(network, LibraryNetwork)
        assert isinstance(batch, PaddedBatch)
        return compute_library_gradients(network, batch, leaves, report, model.checkpointing, check)
    assert isinstance(model, Model)
    with torch.enable_grad():
        final = compute_final_states(model, network, batch, check)
    if network.score is not None:
        outputs, gradients = compute_value_gradient(network.score, batch, final, report)
    else:
        outputs, gradients = compute_policy_gradient(model, network, batch, final, report)
    check()
    return torch.autograd.grad(outputs, leaves, gradients, allow_unused=True)


def check_loss(model: AnyModel, body: ForwardBackwardBody) -> None:
    """Raises `invalid-input` where the loss is not of the model's kind."""
    if (model.head == "value") != (body.loss == "value"):
        raise EngineError(
            "invalid-input",
            f"Model {model.name!r} is a {model.head} model: loss {body.loss!r} is of the other "
            "kind.",
        )


def make_report(model: AnyModel, body: ForwardBackwardBody) -> LossReport:
    """An empty report of a forward_backward."""
    rows = make_zeros(body)
    return LossReport(body, *(([], rows) if model.head == "value" else (rows, [])))


def check_finite_loss(report: LossReport) -> None:
    """Raises `not-finite` where the loss is NaN or infinite."""
    if not math.isfinite(report.sums["loss"]):
        raise EngineError(
            "not-finite",
            "The loss is NaN or infinite; nothing was accumulated. Check advantages, "
            "log-probabilities and returns.",
        )


def forward_backward(
    model: AnyModel, body: ForwardBackwardBody, check: Check, serve_waiting: Serve
) -> dict:
    """Runs a `forward_backward` operation; others have a turn between its micro-batches.

    The gradient is added to the accumulated one only when all of it has been computed.
    """
    started = time.perf_counter()
    trainable = model.require_trainable()
    check_loss(model, body)

    def attempt(budget: int) -> dict:
        leaves = trainable.tensors(trainable.values, grad=True)
        with torch.enable_grad():
            network = model.build_network(leaves)
        total = torch.zeros_like(trainable.values)
        totals = trainable.tensors(total)
        report = make_report(model, body)
        batches = iterate_batches(model, body, check, budget)
        for batch in iterate_and_serve(batches, serve_waiting):
            found = compute_gradients(model, network, batch, list(leaves.values()), report, check)
            for name, gradient in zip(leaves, found, strict=True):
                if gradient is not None:
                    totals[name].add_(gradient)
            report.computed += batch.ids.size
        check_finite_loss(report)
        check()
        if report.sums["tokens"]:
            trainable.accumulate(total)
        return report.to_result()

    return retry_with_smaller_microbatch(model, body, attempt) | {
        "seconds": time.perf_counter() - started
    }
