import type { RewardTerm } from "@/contracts/run-config/reward";
import type { Episode, EpisodeRecord } from "@/contracts/records/episode";
import type { MetricName } from "@/core/metrics/metric-table";
import { METHODS } from "@/core/run/methods";
import type { Question } from "@/contracts/worker-protocol/questions";
import { countRepeatedQueries, countTokens, listQueries } from "@/core/metrics/episode-statistics";
import { computeMean } from "@/core/statistics/summary";
import { groupBy } from "@/lib/group-by";
import { summariseMeanMaxMin, type MetricValues } from "./metric-values";
import { computeQueryInformation, type QuestionQueries } from "@/core/metrics/query-information";

/** NaN for no values. */
const average = (values: readonly number[]): number => computeMean(values) ?? NaN;

/** Counts of one episode's searches, documents and selections. Gold shares are null where the question names no gold documents. */
function measureSearch(episode: Episode, goldIds: readonly string[]) {
  const windows = episode.steps.flatMap((step) =>
    step.kind === "retrieve" ? [step.documents.map(({ id }) => id)] : [],
  );
  const retrieved = new Set<string>();
  // A method that does not search with the question itself has nothing before its first query.
  const goldByTurn: number[] = goldIds.length > 0 && !startsWithQuestion(episode) ? [0] : [];
  let laterDocuments = 0;
  let newDocuments = 0;
  for (const [turn, window] of windows.entries()) {
    if (turn > 0) {
      laterDocuments += window.length;
      newDocuments += window.filter((id) => !retrieved.has(id)).length;
    }
    for (const id of window) retrieved.add(id);
    if (goldIds.length > 0)
      goldByTurn.push(goldIds.filter((id) => retrieved.has(id)).length / goldIds.length);
  }
  const selected = new Set(episode.context.map(({ id }) => id));
  const selections = episode.steps.filter((step) => step.kind === "select");
  return {
    ...countRepeatedQueries(episode),
    goldByTurn,
    laterDocuments,
    newDocuments,
    searches: listQueries(episode).length,
    goldRetrieved:
      goldIds.length === 0
        ? null
        : goldIds.filter((id) => retrieved.has(id)).length / goldIds.length,
    goldSelected:
      goldIds.length === 0
        ? null
        : goldIds.filter((id) => selected.has(id)).length / goldIds.length,
    documents: episode.context.length,
    formatErrors: episode.steps.filter((step) => step.kind === "reject").length,
    selections: selections.length,
    implicit: selections.filter((step) => step.implicit).length,
  };
}

/** Whether turn 0 searches with the question itself, as s3 does. */
const startsWithQuestion = ({ method }: Pick<Episode, "method">): boolean => method === "s3";

/** Averages over episodes of one method. Undefined is what the method does not have: searches, selections, a turn 0. */
function averageSearch(
  records: readonly EpisodeRecord[],
  questions: ReadonlyMap<string, Question>,
) {
  const method = records[0]?.episode.method ?? "s3";
  const retrieves = method === "retrieval" || METHODS[method].retrieves;
  const isS3 = startsWithQuestion({ method });
  const searches = records.map(({ episode }) =>
    measureSearch(episode, questions.get(episode.questionId)?.goldIds ?? []),
  );
  const averageKnown = (values: (number | null)[]): number | undefined => {
    if (!retrieves) return undefined;
    const numbers = values.filter((v) => v !== null);
    return numbers.length === 0 ? undefined : average(numbers);
  };
  const sumOver = (pick: (s: (typeof searches)[number]) => number): number =>
    searches.reduce((total, s) => total + pick(s), 0);
  return {
    goldRetrieved: averageKnown(searches.map((s) => s.goldRetrieved)),
    goldSelected: isS3 ? averageKnown(searches.map((s) => s.goldSelected)) : undefined,
    searches: averageKnown(searches.map((s) => s.searches)),
    documents: averageKnown(searches.map((s) => s.documents)),
    newDocuments:
      sumOver((s) => s.laterDocuments) === 0
        ? undefined
        : sumOver((s) => s.newDocuments) / sumOver((s) => s.laterDocuments),
    formatErrors: average(searches.map((s) => s.formatErrors)),
    implicit:
      !isS3 || sumOver((s) => s.selections) === 0
        ? undefined
        : sumOver((s) => s.implicit) / sumOver((s) => s.selections),
    redundant:
      sumOver((s) => s.queries) === 0
        ? undefined
        : sumOver((s) => s.repeated) / sumOver((s) => s.queries),
    copied:
      !isS3 || sumOver((s) => s.queries) === 0
        ? undefined
        : sumOver((s) => s.copied) / sumOver((s) => s.queries),
    goldByTurn: retrieves
      ? averageRecallByTurn(searches.map((s) => s.goldByTurn)).map((recall, turn) =>
          turn > 0 || isS3 ? recall : undefined,
        )
      : [],
  };
}

