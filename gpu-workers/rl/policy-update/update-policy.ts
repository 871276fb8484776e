import type { Datum, EngineResult } from "@/contracts/engine/dialect";
import { AppError } from "@/contracts/errors";
import type { TrainConfig } from "@/contracts/run-config/run-config";
import { EngineError, type EngineModel } from "@/gpu-workers/llm/engine/client";
import type { Algorithm, Credit } from "@/gpu-workers/rl/algorithms/algorithm";
import { KL_ESTIMATORS } from "@/gpu-workers/rl/algorithms/kl";
import { computeMaxEpisodeTokens } from "@/gpu-workers/searcher/turn-decoding";
import type { MetricValues } from "@/gpu-workers/rl/episode-metrics";
import type { Group } from "@/gpu-workers/rl/rollout";
import {
  computeExplainedVariance,
  maximum,
  mean,
  summariseMeanMaxMin,
} from "@/gpu-workers/rl/statistics";
import type { Stopwatch, StepPhase } from "@/gpu-workers/runtime/stopwatch";
import {
  countActionTokens,
  pickActionTokens,
  buildDatum,
  fillActionTokens,
  buildTrainingSequence,
  type TrainingSequence,
} from "@/gpu-workers/searcher/training-sequence";

/** Name of the engine's snapshot that the KL penalty refers to: the policy before reinforcement learning. */
export const REFERENCE = "reference";

type Model = Pick<EngineModel, "forward" | "forwardBackward" | "optimStep">;

export interface UpdateDependencies {
  policy: Model;
  /** Null where the algorithm has none. */
  critic: Model | null;
  algorithm: Algorithm;
  config: Pick<TrainConfig, "search" | "rl">;
  /** Weight of the KL at this step. */
  klCoefficient: number;
  stopwatch: Stopwatch<StepPhase>;
  signal: AbortSignal;
  /** Resolves when nobody samples from the policy any more, so that its weights may change. */
  untilSamplingEnds: () => Promise<void>;
}

export interface PolicyUpdate {
  metrics: MetricValues;
  /** Mean advantage of each sample's action tokens, by group. */
  advantages: number[][];
  /** KL to the reference per action token; null where it is not measured. */
  kl: number | null;
  /** Why optimiser steps were skipped: a loss or gradient that is not finite. The weights are then as they were. */
  skipped: string[];
  /** Whether the policy took an optimiser step, or while it waits for the critic to warm up, the critic. */
  learned: boolean;
  /** Micro-batches that the engine began again with half the tokens, as memory did not suffice, and the fewest tokens of one; null: none. */
  outOfMemory: OutOfMemory | null;
}

interface OutOfMemory {
  retries: number;
  tokenBudget: number;
}

/** What an update notes on its way. */
interface UpdateNotes {
  skipped: string[];
  outOfMemory: OutOfMemory | null;
}

/** One episode on its way to the gradient. Lists have an entry for each action token. */
interface Experience {
  sequence: TrainingSequence;
  reward: number;
  /** The ratio's denominator. */
  oldLogprobs: number[];
  /** Under the trainer's policy before the update; null where only the sampler's are known. */
  trainerLogprobs: number[] | null;
  referenceLogprobs: number[] | null;
  penalties: number[];
  values: number[];
}

/**
 * Learns from one step's groups: old and reference log-probabilities, values, credits, then critic and policy in
 * mini-batches (Schulman et al. 2017, algorithm 1).
 */
