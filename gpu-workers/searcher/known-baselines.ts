import { buildQuestionKey } from "@/contracts/formats/upstream/files";
import { formatGoldAnswers, formatQuestionText } from "@/contracts/formats/upstream/question-text";
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
  /** Questions of which a file's score was made with other gold answers: it is not taken. */
  otherGolds: number;
  /** Of the known ones those of imported files, which do not say how they were made. */
  imported: number;
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
  let otherGolds = 0;
  let imported = 0;
  const generators = new Set<string>();
  let conflicting = 0;
  for (const question of questions) {
    const chosen = (byKey.get(getKey(question)) ?? []).map((entry) => ({
      entry,
      score: chooseScore(scorer, entry, question),
    }));
    const found = chosen.flatMap(({ entry, score }) =>
      score === "missing" || score === "other golds"
        ? []
        : [{ answer: entry.answer, score, imported: entry.imported }],
    );
    const [first, ...others] = found;
    if (!first) {
      if (chosen.some(({ score }) => score === "other golds")) otherGolds += 1;
      continue;
    }
    const isSame = (other: KnownBaseline): boolean =>
      first.score === null
        ? other.answer.text === first.answer.text
        : other.score?.value === first.score.value;
    if (!others.every(isSame)) {
      conflicting += 1;
      continue;
    }
    known.set(getBaselineKey(question), { answer: first.answer, score: first.score });
    if (first.imported) imported += 1;
    generators.add(first.answer.generator);
  }
  return { known, conflicting, otherGolds, imported, generators: [...generators].sort() };
}

const getKey = (question: Parameters<typeof formatQuestionText>[0]): string =>
  buildQuestionKey(formatQuestionText(question));

/** Gold answers as upstream's files have them, in whatever order. */
const buildGoldKey = (question: Parameters<typeof formatGoldAnswers>[0]): string =>
  JSON.stringify([...new Set(formatGoldAnswers(question))].sort());

/**
 * The score that counts. Rules are applied to the stored answer, which costs nothing; generation accuracy counts as the
 * file states it, for the gold answers that it was made with; what no file states is judged.
 *
 * @returns null where the answer is scored by the run's own scorer, "missing" where the file has no number for it,
 *   "other golds" where its number is of other gold answers than the question has here
 */
function chooseScore(
  scorer: ScorerName,
  { options, golds, scores }: StoredBaseline,
  asked: Question,
): Score | null | "missing" | "other golds" {
  if (isRule(scorer) || scorer === "judge") return null;
  const stated = scores.find((score) => score.scorer === FILE_SCORER);
  if (stated) {
    const before = buildGoldKey({ answers: golds, options });
    return before === buildGoldKey(asked) ? stated : "other golds";
  }
  // An imported answer without this number has none: NaN or null stands in the file.
  return scores.some((score) => score.scorer.endsWith("/upstream-file")) ? "missing" : null;
}
