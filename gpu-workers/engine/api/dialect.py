"""The bodies and results of the engine's operations as pydantic models.

Written by `npm run generate` from dialect.schema.json; contracts/engine/dialect.ts says what each
field means.
"""

from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import ConfigDict, Field

from .dialect_rules import DialectModel

ModelHead = Literal["language", "value"]
LoraTarget = Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
EngineErrorCode = Literal[
    "invalid-input",
    "unauthorized",
    "not-found",
    "conflict",
    "out-of-order",
    "not-finite",
    "storage-full",
    "unsupported",
    "out-of-memory",
    "cancelled",
    "internal",
]
EngineKind = Literal[
    "create_model",
    "delete_model",
    "sample",
    "end_sessions",
    "forward",
    "forward_backward",
    "optim_step",
    "snapshot",
    "save_state",
    "load_state",
    "import_weights",
    "export",
    "weights_hash",
    "encode_guided",
    "memory",
]
EngineLoss = Literal["cross_entropy", "importance_sampling", "ppo", "gspo", "cispo", "value"]


class CapabilitiesModels(DialectModel):
    model_config = ConfigDict(extra="ignore")

    id: str
    base: str
    head: ModelHead
    step: int


class CapabilitiesClusterNodes(DialectModel):
    model_config = ConfigDict(extra="ignore")

    id: str
    address: str
    alive: bool
    cpus: float
    gpus: float
    memoryBytes: float
    ranks: list[int]


class CapabilitiesClusterRanks(DialectModel):
    model_config = ConfigDict(extra="ignore")

    rank: int
    node: str
    device: str
    deviceMemoryBytes: float | None = None
    memoryBytes: float | None = None
    dtype: Literal["float32", "bfloat16", "float16"] | None = None
    pid: int


class CapabilitiesCluster(DialectModel):
    model_config = ConfigDict(extra="ignore")

    address: str | None
    strategy: Literal["pack", "spread"]
    nodes: list[CapabilitiesClusterNodes]
    ranks: list[CapabilitiesClusterRanks]


class CapabilitiesService(DialectModel):
    model_config = ConfigDict(extra="ignore")

    url: str
    models: list[str]


class Capabilities(DialectModel):
    model_config = ConfigDict(extra="ignore")

    device: Literal["cpu", "cuda", "mps"]
    deviceName: str
    dtype: Literal["float32", "bfloat16", "float16"]
    threads: int
    bf16: bool
    memoryBytes: int
    deviceMemoryBytes: int
    models: list[CapabilitiesModels]
    architectures: list[str]
    losses: list[str]
    tuning: list[str]
    heads: list[str]
    versions: dict[str, str]
    fingerprint: str
    cluster: CapabilitiesCluster | None = None
    service: CapabilitiesService | None = None


class LoraConfig(DialectModel):
    rank: Annotated[int, Field(gt=0)]
    alpha: Annotated[float, Field(gt=0)]
    firstLayer: Annotated[int, Field(ge=0)] = 0
    targets: Annotated[list[LoraTarget], Field(min_length=1)] = Field(
        default_factory=lambda: list(get_args(LoraTarget))
    )


class FullConfig(DialectModel):
    firstLayer: Annotated[int, Field(ge=0)] = 0


class CreateModelBody(DialectModel):
    base: Annotated[str, Field(min_length=1)]
    lora: LoraConfig | None
    full: FullConfig | None = None
    head: ModelHead = "language"
    beside: Annotated[str, Field(min_length=1)] | None = None
    checkpointing: bool = False
    offloadOptimizer: bool = False
    shardBase: bool = False
    microbatchTokens: Annotated[int, Field(gt=0)] | None = None
    seed: Annotated[int, Field(ge=0)]


class CreateModelResult(DialectModel):
    model_config = ConfigDict(extra="ignore")

    layers: int
    vocabulary: int
    maxLength: int
    parameters: int
    trainable: int
    eosIds: list[Annotated[int, Field(ge=0)]]
    seconds: float
    library: str | None = None
    adaptedMaps: list[str] | None = None
    service: str | None = None


class GuidedSpan(DialectModel):
    start: Annotated[int, Field(gt=0)]
    end: Annotated[int, Field(gt=0)]
    lark: Annotated[str, Field(min_length=1)]


