import type { ModelShape } from "@/contracts/worker-protocol/model-shape";
import { markMessage } from "@/core/texts/mark-message";
import {
  addParts,
  buildPart,
  countActivationBytes,
  countCacheBytes,
  countForwardBytes,
  countLastingStateBytes,
  countLogitBytes,
  countMaskBytes,
  countMergedBytes,
  countPackedTokens,
  countSamplingBytes,
  countTrainedParameters,
  describeLastingState,
  findLargestTensor,
  FLOAT32,
  describeCriticBase,
  formatCount,
  listUnsharedParts,
  LOGIT_ROWS,
  type MemoryEstimate,
  type MemorySpec,
  type Tuning,
} from "./memory-estimate";
import {
  countAdapterParameters,
  countLayerParameters,
  countParameters,
  countVocabularyParameters,
} from "./model-shape";

/**
 * Estimates the memory of one rank, in bytes, where several train one model by PyTorch's FSDP2 (`fully_shard` on each
 * layer and on the rest; Zhao et al. 2023, "PyTorch FSDP", arXiv 2304.11277): every rank keeps its share of what is
 * trained, and gathers a layer when it is computed, for log-probabilities and values as for a gradient. What FSDP2 takes is
 * held against fake tensors (gpu-workers/engine/tests/fake_sharded_memory.py), the whole against real ranks on a CPU; on
 * GPUs by calculation only.
 */

/** How a model is spread over ranks. */
export interface Sharding {
  /** At least 1. What is trained is split into as many equal shares. */
  ranks: number;
  /**
   * whole: frozen weights stay whole on every rank, and FSDP2 holds a copy of the trained ones in the number format of
   * compute beside the float32 values; a gradient lasts until the optimiser's step.
   * sharded: of frozen weights below factors on all layers, too, each rank has its share, gathered as what is trained is.
   * torch: FSDP2 and torch's AdamW hold all, as in the step of fake_sharded_memory.py.
   */
  base: "whole" | "sharded" | "torch";
}

/** A model that is trained; `hasHead`: with an output matrix, which a critic lacks. */
interface TrainedModel {
  shape: ModelShape;
  tuning: Tuning;
  hasHead: boolean;
}

/** The work of one rank: of the step's groups its share, as nearly as whole groups allow. */
function takeRankShare(demand: MemorySpec, ranks: number): MemorySpec {
  const groups = Math.ceil(demand.episodes / demand.groupSize / ranks);
  return {
    ...demand,
    episodes: Math.min(demand.episodes, groups * demand.groupSize),
    generator: demand.generator && {
      ...demand.generator,
      tokens: Math.ceil(demand.generator.tokens / ranks),
    },
  };
}

/** Estimates the memory of one rank by its parts. @param whole the work of all ranks, of which each takes its share */
export function estimateShardedMemory(whole: MemorySpec, sharding: Sharding): MemoryEstimate {
  const demand = takeRankShare(whole, sharding.ranks);
  const { searcher, tuning, critic } = demand;
  const models: TrainedModel[] = [{ shape: searcher, tuning, hasHead: true }];
  if (critic)
    models.push({ shape: critic.shape ?? searcher, tuning: critic.tuning, hasHead: false });
  return addParts(
    [
      ...listLastingParts(demand, sharding, models),
      ...dropReusedPasses(listPhases(demand, sharding, models), demand.device),
      ...listFragmentation(demand, sharding, models),
    ],
    demand.device,
  );
}

/** What is kept for the whole run. */
function listLastingParts(
  demand: MemorySpec,
  sharding: Sharding,
  [searcher, critic]: TrainedModel[],
): MemoryEstimate["parts"] {
  const { dtypeBytes, tuning } = demand;
  const trained = countTrained(searcher!);
  const sharing = demand.critic?.shape === null ? [searcher!, critic!] : [searcher!];
  const frozen = countFrozen(sharing, demand.generator?.sharesBase ?? false, sharding);
  const shared = countSharedFrozen(sharing, sharding);
  const merges =
    tuning.kind === "lora" && demand.vllmBytes === null && !dropsSampled(searcher!, sharding);
  return [
    buildPart(
      "weights",
      (frozen + shared / sharding.ranks) * dtypeBytes,
      shared > 0
        ? markMessage`1/${sharding.ranks} of ${formatCount(shared)} frozen parameters of ${dtypeBytes} bytes, shared by the ranks`
        : markMessage`${formatCount(frozen)} frozen parameters of ${dtypeBytes} bytes, whole on every rank`,
    ),
    buildPart(
      "merged weights",
      merges ? countMergedBytes(demand.searcher, tuning, dtypeBytes) : 0,
      markMessage`the trained weights as sampling computes with them`,
    ),
    buildPart(
      "trained weights and optimiser",
      countShareBytes(searcher!, demand, demand.reference, sharding),
      `${markMessage`1/${sharding.ranks} of ${formatCount(trained)} trained parameters`}: ${describeLastingState(demand)}`,
    ),
    buildPart(
      "critic",
      critic
        ? countShareBytes(critic, demand, false, sharding) +
            (demand.critic?.shape
              ? (countFrozen([critic], false, sharding) +
                  countSharedFrozen([critic], sharding) / sharding.ranks) *
                dtypeBytes
              : 0)
        : 0,
      critic
        ? `${markMessage`1/${sharding.ranks} of ${formatCount(countTrained(critic))} trained parameters with value head`}, ${describeCriticBase(demand.critic?.shape)}`
        : "",
    ),
    ...listUnsharedParts(
      demand,
      markMessage`frozen, whole on every rank`,
      countCacheBytes(demand, { keepsBatch: !dropsSampled(searcher!, sharding) }),
    ),
  ];
}

