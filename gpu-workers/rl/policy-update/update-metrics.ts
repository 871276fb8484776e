import {
  computeExplainedVariance,
  computeMean,
  findMaximum,
  findMinimum,
} from "@/core/statistics/summary";
import type { RankTimes } from "@/contracts/engine/cluster";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import { computeNetReward, type Credit } from "@/gpu-workers/rl/algorithms/algorithm";
import { KL_ESTIMATORS } from "@/gpu-workers/rl/algorithms/kl";
import { summariseMeanMaxMin, type MetricValues } from "@/gpu-workers/rl/metric-values";
import { isTruncated } from "@/contracts/run-config/sampling";
import { pickActionTokens } from "@/gpu-workers/searcher/training-sequence";
import type { CreditedExperience, Experience } from "./experience";
import type { MiniBatchResult } from "./optimizer-epochs";
import type { UpdateDependencies } from "./update-dependencies";

/** Metrics of a policy update, under verl's names where it has them. Everything here is pure. */

/** Mean KL to the reference per action token; null where it is not measured. */
export function averageKl(
  experiences: readonly Experience[],
  rl: TrainConfig["rl"],
): number | null {
  const estimateKl = KL_ESTIMATORS[rl.klEstimator];
  const tokens = experiences.flatMap(({ trainerLogprobs, referenceLogprobs }) =>
    referenceLogprobs === null
      ? []
      : referenceLogprobs.map((reference, t) => estimateKl(trainerLogprobs![t]!, reference)),
  );
  return computeMean(tokens) ?? null;
}

/** KL and its coefficient, as metrics of the reward or of the loss. */
export function computeKlMetrics(
  experiences: readonly Experience[],
  { config: { rl }, klCoefficient }: Pick<UpdateDependencies, "config" | "klCoefficient">,
): MetricValues {
  const kl = averageKl(experiences, rl);
  if (kl === null) return {};
  return rl.klIn === "reward"
    ? { "critic/kl": kl, "critic/kl_coeff": klCoefficient }
    : { "actor/kl_loss": kl, "actor/kl_coef": klCoefficient };
}

/** Rewards, advantages, returns and values of a step. */
export function computeCreditMetrics(
  experiences: readonly Experience[],
  credits: readonly Credit[],
): MetricValues {
  const values = experiences.flatMap((experience) => experience.values);
  const returns = credits.flatMap((credit) => credit.returns ?? []);
  const advantages = credits.flatMap((credit) => credit.advantages);
  const explained = computeExplainedVariance(values, returns);
  const positive = computeMean(
    experiences.flatMap(({ oldLogprobs }, i) =>
      oldLogprobs.filter((_, t) => credits[i]!.advantages[t]! > 0),
    ),
  );
  return {
    ...summariseMeanMaxMin(
      "critic/score",
      experiences.map(({ reward }) => reward),
    ),
    ...summariseMeanMaxMin("critic/rewards", experiences.map(computeNetReward)),
    ...summariseMeanMaxMin("critic/advantages", advantages),
    ...summariseMeanMaxMin("critic/returns", returns),
    ...summariseMeanMaxMin("critic/values", values),
    ...(explained === null ? {} : { "critic/vf_explained_var": explained }),
    ...(positive === undefined ? {} : { "actor/positive_logprob": positive }),
  };
}

/**
 * How the sampler's log-probabilities differ from the trainer's, where the trainer computed its own before the update;
 * otherwise `computeActorMetrics` measures it. With `rl.overlap` only the share of truncated weights, because those episodes
 * are of other weights, and nothing where vLLM truncates, because it tells the truncated distribution's.
 */
export function computeSamplerMismatch(
  experiences: readonly Experience[],
  { rl, searcher }: Pick<TrainConfig, "rl" | "searcher">,
): MetricValues {
  const { overlap, truncateRatio: cap } = rl;
  if (searcher.sampler === "vllm" && isTruncated(rl)) return {};
  const differences = experiences.flatMap(({ sequence, trainerLogprobs }) =>
    trainerLogprobs === null
      ? []
      : pickActionTokens(sequence, sequence.logprobs).map(
          (sampled, t) => sampled - trainerLogprobs[t]!,
        ),
  );
  const truncated = differences.map((d) => (Math.exp(-d) > (cap ?? Infinity) ? 1 : 0));
  return {
    ...(overlap ? {} : computeMismatchMetrics(differences)),
    ...(cap === null || differences.length === 0
      ? {}
      : { "mismatch/truncated": computeMean(truncated)! }),
  };
}

