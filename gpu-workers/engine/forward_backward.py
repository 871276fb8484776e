"""Log-probabilities, values and gradients of a batch, each shared prefix computed once.

The graph is kept through the sharing (packing.py), so the gradient is that of the plain, unshared batch. What lies below
the first trained layer comes from the cache. Losses are sums over tokens, so micro-batches add up exactly.
"""

import time
from dataclasses import dataclass, field
from typing import Callable

import numpy as np
import torch
from torch import Tensor

from .attention import attend, to_index
from .dialect import ForwardBackwardBody, ForwardBody
from .errors import EngineError
from .llama import run_layers
from .losses import compute_token_loss, compute_value_loss
from .memory import empty_cache, is_out_of_memory
from .model import Model, Network
from .packing import MicroBatch, micro_batches
from .token_logprobs import compute_token_logprobs
from .value_head import compute_values

# Packed tokens of a micro-batch: bounds the memory of the graph.
TOKEN_BUDGET = 2048
Check = Callable[[], None]


def compute_final_states(model: Model, network: Network, batch: MicroBatch, check: Check) -> Tensor:
    """Normalised final hidden states [R, hidden] of the rows that predict an action."""
    llama, lower = network.llama, model.lower
    c, device = llama.config, llama.embedding.device
    if lower is None:
        x = llama.embedding.index_select(0, to_index(batch.ids, device))
    else:
        x = lower.hidden.index_select(0, to_index(batch.slots, device))

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


