"""What the operations on training data report: numbers per token, and sums over them."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..api.dialect import ForwardBackwardBody
from .losses import average_log_ratios, compute_token_loss, compute_value_loss
from .packing import Action


def write_per_token(rows: list[list[float]], actions: list[Action], numbers: Tensor) -> None:
    """Writes one number per action to its place among the data's tokens."""
    for action, number in zip(actions, numbers.tolist(), strict=True):
        rows[action.datum][action.position] = number


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

    def add_policy_loss(
        self, logprobs: Tensor, entropies: Tensor, columns: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor | None]:
        """Adds the loss of some actions; returns its derivatives by both numbers of each."""
        part = compute_token_loss(self.body.loss, self.body.config, logprobs, entropies, columns)
        self.add(
            loss=part.loss,
            policyLoss=part.policy,
            tokens=part.tokens,
            entropy=part.entropy,
            kl=part.kl,
            clipped=part.clipped,
        )
        self.add_ratio(part.ratio_sum, part.ratio_min, part.ratio_max)
        return part.d_logprobs, part.d_entropies

    def write_logprobs(self, actions: list[Action], logprobs: Tensor) -> None:
        """Keeps the log-probability of each action."""
        write_per_token(self.logprobs, actions, logprobs)

    def add_value_loss(self, values: Tensor, actions: list[Action]) -> Tensor:
        """Adds the loss of the values of some actions; returns its derivatives by them."""
        columns = self.gather_columns(actions, values.device, "returns", "values")
        part = compute_value_loss(self.body.config, values, columns)
        self.add(loss=part.loss, tokens=part.tokens, valueClipped=part.clipped)
        write_per_token(self.values, actions, values.detach())
        return part.d_values

    def add_ratio(self, total: float, low: float, high: float) -> None:
        """Adds the importance ratios of some tokens by their sum, minimum and maximum."""
        self.ratio_sum += total
        self.ratio_min, self.ratio_max = min(self.ratio_min, low), max(self.ratio_max, high)

    def gather_columns(
        self, actions: list[Action], device: torch.device, *names: str
    ) -> dict[str, Tensor]:
        """Weights [actions], and of the named lists of the data those that were given."""
        data = self.body.data
        return {
            name: torch.tensor(
                [getattr(data[a.datum], name)[a.position] for a in actions], device=device
            )
            for name in ("weights", *names)
            if getattr(data[0], name) is not None
        }

    def gather_policy_columns(
        self, actions: list[Action], compute_logprobs: Callable[[], Tensor], device: torch.device
    ) -> dict[str, Tensor]:
        """What a policy loss reads of some actions; `compute_logprobs` is called for gspo alone.

        All actions of a datum must be among them, because gspo's ratio is that of the whole datum.
        """
        columns = self.gather_columns(
            actions, device, "advantages", "logprobs", "referenceLogprobs"
        )
        if self.body.loss == "gspo":
            data = torch.tensor([a.datum for a in actions], device=device)
            columns["sequenceLogRatios"] = average_log_ratios(
                compute_logprobs(), columns["logprobs"], data
            )
        return columns

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