function computeMismatchMetrics(differences: readonly number[]): MetricValues {
  if (differences.length === 0) return {};
  const distances = differences.map(Math.abs);
  return {
    "mismatch/logprob_mean": computeMean(distances)!,
    "mismatch/logprob_max": findMaximum(distances),
    "mismatch/kl": computeMean(differences)!,
  };
}

/** Metrics of the critic's optimiser steps; none without one. */
export function computeCriticMetrics(results: readonly MiniBatchResult[]): MetricValues {
  if (results.length === 0) return {};
  return {
    "critic/vf_loss": averageOver(results, ({ loss }) => loss),
    "critic/vf_clipfrac": computeTokenShare(results, ({ valueClipped }) => valueClipped),
    ...computeGradNorm("critic/grad_norm", results),
  };
}

/**
 * Metrics of the policy's optimiser steps; none without one.
 * @param experiences those that the policy learned from
 */
export function computeActorMetrics(
  results: readonly MiniBatchResult[],
  experiences: readonly CreditedExperience[],
  rl: TrainConfig["rl"],
): MetricValues {
  if (results.length === 0) return {};
  const known = experiences.some(({ experience }) => experience.trainerLogprobs !== null);
  // At the first optimiser step the weights are still those of the old policy.
  const mismatch = known || rl.overlap ? [] : listLogprobDifferences(results[0]!);
  return {
    "actor/pg_loss": averageOver(results, ({ policyLoss }) => policyLoss),
    ...(results.every(({ entropy }) => entropy !== null) && {
      "actor/entropy_loss": computeTokenShare(results, ({ entropy }) => entropy!),
    }),
    "actor/pg_clipfrac": computeTokenShare(results, ({ clipped }) => clipped),
    "actor/ppo_kl": computeMean(results.flatMap(listLogprobDifferences)) ?? 0,
    ...computeGradNorm("actor/grad_norm", results),
    "actor/ratio_max": findMaximum(results.map(({ ratio }) => ratio.max)),
    ...computeMismatchMetrics(mismatch),
  };
}

/** Nothing where a Tinker service does not tell it. */
function computeGradNorm(name: string, results: readonly MiniBatchResult[]): MetricValues {
  const norms = results.flatMap(({ gradNorm }) => (gradNorm === null ? [] : [gradNorm]));
  return norms.length === 0 ? {} : { [name]: computeMean(norms)! };
}

const averageOver = (
  results: readonly MiniBatchResult[],
  read: (result: MiniBatchResult) => number,
): number => computeMean(results.map(read))!;

/** Sum of a value over all results per action token. */
function computeTokenShare(
  results: readonly MiniBatchResult[],
  read: (result: MiniBatchResult) => number,
): number {
  const tokens = results.reduce((sum, result) => sum + result.tokens, 0);
  return results.reduce((sum, result) => sum + read(result), 0) / Math.max(1, tokens);
}

/** Old log-probability minus the present one of each action token. */
const listLogprobDifferences = ({ batch, logprobs }: MiniBatchResult): number[] =>
  batch.flatMap(({ experience: { sequence, oldLogprobs } }, i) =>
    pickActionTokens(sequence, logprobs[i]!).map((logprob, t) => oldLogprobs[t]! - logprob),
  );

/** How a distributed engine's ranks spent the step; nothing of one process, which has none. */
export function computeRankMetrics(times: readonly RankTimes[]): MetricValues {
  if (times.length === 0) return {};
  const ranks = [...new Set(times.map(({ rank }) => rank))];
  const sum = (of: readonly RankTimes[], read: (one: RankTimes) => number): number =>
    of.reduce((total, one) => total + read(one), 0);
  const readAll = (one: RankTimes): number =>
    one.computeSeconds + one.communicationSeconds + one.waitSeconds;
  const owns = ranks.map((rank) => times.filter((one) => one.rank === rank));
  const computing = owns.map((own) => sum(own, (one) => one.computeSeconds));
  const utilisations = owns.map((own, i) => computing[i]! / sum(own, readAll));
  return {
    "engine/ranks": ranks.length,
    "engine/communication_share":
      sum(times, (one) => one.communicationSeconds) / sum(times, readAll),
    "engine/rank_utilisation_min": findMinimum(utilisations),
    "engine/rank_utilisation_mean": computeMean(utilisations),
    ...Object.fromEntries(
      ranks.map((rank, i) => [`engine/rank_utilisation/${rank}`, utilisations[i]!]),
    ),
    "engine/slowest_rank": ranks[computing.indexOf(findMaximum(computing))],
    "engine/rank_memory_max_mb": findMaximum(times.map((one) => one.peakMemoryBytes)) / 2 ** 20,
  };
}
