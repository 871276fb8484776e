"""The dialect's data and losses as a Tinker service has them, and its answers as the dialect's.

A list "per token" of the dialect has an entry for each of `ids`: entry i belongs to token i, which
ids[0..i-1] predict. A service reads ids[:-1] and has an entry for each of them: entry i belongs to
the token that follows, so every list is shifted by one to the left, and back in its answers.

Losses are sums over tokens there, too, as Tinker documents them (SkyRL's JAX server takes means of
each sequence). Those of policies take no weights: where w >= 0,
w min(r A, clip(r) A) = min(r w A, clip(r) w A), so the weight goes into the advantage.
"""

import math
from dataclasses import dataclass

import torch

from ..api.dialect import CreateModelBody, Datum, ForwardBackwardBody, ForwardBody, LoraConfig
from ..errors import EngineError
from ..training.loss_report import LossReport
from ..training.packing import Action

ATTENTION = frozenset(("q_proj", "k_proj", "v_proj", "o_proj"))
FEED_FORWARD = frozenset(("gate_proj", "up_proj", "down_proj"))
#: A service has no setting for it; 32 is what the SDK's servers compute with.
ALPHA = 32
LOSSES = ("cross_entropy", "importance_sampling", "ppo", "cispo")
CLIPPED = ("ppo", "cispo")


def refuse(what: str, remedy: str) -> EngineError:
    """The error for what a service does not do."""
    return EngineError("unsupported", f"A Tinker service {what}: {remedy}.")


@dataclass(frozen=True)
class ServiceDatum:
    """A sequence as a service takes it."""

    inputs: list[int]
    targets: list[int]  # the token that follows each of `inputs`
    columns: dict[str, list[float]]  # a number for each of them: weights, advantages, logprobs


@dataclass(frozen=True)
class ServiceLora:
    """Which maps of all layers have factors of this rank."""

    rank: int
    seed: int
    attention: bool
    feed_forward: bool


def map_lora(body: CreateModelBody) -> ServiceLora:
    """The adapter as a service has it; raises `unsupported` for another."""
    if body.lora is None:
        raise refuse("trains no whole weights", "set searcher.tuning to lora")
    if body.head != "language":
        raise refuse("has no critic", "choose an rl.algorithm without one, e.g. grpo")
    lora: LoraConfig = body.lora
    if lora.firstLayer != 0:
        raise refuse("adapts all layers", "set searcher.adapter.firstLayer to 0")
    if lora.alpha != ALPHA:
        raise refuse(f"has a fixed alpha of {ALPHA}", f"set searcher.adapter.alpha to {ALPHA}")
    targets = set(lora.targets)
    attention, feed_forward = targets >= ATTENTION, targets >= FEED_FORWARD
    if targets != (ATTENTION if attention else set()) | (FEED_FORWARD if feed_forward else set()):
        raise refuse("adapts all maps of attention or of the feed-forward layers", "name all")
    return ServiceLora(lora.rank, body.seed, attention, feed_forward)


def shift(per_token: list[float]) -> list[float]:
    """From an entry for each token to one for each token that precedes another."""
    return per_token[1:]


def check_scoring(datum: Datum, temperature: float) -> None:
    """Raises `unsupported` for probabilities that a service does not compute."""
    if temperature != 1:
        raise refuse("computes log-probabilities at temperature 1 alone", "set rl.temperature to 1")
    if datum.guides:
        raise refuse("knows no grammars", "set search.decoding to free")


def map_scored(body: ForwardBody) -> list[ServiceDatum]:
    """The data of a `forward`; raises `unsupported` for what a service does not compute."""
    if not body.adapter or body.reference is not None:
        raise refuse("scores by what is trained alone", "set rl.klCoefficient to 0")
    if body.entropy:
        raise refuse("tells no entropies", "ask for log-probabilities alone")
    for datum in body.data:
        check_scoring(datum, body.temperature)
    return [build_datum(datum, {"weights": shift(datum.weights)}) for datum in body.data]


def build_datum(datum: Datum, columns: dict[str, list[float]]) -> ServiceDatum:
    return ServiceDatum(datum.ids[:-1], datum.ids[1:], columns)


def map_loss(body: ForwardBackwardBody) -> tuple[str, dict[str, float] | None]:
    """Name and configuration of the service's loss that is the same as this one.

    Raises `unsupported` where there is none.
    """
    config = body.config
    if body.loss not in LOSSES:
        raise refuse(
            f"has no loss like {body.loss}",
            "choose an rl.algorithm of ppo's, cispo's or cross-entropy's loss, e.g. grpo",
        )
    if config.klCoef:
        raise refuse("has no KL in its losses", "set rl.klCoefficient to 0")
    if config.entropyCoef:
        raise refuse("has no entropy bonus", "set rl.entropyCoefficient to 0")
    if body.loss not in CLIPPED:
        return body.loss, None
    thresholds = {
        "clip_low_threshold": 1 - config.clipLow,
        "clip_high_threshold": 1 + config.clipHigh,
    }
    return body.loss, thresholds


