"""Losses of single tokens, with their derivatives by log-probability, entropy or value.

A loss is a sum over tokens; the caller normalises by the weights. `data` names tensors [n] as the
dialect's Datum does; what the caller did not give is not there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..api.dialect import LossConfig


@dataclass
class TokenLoss:
    """Sums over tokens, and the derivatives [n] of `loss`."""

    loss: float
    policy: float  # the loss without the KL and the entropy
    tokens: int
    entropy: float
    kl: float
    clipped: int
    ratio_sum: float
    ratio_min: float
    ratio_max: float
    d_logprobs: Tensor
    d_entropies: Tensor | None


@dataclass
class ValueLoss:
    """Sums over tokens, and the derivative [n] of `loss`."""

    loss: float
    tokens: int
    clipped: int
    d_values: Tensor


def compute_value_loss(config: LossConfig, values: Tensor, data: Mapping[str, Tensor]) -> ValueLoss:
    """The value loss of `values` [n]; `data` has weights, returns and, for a clip, values.

    w / 2 max((v - R)^2, (clip(v, v_old - c, v_old + c) - R)^2) with c = valueClip, as the code of
    Schulman et al. 2017, verl and so s3; without valueClip w / 2 (v - R)^2.
    """
    v = values.detach().requires_grad_(True)
    clipped = 0
    with torch.enable_grad():
        error = (v - data["returns"]).square()
        if config.valueClip is not None:
            old = data["values"]
            bounded = (
                v.clamp(old - config.valueClip, old + config.valueClip) - data["returns"]
            ).square()
            clipped = int((bounded > error).sum())
            error = torch.maximum(error, bounded)
        loss = (data["weights"] * error).sum() / 2
        (d_values,) = torch.autograd.grad(loss, v)
    return ValueLoss(float(loss.detach()), len(v), clipped, d_values)


def average_log_ratios(logprobs: Tensor, old: Tensor, sequences: Tensor) -> Tensor:
    """Of each token [n] the mean of log p - log p_old over the tokens of its sequence.

    `sequences` [n] numbers the sequence of each token. The result is the logarithm of GSPO's ratio
    (Zheng et al. 2025, eq. 7).
    """
    size = int(sequences.max()) + 1 if len(sequences) else 0
    sums = logprobs.new_zeros(size).index_add_(0, sequences, logprobs - old)
    counts = logprobs.new_zeros(size).index_add_(0, sequences, torch.ones_like(logprobs))
    return (sums / counts.clamp(min=1)).index_select(0, sequences)


def compute_token_loss(
    kind: str,
    config: LossConfig,
    logprobs: Tensor,
    entropies: Tensor,
    data: Mapping[str, Tensor],
) -> TokenLoss:
    """The policy loss `kind` of `logprobs` [n], whose distributions have `entropies` [n].

    cross_entropy: -w log p. importance_sampling: -w r A with r = p / p_old. ppo (Schulman et al.
    2017, eq. 7): -w min(r A, clip(r, 1 - clipLow, 1 + clipHigh) A). gspo: the same of the whole
    sequence's ratio s, whose logarithm `data` has as sequenceLogRatios; the gradient of s reaches
    each token as s (GSPO-token: Zheng et al. 2025, eq. 13), which is GSPO's own (eq. 5) where a
    sequence has one advantage. cispo (MiniMax 2025, eq. 4): -w c A log p with the constant
    c = clip(r, 1 - clipLow, 1 + clipHigh), so that no token loses its gradient. Each plus w klCoef
    KL(k1, k2 or k3) minus w entropyCoef H.
    """
    weights = data["weights"]
    lp = logprobs.detach().requires_grad_(True)
    with torch.enable_grad():
        clipped = 0
        ratio = torch.ones_like(lp)
        if kind == "cross_entropy":
            loss = -(weights * lp).sum()
        else:
            ratio = (lp - data["logprobs"]).exp()
            if kind == "gspo":
                ratio = data["sequenceLogRatios"].exp() * (lp - lp.detach()).exp()
            gain = ratio * data["advantages"]
            if kind != "importance_sampling":
                bounded_ratio = ratio.clamp(1 - config.clipLow, 1 + config.clipHigh)
                bounded = bounded_ratio * data["advantages"]
                if kind == "cispo":
                    clipped = int((bounded_ratio != ratio).sum())
                    gain = bounded.detach() * lp
                else:
                    clipped = int((bounded < gain).sum())
                    gain = torch.minimum(gain, bounded)
            loss = -(weights * gain).sum()
        policy = float(loss.detach())
        kl = 0.0
        if "referenceLogprobs" in data:
            difference = data["referenceLogprobs"] - lp  # log ref - log p
            estimate = {
                "k1": lambda: -difference,
                "k2": lambda: difference.square() / 2,
                "k3": lambda: difference.exp() - 1 - difference,
            }[config.klEstimator]()
            kl = float(estimate.detach().sum())
            if config.klCoef:
                loss = loss + config.klCoef * (weights * estimate).sum()
        (d_logprobs,) = torch.autograd.grad(loss, lp)
    d_entropies = None
    value = float(loss.detach())
    if config.entropyCoef:
        d_entropies = -config.entropyCoef * weights
        value += float((d_entropies * entropies).sum())
    ratio = ratio.detach()
    return TokenLoss(
        value,
        policy,
        len(lp),
        float(entropies.sum()),
        kl,
        clipped,
        float(ratio.sum()),
        float(ratio.min()),
        float(ratio.max()),
        d_logprobs,
        d_entropies,
    )
