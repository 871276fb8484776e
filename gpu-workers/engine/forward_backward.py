"""The operations forward and forward_backward: log-probabilities, values and gradients of data.

Each shared prefix is computed once. The autograd graph is kept through the sharing (packing.py), so
the gradient is that of the plain, unshared batch. Activations below the first trained layer come
from the cache. Losses are sums over tokens, so micro-batches add up exactly.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

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
from .packing import MicroBatch, iterate_micro_batches
from .token_logprobs import compute_token_logprobs
from .value_head import compute_values

# Packed tokens of a micro-batch, unless the caller says otherwise: bounds the memory of the graph.
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
    """Runs `attempt(token budget)`; out of memory it starts again with half the budget.

    An attempt must change nothing before its end. No budget is below the longest datum, which is
    the least that can be computed; where even that fails raises `out-of-memory`.
    """
    longest = max(len(d.ids) for d in body.data)
    budget, retried = body.tokenBudget or TOKEN_BUDGET, 0
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


def zeros_per_token(body: ForwardBody | ForwardBackwardBody) -> list[list[float]]:
    """A 0 for every token of every datum."""
    return [[0.0] * len(d.ids) for d in body.data]


def write_per_token(rows: list[list[float]], batch: MicroBatch, numbers: Tensor) -> None:
    """Writes one number per action to its place among the data's tokens."""
    for action, number in zip(batch.actions, numbers.tolist(), strict=True):
        rows[action.datum][action.position] = number