/** Mean gold recall up to each turn. An episode that has ended counts with its last recall. */
function averageRecallByTurn(episodes: readonly (readonly number[])[]): number[] {
  const known = episodes.filter((turns) => turns.length > 0);
  const turns = Math.max(0, ...known.map((list) => list.length));
  return Array.from({ length: turns }, (_, turn) =>
    average(known.map((list) => list[Math.min(turn, list.length - 1)]!)),
  );
}

const nameByTurn = (
  family: "search/gold_recall/turn_" | "held-out/gold_recall/turn_",
  recalls: readonly (number | undefined)[],
): Partial<Record<MetricName, number | undefined>> =>
  Object.fromEntries(recalls.map((recall, turn) => [`${family}${turn}`, recall]));

/** Contribution of each term in use to the mean reward. */
function averageRewardTerms(records: readonly EpisodeRecord[]): MetricValues {
  const sums = new Map<string, number>();
  for (const { reward } of records)
    for (const { term, weight, value } of reward?.terms ?? [])
      if (term !== undefined) sums.set(term, (sums.get(term) ?? 0) + weight * value);
  return Object.fromEntries(
    [...sums].map(([term, sum]) => [REWARD_METRICS[term as RewardTerm], sum / records.length]),
  );
}

const REWARD_METRICS: Record<RewardTerm, MetricName> = {
  gbr: "reward/gbr",
  upstream: "reward/upstream",
  accuracy: "reward/accuracy",
  exactMatch: "reward/exact_match",
  goldRecall: "reward/gold_recall",
  format: "reward/format",
  length: "reward/length",
  search: "reward/search",
  overlong: "reward/overlong",
};

/** Format errors per episode, of each kind that occurred. */
function averageFormatErrors(records: readonly EpisodeRecord[]): MetricValues {
  const kinds = new Set(records.flatMap(({ formatErrors }) => formatErrors));
  return Object.fromEntries(
    [...kinds].map((kind) => [
      `search/format_errors/${kind}`,
      records.reduce(
        (sum, { formatErrors }) => sum + formatErrors.filter((e) => e === kind).length,
        0,
      ) / records.length,
    ]),
  );
}

/** Lengths in tokens: of the first prompt, of what the searcher wrote, and of the whole sequence. */
function computeLengthMetrics(records: readonly EpisodeRecord[]): MetricValues {
  const lengths = records.map(({ episode }) => countTokens(episode));
  const actions = lengths.reduce((sum, { actions }) => sum + actions, 0);
  const afterPrompt = lengths.reduce((sum, { all, prompt }) => sum + all - prompt, 0);
  return {
    ...summariseMeanMaxMin(
      "response_length",
      lengths.map((l) => l.actions),
    ),
    "response_length/clip_ratio":
      records.filter(({ formatErrors }) => formatErrors.includes("truncated")).length /
      records.length,
    ...summariseMeanMaxMin(
      "prompt_length",
      lengths.map((l) => l.prompt),
    ),
    ...summariseMeanMaxMin(
      "global_seqlen",
      lengths.map((l) => l.all),
    ),
    "state_tokens/total": actions,
    ...(afterPrompt > 0 ? { "state_tokens/coverage": actions / afterPrompt } : {}),
  };
}

/** Each episode's question with the queries that the searcher wrote. */
const listQuestionQueries = (
  records: readonly EpisodeRecord[],
  questions: ReadonlyMap<string, Question>,
): QuestionQueries[] =>
  records.map(({ episode }) => ({
    id: episode.questionId,
    question: questions.get(episode.questionId)?.question ?? "",
    queries: listQueries(episode),
  }));

/** Share of the questions with several samples of which no sample scored; undefined where no question has several. */
function computeDeadShare(records: readonly EpisodeRecord[]): number | undefined {
  const samples = groupBy(records, ({ episode }) => episode.questionId);
  return computeMean(
    [...samples.values()]
      .filter((group) => group.length > 1)
      .map((group) => (group.every(({ score }) => score?.value === 0) ? 1 : 0)),
  );
}

