import type { Episode } from "@/contracts/records/episode";
import { computeMean } from "@/core/statistics/summary";
import { splitIntoTurns } from "@/gpu-workers/searcher/training-sequence";
import type { CreditedExperience } from "./experience";

/** What the policy's loss weighed an episode's action tokens by. */
export interface EpisodeAdvantage {
  /** Mean over the action tokens; 0 without one. */
  mean: number;
  /** As `advantages` of each generate step, in order; null where all action tokens have the same, or one is not finite. */
  turns: number[][] | null;
}

/** Digits that tell any two float32 numbers apart. */
const FLOAT32_DIGITS = 9;

/** The value that the engine computes with, in no more digits than a report needs to hold it. */
const roundToFloat32 = (value: number): number =>
  Number(Math.fround(value).toPrecision(FLOAT32_DIGITS));

/**
 * What is reported of an episode's advantages: those that `createPolicyLoss` sends, and their mean. Lists are given only
 * where tokens differ (critic, discounted returns, penalties of tokens, credit by turns), because where all are alike the
 * mean says it. Pure.
 */
export function describeAdvantage(
  { experience: { sequence }, credit }: CreditedExperience,
  episode: Pick<Episode, "steps">,
): EpisodeAdvantage {
  const values = credit.advantages.map(roundToFloat32);
  return {
    mean: computeMean(credit.advantages) ?? 0,
    turns:
      values.every(Number.isFinite) && values.some((value) => value !== values[0])
        ? splitIntoTurns(episode, sequence, values)
        : null,
  };
}

/** The episode with the advantages of its tokens, where these differ. */
export function addTokenAdvantages(episode: Episode, { turns }: EpisodeAdvantage): Episode {
  if (turns === null) return episode;
  const lists = turns.values();
  return {
    ...episode,
    steps: episode.steps.map((step) =>
      step.kind === "generate" ? { ...step, advantages: lists.next().value! } : step,
    ),
  };
}