export async function updatePolicy(
  parts: UpdateDependencies,
  groups: readonly Group[],
  step: number,
): Promise<PolicyUpdate> {
  const { algorithm, config, critic, stopwatch: clock } = parts;
  const { rl } = config;
  const notes: UpdateNotes = { skipped: [], outOfMemory: null };
  const experiences = await buildExperiences(parts, groups, notes);
  const grouped = splitByGroup(experiences, groups);
  const credits = algorithm.assignCredit(grouped).flat();
  const learned = experiences.map((experience, i) => ({ experience, credit: credits[i]! }));
  const warmupFactor = rl.lrWarmupSteps === 0 ? 1 : Math.min(1, step / rl.lrWarmupSteps);
  let learnedFrom: readonly MiniBatchResult[] = [];
  const metrics: MetricValues = {
    ...computeCreditMetrics(experiences, credits),
    ...computeKlMetrics(experiences, parts),
    ...computeSamplerMismatch(experiences, rl),
  };

  if (critic !== null) {
    const results = await clock.time("update_critic", () =>
      runOptimizerEpochs(
        parts,
        critic,
        learned,
        valueLoss(rl.critic.valueClip),
        rl.critic.learningRate * warmupFactor,
        async () => undefined,
        notes,
      ),
    );
    learnedFrom = results;
    Object.assign(metrics, computeCriticMetrics(results), {
      "critic/lr": rl.critic.learningRate * warmupFactor,
    });
  }
  const chosen =
    algorithm.loss === "cross_entropy"
      ? learned.filter(({ credit }) => credit.advantages.some((a) => a > 0))
      : learned;
  if (critic === null || step > rl.critic.warmupSteps) {
    const results = await clock.time("update_actor", () =>
      runOptimizerEpochs(
        parts,
        parts.policy,
        chosen,
        policyLoss(parts),
        rl.learningRate * warmupFactor,
        parts.untilSamplingEnds,
        notes,
      ),
    );
    learnedFrom = results;
    Object.assign(metrics, computeActorMetrics(results, chosen, rl), {
      "actor/lr": rl.learningRate * warmupFactor,
    });
  }
  const { skipped, outOfMemory } = notes;
  metrics["actor/skipped_updates"] = skipped.length;
  metrics["memory/out_of_memory_retries"] = outOfMemory?.retries ?? 0;
  const means = credits.map(({ advantages }) => mean(advantages) ?? 0);
  return {
    metrics,
    advantages: splitByGroup(means, groups),
    kl: averageKl(experiences, rl),
    skipped,
    learned: learnedFrom.length > 0,
    outOfMemory,
  };
}

/** Steps in a row in which nothing could be learned until the run stops. */
const MAX_SKIPPED_IN_A_ROW = 3;

/**
 * @param before steps in a row that taught nothing before this one
 * @returns steps in a row with this one; throws with the reason where they are too many
 */
export function countSkippedInARow(
  before: number,
  { skipped: reasons, learned }: Pick<PolicyUpdate, "skipped" | "learned">,
): number {
  const row = reasons.length === 0 || learned ? 0 : before + 1;
  if (row >= MAX_SKIPPED_IN_A_ROW)
    throw new AppError(
      "internal",
      `No finite loss and gradient in ${row} steps in a row: ${reasons[0]} Resume from the last checkpoint, or branch from it with a lower rl.learningRate.`,
    );
  return row;
}

/** The gradient of one step's groups without a step: what a dry run tries. */
export async function computeTrialGradient(
  parts: UpdateDependencies,
  groups: readonly Group[],
): Promise<void> {
  const experiences = await buildExperiences(parts, groups, { skipped: [], outOfMemory: null });
  const credits = parts.algorithm.assignCredit(splitByGroup(experiences, groups)).flat();
  const learned = experiences.map((experience, i) => ({ experience, credit: credits[i]! }));
  const { critic, policy, signal, stopwatch: clock } = parts;
  if (critic !== null)
    await clock.time("update_critic", () =>
      critic.forwardBackward(valueLoss(parts.config.rl.critic.valueClip)(learned), { signal }),
    );
  await clock.time("update_actor", () =>
    policy.forwardBackward(policyLoss(parts)(learned), { signal }),
  );
}

/** Splits a flat list as the groups' samples lie. */
function splitByGroup<T>(items: readonly T[], groups: readonly Group[]): T[][] {
  let start = 0;
  return groups.map(({ samples }) => items.slice(start, (start += samples.length)));
}

