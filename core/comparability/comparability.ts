import { getMethodComponents } from "@/core/run/methods";
import type { ComparabilityReason } from "@/contracts/records/comparability";
import type { PredictConfig } from "@/contracts/run-config/predict-config";

/**
 * What must be equal before two results may be ranked against each other, and what an incomplete result lacks.
 * Retriever, searcher and method may differ: they are what is compared.
 */

/** What decides with which other results a result may be ranked. */
export interface ResultFacts {
  questionSet: string;
  /** Version of the set, by its content. */
  questionSetVersion: string;
  /** Only the first n questions were answered, or with a seed n of each data source; null: all. */
  limit: number | null;
  /** Absent: no sample was drawn. */
  sampleSeed?: number | undefined;
  /** Absent: questions answered by yes or no were asked, too. */
  skipYesNo?: true | undefined;
  corpus: string;
  /** Version of the corpus, by its content; null where the server does not hold it. */
  corpusVersion: string | null;
  generator: string;
  /** Prompt with which the generator answers, with its version. */
  promptStyle: string;
  /** Longest answer of the generator, in tokens; null where it does not answer, or where imported files do not hold it. */
  maxTokens: number | null;
  /** The method answers itself, so that the generator's prompt is not compared. */
  answersItself: boolean;
  scorer: string;
}

/** Facts that are equal in the whole leaderboard of one scope; its columns are the question sets. */
export type ScopeFacts = Pick<
  ResultFacts,
  "corpus" | "corpusVersion" | "generator" | "promptStyle" | "maxTokens" | "scorer"
>;

const joinParts = (parts: readonly (string | number | null)[]): string => JSON.stringify(parts);

export const buildScopeKey = (f: ScopeFacts): string =>
  joinParts([f.corpus, f.corpusVersion, f.generator, f.promptStyle, f.maxTokens, f.scorer]);
/** The facts in a scope's key. */
export function parseScopeKey(key: string): ScopeFacts {
  const [corpus, corpusVersion, generator, promptStyle, maxTokens, scorer] = JSON.parse(key) as [
    string,
    string | null,
    string,
    string,
    number | null,
    string,
  ];
  return { corpus, corpusVersion, generator, promptStyle, maxTokens, scorer };
}
/** Results of the first n questions keep the key that they had before questions could be chosen otherwise. */
export const buildQuestionsKey = (
  f: Pick<ResultFacts, "questionSet" | "questionSetVersion" | "limit" | "sampleSeed" | "skipYesNo">,
): string =>
  joinParts([
    f.questionSet,
    f.questionSetVersion,
    f.limit,
    ...(f.sampleSeed === undefined ? [] : [`sample ${f.sampleSeed}`]),
    ...(f.skipYesNo ? ["without yes and no"] : []),
  ]);
/** Results with the same key may be ranked against each other. */
export const buildComparabilityKey = (f: ResultFacts): string =>
  `${buildQuestionsKey(f)} ${buildScopeKey(f)}`;
/**
 * Whether a run's answers are the method's own. Stored episodes that are answered again are answered by the generator;
 * where their answers are kept, `answeredBy` names who gave them.
 */
export function answersItself({
  method,
  methodSettings,
  reuse,
}: Pick<PredictConfig, "method" | "methodSettings" | "reuse">): boolean {
  const isAnsweredAgain =
    reuse.episodesOf !== null && (!reuse.keepAnswers || methodSettings.answeredBy === "generator");
  return !isAnsweredAgain && !getMethodComponents({ method, methodSettings }).generates;
}

/** Whether a result belongs to a scope. A method that answers itself must share the model, not the generator's prompt. */
export const isInScope = (f: ResultFacts, scope: ScopeFacts): boolean =>
  listScopeDifferences(f, scope).length === 0;

const explain = (
  code: ComparabilityReason["code"],
  values: ComparabilityReason["values"] = {},
): ComparabilityReason => ({ code, values });

/** The reasons why two results cannot be ranked against each other, each with the first one's value; empty where they can. */
export function listDifferences(a: ResultFacts, b: ResultFacts): ComparabilityReason[] {
  const reasons = listScopeDifferences(a, b);
  const { questionSet } = a;
  if (questionSet !== b.questionSet) reasons.push(explain("questions", { questionSet }));
  else if (a.questionSetVersion !== b.questionSetVersion)
    reasons.push(explain("questions-version", { questionSet }));
  else reasons.push(...listChoiceDifferences(a, b));
  return reasons;
}

/** Why two results of one set are not of the same questions of it. */
function listChoiceDifferences(a: ResultFacts, b: ResultFacts): ComparabilityReason[] {
  const { limit, sampleSeed, skipYesNo } = a;
  const reasons: ComparabilityReason[] = [];
  if (limit !== b.limit || sampleSeed !== b.sampleSeed)
    reasons.push(
      limit === null
        ? explain("all-questions")
        : sampleSeed === undefined
          ? explain("first-questions", { limit })
          : explain("sampled-questions", { limit, sampleSeed }),
    );
  if (skipYesNo !== b.skipYesNo)
    reasons.push(explain(skipYesNo ? "without-yes-no" : "with-yes-no"));
  return reasons;
}

export function listScopeDifferences(
  a: ScopeFacts & { answersItself?: boolean },
  b: ScopeFacts & { answersItself?: boolean },
): ComparabilityReason[] {
  const reasons: ComparabilityReason[] = [];
  const { corpus, generator, promptStyle, maxTokens: tokens, scorer } = a;
  if (corpus !== b.corpus) reasons.push(explain("corpus", { corpus }));
  else if (a.corpusVersion !== b.corpusVersion) reasons.push(explain("corpus-version", { corpus }));
  if (generator !== b.generator) reasons.push(explain("generator", { generator }));
  if (!a.answersItself && !b.answersItself) {
    if (promptStyle !== b.promptStyle) reasons.push(explain("prompt", { promptStyle }));
    if (tokens !== b.maxTokens)
      reasons.push(
        tokens === null ? explain("unknown-token-limit") : explain("token-limit", { tokens }),
      );
  }
  if (scorer !== b.scorer) reasons.push(explain("scorer", { scorer }));
  return reasons;
}

export interface Completeness {
  complete: boolean;
  /** What is missing; null where it is complete. */
  reason: ComparabilityReason | null;
}

/** Whether a result is complete. Missing questions never count as wrong: an incomplete result has no rank. */
export function assessCompleteness({
  expected,
  answered,
  scored,
  failed = 0,
}: {
  expected: number;
  answered: number;
  scored: number;
  failed?: number;
}): Completeness {
  if (scored >= expected) return { complete: true, reason: null };
  const unscored = Math.max(0, Math.min(answered, expected) - scored);
  return {
    complete: false,
    reason: explain("incomplete", { scored, expected, unscored, failed }),
  };
}
