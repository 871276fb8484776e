"""The dialect's bodies as pydantic models: the twin of contracts/engine.ts. Results are plain dictionaries of its shape."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
Loss = Literal["cross_entropy", "importance_sampling", "ppo", "value"]
Target = Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
TokenId = Annotated[int, Field(ge=0)]
Text = Annotated[str, Field(min_length=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Empty(Strict):
    pass


class LoraConfig(Strict):
    rank: int = Field(gt=0)
    alpha: float = Field(gt=0)
    firstLayer: int = Field(0, ge=0)
    targets: list[Target] = Field(default_factory=lambda: list(TARGETS), min_length=1)


class FullConfig(Strict):
    firstLayer: int = Field(0, ge=0)


class CreateModel(Strict):
    base: Text
    lora: LoraConfig | None
    full: FullConfig | None = None
    head: Literal["language", "value"] = "language"
    beside: Text | None = None
    checkpointing: bool = False
    seed: int = Field(ge=0)

    @model_validator(mode="after")
    def check(self) -> "CreateModel":
        if self.lora and self.full:
            raise ValueError("a model is trained by lora or by full, not both: set one to null")
        if self.head == "value" and not (self.lora or self.full):
            raise ValueError("a value model is trained: give lora or full")
        return self


class Guide(Strict):
    lark: Text


class Sequence(Strict):
    session: str | None = None
    ids: list[TokenId] = Field(min_length=1)
    guide: Guide | None = None
    maxTokens: int = Field(gt=0)
    stop: list[Text] = []
    stopIds: list[TokenId] = []
    temperature: Finite = Field(1.0, ge=0)
    seed: int = Field(0, ge=0)
    n: int = Field(1, gt=0)


class Sample(Strict):
    adapter: bool
    sequences: list[Sequence] = Field(min_length=1)


class EndSessions(Strict):
    sessions: list[str]


class GuidedSpan(Strict):
    start: int = Field(gt=0)
    end: int = Field(gt=0)
    lark: Text


class Datum(Strict):
    ids: list[TokenId] = Field(min_length=2)
    weights: list[Finite]
    advantages: list[Finite] | None = None
    logprobs: list[Finite] | None = None
    referenceLogprobs: list[Finite] | None = None
    returns: list[Finite] | None = None
    values: list[Finite] | None = None
    guides: list[GuidedSpan] = []

    @model_validator(mode="after")
    def check(self) -> "Datum":
        for name in ("weights", "advantages", "logprobs", "referenceLogprobs", "returns", "values"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.ids):
                raise ValueError(f"{name} has {len(values)} entries for {len(self.ids)} ids")
        if self.weights[0] != 0:
            raise ValueError("weights[0] must be 0: nothing precedes the first token")
        for span in self.guides:
            if not span.start < span.end <= len(self.ids):
                raise ValueError(
                    f"guide [{span.start}, {span.end}) does not lie within {len(self.ids)} ids"
                )
        return self


class Forward(Strict):
    adapter: bool
    data: list[Datum] = Field(min_length=1)
    reference: str | None = None
    entropy: bool = False
    temperature: Finite = Field(1.0, gt=0)
    tokenBudget: Annotated[int, Field(gt=0)] | None = None


class LossConfig(Strict):
    clipLow: Finite = Field(0.2, ge=0)
    clipHigh: Finite = Field(0.2, ge=0)
    klCoef: Finite = Field(0.0, ge=0)
    klEstimator: Literal["k1", "k2", "k3"] = "k3"
    entropyCoef: Finite = 0.0
    temperature: Finite = Field(1.0, gt=0)
    valueClip: Annotated[Finite, Field(ge=0)] | None = None


class ForwardBackward(Strict):
    loss: Loss
    config: LossConfig = Field(default_factory=LossConfig)
    data: list[Datum] = Field(min_length=1)
    tokenBudget: Annotated[int, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def check(self) -> "ForwardBackward":
        for i, datum in enumerate(self.data):
            if self.loss == "value":
                if datum.returns is None:
                    raise ValueError(f"data.{i}: the value loss needs returns")
                if self.config.valueClip is not None and datum.values is None:
                    raise ValueError(
                        f"data.{i}: valueClip needs values, those that the value model gave before"
                    )
                continue
            if self.loss != "cross_entropy" and (
                datum.advantages is None or datum.logprobs is None
            ):
                raise ValueError(f"data.{i}: {self.loss} needs advantages and logprobs")
            if self.config.klCoef > 0 and datum.referenceLogprobs is None:
                raise ValueError(f"data.{i}: klCoef > 0 needs referenceLogprobs")
        return self


class OptimStep(Strict):
    learningRate: Finite = Field(ge=0, le=1e3)
    betas: tuple[Finite, Finite] = (0.9, 0.95)
    eps: Finite = Field(1e-8, gt=0)
    weightDecay: Finite = Field(0.0, ge=0)
    gradClip: Annotated[Finite, Field(gt=0)] | None = 1.0
    keepActivations: bool = False


class Snapshot(Strict):
    name: Text


class Path(Strict):
    path: Text


class Export(Strict):
    path: Text
    merged: bool = False


class EncodeGuided(Strict):
    lark: Text
    text: str


BODIES: dict[str, type[Strict]] = {
    "create_model": CreateModel,
    "delete_model": Empty,
    "sample": Sample,
    "end_sessions": EndSessions,
    "forward": Forward,
    "forward_backward": ForwardBackward,
    "optim_step": OptimStep,
    "snapshot": Snapshot,
    "save_state": Path,
    "load_state": Path,
    "import_weights": Path,
    "export": Export,
    "weights_hash": Empty,
    "encode_guided": EncodeGuided,
    "memory": Empty,
}
MUTATING = {"forward_backward", "optim_step", "snapshot", "load_state", "import_weights"}


class OperationRequest(Strict):
    id: str = Field(min_length=1, max_length=200)
    model: str = Field(min_length=1, max_length=200)
    sequence: int | None = Field(None, gt=0)
    kind: Literal[tuple(BODIES)]  # type: ignore[valid-type]
    body: dict = {}
