import { buildQuestionKey } from "@/contracts/formats/upstream/files";
import { formatQuestionText } from "@/contracts/formats/upstream/question-text";
import type { Score } from "@/contracts/records/episode";
import { isRule, type ScorerName } from "@/contracts/run-config/scoring";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { StoredBaseline } from "@/contracts/worker-protocol/stored-results";
import { getBaselineKey, type KnownBaseline } from "./rag-baseline";

/** What earlier runs hold of the questions of a training run. */
export interface KnownBaselines {
  /** By the question's key (`getBaselineKey`). */
  known: Map<string, KnownBaseline>;
  /** Questions that the runs score differently: none of the values is taken. */
  conflicting: number;
  /** Generators of the answers that are taken. */
  generators: string[];
}

/** The score of an imported file, as the file states it. */
const FILE_SCORER = "generation-accuracy/upstream-file";

/**
 * Finds what runs have answered of these questions. A question is found by its text, options included, as upstream's
 * files name it: question marks at its end, case and white space aside. Pure.
 */
export function matchBaselines(
  entries: readonly StoredBaseline[],
  questions: readonly Question[],
  scorer: ScorerName,
): KnownBaselines {
  const byKey = new Map<string, StoredBaseline[]>();
  for (const entry of entries) {
    const key = getKey({ question: entry.question, options: entry.options ?? undefined });
    byKey.set(key, [...(byKey.get(key) ?? []), entry]);
  }
  const known = new Map<string, KnownBaseline>();
  const generators = new Set<string>();
  let conflicting = 0;
  for (const question of questions) {
    const found = (byKey.get(getKey(question)) ?? []).flatMap((entry) => {
      const score = chooseScore(scorer, entry.scores);
      return score === "missing" ? [] : [{ answer: entry.answer, score }];
    });
    const [first, ...others] = found;
    if (!first) continue;
    const isSame = (other: KnownBaseline): boolean =>
      first.score === null
        ? other.answer.text === first.answer.text
        : other.score?.value === first.score.value;
    if (!others.every(isSame)) {
      conflicting += 1;
      continue;
    }
    known.set(getBaselineKey(question), first);
    generators.add(first.answer.generator);
  }
  return { known, conflicting, generators: [...generators].sort() };
}

const getKey = (question: Parameters<typeof formatQuestionText>[0]): string =>
  buildQuestionKey(formatQuestionText(question));

/**
 * The score that counts. Rules are applied to the stored answer, which costs nothing; generation accuracy counts as the
 * file states it; what no file states is judged.
 *
 * @returns null where the answer is scored by the run's own scorer, "missing" where the file has no number for it
 */
function chooseScore(scorer: ScorerName, scores: readonly Score[]): Score | null | "missing" {
  if (isRule(scorer) || scorer === "judge") return null;
  const stated = scores.find((score) => score.scorer === FILE_SCORER);
  if (stated) return stated;
  // An imported answer without this number has none: NaN or null stands in the file.
  return scores.some((score) => score.scorer.endsWith("/upstream-file")) ? "missing" : null;
}
