import type { EngineResult } from "@/contracts/engine/dialect";
import type { Credit } from "@/gpu-workers/rl/algorithms/algorithm";
import { KL_ESTIMATORS } from "@/gpu-workers/rl/algorithms/kl";
import type { Group } from "@/gpu-workers/rl/rollout";
import type { TurnReward } from "@/gpu-workers/rl/turn-rewards";
import {
  appendEndState,
  buildDatum,
  buildTrainingSequence,
  fillActionTokens,
  listStates,
  pickActionTokens,
  type TrainingSequence,
} from "@/gpu-workers/searcher/training-sequence";
import {
  noteOutOfMemory,
  REFERENCE,
  type UpdateDependencies,
  type UpdateNotes,
} from "./update-dependencies";

/** One episode as the update learns from it. Lists have an entry for each action token. */
export interface Experience {
  sequence: TrainingSequence;
  reward: number;
  /** Log-probabilities under the policy before the update: the denominator of the importance ratio. */
  oldLogprobs: number[];
  /** Under the trainer's policy before the update; null where only the sampler's are known. */
  trainerLogprobs: number[] | null;
  referenceLogprobs: number[] | null;
  /** What the KL takes from the reward of each token; zeros where it is not in the reward. */
  penalties: number[];
  /** The critic's value of each state; empty without a critic. */
  values: number[];
  /** The critic's value after the last token where that is a state, too (`upstream`). */
  endValue?: number;
  /** Of each state whether its token is an action token; absent: every state's is. */
  areActions?: boolean[];
  /** With `rl.credit: turn`: what each turn earned, and the turn of each action token. */
  turns?: { rewards: readonly TurnReward[]; ofTokens: number[] };
}

/** An experience with the advantages and returns of its action tokens. */
export interface CreditedExperience {
  experience: Experience;
  credit: Credit;
}

/**
 * Builds the experiences of one step's groups: forward passes give the old and reference log-probabilities and the
 * critic's values of every episode.
 *
 * @returns an experience per sample, in the order of the groups
 */
export async function buildExperiences(
  { policy, critic, config, klCoefficient, stopwatch, signal }: UpdateDependencies,
  groups: readonly Group[],
  notes: UpdateNotes,
): Promise<Experience[]> {
  const { rl, search } = config;
  const samples = groups.flatMap((group) => group.samples);
  const sequences = samples.map(({ episode }) => buildTrainingSequence(episode, search));
  const data = sequences.map((sequence) =>
    buildDatum(
      sequence,
      fillActionTokens(sequence, () => 1),
    ),
  );
  const valuedSequences =
    critic === null ? sequences : addEndStates(sequences, critic.info.maxLength);
  const states = valuedSequences.map((sequence) => buildDatum(sequence, [...listStates(sequence)]));
  const measuresKl = klCoefficient > 0;
  const forward =
    measuresKl || rl.oldLogprobs === "trainer"
      ? await stopwatch.time("ref", () =>
          policy.forward(
            {
              adapter: true,
              data,
              temperature: rl.temperature,
              ...(measuresKl ? { reference: REFERENCE } : {}),
            },
            { signal },
          ),
        )
      : null;
  const valued =
    critic === null
      ? null
      : await stopwatch.time("values", () =>
          critic.forward({ adapter: true, data: states }, { signal }),
        );
  for (const result of [forward, valued]) if (result !== null) noteOutOfMemory(notes, result);
  return sequences.map((sequence, i) =>
    buildExperience(sequence, samples[i]!, i, forward, valued, rl, klCoefficient),
  );
}

/**
 * The sequences as the critic reads them. As released, the mask of its loss is shifted by one token against what it is laid
 * over, so that the state after the last token is learned, too; a step's longest episodes have no room for it.
 *
 * @param maxLength tokens that the critic reads
 */
function addEndStates(
  sequences: readonly TrainingSequence[],
  maxLength: number,
): TrainingSequence[] {
  const count = ({ states = [] }: TrainingSequence): number => states.filter((s) => s === 1).length;
  const longest = sequences.reduce((most, sequence) => Math.max(most, count(sequence)), 0);
  return sequences.map((sequence) =>
    count(sequence) < longest && sequence.ids.length < maxLength
      ? appendEndState(sequence)
      : sequence,
  );
}

/** Puts together the results of the forward passes for the episode at `index` of the batch. Pure. */
function buildExperience(
  sequence: TrainingSequence,
  { reward, turnRewards }: Group["samples"][number],
  index: number,
  forward: EngineResult<"forward"> | null,
  valued: EngineResult<"forward"> | null,
  rl: UpdateDependencies["config"]["rl"],
  klCoefficient: number,
): Experience {
  const pick = (list: readonly number[] | undefined): number[] | null =>
    list === undefined ? null : pickActionTokens(sequence, list);
  const states = listStates(sequence);
  const samplerLogprobs = pickActionTokens(sequence, sequence.logprobs);
  const trainerLogprobs = pick(forward?.logprobs[index]);
  const referenceLogprobs = pick(forward?.referenceLogprobs?.[index]);
  // An entry more than the sequence has tokens is that of the state after them.
  const endValue = valued?.values[index]?.[sequence.ids.length];
  const estimateKl = KL_ESTIMATORS[rl.klEstimator];
  const penalised = referenceLogprobs !== null && trainerLogprobs !== null && rl.klIn === "reward";
  return {
    sequence,
    reward: reward.value,
    ...(turnRewards && {
      turns: { rewards: turnRewards, ofTokens: pickActionTokens(sequence, sequence.turns) },
    }),
    oldLogprobs: rl.oldLogprobs === "trainer" ? trainerLogprobs! : samplerLogprobs,
    trainerLogprobs,
    referenceLogprobs,
    penalties: samplerLogprobs.map((_, t) =>
      penalised ? klCoefficient * estimateKl(trainerLogprobs[t]!, referenceLogprobs[t]!) : 0,
    ),
    values: (valued?.values[index] ?? []).filter((_, i) => states[i] === 1),
    ...(endValue !== undefined && { endValue }),
    ...(sequence.states && {
      areActions: sequence.mask.flatMap((m, i) => (states[i] === 1 ? [m === 1] : [])),
    }),
  };
}

/** Splits a flat list as the samples lie in their groups. */
export function splitByGroup<T>(items: readonly T[], groups: readonly Group[]): T[][] {
  let start = 0;
  return groups.map(({ samples }) => items.slice(start, (start += samples.length)));
}