const PASSES = ["log-probabilities", "gather buffer", "gradient", "reduced gradients"] as const;

/** On a CPU, where all phases count, passes over the same data still reuse each other's memory: the largest stays. */
function dropReusedPasses(
  phases: MemoryEstimate["parts"],
  device: MemorySpec["device"],
): MemoryEstimate["parts"] {
  if (device !== "cpu") return phases;
  const passes = phases.filter(({ name }) => PASSES.some((pass) => pass === name));
  const most = Math.max(...passes.map(({ bytes }) => bytes));
  return phases.filter((phase) => !passes.includes(phase) || phase.bytes === most);
}

/**
 * On a CPU the holes that gathered layers leave in the heap, of which nothing goes back to the system: glibc asks for more
 * than a tensor's size to align it, so the next layer of the same size does not fit where the one before was, between
 * tensors that stay. The heap grows so by all that is gathered, once in the pass without gradient and once in the backward
 * pass (seen by mallinfo2 in ranks of SmolLM2-135M: live bytes stay level meanwhile). Whole weights that sampling has
 * dropped leave one large hole, which is filled first.
 */
function listFragmentation(
  demand: MemorySpec,
  sharding: Sharding,
  models: TrainedModel[],
): MemoryEstimate["parts"] {
  if (demand.device !== "cpu" || sharding.base === "torch") return [];
  const gathered = models.map((model) => countGatheredBytes(model, demand.dtypeBytes, sharding));
  const whole =
    demand.vllmBytes === null ? countSampledWholeBytes(demand, sharding, models[0]!) : 0;
  return [
    buildPart(
      "fragmentation",
      Math.max(0, 2 * Math.max(...gathered) - whole),
      markMessage`holes in the heap that gathered layers leave, in a pass without gradient and in the backward pass`,
      true,
    ),
  ];
}

/** All that a pass gathers, layer by layer: what is trained, and a base of which ranks have shares. */
const countGatheredBytes = (model: TrainedModel, dtypeBytes: number, sharding: Sharding): number =>
  countWholeBytes(model, dtypeBytes, sharding) +
  (holdsShare(model, sharding) ? countParameters(model.shape) * dtypeBytes : 0);

/** The weights that the engine's own sampling holds whole: what is trained, and a base of which ranks have shares, also merged. */
const countSampledWholeBytes = (
  demand: MemorySpec,
  sharding: Sharding,
  model: TrainedModel,
): number =>
  countGatheredBytes(model, demand.dtypeBytes, sharding) +
  (holdsShare(model, sharding)
    ? countMergedBytes(demand.searcher, demand.tuning, demand.dtypeBytes)
    : 0);