@torch.no_grad()
def forward(model: Model, body: ForwardBody, check: Check) -> dict:
    """Runs a `forward` operation.

    Gives log-probabilities of weighted tokens under the policy and, where asked, a reference; a
    value model gives values.
    """
    trainable = model.require_trainable() if body.adapter else None
    is_value_model = model.head == "value"
    if is_value_model and (not body.adapter or body.reference is not None or body.entropy):
        raise EngineError(
            "invalid-input",
            f"Model {model.name!r} is a value model: forward takes adapter true, and neither "
            "reference nor entropy.",
        )
    network = model.build_frozen_network()
    if trainable is not None:
        network = model.build_network(trainable.tensors(trainable.values))
    networks = {"values" if is_value_model else "logprobs": network}
    if body.reference == "base":
        networks["referenceLogprobs"] = model.build_frozen_network()
    elif body.reference is not None:
        owner = model.require_trainable()
        snapshot = owner.get_snapshot(body.reference)
        networks["referenceLogprobs"] = model.build_network(owner.tensors(snapshot))

    def attempt(budget: int) -> dict:
        result: dict[str, list] = {"logprobs": [], "values": []}
        result |= {name: zeros_per_token(body) for name in networks}
        if body.entropy:
            result["entropies"] = zeros_per_token(body)
        for batch in iterate_micro_batches(model, body.data, check, budget):
            for name, network in networks.items():
                final = compute_final_states(model, network, batch, check)
                if network.score is not None:
                    values = compute_values(network.score, final)
                    write_per_token(result[name], batch, values.index_select(0, batch.action_rows))
                    continue
                logprobs, entropies, _, _ = compute_token_logprobs(
                    network.llama.head,
                    model.base.tokenizer,
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
    """What forward_backward reports: sums over all tokens, and a number per token."""

    body: ForwardBackwardBody
    logprobs: list[list[float]]  # empty from a value model
    values: list[list[float]]  # empty from a language model
    sums: dict[str, float] = field(
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
    ratio_sum: float = 0.0
    ratio_min: float = math.inf
    ratio_max: float = -math.inf
    computed: int = 0

    def add(self, **parts: float) -> None:
        """Adds to the sums by name."""
        for name, part in parts.items():
            self.sums[name] += part

    def add_ratio(self, total: float, low: float, high: float) -> None:
        """Adds the importance ratios of some tokens by their sum, minimum and maximum."""
        self.ratio_sum += total
        self.ratio_min, self.ratio_max = min(self.ratio_min, low), max(self.ratio_max, high)

    def gather_columns(self, batch: MicroBatch, *names: str) -> dict[str, Tensor]:
        """Weights [actions], and of the named lists of the data those that were given."""
        data = self.body.data
        return {
            name: torch.tensor(
                [getattr(data[a.datum], name)[a.position] for a in batch.actions],
                device=batch.rows.device,
            )
            for name in ("weights", *names)
            if getattr(data[0], name) is not None
        }

    def to_result(self) -> dict:
        """The operation's result, but for what is measured outside."""
        ratio = {"sum": self.ratio_sum, "min": self.ratio_min, "max": self.ratio_max}
        if not math.isfinite(self.ratio_min):
            ratio = {"sum": 0.0, "min": 1.0, "max": 1.0}
        return {
            **self.sums,
            "ratio": ratio,
            "logprobs": self.logprobs,
            "values": self.values,
            "computedTokens": self.computed,
        }


def compute_policy_gradient(
    model: Model, network: Network, batch: MicroBatch, final: Tensor, report: LossReport
) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs of the autograd graph, and the gradients of the loss by them."""
    config = report.body.config
    columns = report.gather_columns(batch, "advantages", "logprobs", "referenceLogprobs")

    def loss(which: list[int], lp: Tensor, h: Tensor) -> tuple[Tensor, Tensor | None]:
        rows = to_index(np.array(which), final.device)
        part = compute_token_loss(
            report.body.loss,
            config,
            lp,
            h,
            {name: column.index_select(0, rows) for name, column in columns.items()},
        )
        report.add(
            loss=part.loss,
            policyLoss=part.policy,
            tokens=part.tokens,
            entropy=part.entropy,
            kl=part.kl,
            clipped=part.clipped,
        )
        report.add_ratio(part.ratio_sum, part.ratio_min, part.ratio_max)
        return part.d_logprobs, part.d_entropies

    output = network.llama.head
    with torch.no_grad():
        logprobs, _, d_final, d_output = compute_token_logprobs(
            output, model.base.tokenizer, batch, final, config.temperature, True, loss
        )
    write_per_token(report.logprobs, batch, logprobs)
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
    part = compute_value_loss(
        report.body.config, values, report.gather_columns(batch, "returns", "values")
    )
    report.add(loss=part.loss, tokens=part.tokens, valueClipped=part.clipped)
    write_per_token(report.values, batch, values.detach())
    return [values], [part.d_values]


def forward_backward(model: Model, body: ForwardBackwardBody, check: Check) -> dict:
    """Runs a `forward_backward` operation.

    The gradient is added to the accumulated one only when all of it has been computed.
    """
    started = time.perf_counter()
    trainable = model.require_trainable()
    is_value_model = model.head == "value"
    if is_value_model != (body.loss == "value"):
        raise EngineError(
            "invalid-input",
            f"Model {model.name!r} is a {model.head} model: loss {body.loss!r} is of the other "
            "kind.",
        )

    def attempt(budget: int) -> dict:
        leaves = trainable.tensors(trainable.values, grad=True)
        with torch.enable_grad():
            network = model.build_network(leaves)
        total = torch.zeros_like(trainable.values)
        totals = trainable.tensors(total)
        rows = zeros_per_token(body)
        report = LossReport(body, *(([], rows) if is_value_model else (rows, [])))
        for batch in iterate_micro_batches(model, body.data, check, budget):
            with torch.enable_grad():
                final = compute_final_states(model, network, batch, check)
            if network.score is not None:
                outputs, gradients = compute_value_gradient(network.score, batch, final, report)
            else:
                outputs, gradients = compute_policy_gradient(model, network, batch, final, report)
            check()
            found = torch.autograd.grad(
                outputs, list(leaves.values()), gradients, allow_unused=True
            )
            for name, gradient in zip(leaves, found, strict=True):
                if gradient is not None:
                    totals[name].add_(gradient)
            report.computed += len(batch.ids)
        if not math.isfinite(report.sums["loss"]):
            raise EngineError(
                "not-finite",
                "The loss is NaN or infinite; nothing was accumulated. Check advantages, "
                "log-probabilities and returns.",
            )
        check()
        if report.sums["tokens"]:
            trainable.accumulate(total)
        return report.to_result()

    return retry_with_smaller_microbatch(body, attempt) | {"seconds": time.perf_counter() - started}