class Datum(DialectModel):
    ids: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2)]
    weights: list[float]
    advantages: list[float] | None = None
    logprobs: list[float] | None = None
    referenceLogprobs: list[float] | None = None
    returns: list[float] | None = None
    values: list[float] | None = None
    guides: list[GuidedSpan] = Field(default_factory=list)


class EmptyBody(DialectModel):
    pass


class EmptyResult(DialectModel):
    model_config = ConfigDict(extra="ignore")


class EncodeGuidedBody(DialectModel):
    lark: Annotated[str, Field(min_length=1)]
    text: str


class EncodeGuidedResult(DialectModel):
    model_config = ConfigDict(extra="ignore")

    ids: list[Annotated[int, Field(ge=0)]]
    forced: list[bool]


class EndSessionsBody(DialectModel):
    sessions: list[str]


class EngineErrorBody(DialectModel):
    model_config = ConfigDict(extra="ignore")

    code: EngineErrorCode
    message: str


class ExportBody(DialectModel):
    path: Annotated[str, Field(min_length=1)]
    merged: bool = False


class ExportResult(DialectModel):
    model_config = ConfigDict(extra="ignore")

    hash: str
    files: list[str]


class LossConfig(DialectModel):
    clipLow: Annotated[float, Field(ge=0)] = 0.2
    clipHigh: Annotated[float, Field(ge=0)] = 0.2
    klCoef: Annotated[float, Field(ge=0)] = 0.0
    klEstimator: Literal["k1", "k2", "k3"] = "k3"
    entropyCoef: float = 0.0
    temperature: Annotated[float, Field(gt=0)] = 1.0
    valueClip: Annotated[float, Field(ge=0)] | None = None


class ForwardBackwardBody(DialectModel):
    loss: EngineLoss
    config: LossConfig = Field(default_factory=LossConfig)
    data: Annotated[list[Datum], Field(min_length=1)]
    tokenBudget: Annotated[int, Field(gt=0)] | None = None


class ForwardBackwardResultRatio(DialectModel):
    model_config = ConfigDict(extra="ignore")

    sum: float
    min: float
    max: float


class ForwardBackwardResult(DialectModel):
    model_config = ConfigDict(extra="ignore")

    loss: float
    policyLoss: float
    tokens: int
    entropy: float | None
    kl: float
    clipped: int
    ratio: ForwardBackwardResultRatio
    logprobs: list[list[float]]
    values: list[list[float]]
    valueClipped: int
    computedTokens: int
    seconds: float
    tokenBudget: int
    retriedOutOfMemory: int


class ForwardBody(DialectModel):
    adapter: bool
    data: Annotated[list[Datum], Field(min_length=1)]
    reference: str | None = None
    entropy: bool = False
    temperature: Annotated[float, Field(gt=0)] = 1.0
    tokenBudget: Annotated[int, Field(gt=0)] | None = None


class ForwardResult(DialectModel):
    model_config = ConfigDict(extra="ignore")

    logprobs: list[list[float]]
    values: list[list[float]]
    referenceLogprobs: list[list[float]] | None = None
    entropies: list[list[float]] | None = None
    tokenBudget: int
    retriedOutOfMemory: int


class Guide(DialectModel):
    lark: Annotated[str, Field(min_length=1)]


class MemoryResult(DialectModel):
    model_config = ConfigDict(extra="ignore")

    residentBytes: int
    peakResidentBytes: int
    cacheBytes: int
    cachedTokens: int
    deviceBytes: int
    peakDeviceBytes: int


class OperationRequest(DialectModel):
    id: Annotated[str, Field(min_length=1, max_length=200)]
    model: Annotated[str, Field(min_length=1, max_length=200)]
    sequence: Annotated[int, Field(gt=0)] | None = None
    kind: EngineKind
    body: dict[str, Any] = Field(default_factory=dict)


class Operation(DialectModel):
    model_config = ConfigDict(extra="ignore")

    id: str
    kind: str
    state: Literal["running", "done", "failed", "cancelled"]
    result: Any | None = None
    error: EngineErrorBody | None = None