/** What is used in turn within a step. */
function listPhases(
  demand: MemorySpec,
  sharding: Sharding,
  models: TrainedModel[],
): MemoryEstimate["parts"] {
  const { dtypeBytes } = demand;
  const { ranks } = sharding;
  const [searcher] = models;
  const whole = countSampledWholeBytes(demand, sharding, searcher!);
  const findLargest = (count: (model: TrainedModel) => number): number =>
    Math.max(...models.map(count));
  return [
    buildPart(
      "sampling",
      demand.vllmBytes === null
        ? whole +
            countSamplingBytes(demand) +
            (dropsSampled(searcher!, sharding)
              ? countCacheBytes(demand) - countCacheBytes(demand, { keepsBatch: false })
              : 0) +
            (demand.overlap && sharding.base !== "torch"
              ? (countTrained(searcher!) * FLOAT32) / ranks
              : 0)
        : 0,
      markMessage`the weights gathered whole, keys and values of the sequences that are written, one layer's activations, logits`,
      true,
    ),
    buildPart(
      "log-probabilities",
      sharding.base !== "torch"
        ? findLargest((model) => countNumbersBytes(demand, sharding, model))
        : 0,
      markMessage`embedding, output and two layers gathered, one layer's activations, logits`,
      true,
    ),
    buildPart(
      "gather buffer",
      findLargest(
        (model) =>
          (sharding.base === "torch" ? 0 : countMaskBytes(demand, model.shape)) +
          2 *
            (countRootBytes(model, dtypeBytes, sharding) +
              countLayerBytes(model, dtypeBytes, sharding)),
      ),
      markMessage`what comes from the other ranks, and embedding, output and first layer that are copied from it`,
      true,
    ),
    buildPart(
      "gradient",
      findLargest((model) => countGradientBytes(demand, sharding, model)),
      markMessage`activations of ${Math.round(countPackedTokens(demand))} packed tokens, logits, embedding, output and two layers gathered, and one layer's gradient before it is scattered`,
      true,
    ),
    buildPart(
      "reduced gradients",
      findLargest(
        (model) =>
          countTrainedRoot(model) * (2 * dtypeBytes + FLOAT32) +
          countNewGradientBytes(model, dtypeBytes, sharding),
      ),
      markMessage`embedding and output gathered, and their gradients before they are scattered over the ranks`,
      true,
    ),
    buildPart(
      "optimiser step",
      findLargest(
        (model) =>
          findLargestTensor(model.shape, model.tuning) * 5 +
          (sharding.base !== "torch" ? countTrained(model) : 0),
      ) *
        (FLOAT32 / ranks),
      markMessage`the gradient, and new values and moments of one tensor's share beside the old`,
      true,
    ),
  ];
}

const isRootTrained = ({ tuning }: TrainedModel): boolean =>
  tuning.kind === "full" && tuning.firstLayer === 0;

/** Numbers of the output matrix, where it is another than the embedding. */
const countHead = ({ shape }: TrainedModel): number =>
  shape.tied ? 0 : shape.vocabulary * shape.hidden;

/** Parameters that get a gradient; a critic has no output matrix. */
const countTrained = (model: TrainedModel): number =>
  countTrainedParameters(model.shape, model.tuning) -
  (isRootTrained(model) && !model.hasHead ? countHead(model) : 0);

/** Numbers of embedding and output. */
const countRoot = (model: TrainedModel): number =>
  countVocabularyParameters(model.shape) - (model.hasHead ? 0 : countHead(model));

const countTrainedRoot = (model: TrainedModel): number =>
  isRootTrained(model) ? countRoot(model) : 0;

/** Low-rank factors of one layer. */
const countLayerFactors = ({ shape, tuning }: TrainedModel): number =>
  tuning.kind === "lora" ? countAdapterParameters(shape, tuning.rank, 0) / shape.layers : 0;

/** Whether a rank holds only its share of the frozen weights below what is trained. */
const holdsShare = ({ tuning }: TrainedModel, { base }: Sharding): boolean =>
  base === "sharded" && tuning.kind === "lora" && tuning.firstLayer === 0;

/**
 * Parameters of one base that its models compute with and do not train, and that a rank holds whole. But for the output
 * matrix, those of one are among those of another.
 */
function countFrozen(
  models: readonly TrainedModel[],
  servesGenerator: boolean,
  sharding: Sharding,
): number {
  if (sharding.base === "torch") return 0;
  const head = countHead(models[0]!);
  const all = countParameters(models[0]!.shape) - head;
  const whole = models.filter((model) => !holdsShare(model, sharding));
  const counts = whole.map((model) =>
    model.tuning.kind === "lora" ? all : all - countTrained({ ...model, hasHead: false }),
  );
  const needsHead =
    servesGenerator || whole.some((model) => model.hasHead && !isRootTrained(model));
  return Math.max(0, ...counts, servesGenerator ? all : 0) + (needsHead ? head : 0);
}

/** Parameters of one base of which a rank holds its share: all of them, where a model computes with shares. */
function countSharedFrozen(models: readonly TrainedModel[], sharding: Sharding): number {
  if (sharding.base === "torch") return countFrozen(models, false, { ...sharding, base: "whole" });
  return models.some((model) => holdsShare(model, sharding))
    ? countParameters(models[0]!.shape)
    : 0;
}

/** Whether the engine frees what it sampled with before it computes anything else: where that is large. */
const dropsSampled = (model: TrainedModel, sharding: Sharding): boolean =>
  model.tuning.kind === "full" || sharding.base === "torch" || holdsShare(model, sharding);

