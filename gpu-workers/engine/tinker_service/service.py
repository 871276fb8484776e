"""What is asked of a Tinker service, whoever asks it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .mapping import ServiceDatum, ServiceLora

#: Raises to cancel.
Check = Callable[[], None]


@dataclass(frozen=True)
class SampleRequest:
    """`count` samples after `inputs`."""

    inputs: list[int]
    count: int
    max_tokens: int
    seed: int
    temperature: float
    top_p: float
    top_k: int
    stop: list[str] | list[int]  # never both kinds


@dataclass(frozen=True)
class ServiceSample:
    """A sample; what ends it is among the tokens."""

    tokens: list[int]
    logprobs: list[float]
    is_stopped: bool  # False: it was cut at max_tokens


@dataclass(frozen=True)
class AdamStep:
    """AdamW, with decay apart from the gradient."""

    learning_rate: float
    beta1: float
    beta2: float
    eps: float
    weight_decay: float
    grad_clip_norm: float  # 0: no bound


class Sampler(Protocol):
    """Certain weights at the service."""

    def sample(self, requests: list[SampleRequest], check: Check) -> list[list[ServiceSample]]: ...


class ServiceModel(Protocol):
    """A model that the service trains. Lists of log-probabilities are as ServiceDatum's."""

    def forward(self, data: list[ServiceDatum]) -> list[list[float]]: ...

    def forward_backward(
        self, data: list[ServiceDatum], loss: str, config: dict[str, float] | None
    ) -> list[list[float]]: ...

    def optim_step(self, step: AdamStep) -> dict[str, float]:
        """The metrics of the step, by the service's names."""
        ...

    def open_sampler(self) -> Sampler:
        """Of the weights as they are now."""
        ...

    def save_state(self, name: str) -> str:
        """Saves weights and optimiser at the service; returns the path there."""
        ...

    def save_weights(self, name: str) -> str:
        """Saves the weights at the service for sampling; returns the path there."""
        ...

    def close(self) -> None:
        """Gives the model's place back; what was saved stays. Never fails."""
        ...


class Service(Protocol):
    """A Tinker service. Its failures are raised as EngineError."""

    @property
    def url(self) -> str: ...

    @property
    def version(self) -> str:
        """Of the SDK."""
        ...

    def list_models(self) -> list[str]: ...

    def create_model(self, base: str, lora: ServiceLora) -> ServiceModel: ...

    def load_model(self, path: str) -> ServiceModel:
        """A new model with the weights and the optimiser that were saved at this path."""
        ...

    def open_sampler(self, base: str) -> Sampler:
        """Of a base model."""
        ...

    def download(self, path: str, folder: Path) -> None:
        """Writes saved weights as PEFT's files into a folder."""
        ...