class OptimStepBody(DialectModel):
    learningRate: Annotated[float, Field(ge=0, le=1000)]
    betas: Annotated[tuple[float, float], Field(strict=False)] = (0.9, 0.95)
    eps: Annotated[float, Field(gt=0)] = 1e-8
    weightDecay: Annotated[float, Field(ge=0)] = 0.0
    decays: Literal["matrices", "all"] = "matrices"
    gradClip: Annotated[float, Field(gt=0)] | None = 1.0
    keepActivations: bool = False


class OptimStepResultRanks(DialectModel):
    model_config = ConfigDict(extra="ignore")

    rank: int
    computeSeconds: float
    communicationSeconds: float
    waitSeconds: float
    peakMemoryBytes: float
    tokens: int


class OptimStepResult(DialectModel):
    model_config = ConfigDict(extra="ignore")

    gradNorm: float | None
    step: int
    ranks: list[OptimStepResultRanks] | None = None


class PathBody(DialectModel):
    path: Annotated[str, Field(min_length=1)]


class SampleSequence(DialectModel):
    session: str | None = None
    ids: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    guide: Guide | None = None
    maxTokens: Annotated[int, Field(gt=0)]
    stop: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    stopIds: list[Annotated[int, Field(ge=0)]] = Field(default_factory=list)
    temperature: Annotated[float, Field(ge=0)] = 1.0
    topP: Annotated[float, Field(gt=0, le=1)] = 1.0
    topK: Annotated[int, Field(ge=0)] = 0
    repetitionPenalty: Annotated[float, Field(gt=0)] = 1.0
    seed: Annotated[int, Field(ge=0)] = 0
    n: Annotated[int, Field(gt=0)] = 1


class SampleBody(DialectModel):
    adapter: bool
    sequences: Annotated[list[SampleSequence], Field(min_length=1)]


class SampleResultUsage(DialectModel):
    model_config = ConfigDict(extra="ignore")

    promptTokens: int
    computedTokens: int
    sampledTokens: int
    prefillSeconds: float
    decodeSeconds: float


class Sampled(DialectModel):
    model_config = ConfigDict(extra="ignore")

    ids: list[Annotated[int, Field(ge=0)]]
    logprobs: list[float]
    entropies: list[float] | None = None
    forced: list[bool]
    finishReason: Literal["stop", "guide", "length"]
    text: str


class SampleResult(DialectModel):
    model_config = ConfigDict(extra="ignore")

    sequences: list[list[Sampled]]
    usage: SampleResultUsage


class SnapshotBody(DialectModel):
    name: Annotated[str, Field(min_length=1)]


class StateResult(DialectModel):
    model_config = ConfigDict(extra="ignore")

    step: int
    hash: str
    bytes: int


class WeightsHashResult(DialectModel):
    model_config = ConfigDict(extra="ignore")

    hash: str
    step: int


class OperationModels(NamedTuple):
    body: type[DialectModel]
    result: type[DialectModel]
    mutates: bool


OPERATIONS: dict[str, OperationModels] = {
    "create_model": OperationModels(CreateModelBody, CreateModelResult, False),
    "delete_model": OperationModels(EmptyBody, EmptyResult, False),
    "sample": OperationModels(SampleBody, SampleResult, False),
    "end_sessions": OperationModels(EndSessionsBody, EmptyResult, False),
    "forward": OperationModels(ForwardBody, ForwardResult, False),
    "forward_backward": OperationModels(ForwardBackwardBody, ForwardBackwardResult, True),
    "optim_step": OperationModels(OptimStepBody, OptimStepResult, True),
    "snapshot": OperationModels(SnapshotBody, EmptyResult, True),
    "save_state": OperationModels(PathBody, StateResult, False),
    "load_state": OperationModels(PathBody, StateResult, True),
    "import_weights": OperationModels(PathBody, WeightsHashResult, True),
    "export": OperationModels(ExportBody, ExportResult, False),
    "weights_hash": OperationModels(EmptyBody, WeightsHashResult, False),
    "encode_guided": OperationModels(EncodeGuidedBody, EncodeGuidedResult, False),
    "memory": OperationModels(EmptyBody, MemoryResult, False),
}
