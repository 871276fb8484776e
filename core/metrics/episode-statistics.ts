import { normaliseWords } from "@/core/scoring/words";
import type { Episode } from "@/contracts/records/episode";

/** The queries that the searcher wrote, in order. Turn 0 searches with the question itself and is not among them. */
export const listQueries = ({ steps }: Pick<Episode, "steps">): string[] =>
  steps.flatMap((step) => (step.kind === "retrieve" && step.turn > 0 ? [step.query] : []));

/**
 * Counts the queries of an episode: all, those that repeat an earlier query or the question, and those that are the
 * question itself. Queries are equal where their normalised words are.
 */
export function countRepeatedQueries(episode: Pick<Episode, "steps">): {
  queries: number;
  repeated: number;
  copied: number;
} {
  const normalise = (text: string): string => normaliseWords(text).join(" ");
  const question = episode.steps.flatMap((step) =>
    step.kind === "retrieve" && step.turn === 0 ? [normalise(step.query)] : [],
  )[0];
  const queries = listQueries(episode).map(normalise);
  const repeated = queries.filter(
    (query, i) => query === question || queries.indexOf(query) < i,
  ).length;
  return {
    queries: queries.length,
    repeated,
    copied: queries.filter((query) => query === question).length,
  };
}

/** Tokens of an episode: of the first prompt, chosen by the policy (`actions`), and of the whole sequence. */
export function countTokens({ steps }: Pick<Episode, "steps">): {
  prompt: number;
  actions: number;
  all: number;
} {
  const turns = steps.filter((step) => step.kind === "generate");
  return {
    prompt: turns[0]?.fed ?? 0,
    actions: turns.reduce((sum, { mask = [] }) => sum + mask.reduce<number>((s, m) => s + m, 0), 0),
    all: turns.reduce((sum, { ids = [] }) => sum + ids.length, 0),
  };
}