/** Bytes of a number as FSDP2 holds it: low-rank factors in float32, weights in the number format of compute. */
const getShardBytes = ({ tuning }: TrainedModel, dtypeBytes: number): number =>
  tuning.kind === "lora" ? FLOAT32 : dtypeBytes;

/** A rank's share of values, moments and reference in float32, and of FSDP2's copy; of torch's gradient, which lasts. */
function countShareBytes(
  model: TrainedModel,
  demand: MemorySpec,
  reference: boolean,
  { ranks, base }: Sharding,
): number {
  const trained = countTrained(model);
  const beside = base === "torch" ? FLOAT32 : getShardBytes(model, demand.dtypeBytes);
  return (countLastingStateBytes(trained, demand, reference) + trained * beside) / ranks;
}

/** The trained weights whole, as sampling needs them: dropped before anything else, where they are large. */
const countWholeBytes = (model: TrainedModel, dtypeBytes: number, { base }: Sharding): number =>
  base === "torch" ? 0 : countTrained(model) * getShardBytes(model, dtypeBytes);

/** Embedding and output as they are gathered for a gradient; a base's have the output matrix also for a critic. */
function countRootBytes(model: TrainedModel, dtypeBytes: number, sharding: Sharding): number {
  if (sharding.base === "torch") return countRoot(model) * dtypeBytes;
  if (holdsShare(model, sharding)) return countVocabularyParameters(model.shape) * dtypeBytes;
  return countTrainedRoot(model) * dtypeBytes;
}

/** One layer as it is gathered for a gradient. */
function countLayerBytes(model: TrainedModel, dtypeBytes: number, sharding: Sharding): number {
  const layer = countLayerParameters(model.shape) * dtypeBytes;
  if (sharding.base === "torch") return layer + countLayerFactors(model) * dtypeBytes;
  if (model.tuning.kind === "full") return layer;
  return countLayerFactors(model) * FLOAT32 + (holdsShare(model, sharding) ? layer : 0);
}

/** Log-probabilities or values: where layers are gathered one by one, else of an adapter with all factors gathered, and the reference's. */
function countNumbersBytes(demand: MemorySpec, sharding: Sharding, model: TrainedModel): number {
  const { dtypeBytes, reference } = demand;
  const gathered =
    model.tuning.kind === "lora" && !holdsShare(model, sharding)
      ? countWholeBytes(model, dtypeBytes, sharding) * (model.hasHead && reference ? 2 : 1)
      : countRootBytes(model, dtypeBytes, sharding) +
        2 * countLayerBytes(model, dtypeBytes, sharding);
  return gathered + countForwardBytes(demand, model.shape, model.hasHead);
}

/** A share of an operation's gradient, which becomes the accumulated one at its end, and of FSDP2's. */
const countNewGradientBytes = (
  model: TrainedModel,
  dtypeBytes: number,
  { ranks, base }: Sharding,
): number =>
  base !== "torch"
    ? (countTrained(model) * (FLOAT32 + getShardBytes(model, dtypeBytes))) / ranks
    : 0;

/**
 * The largest of the gradient's moments: at the end of the forward pass logits beside the kept activations; in the
 * backward pass two layers gathered, one layer's gradient as it is computed, that of the layer before in float32 as it is
 * scattered, and the output matrix's, which waits for the embedding's.
 */
function countGradientBytes(demand: MemorySpec, sharding: Sharding, model: TrainedModel): number {
  const { shape, tuning, hasHead } = model;
  const { dtypeBytes } = demand;
  const { kept, backward } = countActivationBytes(demand, shape, tuning);
  const output = hasHead && isRootTrained(model) ? shape.vocabulary * shape.hidden : 0;
  const logits = LOGIT_ROWS * shape.vocabulary;
  // The engine writes the output's gradient out in float32 (token_logprobs.py); alone there are the logits in both formats.
  const atLogits = !hasHead
    ? 0
    : sharding.base === "torch"
      ? logits * (FLOAT32 + dtypeBytes)
      : output * FLOAT32 +
        Math.max(countLogitBytes(shape), logits * (2 * FLOAT32 + dtypeBytes) + output * dtypeBytes);
  const layer = tuning.kind === "lora" ? countLayerFactors(model) : countLayerParameters(shape);
  const atLayer =
    backward +
    2 * countLayerBytes(model, dtypeBytes, sharding) +
    layer * (getShardBytes(model, dtypeBytes) + FLOAT32) +
    output * dtypeBytes;
  return (
    kept +
    (sharding.base === "torch" ? 0 : countMaskBytes(demand, shape)) +
    countRootBytes(model, dtypeBytes, sharding) +
    Math.max(atLogits, atLayer) +
    countNewGradientBytes(model, dtypeBytes, sharding)
  );
}
