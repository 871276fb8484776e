import { AppError } from "@/contracts/errors";
import type { MetricValues } from "@/gpu-workers/rl/metric-values";
import type { Group } from "@/gpu-workers/rl/rollout";
import { describeAdvantage, type EpisodeAdvantage } from "./episode-advantage";
import { buildExperiences, splitByGroup, type CreditedExperience } from "./experience";
import {
  computeRateFactor,
  getCriticSchedule,
  getPolicySchedule,
  selectOptimizer,
  type Schedule,
} from "@/gpu-workers/rl/learning-rate";
import { createPolicyLoss, createValueLoss, type BuildLossRequest } from "./losses";
import { runOptimizerEpochs, type MiniBatchResult } from "./optimizer-epochs";
import {
  createUpdateNotes,
  type OutOfMemory,
  type TrainedModel,
  type UpdateDependencies,
  type UpdateNotes,
} from "./update-dependencies";
import {
  averageKl,
  computeActorMetrics,
  computeCreditMetrics,
  computeCriticMetrics,
  computeKlMetrics,
  computeRankMetrics,
  computeSamplerMismatch,
} from "./update-metrics";

/** What an update reports. */
export interface PolicyUpdate {
  metrics: MetricValues;
  /** Of each sample, by group. */
  advantages: EpisodeAdvantage[][];
  /** KL to the reference per action token; null where it is not measured. */
  kl: number | null;
  /** Why optimiser steps were skipped: a loss or gradient that is not finite. The weights then stay as they were. */
  skipped: string[];
  /** Whether the policy took an optimiser step, or the critic while the policy waits for its warm-up. */
  learned: boolean;
  /** Null where memory sufficed. */
  outOfMemory: OutOfMemory | null;
}

/**
 * Updates policy and critic from one step's groups (PPO: Schulman et al. 2017, algorithm 1): build experiences, assign
 * credit, then epochs of mini-batches for the critic and for the policy.
 *
 * @param step training step, from 1
 * @throws AppError where the engine fails; EngineError unless its code is "not-finite", which skips an optimiser step
 */
export async function updatePolicy(
  dependencies: UpdateDependencies,
  groups: readonly Group[],
  step: number,
): Promise<PolicyUpdate> {
  const { algorithm, config, policy, critic, stopwatch, untilSamplingEnds, totalSteps } =
    dependencies;
  const { rl } = config;
  const notes = createUpdateNotes();
  const credited = await buildCreditedExperiences(dependencies, groups, notes);
  const experiences = credited.map(({ experience }) => experience);
  const credits = credited.map(({ credit }) => credit);
  const computeFactor = (schedule: Schedule): number =>
    computeRateFactor(schedule, step, totalSteps, config.search.protocol);
  const metrics: MetricValues = {
    ...computeCreditMetrics(experiences, credits),
    ...computeKlMetrics(experiences, dependencies),
    ...computeSamplerMismatch(experiences, config),
  };
  let results: readonly MiniBatchResult[] = [];

  if (critic !== null) {
    const learningRate = rl.critic.learningRate * computeFactor(getCriticSchedule(rl));
    const loss = createValueLoss(rl.critic.valueClip);
    const changeAtOnce = (): Promise<void> => Promise.resolve();
    results = await stopwatch.time("update_critic", () =>
      runOptimizerEpochs(dependencies, critic, credited, loss, learningRate, changeAtOnce, notes),
    );
    Object.assign(metrics, computeCriticMetrics(results), { "critic/lr": learningRate });
  }
  if (critic === null || step > rl.critic.warmupSteps) {
    const learningRate = rl.learningRate * computeFactor(getPolicySchedule(rl));
    const loss = createPolicyLoss(dependencies);
    const chosen =
      algorithm.loss === "cross_entropy"
        ? credited.filter(({ credit }) => credit.advantages.some((a) => a > 0))
        : credited;
    results = await stopwatch.time("update_actor", () =>
      runOptimizerEpochs(
        dependencies,
        policy,
        chosen,
        loss,
        learningRate,
        untilSamplingEnds,
        notes,
      ),
    );
    Object.assign(metrics, computeActorMetrics(results, chosen, rl), { "actor/lr": learningRate });
  }

  const { skipped, outOfMemory } = notes;
  Object.assign(metrics, computeRankMetrics(notes.rankTimes));
  metrics["actor/skipped_updates"] = skipped.length;
  metrics["memory/out_of_memory_retries"] = outOfMemory?.retries ?? 0;
  const episodes = groups.flatMap(({ samples }) => samples.map(({ episode }) => episode));
  const advantages = credited.map((one, i) => describeAdvantage(one, episodes[i]!));
  return {
    metrics,
    advantages: splitByGroup(advantages, groups),
    kl: averageKl(experiences, rl),
    skipped,
    learned: results.length > 0,
    outOfMemory,
  };
}

/** Experiences with the advantages and returns that the algorithm assigns, in the order of the groups' samples. */
async function buildCreditedExperiences(
  dependencies: UpdateDependencies,
  groups: readonly Group[],
  notes: UpdateNotes,
): Promise<CreditedExperience[]> {
  const experiences = await buildExperiences(dependencies, groups, notes);
  const credits = dependencies.algorithm.assignCredit(splitByGroup(experiences, groups)).flat();
  return experiences.map((experience, i) => ({ experience, credit: credits[i]! }));
}

/** After so many steps in a row in which nothing could be learned, the run stops. */
const MAX_SKIPPED_IN_A_ROW = 3;

/**
 * @param before steps in a row, before this one, in which nothing was learned
 * @returns steps in a row with this one
 * @throws AppError with the reason where they are too many
 */
export function countSkippedInARow(
  before: number,
  { skipped: reasons, learned }: Pick<PolicyUpdate, "skipped" | "learned">,
): number {
  const count = reasons.length === 0 || learned ? 0 : before + 1;
  if (count >= MAX_SKIPPED_IN_A_ROW)
    throw new AppError(
      "internal",
      `No finite loss and gradient in ${count} steps in a row: ${reasons[0]} Resume from the last checkpoint, or branch from it with a lower rl.learningRate.`,
    );
  return count;
}

/**
 * Computes the gradients of one step's groups for a dry run. The optimiser's steps change no weight, but take their time and
 * memory, and no gradient is kept beside the next.
 */
export async function computeTrialGradient(
  dependencies: UpdateDependencies,
  groups: readonly Group[],
): Promise<void> {
  const { config, critic, policy, signal, stopwatch } = dependencies;
  const credited = await buildCreditedExperiences(dependencies, groups, createUpdateNotes());
  const tryStep = async (model: TrainedModel, buildRequest: BuildLossRequest): Promise<void> => {
    const { tokens } = await model.forwardBackward(buildRequest(credited), { signal });
    // Without a token that weighs anything there is no gradient to step with.
    if (tokens > 0)
      await model.optimStep({ learningRate: 0, ...selectOptimizer(config) }, { signal });
  };
  if (critic !== null) {
    const loss = createValueLoss(config.rl.critic.valueClip);
    await stopwatch.time("update_critic", () => tryStep(critic, loss));
  }
  await stopwatch.time("update_actor", () => tryStep(policy, createPolicyLoss(dependencies)));
}