def retry_with_smaller_microbatch(
    body: ForwardBody | ForwardBackwardBody, attempt: Callable[[int], dict]
) -> dict:
    """Runs `attempt(token budget)`; where memory does not suffice, again from the start with half the budget. An attempt
    changes nothing before its end. No budget is below the longest datum, which is the least that can be computed."""
    budget, longest, retried = (
        body.tokenBudget or TOKEN_BUDGET,
        max(len(d.ids) for d in body.data),
        0,
    )
    while True:
        try:
            return attempt(budget) | {"tokenBudget": budget, "retriedOutOfMemory": retried}
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if budget <= longest:
                raise EngineError(
                    "out-of-memory",
                    f"Memory does not suffice even for one sequence of {longest} tokens at a time, and nothing was changed: use shorter sequences, checkpointing, or a higher firstLayer. ({error})",
                ) from error
        # Out of the handler, which holds on to the failed attempt's tensors.
        empty_cache()
        budget, retried = max(budget // 2, longest), retried + 1


def zeros_per_token(body: ForwardBody | ForwardBackwardBody) -> list[list[float]]:
    return [[0.0] * len(d.ids) for d in body.data]


def write_per_token(rows: list[list[float]], batch: MicroBatch, numbers: Tensor) -> None:
    """Writes one number per action to its place among the data's tokens."""
    for action, number in zip(batch.actions, numbers.tolist()):
        rows[action.datum][action.position] = number


@torch.no_grad()
def forward(model: Model, body: ForwardBody, check: Check) -> dict:
    """Runs a `forward` operation: log-probabilities of weighted tokens under the policy and a reference, or values."""
    trainable = model.require_trainable() if body.adapter else None
    valued = model.head == "value"
    if valued and (not body.adapter or body.reference is not None or body.entropy):
        raise EngineError(
            "invalid-input",
            f"Model {model.name!r} is a value model: forward takes adapter true, and neither reference nor entropy.",
        )
    networks = {
        "values" if valued else "logprobs": model.build_network(trainable.tensors(trainable.values))
        if trainable
        else model.build_frozen_network()
    }
    if body.reference == "base":
        networks["referenceLogprobs"] = model.build_frozen_network()
    elif body.reference is not None:
        holder = model.require_trainable()
        networks["referenceLogprobs"] = model.build_network(
            holder.tensors(holder.reference(body.reference))
        )

    def attempt(budget: int) -> dict:
        result = {
            "logprobs": [],
            "values": [],
            **{name: zeros_per_token(body) for name in networks},
        }
        if body.entropy:
            result["entropies"] = zeros_per_token(body)
        for batch in micro_batches(model, body.data, check, budget):
            for name, network in networks.items():
                final = compute_final_states(model, network, batch, check)
                if valued:
                    write_per_token(
                        result[name],
                        batch,
                        compute_values(network.score, final).index_select(0, batch.action_rows),
                    )
                    continue
                tokenizer = model.base.tokenizer
                logprobs, entropies, _, _ = compute_token_logprobs(
                    network.llama.head,
                    tokenizer,
                    batch,
                    final,
                    body.temperature,
                    body.entropy,
                    None,
                )
                write_per_token(result[name], batch, logprobs)
                if body.entropy and name == "logprobs":
                    write_per_token(result["entropies"], batch, entropies)
        return result

    return retry_with_smaller_microbatch(body, attempt)


@dataclass
class LossReport:
    """What forward_backward tells: sums over all tokens, and a number per token."""

    body: ForwardBackwardBody
    sums: dict = field(
        default_factory=lambda: {
            "loss": 0.0,
            "policyLoss": 0.0,
            "tokens": 0,
            "entropy": 0.0,
            "kl": 0.0,
            "clipped": 0,
            "valueClipped": 0,
        }
    )
    ratio: dict = field(
        default_factory=lambda: {"sum": 0.0, "min": float("inf"), "max": float("-inf")}
    )
    logprobs: list[list[float]] = field(default_factory=list)
    values: list[list[float]] = field(default_factory=list)
    computed: int = 0

    def add(self, **parts: float) -> None:
        for name, part in parts.items():
            self.sums[name] += part

    def columns(self, batch: MicroBatch, *names: str) -> dict[str, Tensor | None]:
        """What the data say of each action."""

        def column(name: str) -> Tensor | None:
            if getattr(self.body.data[0], name) is None:
                return None
            return torch.tensor(
                [getattr(self.body.data[a.datum], name)[a.position] for a in batch.actions],
                device=batch.rows.device,
            )

        return {name: column(name) for name in ("weights", *names)}

    def result(self) -> dict:
        ratio = (
            self.ratio if np.isfinite(self.ratio["min"]) else {"sum": 0.0, "min": 1.0, "max": 1.0}
        )
        return {
            **self.sums,
            "ratio": ratio,
            "logprobs": self.logprobs,
            "values": self.values,
            "computedTokens": self.computed,
        }


def language_gradient(
    model: Model, network: Network, batch: MicroBatch, final: Tensor, report: LossReport
) -> tuple[list[Tensor], list[Tensor]]:
    """Tensors of the graph and the gradients of the loss by them."""
    config = report.body.config
    columns = report.columns(batch, "advantages", "logprobs", "referenceLogprobs")

    def loss(which: list[int], lp: Tensor, h: Tensor) -> tuple[Tensor, Tensor | None]:
        rows = to_index(np.array(which), final.device)
        part = compute_token_loss(
            report.body.loss,
            config,
            lp,
            h,
            {k: None if c is None else c.index_select(0, rows) for k, c in columns.items()},
        )
        report.add(
            loss=part.loss,
            policyLoss=part.policy,
            tokens=part.tokens,
            entropy=part.entropy,
            kl=part.kl,
            clipped=part.clipped,
        )
        ratio = report.ratio
        report.ratio = {
            "sum": ratio["sum"] + part.ratio_sum,
            "min": min(ratio["min"], part.ratio_min),
            "max": max(ratio["max"], part.ratio_max),
        }
        return part.d_logprobs, part.d_entropies

    output = network.llama.head
    with torch.no_grad():
        logprobs, _, d_final, d_output = compute_token_logprobs(
            output, model.base.tokenizer, batch, final, config.temperature, True, loss
        )
    write_per_token(report.logprobs, batch, logprobs)
    outputs, gradients = [final], [d_final.to(final.dtype)]
    if d_output is not None:
        outputs, gradients = [final, output], [gradients[0], d_output.to(output.dtype)]
    return outputs, gradients


def value_gradient(
    network: Network, batch: MicroBatch, final: Tensor, report: LossReport
) -> tuple[list[Tensor], list[Tensor]]:
    """As language_gradient, of a value model."""
    with torch.enable_grad():
        values = compute_values(network.score, final).index_select(0, batch.action_rows)
    part = compute_value_loss(
        report.body.config, values, report.columns(batch, "returns", "values")
    )
    report.add(loss=part.loss, tokens=part.tokens, valueClipped=part.clipped)
    write_per_token(report.values, batch, values.detach())
    return [values], [part.d_values]


def forward_backward(model: Model, body: ForwardBackwardBody, check: Check) -> dict:
    """Runs a `forward_backward` operation. The gradient is added to the accumulated one only when all of it is there."""
    started = time.perf_counter()
    trainable = model.require_trainable()
    valued = model.head == "value"
    if valued != (body.loss == "value"):
        raise EngineError(
            "invalid-input",
            f"Model {model.name!r} is a {model.head} model: loss {body.loss!r} is of the other kind.",
        )

    def attempt(budget: int) -> dict:
        leaves = trainable.tensors(trainable.values, grad=True)
        with torch.enable_grad():
            network = model.build_network(leaves)
        total = torch.zeros_like(trainable.values)
        totals = trainable.tensors(total)
        report = LossReport(body, **{"values" if valued else "logprobs": zeros_per_token(body)})
        for batch in micro_batches(model, body.data, check, budget):
            with torch.enable_grad():
                final = compute_final_states(model, network, batch, check)
            if valued:
                outputs, gradients = value_gradient(network, batch, final, report)
            else:
                outputs, gradients = language_gradient(model, network, batch, final, report)
            check()
            found = torch.autograd.grad(
                outputs, list(leaves.values()), gradients, allow_unused=True
            )
            for name, gradient in zip(leaves, found):
                if gradient is not None:
                    totals[name].add_(gradient)
            report.computed += len(batch.ids)
        if not np.isfinite(report.sums["loss"]):
            raise EngineError(
                "not-finite",
                "The loss is NaN or infinite; nothing was accumulated. Check advantages, log-probabilities and returns.",
            )
        check()
        if report.sums["tokens"]:
            trainable.accumulate(total)
        return report.result()

    return retry_with_smaller_microbatch(body, attempt) | {"seconds": time.perf_counter() - started}