def map_learned(body: ForwardBackwardBody) -> list[ServiceDatum]:
    """The data of a `forward_backward`; raises `unsupported` or `invalid-input`."""
    mapped = []
    for i, datum in enumerate(body.data):
        check_scoring(datum, body.config.temperature)
        if body.loss == "cross_entropy":
            mapped.append(build_datum(datum, {"weights": shift(datum.weights)}))
            continue
        if min(datum.weights) < 0:
            raise EngineError(
                "invalid-input",
                f"data.{i}: weights below 0 would turn a policy's clip around: give them to the "
                "advantages.",
            )
        advantages, logprobs = datum.advantages or [], datum.logprobs or []
        columns = {
            # A token of weight 0 gives neither loss nor gradient, whatever its ratio.
            "advantages": [w * a for w, a in zip(datum.weights, advantages, strict=True)][1:],
            "logprobs": [p if w else 0.0 for w, p in zip(datum.weights, logprobs, strict=True)][1:],
        }
        mapped.append(build_datum(datum, columns))
    return mapped


def list_actions(data: list[Datum]) -> list[Action]:
    """The tokens whose weight is not 0."""
    return [
        Action(i, position, datum.ids[position], None)
        for i, datum in enumerate(data)
        for position, weight in enumerate(datum.weights)
        if weight
    ]


def unshift(
    data: list[Datum], logprobs: list[list[float]], actions: list[Action]
) -> list[list[float]]:
    """A service's log-probabilities as the dialect's lists: 0 where the weight is 0.

    Raises `internal` where it answers with other sequences than it was asked for.
    """
    lengths = [len(datum.ids) - 1 for datum in data]
    if [len(row) for row in logprobs] != lengths:
        raise EngineError(
            "internal",
            f"The service answered with {len(logprobs)} lists of log-probabilities of other "
            f"lengths than the {len(data)} sequences have: is it of another version than the SDK?",
        )
    rows = [[0.0] * len(datum.ids) for datum in data]
    for action in actions:
        rows[action.datum][action.position] = logprobs[action.datum][action.position - 1]
    return rows


def report_scored(body: ForwardBody, logprobs: list[list[float]]) -> dict:
    """The result of a `forward`."""
    return {
        "logprobs": unshift(body.data, logprobs, list_actions(body.data)),
        "values": [],
        **describe_fit(body),
    }


def report_learned(body: ForwardBackwardBody, logprobs: list[list[float]]) -> dict:
    """The result of a `forward_backward` but for its seconds, by the engine's own formulae.

    `logprobs` are those before the step, as the service gave them. Raises `internal` where the loss
    is not finite: a service cannot take a gradient back.
    """
    actions = list_actions(body.data)
    rows = unshift(body.data, logprobs, actions)
    present = torch.tensor([rows[a.datum][a.position] for a in actions])
    report = LossReport(body, rows, [])
    if actions:
        columns = report.gather_policy_columns(actions, lambda: present, present.device)
        report.add_policy_loss(present, torch.zeros_like(present), columns)
    if not math.isfinite(report.sums["loss"]):
        raise EngineError(
            "internal",
            "The loss is NaN or infinite, and the service has added its gradient to the others: "
            "resume the run from its last checkpoint, with a lower rl.learningRate.",
        )
    report.computed = sum(len(datum.ids) - 1 for datum in body.data)
    return report.to_result() | {"entropy": None} | describe_fit(body)


def describe_fit(body: ForwardBody | ForwardBackwardBody) -> dict:
    """A service fits what it gets into its memory itself."""
    return {"tokenBudget": sum(len(datum.ids) for datum in body.data), "retriedOutOfMemory": 0}


def find_gradient_norm(metrics: dict[str, float]) -> float | None:
    """The norm among a service's metrics of a step, of which each has names of its own."""
    for name, value in metrics.items():
        if "grad_norm" in name or "grad_l2" in name:
            if not math.isfinite(value):
                raise EngineError(
                    "internal",
                    "The gradient was NaN or infinite, and the service has stepped by it: resume "
                    "the run from its last checkpoint, with a lower rl.learningRate.",
                )
            return float(value)
    return None


def choose_base(folder: str, named: dict[str, str], offered: list[str]) -> str:
    """A service's name of the base model that an installed folder holds the tokenizer of.

    `named`: by folder, as the user said. Otherwise the one offered model whose last part is the
    folder's name, whatever the case. Raises `not-found`.
    """
    if folder in named:
        return named[folder]
    found = [name for name in offered if name.rstrip("/").split("/")[-1].lower() == folder.lower()]
    if len(found) == 1:
        return found[0]
    raise EngineError(
        "not-found",
        f"The Tinker service offers {', '.join(offered) or 'no model'}, and which of them is "
        f"{folder} is not clear: start the worker with --tinker-base {folder}=NAME.",
    )
