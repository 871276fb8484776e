import type { RewardTerm } from "@/contracts/run-config/training";
import type { Episode, EpisodeRecord } from "@/contracts/records/episode";
import type { MetricName } from "@/core/metrics/metric-table";
import type { MetricPoint } from "@/contracts/worker-protocol/metric-point";
import type { Question } from "@/contracts/worker-protocol/worker-protocol";
import { countRepeatedQueries, countTokens } from "@/gpu-workers/searcher/episode-statistics";
import { mean as meanOf, summariseMeanMaxMin } from "./statistics";

/** A metric without its place in time; a value that has no meaning for these episodes is left out. */
export type MetricValues = Partial<Record<MetricName, number>>;

/** Stamps values for a report. Values that are not finite are a defect upstream of here and are not sent. */
export function buildMetricPoints(
  values: MetricValues,
  step: number,
  at = Date.now(),
): MetricPoint[] {
  return Object.entries(values).flatMap(([name, value]) =>
    value !== undefined && Number.isFinite(value) ? [{ name, step, value, at }] : [],
  );
}

/** Of values that are there. */
const mean = (values: readonly number[]): number => meanOf(values) ?? NaN;

/** How an episode searched, in numbers. */
function measureSearch(episode: Episode, goldIds: readonly string[]) {
  const windows = episode.steps.flatMap((step) =>
    step.kind === "retrieve" ? [step.documents.map(({ id }) => id)] : [],
  );
  const retrieved = new Set<string>();
  const goldByTurn: number[] = [];
  let later = 0;
  let fresh = 0;
  for (const [turn, window] of windows.entries()) {
    if (turn > 0) {
      later += window.length;
      fresh += window.filter((id) => !retrieved.has(id)).length;
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
    later,
    fresh,
    searches: windows.length - 1,
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

function averageSearch(
  records: readonly EpisodeRecord[],
  questions: ReadonlyMap<string, Question>,
) {
  const searches = records.map(({ episode }) =>
    measureSearch(episode, questions.get(episode.questionId)?.goldIds ?? []),
  );
  const known = (values: (number | null)[]): number | undefined => {
    const numbers = values.filter((v) => v !== null);
    return numbers.length === 0 ? undefined : mean(numbers);
  };
  const sum = (pick: (s: (typeof searches)[number]) => number): number =>
    searches.reduce((total, s) => total + pick(s), 0);
  return {
    goldRetrieved: known(searches.map((s) => s.goldRetrieved)),
    goldSelected: known(searches.map((s) => s.goldSelected)),
    searches: mean(searches.map((s) => s.searches)),
    documents: mean(searches.map((s) => s.documents)),
    newDocuments: sum((s) => s.later) === 0 ? undefined : sum((s) => s.fresh) / sum((s) => s.later),
    formatErrors: mean(searches.map((s) => s.formatErrors)),
    implicit:
      sum((s) => s.selections) === 0
        ? undefined
        : sum((s) => s.implicit) / sum((s) => s.selections),
    redundant:
      sum((s) => s.queries) === 0 ? undefined : sum((s) => s.repeated) / sum((s) => s.queries),
    copied: sum((s) => s.queries) === 0 ? undefined : sum((s) => s.copied) / sum((s) => s.queries),
    goldByTurn: averageRecallByTurn(searches.map((s) => s.goldByTurn)),
  };
}

/** Mean gold recall up to each turn; an episode that has ended keeps what it had. */
function averageRecallByTurn(episodes: readonly (readonly number[])[]): number[] {
  const known = episodes.filter((turns) => turns.length > 0);
  const turns = Math.max(0, ...known.map((list) => list.length));
  return Array.from({ length: turns }, (_, turn) =>
    mean(known.map((list) => list[Math.min(turn, list.length - 1)]!)),
  );
}

const nameByTurn = (
  family: "search/gold_recall/turn_" | "held-out/gold_recall/turn_",
  recalls: readonly number[],
): MetricValues => Object.fromEntries(recalls.map((recall, turn) => [`${family}${turn}`, recall]));

/** What each term in use adds to the mean reward. */
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
};

/** Format errors of each kind that occurred, per episode. */
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

/** Tokens of each episode: before the first action, written by the searcher, and all. */
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

/** Metrics of a training step's episodes (every episode that was rolled out, kept for the gradient or not). */
export function computeTrainingMetrics(
  records: readonly EpisodeRecord[],
  questions: ReadonlyMap<string, Question>,
): MetricValues {
  const means = averageSearch(records, questions);
  const outcome = (s3: number, rag: number): number =>
    mean(
      records.map(({ score, baseline }) =>
        score?.value === s3 && baseline?.score.value === rag ? 1 : 0,
      ),
    );
  return dropUndefined({
    "reward/mean": mean(records.map(({ reward }) => reward?.value ?? 0)),
    "reward/generation_accuracy": mean(records.map(({ score }) => score?.value ?? 0)),
    "search/gold_retrieved": means.goldRetrieved,
    "search/gold_selected": means.goldSelected,
    "search/searches": means.searches,
    "search/documents": means.documents,
    "search/new_documents": means.newDocuments,
    "search/format_errors": means.formatErrors,
    "search/implicit_selections": means.implicit,
    "search/redundant_queries": means.redundant,
    "search/copied_question": means.copied,
    ...nameByTurn("search/gold_recall/turn_", means.goldByTurn),
    ...averageFormatErrors(records),
    ...computeLengthMetrics(records),
    ...averageRewardTerms(records),
    "reward/utility_1_gen_1": outcome(1, 0),
    "reward/utility_0_gen_1": outcome(1, 1),
    "reward/utility_0_gen_0": outcome(0, 0),
    "reward/utility_-1_gen_0": outcome(0, 1),
  });
}

/** Metrics of a held-out evaluation, with the quadrants of GBR: what was gained over naive RAG and what was lost. */
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
  const share = (s3: number, rag: number): number =>
    mean(pairs.map((pair) => (pair.s3 === s3 && pair.rag === rag ? 1 : 0)));
  return dropUndefined({
    "held-out/accuracy": mean(pairs.map(({ s3 }) => s3)),
    [`val/test_score/${set}`]: mean(pairs.map(({ s3 }) => s3)),
    ...averageScoreByType(records, questions),
    "held-out/rag_accuracy": mean(pairs.map(({ rag }) => rag)),
    "held-out/gbr": mean(pairs.map(({ s3, rag }) => s3 - rag)),
    "held-out/gained": share(1, 0),
    "held-out/lost": share(0, 1),
    "held-out/both_right": share(1, 1),
    "held-out/both_wrong": share(0, 0),
    "held-out/gold_retrieved": means.goldRetrieved,
    "held-out/gold_selected": means.goldSelected,
    "held-out/documents": means.documents,
    "held-out/searches": means.searches,
    "held-out/redundant_queries": means.redundant,
    "held-out/format_errors": means.formatErrors,
    ...nameByTurn("held-out/gold_recall/turn_", means.goldByTurn),
  });
}

/** Where a set joins several kinds of questions, the score of each: upstream's sets hold the data set as the type. */
function averageScoreByType(
  records: readonly EpisodeRecord[],
  questions: ReadonlyMap<string, Question>,
): MetricValues {
  const typeOf = ({ episode }: EpisodeRecord): string | null =>
    questions.get(episode.questionId)?.type ?? null;
  const types = new Set(records.map(typeOf));
  if (types.size < 2 || types.has(null)) return {};
  return Object.fromEntries(
    [...types].map((type) => [
      `val/test_score/${type!}`,
      mean(
        records.filter((record) => typeOf(record) === type).map(({ score }) => score?.value ?? 0),
      ),
    ]),
  );
}

const dropUndefined = (values: Partial<Record<MetricName, number | undefined>>): MetricValues =>
  Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as MetricValues;