/** Metrics of a training step over every episode that was rolled out, whether it is in the gradient or not. */
export function computeTrainingMetrics(
  records: readonly EpisodeRecord[],
  questions: ReadonlyMap<string, Question>,
): MetricValues {
  const means = averageSearch(records, questions);
  const computeOutcomeShare = (s3: number, rag: number): number | undefined =>
    hasBaseline(records)
      ? average(
          records.map(({ score, baseline }) =>
            score?.value === s3 && baseline?.score.value === rag ? 1 : 0,
          ),
        )
      : undefined;
  return dropUndefined({
    "reward/mean": average(records.map(({ reward }) => reward?.value ?? 0)),
    "reward/generation_accuracy": average(records.map(({ score }) => score?.value ?? 0)),
    "search/gold_retrieved": means.goldRetrieved,
    "search/gold_selected": means.goldSelected,
    "search/searches": means.searches,
    "search/documents": means.documents,
    "search/new_documents": means.newDocuments,
    "search/format_errors": means.formatErrors,
    "search/implicit_selections": means.implicit,
    "search/redundant_queries": means.redundant,
    "search/copied_question": means.copied,
    "search/query_information":
      computeQueryInformation(listQuestionQueries(records, questions)) ?? undefined,
    "groups/dead_questions": computeDeadShare(records),
    ...nameByTurn("search/gold_recall/turn_", means.goldByTurn),
    ...averageFormatErrors(records),
    ...computeLengthMetrics(records),
    ...averageRewardTerms(records),
    "reward/utility_1_gen_1": computeOutcomeShare(1, 0),
    "reward/utility_0_gen_1": computeOutcomeShare(1, 1),
    "reward/utility_0_gen_0": computeOutcomeShare(0, 0),
    "reward/utility_-1_gen_0": computeOutcomeShare(0, 1),
  });
}

/** Whether naive RAG answered the questions of these episodes: for a method without a frozen generator it answers none. */
const hasBaseline = (records: readonly EpisodeRecord[]): boolean =>
  records.some(({ baseline }) => baseline !== null);

/**
 * Metrics of a held-out evaluation, with the quadrants of GBR: questions gained over naive RAG, lost, answered by both
 * and by neither. Where naive RAG was not asked, there are none.
 *
 * @param set name of the question set
 */
export function computeHeldOutMetrics(
  records: readonly EpisodeRecord[],
  questions: ReadonlyMap<string, Question>,
  set: string,
): MetricValues {
  const means = averageSearch(records, questions);
  const pairs = records.map(({ score, baseline }) => ({
    s3: score?.value ?? 0,
    rag: baseline?.score.value ?? 0,
  }));
  const compared = hasBaseline(records) ? pairs : null;
  const averagePairs = (value: (pair: (typeof pairs)[number]) => number): number | undefined =>
    compared === null ? undefined : average(compared.map(value));
  const computeShare = (s3: number, rag: number): number | undefined =>
    averagePairs((pair) => (pair.s3 === s3 && pair.rag === rag ? 1 : 0));
  return dropUndefined({
    "held-out/accuracy": average(pairs.map(({ s3 }) => s3)),
    [`val/test_score/${set}`]: average(pairs.map(({ s3 }) => s3)),
    ...averageScoreByType(records, questions),
    "held-out/rag_accuracy": averagePairs(({ rag }) => rag),
    "held-out/gbr": averagePairs(({ s3, rag }) => s3 - rag),
    "held-out/gained": computeShare(1, 0),
    "held-out/lost": computeShare(0, 1),
    "held-out/both_right": computeShare(1, 1),
    "held-out/both_wrong": computeShare(0, 0),
    "held-out/gold_retrieved": means.goldRetrieved,
    "held-out/gold_selected": means.goldSelected,
    "held-out/documents": means.documents,
    "held-out/searches": means.searches,
    "held-out/redundant_queries": means.redundant,
    "held-out/format_errors": means.formatErrors,
    ...nameByTurn("held-out/gold_recall/turn_", means.goldByTurn),
  });
}

/** Score of each type of question where a set has several; in upstream's sets the type is the data set. */
function averageScoreByType(
  records: readonly EpisodeRecord[],
  questions: ReadonlyMap<string, Question>,
): MetricValues {
  const getType = ({ episode }: EpisodeRecord): string | null =>
    questions.get(episode.questionId)?.type ?? null;
  const types = new Set(records.map(getType));
  if (types.size < 2 || types.has(null)) return {};
  return Object.fromEntries(
    [...types].map((type) => [
      `val/test_score/${type!}`,
      average(
        records.filter((record) => getType(record) === type).map(({ score }) => score?.value ?? 0),
      ),
    ]),
  );
}

const dropUndefined = (values: Partial<Record<MetricName, number | undefined>>): MetricValues =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
