import { normalisedWords } from "@/core/scoring/rule-scoring";
import type { Episode } from "@/contracts/records/episode";

/** The queries that the searcher wrote, in order; turn 0 searches with the question itself and is not among them. */
export const listQueries = ({ steps }: Pick<Episode, "steps">): string[] =>
  steps.flatMap((step) => (step.kind === "retrieve" && step.turn > 0 ? [step.query] : []));

/** How many of an episode's queries say what was asked before (equal normalised words), and how many only the question. */
export function countRepeatedQueries(episode: Pick<Episode, "steps">): {
  queries: number;
  repeated: number;
  copied: number;
} {
  const words = (text: string): string => normalisedWords(text).join(" ");
  const question = episode.steps.flatMap((step) =>
    step.kind === "retrieve" && step.turn === 0 ? [words(step.query)] : [],
  )[0];
  const queries = listQueries(episode).map(words);
  const repeated = queries.filter(
    (query, i) => query === question || queries.indexOf(query) < i,
  ).length;
  return {
    queries: queries.length,
    repeated,
    copied: queries.filter((query) => query === question).length,
  };
}