/** What is computed before the update: log-probabilities under the old policy and the reference, and values. */
async function buildExperiences(
  { policy, critic, config, klCoefficient, stopwatch: clock, signal }: UpdateDependencies,
  groups: readonly Group[],
  notes: UpdateNotes,
): Promise<Experience[]> {
  const { rl } = config;
  const samples = groups.flatMap((group) => group.samples);
  const sequences = samples.map(({ episode }) => buildTrainingSequence(episode, config.search));
  const data = sequences.map((sequence) =>
    buildDatum(
      sequence,
      fillActionTokens(sequence, () => 1),
    ),
  );
  const measured = klCoefficient > 0;
  const forward =
    measured || rl.oldLogprobs === "trainer"
      ? await clock.time("ref", () =>
          policy.forward(
            {
              adapter: true,
              data,
              temperature: rl.temperature,
              ...(measured ? { reference: REFERENCE } : {}),
            },
            { signal },
          ),
        )
      : null;
  const valued =
    critic === null
      ? null
      : await clock.time("values", () => critic.forward({ adapter: true, data }, { signal }));
  for (const result of [forward, valued]) if (result !== null) noteOutOfMemory(notes, result);
  return sequences.map((sequence, i) => {
    const at = (list: readonly number[] | undefined): number[] | null =>
      list === undefined ? null : pickActionTokens(sequence, list);
    const trainerLogprobs = at(forward?.logprobs[i]);
    const sampled = pickActionTokens(sequence, sequence.logprobs);
    const referenceLogprobs = at(forward?.referenceLogprobs?.[i]);
    const estimate = KL_ESTIMATORS[rl.klEstimator];
    const penalise = referenceLogprobs !== null && trainerLogprobs !== null && rl.klIn === "reward";
    return {
      sequence,
      reward: samples[i]!.reward.value,
      oldLogprobs: rl.oldLogprobs === "trainer" ? trainerLogprobs! : sampled,
      trainerLogprobs,
      referenceLogprobs,
      penalties: sampled.map((_, t) =>
        penalise ? klCoefficient * estimate(trainerLogprobs[t]!, referenceLogprobs[t]!) : 0,
      ),
      values: at(valued?.values[i]) ?? [],
    };
  });
}

/** The engine begins a micro-batch again with half the tokens where memory does not suffice; it goes on, and it is said. */
function noteOutOfMemory(
  notes: UpdateNotes,
  {
    retriedOutOfMemory,
    tokenBudget,
  }: Pick<EngineResult<"forward">, "retriedOutOfMemory" | "tokenBudget">,
): void {
  if (retriedOutOfMemory === 0) return;
  const before = notes.outOfMemory ?? { retries: 0, tokenBudget: Infinity };
  notes.outOfMemory = {
    retries: before.retries + retriedOutOfMemory,
    tokenBudget: Math.min(before.tokenBudget, tokenBudget),
  };
}

interface CreditedExperience {
  experience: Experience;
  credit: Credit;
}
type BuildLossRequest = (
  batch: readonly CreditedExperience[],
) => Parameters<Model["forwardBackward"]>[0];
type MiniBatchResult = EngineResult<"forward_backward"> & {
  gradNorm: number;
  batch: readonly CreditedExperience[];
};

/** Epochs of optimiser steps on mini-batches, in the order of the episodes. Each is one operation, so that it counts whole or not at all. */
async function runOptimizerEpochs(
  { config, signal }: UpdateDependencies,
  model: Model,
  learned: readonly CreditedExperience[],
  step: BuildLossRequest,
  learningRate: number,
  settled: () => Promise<void>,
  notes: UpdateNotes,
): Promise<MiniBatchResult[]> {
  const { epochs, miniBatch, gradientClip } = config.rl;
  const batches = splitIntoMiniBatches(learned, miniBatch === 0 ? learned.length : miniBatch);
  const all = Array.from({ length: epochs }, () => batches).flat();
  const results: MiniBatchResult[] = [];
  for (const [i, batch] of all.entries()) {
    try {
      const result = await model.forwardBackward(step(batch), { signal });
      noteOutOfMemory(notes, result);
      await settled();
      const { gradNorm } = await model.optimStep(
        { learningRate, gradClip: gradientClip, keepActivations: i < all.length - 1 },
        { signal },
      );
      results.push({ ...result, gradNorm, batch });
    } catch (error) {
      if (!(error instanceof EngineError && error.engineCode === "not-finite")) throw error;
      notes.skipped.push(error.message);
    }
  }
  return results;
}

/** Splits in order into lists of `size`; the last may be shorter. */
export function splitIntoMiniBatches<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: size === 0 ? 0 : Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}

/**
 * What each action token weighs, so that the engine's sum over a mini-batch is the mean that is wanted: over its tokens;
 * within each episode and then over episodes; or over episodes, by the longest possible one (Liu et al. 2025).
 */
