import { isTruncated } from "@/contracts/run-config/sampling";
import type { PredictConfig } from "@/contracts/run-config/predict-config";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import { markMessage } from "@/core/texts/mark-message";
import { trainsSearch } from "./trained-method";

/** The only alpha of Tinker services, which have no setting for it. */
const SERVICE_ALPHA = 32;

/** A setting that a Tinker service cannot follow, and what to give it instead. */
type Limit = [applies: boolean, path: string, remedy: string];

/** How a searcher is adapted. */
type Adapted = Pick<TrainConfig["searcher"], "tuning" | "adapter">;

const describeLimits = (limits: readonly Limit[]): string[] =>
  limits.flatMap(([applies, path, remedy]) => (applies ? [`${path}: ${remedy}`] : []));

/**
 * What of a training run a Tinker service cannot do, each by the setting to change; none: it can. The engine refuses the same
 * where it is asked (gpu-workers/engine/tinker_service/mapping.py); here it is known before the launch. Pure.
 *
 * @param config without the settings that its method does not use
 */
export function listTinkerLimits(config: TrainConfig): string[] {
  const { search, searcher, rl, evaluation } = config;
  return describeLimits([
    ...listAdapterLimits(searcher),
    [
      searcher.sampler === "vllm",
      "searcher.sampler",
      markMessage`a service samples from what it trains, choose engine`,
    ],
    [
      searcher.checkpoint !== null && searcher.checkpointState === "weights",
      "searcher.checkpointState",
      markMessage`a service goes on from its own whole states alone, choose all`,
    ],
    [
      trainsSearch(config) && search.decoding === "guided",
      "search.decoding",
      markMessage`a service knows no grammars, choose free`,
    ],
    [rl.algorithm === "ppo", "rl.algorithm", markMessage`a service has no critic, choose grpo`],
    [
      rl.algorithm === "gspo",
      "rl.algorithm",
      markMessage`a service has no ratio of whole sequences, choose grpo or cispo`,
    ],
    [
      rl.klCoefficient > 0,
      "rl.klCoefficient",
      markMessage`a service compares with no reference, give 0`,
    ],
    [
      rl.entropyCoefficient > 0,
      "rl.entropyCoefficient",
      markMessage`a service has no entropy bonus, give 0`,
    ],
    [
      rl.temperature !== 1,
      "rl.temperature",
      markMessage`a service trains at temperature 1, sample at the same`,
    ],
    [
      isTruncated(rl),
      "rl.topP, rl.topK, rl.repetitionPenalty",
      markMessage`a service may give the log-probabilities of what is left, sample from all tokens`,
    ],
    [
      evaluation.questions > 0 && (evaluation.repetitionPenalty ?? 1) !== 1,
      "evaluation.repetitionPenalty",
      markMessage`a service has none, give 1`,
    ],
  ]);
}

/** What of an adapter a service cannot make. */
function listAdapterLimits({ tuning, adapter }: Adapted): Limit[] {
  const isFull = tuning === "full";
  return [
    [isFull, "searcher.tuning", markMessage`a service trains no whole weights, choose lora`],
    [
      !isFull && adapter.firstLayer > 0,
      "searcher.adapter.firstLayer",
      markMessage`a service adapts all layers, give 0`,
    ],
    [
      !isFull && adapter.alpha !== SERVICE_ALPHA,
      "searcher.adapter.alpha",
      markMessage`a service has ${SERVICE_ALPHA}, give that`,
    ],
  ];
}

/** The same of answering questions: only an adapter is at the service, an untrained searcher's of s3 or a checkpoint's. Pure. */
export function listPredictionLimits(config: PredictConfig): string[] {
  const { method, methodSettings, searcher, search } = config;
  const isServed = method === "s3" || searcher.checkpoint !== null;
  return describeLimits([
    [
      isServed && search.decoding === "guided",
      "search.decoding",
      markMessage`a service knows no grammars, choose free`,
    ],
    [
      isServed && (methodSettings.repetitionPenalty ?? 1) !== 1,
      "methodSettings.repetitionPenalty",
      markMessage`a service has none, give 1`,
    ],
    // A checkpoint's adapter is as it was trained.
    ...(isServed && searcher.checkpoint === null ? listAdapterLimits(searcher) : []),
  ]);
}
