import type { Datum } from "@/contracts/engine/dialect";
import { AppError } from "@/contracts/errors";
import type { Episode } from "@/contracts/records/episode";
import type { SearchConfig } from "@/contracts/run-config/search";
import { buildTurnGrammar } from "./turn-decoding";

/** An episode as the searcher saw it: one sequence of tokens, and which of them it chose. */
export interface TrainingSequence {
  ids: number[];
  /** 1 where the policy chose, 0 for prompt, retrieved text and forced tokens. Same length as ids. */
  mask: (0 | 1)[];
  /** Under the sampling policy, 0 where mask is 0. Same length as ids. */
  logprobs: number[];
  /** What each turn's tokens were allowed to be (guided decoding). */
  guides: { start: number; end: number; lark: string }[];
}

/** Joins the turns of an episode. Ids are those that were fed and sampled; nothing is tokenised again. */
export function buildTrainingSequence(
  episode: Pick<Episode, "steps">,
  settings: SearchConfig,
): TrainingSequence {
  const sequence: TrainingSequence = { ids: [], mask: [], logprobs: [], guides: [] };
  let window = 0;
  for (const step of episode.steps) {
    if (step.kind === "retrieve") window = step.documents.length;
    if (step.kind !== "generate") continue;
    const { ids, mask, logprobs, fed } = step;
    if (!ids || !mask || !logprobs || fed === undefined)
      throw new AppError("internal", "An episode without token ids cannot be trained on.");
    const start = sequence.ids.length + fed;
    sequence.ids.push(...ids);
    sequence.mask.push(...mask);
    sequence.logprobs.push(...logprobs);
    if (settings.decoding === "guided")
      sequence.guides.push({
        start,
        end: sequence.ids.length,
        lark: buildTurnGrammar(settings, window, step.turn),
      });
  }
  return sequence;
}

/** Tokens that the policy chose. */
export const countActionTokens = ({ mask }: Pick<TrainingSequence, "mask">): number =>
  mask.reduce<number>((sum, m) => sum + m, 0);

/** The entries of a list per token that belong to action tokens. */
export const pickActionTokens = (
  { mask }: Pick<TrainingSequence, "mask">,
  list: readonly number[],
): number[] => list.filter((_, i) => mask[i] === 1);

/** A list per token: `value` of each action token by its number among them, 0 elsewhere. */
export function fillActionTokens(
  { mask }: Pick<TrainingSequence, "mask">,
  value: (action: number) => number,
): number[] {
  let action = 0;
  return mask.map((m) => (m === 1 ? value(action++) : 0));
}

/** A sequence as the engine trains on it, with the weight of each token. */
export const buildDatum = ({ ids, guides }: TrainingSequence, weights: number[]): Datum => ({
  ids,
  weights,
  guides,
});