export function computeTokenWeights(
  tokens: readonly number[],
  { rl, search }: Pick<TrainConfig, "rl" | "search">,
): number[] {
  const total = Math.max(
    1,
    tokens.reduce((sum, n) => sum + n, 0),
  );
  const by = {
    token: () => 1 / total,
    sequence: (n: number) => 1 / (tokens.length * Math.max(1, n)),
    constant: () => 1 / (tokens.length * computeMaxEpisodeTokens(search)),
  }[rl.normalisation];
  return tokens.map(by);
}

const policyLoss =
  ({ algorithm, config, klCoefficient }: UpdateDependencies): BuildLossRequest =>
  (batch) => {
    const { rl } = config;
    const inLoss = rl.klIn === "loss" && klCoefficient > 0;
    const weights = computeTokenWeights(
      batch.map(({ experience }) => countActionTokens(experience.sequence)),
      config,
    );
    const data = batch.map(({ experience, credit }, i): Datum => {
      const { sequence, oldLogprobs, referenceLogprobs } = experience;
      const trust = truncatedImportanceWeights(experience, rl.truncateRatio);
      const weighed = buildDatum(
        sequence,
        fillActionTokens(sequence, (t) => weights[i]! * trust[t]!),
      );
      if (algorithm.loss === "cross_entropy") return weighed;
      return {
        ...weighed,
        advantages: fillActionTokens(sequence, (t) => credit.advantages[t]!),
        logprobs: fillActionTokens(sequence, (t) => oldLogprobs[t]!),
        ...(inLoss
          ? { referenceLogprobs: fillActionTokens(sequence, (t) => referenceLogprobs![t]!) }
          : {}),
      };
    });
    // At the temperature of the rollouts in every loss: what learns is the policy that was sampled.
    if (algorithm.loss === "cross_entropy")
      return { loss: "cross_entropy", config: { temperature: rl.temperature }, data };
    const config_ = {
      clipLow: algorithm.clipRange.low,
      clipHigh: algorithm.clipRange.high,
      klCoef: inLoss ? klCoefficient : 0,
      klEstimator: rl.klEstimator,
      entropyCoef: rl.entropyCoefficient,
      temperature: rl.temperature,
    };
    return { loss: "ppo", config: config_, data };
  };

/** The critic's loss is always averaged over tokens. */
const valueLoss =
  (valueClip: number | null): BuildLossRequest =>
  (batch) => {
    const weight =
      1 /
      Math.max(
        1,
        batch.reduce((sum, { experience }) => sum + countActionTokens(experience.sequence), 0),
      );
    const data = batch.map(({ experience: { sequence, values }, credit }): Datum => ({
      ...buildDatum(
        sequence,
        fillActionTokens(sequence, () => weight),
      ),
      returns: fillActionTokens(sequence, (t) => credit.returns![t]!),
      values: fillActionTokens(sequence, (t) => values[t]!),
    }));
    return { loss: "value", config: { valueClip }, data };
  };

/** Truncated importance weights: how much likelier the trainer finds each token than the sampler did, at most `cap` (null: 1). */
function truncatedImportanceWeights(
  { sequence, trainerLogprobs }: Experience,
  cap: number | null,
): number[] {
  const sampled = pickActionTokens(sequence, sequence.logprobs);
  return sampled.map((logprob, t) =>
    cap === null ? 1 : Math.min(cap, Math.exp(trainerLogprobs![t]! - logprob)),
  );
}

function averageKl(experiences: readonly Experience[], rl: TrainConfig["rl"]): number | null {
  const estimate = KL_ESTIMATORS[rl.klEstimator];
  const tokens = experiences.flatMap(({ trainerLogprobs, referenceLogprobs }) =>
    referenceLogprobs === null
      ? []
      : referenceLogprobs.map((reference, t) => estimate(trainerLogprobs![t]!, reference)),
  );
  return mean(tokens) ?? null;
}

function computeKlMetrics(
  experiences: readonly Experience[],
  { config: { rl }, klCoefficient }: UpdateDependencies,
): MetricValues {
  const kl = averageKl(experiences, rl);
  if (kl === null) return {};
  return rl.klIn === "reward"
    ? { "critic/kl": kl, "critic/kl_coeff": klCoefficient }
    : { "actor/kl_loss": kl, "actor/kl_coef": klCoefficient };
}

