import {
  ALGORITHM_NAMES,
  creditsTurns,
  isGrouped,
  type AlgorithmName,
} from "@/contracts/run-config/algorithm-names";
import type { RlConfig } from "@/contracts/run-config/rl";
import { getSettingValue } from "./setting-values";

/** Which settings of reinforcement learning an algorithm reads, and which its paper has. */

type Applies = (algorithm: AlgorithmName) => boolean;
const isPpo: Applies = (algorithm) => algorithm === "ppo";
const hasReturns: Applies = (algorithm) => isPpo(algorithm) || algorithm === "reinforce++";
/** Rejection sampling imitates: its loss has neither ratio nor KL nor entropy. */
const hasPolicyLoss: Applies = (algorithm) => algorithm !== "rejection-sampling";

/** Settings that some algorithms do not read; all others apply to each. */
const APPLIES: Readonly<Record<string, Applies>> = {
  "rl.clip": (algorithm) =>
    hasPolicyLoss(algorithm) && algorithm !== "gspo" && algorithm !== "cispo",
  "rl.clipHigh": hasPolicyLoss,
  "rl.sequenceClip": (algorithm) => algorithm === "gspo",
  "rl.credit": creditsTurns,
  "rl.turnDiscount": creditsTurns,
  "rl.gamma": hasReturns,
  "rl.lambda": isPpo,
  "rl.whiten": isPpo,
  "rl.resample": isGrouped,
  "rl.klCoefficient": hasPolicyLoss,
  "rl.klEstimator": hasPolicyLoss,
  "rl.klIn": hasPolicyLoss,
  "rl.klTarget": hasPolicyLoss,
  "rl.klHorizon": hasPolicyLoss,
  "rl.entropyCoefficient": hasPolicyLoss,
};

/** How each paper averages its loss. */
const PAPER_NORMALISATION: Partial<Record<AlgorithmName, RlConfig["normalisation"]>> = {
  grpo: "sequence",
  "dr-grpo": "constant",
  dapo: "token",
  gspo: "sequence",
  cispo: "token",
};

function readAlgorithm(config: unknown): AlgorithmName | undefined {
  const value = getSettingValue(config, "rl.algorithm");
  return ALGORITHM_NAMES.find((name) => name === value);
}

/** Whether the algorithm of a configuration reads the setting at a path; true where there is no algorithm. */
export function isReadByAlgorithm(path: string, config: unknown): boolean {
  const algorithm = readAlgorithm(config);
  if (algorithm === undefined) return true;
  if (path.startsWith("rl.critic.")) return isPpo(algorithm);
  return APPLIES[path]?.(algorithm) ?? true;
}

/** The algorithm with the normalisation of its paper, where a configuration has another; null where it has not. */
export function findOtherNormalisation(
  config: unknown,
): { algorithm: AlgorithmName; normalisation: RlConfig["normalisation"] } | null {
  const algorithm = readAlgorithm(config);
  const normalisation = algorithm && PAPER_NORMALISATION[algorithm];
  return !normalisation || getSettingValue(config, "rl.normalisation") === normalisation
    ? null
    : { algorithm, normalisation };
}
