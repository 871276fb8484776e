import type { Datum } from "@/contracts/engine/dialect";
import { AppError } from "@/contracts/errors";
import type { Episode } from "@/contracts/records/episode";
import type { SearchConfig } from "@/contracts/run-config/search";
import { buildTurnGrammar } from "./turn-decoding";
import { UPSTREAM_LIMITS } from "./upstream-limits";

/** An episode as one sequence of tokens, with those that the searcher chose marked as actions. */
export interface TrainingSequence {
  ids: number[];
  /** 1 where the policy chose, 0 for prompt, retrieved text and forced tokens. Same length as ids. */
  mask: (0 | 1)[];
  /** Log-probabilities under the policy that sampled; 0 where the mask is 0. Same length as ids. */
  logprobs: number[];
  /**
   * 1 where the critic values the state from which the token came. Absent: at the action tokens; `upstream` takes every
   * token after the first prompt for one, what was retrieved included.
   */
  states?: (0 | 1)[];
  /** The turn that wrote, or was fed, each token. Same length as ids. */
  turns: number[];
  /** How many of the episode's tokens were cut off before the first. Absent: none. */
  begin?: number;
  /** Under guided decoding the grammar of each turn, with the range of tokens that it restricts. */
  guides: { start: number; end: number; lark: string }[];
}

/**
 * Joins the turns of an episode. The ids are those that were fed and sampled: nothing is tokenised again.
 * @throws AppError where the episode was stored without its token ids
 */
export function buildTrainingSequence(
  episode: Pick<Episode, "steps">,
  settings: SearchConfig,
): TrainingSequence {
  const sequence: TrainingSequence = { ids: [], mask: [], logprobs: [], turns: [], guides: [] };
  let window = 0;
  let generation = 0;
  let prompt = 0;
  for (const step of episode.steps) {
    if (step.kind === "retrieve") window = step.documents.length;
    if (step.kind !== "generate") continue;
    const { ids, mask, logprobs, fed } = step;
    if (!ids || !mask || !logprobs || fed === undefined)
      throw new AppError("internal", "An episode without token ids cannot be trained on.");
    const start = sequence.ids.length + fed;
    if (generation === 0) prompt = fed;
    sequence.ids.push(...ids);
    sequence.mask.push(...mask);
    sequence.logprobs.push(...logprobs);
    sequence.turns.push(...ids.map(() => step.turn));
    if (settings.decoding === "guided")
      sequence.guides.push({
        start,
        end: sequence.ids.length,
        lark: buildTurnGrammar(settings, window, generation),
      });
    generation += 1;
  }
  return settings.protocol === "upstream" ? cutAsReleased(sequence, prompt) : sequence;
}

/** The end of the first prompt and the beginning of what follows it, which is all that the released code learns from. */
function cutAsReleased(sequence: TrainingSequence, prompt: number): TrainingSequence {
  const begin = Math.max(0, prompt - UPSTREAM_LIMITS.keptPrompt);
  const end = Math.min(sequence.ids.length, prompt + UPSTREAM_LIMITS.keptResponse);
  const states = sequence.ids.slice(begin, end).map((_, i) => (i + begin < prompt ? 0 : 1));
  if (begin === 0 && end === sequence.ids.length) return { ...sequence, states };
  return {
    states,
    begin,
    ids: sequence.ids.slice(begin, end),
    mask: sequence.mask.slice(begin, end),
    logprobs: sequence.logprobs.slice(begin, end),
    turns: sequence.turns.slice(begin, end),
    guides: sequence.guides
      .filter(({ start }) => start < end)
      .map((guide) => ({
        ...guide,
        start: guide.start - begin,
        end: Math.min(guide.end, end) - begin,
      })),
  };
}

/** Which tokens the critic values. */
export const listStates = ({
  mask,
  states = mask,
}: Pick<TrainingSequence, "mask" | "states">): readonly (0 | 1)[] => states;

/**
 * With a further state after the last token, for a critic that values it: the engine values the state from which a token
 * came, so one is put behind it, whose id nothing reads.
 */
export const appendEndState = (sequence: TrainingSequence): TrainingSequence => ({
  ...sequence,
  ids: [...sequence.ids, sequence.ids.at(-1)!],
  mask: [...sequence.mask, 0],
  logprobs: [...sequence.logprobs, 0],
  states: [...listStates(sequence), 1],
});

/** Number of tokens that the policy chose. */
export const countActionTokens = ({ mask }: Pick<TrainingSequence, "mask">): number =>
  mask.reduce<number>((sum, m) => sum + m, 0);

/** Of a list with an entry per token, the entries of the action tokens. */
export const pickActionTokens = (
  { mask }: Pick<TrainingSequence, "mask">,
  list: readonly number[],
): number[] => list.filter((_, i) => mask[i] === 1);

/** A list with an entry per token: `value(t)` at the t-th action token, 0 at the others. */
export function fillActionTokens(
  { mask }: { mask: readonly (0 | 1)[] },
  value: (action: number) => number,
): number[] {
  let action = 0;
  return mask.map((m) => (m === 1 ? value(action++) : 0));
}

/**
 * Undoes the joining: what the action tokens of an episode's sequence have, as lists of its turns.
 *
 * @param values one for each action token of the sequence
 * @returns for each generate step, in order, an entry per token: 0 where the policy did not choose it or it was cut off
 */
export function splitIntoTurns(
  { steps }: Pick<Episode, "steps">,
  { ids, begin = 0 }: Pick<TrainingSequence, "ids" | "begin">,
  values: readonly number[],
): number[][] {
  let [place, action] = [-begin, 0];
  return steps.flatMap((step) => {
    if (step.kind !== "generate") return [];
    const list = (step.mask ?? []).map((chosen) => {
      const isKept = place >= 0 && place < ids.length;
      place += 1;
      return chosen === 1 && isKept ? values[action++]! : 0;
    });
    return [list];
  });
}

/** The sequence as a training example of the engine, with a weight per token. */
export const buildDatum = ({ ids, guides }: TrainingSequence, weights: number[]): Datum => ({
  ids,
  weights,
  guides,
});
