import type { Sampled } from "@/contracts/engine/dialect";
import type {
  DocumentRef,
  EpisodeStep,
  ModelUsage,
  Protocol,
  StepOfKind,
} from "@/contracts/records/episode";
import type { TurnDecision } from "./turn-decision";

/** The steps that a turn adds to the episode's record. Everything here is pure. */

/** A prompt as text and as token ids. */
export interface EncodedPrompt {
  text: string;
  ids: number[];
}

/**
 * What the searcher read and wrote in a turn. `ids`, `mask` and `logprobs` cover the prompt and then the completion;
 * the mask is 1 where the policy chose the token, 0 for the prompt and for tokens that the grammar forced.
 */
export const buildGenerateStep = (
  prompt: EncodedPrompt,
  sampled: Sampled,
  turn: number,
  seconds: number,
): StepOfKind<"generate"> => ({
  kind: "generate",
  turn,
  seconds,
  prompt: prompt.text,
  text: sampled.text,
  fed: prompt.ids.length,
  ids: [...prompt.ids, ...sampled.ids],
  mask: [...prompt.ids.map(() => 0 as const), ...sampled.forced.map((forced) => (forced ? 0 : 1))],
  logprobs: [...prompt.ids.map(() => 0), ...sampled.logprobs],
  ...(sampled.entropies && {
    entropies: [...prompt.ids.map(() => 0), ...sampled.entropies],
  }),
});

/** Characters of the rejected text that are kept. */
const MAX_REJECTED_CHARACTERS = 1000;

/** What was rejected in a turn. */
export const buildRejectSteps = (
  decision: TurnDecision,
  text: string,
  turn: number,
): EpisodeStep[] =>
  decision.errors.map((error) => ({
    kind: "reject",
    turn,
    seconds: 0,
    error,
    text: text.slice(0, MAX_REJECTED_CHARACTERS),
  }));

/** What was selected in a turn. */
export function buildSelectStep(
  decision: TurnDecision,
  window: readonly DocumentRef[],
  turn: number,
): EpisodeStep {
  const selected = listSelected(decision, window).map(({ id }) => id);
  return { kind: "select", turn, seconds: 0, selected, implicit: decision.selection === null };
}

/** The selected documents of a window; without a valid selection the whole window. */
export const listSelected = (
  { selection }: TurnDecision,
  window: readonly DocumentRef[],
): DocumentRef[] => (selection === null ? [...window] : selection.map((id) => window[id - 1]!));

/** Why the episode ends with this turn; null where it goes on: with the decision's query, under `upstream` also with another try. */
export function decideStopReason(
  decision: TurnDecision,
  protocol: Protocol,
  last: boolean,
  truncated: boolean,
): StepOfKind<"stop">["reason"] | null {
  if (last) return "turns";
  if (decision.complete === true) return "model";
  if (decision.query !== null || protocol === "upstream") return null;
  return truncated ? "length" : "malformed";
}

/** Tokens and calls of an episode. The prompt of a turn counts everything read and written before it, as a model server would. */
export function sumUsage(steps: readonly EpisodeStep[]): ModelUsage {
  const usage = { calls: 0, promptTokens: 0, completionTokens: 0, costUsd: 0 };
  let length = 0;
  for (const step of steps) {
    if (step.kind !== "generate") continue;
    const { ids = [], fed = 0 } = step;
    usage.calls += 1;
    usage.promptTokens += length + fed;
    usage.completionTokens += ids.length - fed;
    length += ids.length;
  }
  return usage;
}