function computeCreditMetrics(
  experiences: readonly Experience[],
  credits: readonly Credit[],
): MetricValues {
  const values = experiences.flatMap((experience) => experience.values);
  const returns = credits.flatMap((credit) => credit.returns ?? []);
  return {
    ...summariseMeanMaxMin(
      "critic/score",
      experiences.map(({ reward }) => reward),
    ),
    ...summariseMeanMaxMin(
      "critic/rewards",
      experiences.map(({ reward, penalties }) => reward - penalties.reduce((sum, p) => sum + p, 0)),
    ),
    ...summariseMeanMaxMin(
      "critic/advantages",
      credits.flatMap(({ advantages }) => advantages),
    ),
    ...summariseMeanMaxMin("critic/returns", returns),
    ...summariseMeanMaxMin("critic/values", values),
    ...explained(computeExplainedVariance(values, returns)),
  };
}

const explained = (share: number | null): MetricValues =>
  share === null ? {} : { "critic/vf_explained_var": share };

/** Sampler against trainer, where the trainer's own log-probabilities were computed; else `actorMetrics` has them. Overlapped episodes are of other weights. */
function computeSamplerMismatch(
  experiences: readonly Experience[],
  rl: TrainConfig["rl"],
): MetricValues {
  if (rl.overlap) return {};
  const differences = experiences.flatMap(({ sequence, trainerLogprobs }) =>
    trainerLogprobs === null
      ? []
      : pickActionTokens(sequence, sequence.logprobs).map(
          (sampled, t) => sampled - trainerLogprobs[t]!,
        ),
  );
  const cap = rl.truncateRatio;
  return {
    ...computeMismatchMetrics(differences),
    ...(cap === null || differences.length === 0
      ? {}
      : { "mismatch/truncated": mean(differences.map((d) => (Math.exp(-d) > cap ? 1 : 0)))! }),
  };
}

function computeMismatchMetrics(differences: readonly number[]): MetricValues {
  if (differences.length === 0) return {};
  const distances = differences.map(Math.abs);
  return {
    "mismatch/logprob_mean": mean(distances)!,
    "mismatch/logprob_max": maximum(distances),
    "mismatch/kl": mean(differences)!,
  };
}

function computeCriticMetrics(results: readonly MiniBatchResult[]): MetricValues {
  if (results.length === 0) return {};
  return {
    "critic/vf_loss": mean(results.map(({ loss }) => loss))!,
    "critic/vf_clipfrac": computeTokenShare(results, ({ valueClipped }) => valueClipped),
    "critic/grad_norm": mean(results.map(({ gradNorm }) => gradNorm))!,
  };
}

/** A count of tokens in all results as a share of their tokens. */
const computeTokenShare = (
  results: readonly MiniBatchResult[],
  of: (result: MiniBatchResult) => number,
): number => {
  const tokens = results.reduce((sum, result) => sum + result.tokens, 0);
  return results.reduce((sum, result) => sum + of(result), 0) / Math.max(1, tokens);
};

function computeActorMetrics(
  results: readonly MiniBatchResult[],
  chosen: readonly CreditedExperience[],
  rl: TrainConfig["rl"],
): MetricValues {
  if (results.length === 0) return {};
  // Of the first optimiser step the weights are still those of the old policy.
  const first = results[0]!;
  const known = chosen.some(({ experience }) => experience.trainerLogprobs !== null);
  const mismatch = known || rl.overlap ? [] : listLogprobDifferences(first);
  return {
    "actor/pg_loss": mean(results.map(({ policyLoss }) => policyLoss))!,
    "actor/entropy_loss": computeTokenShare(results, ({ entropy }) => entropy),
    "actor/pg_clipfrac": computeTokenShare(results, ({ clipped }) => clipped),
    "actor/ppo_kl": mean(results.flatMap(listLogprobDifferences)) ?? 0,
    "actor/grad_norm": mean(results.map(({ gradNorm }) => gradNorm))!,
    "actor/ratio_max": maximum(results.map(({ ratio }) => ratio.max)),
    ...computeMismatchMetrics(mismatch),
  };
}

/** Old log-probability minus the present one of each action token. */
const listLogprobDifferences = ({ batch, logprobs }: MiniBatchResult): number[] =>
  batch.flatMap(({ experience: { sequence, oldLogprobs } }, i) =>
    pickActionTokens(sequence, logprobs[i]!).map((logprob, t) => oldLogprobs[t]! - logprob),
  );
