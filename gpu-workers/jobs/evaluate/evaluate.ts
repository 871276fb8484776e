import { AppError } from "@/contracts/errors";
import { chooseQuestions, describeSkipped } from "@/core/questions/choose-questions";
import type { EpisodeRecord } from "@/contracts/records/episode";
import {
  computeMeanMetric,
  listMetricsWithin,
  rankGold,
  removeRepeats,
  type RankedGold,
} from "@/core/metrics/ranking-metrics";
import type { EvaluateConfig } from "@/contracts/run-config/evaluate-config";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { RunContext } from "@/gpu-workers/jobs/context/run-context";
import { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import { buildMetricPoints, type MetricValues } from "@/gpu-workers/rl/metric-values";
import { computeCacheKey } from "@/gpu-workers/runtime/keys";
import { waitForAll, Preflight } from "@/gpu-workers/jobs/context/preflight";
import { findUnknownDocuments } from "@/gpu-workers/retrieval/corpus/find-unknown-documents";
import {
  getFetchDate,
  type RankedDocument,
  type Retriever,
} from "@/gpu-workers/retrieval/retriever";
import { chunk } from "@/lib/chunk";
import { markMessage } from "@/core/texts/mark-message";

/** References in one report: a batch of questions shrinks as the depth grows, so that a report stays small. */
const REFERENCES = 4_000;
const LARGEST_BATCH = 64;

/**
 * An evaluate run: ranks the documents for each question that names gold documents, and stores each ranking as an
 * episode of one retrieve step, so that it can be looked at. An attempt that goes on searches only the questions that
 * are not stored yet; its metrics count those of all attempts.
 */
export async function evaluateRetriever(context: RunContext): Promise<void> {
  const { config } = context;
  if (config.kind !== "evaluate")
    throw new AppError("internal", `A ${config.kind} run is not an evaluate run.`);
  const preflight = new Preflight(context, config);
  try {
    const [retriever, { scored }] = await waitForAll([
      preflight.openRetriever(config.corpus, config.retriever),
      preflight.check(
        "questions",
        () => loadScorableQuestions(context, config),
        ({ scored, withoutGold }) =>
          `${markMessage`${scored.length} with gold documents`}${withoutGold > 0 ? `, ${markMessage`${withoutGold} without: left out`}` : ""}`,
      ),
    ] as const);
    await reportUnknownGold(context, retriever, scored, config);
    await context.markRunning();
    await rankQuestions(context, retriever, scored, config);
  } finally {
    preflight.release();
  }
}

/** The questions that can be scored. @throws AppError "invalid-input" where there are none */
async function loadScorableQuestions(
  context: RunContext,
  config: EvaluateConfig,
): Promise<{ scored: Question[]; withoutGold: number }> {
  const set = config.questions;
  const all = await context.readQuestions(set);
  const chosen = chooseQuestions(all, config);
  if (config.skipYesNo) context.log("info", describeSkipped(all));
  const scored = chosen.filter(({ goldIds }) => goldIds.length > 0);
  if (scored.length === 0)
    throw new AppError(
      "invalid-input",
      `questions: none of the ${chosen.length} questions of "${set}" names gold documents (goldIds), so a retriever cannot be measured on them.`,
    );
  return { scored, withoutGold: chosen.length - scored.length };
}

/** Counts gold documents that the corpus does not hold: they cap what any retriever can reach. */
async function reportUnknownGold(
  context: RunContext,
  retriever: Retriever,
  questions: readonly Question[],
  { questions: set, corpus }: EvaluateConfig,
): Promise<void> {
  const gold = removeRepeats(questions.flatMap(({ goldIds }) => goldIds));
  const unknown = await findUnknownDocuments(retriever, gold);
  if (unknown === null)
    return context.log(
      "info",
      "This retriever does not give documents by id, so it is not known whether its corpus holds all gold documents.",
    );
  if (unknown.size === gold.length)
    throw new AppError(
      "invalid-input",
      `questions: not one of the ${gold.length} gold documents of "${set}" is in the corpus "${corpus}" (e.g. ${JSON.stringify(gold[0])}): the set belongs to another corpus.`,
    );
  const concerned = questions.filter(({ goldIds }) => goldIds.some((id) => unknown.has(id))).length;
  if (unknown.size > 0) {
    const examples = [...unknown]
      .slice(0, 5)
      .map((id) => JSON.stringify(id))
      .join(", ");
    context.log(
      "warn",
      `${unknown.size} of ${gold.length} gold documents, named by ${concerned} questions, are not in the corpus and count as not found: ${examples}${unknown.size > 5 ? ", …" : ""}.`,
    );
  }
  await context.report({
    kind: "metrics",
    points: buildMetricPoints(
      { "retrieval/unknown_gold": unknown.size, "retrieval/unknown_gold_questions": concerned },
      0,
    ),
  });
}

async function rankQuestions(
  context: RunContext,
  retriever: Retriever,
  questions: readonly Question[],
  config: EvaluateConfig,
): Promise<void> {
  const { signal } = context;
  const goldCounts = new Map(questions.map(({ id, goldIds }) => [id, new Set(goldIds).size]));
  const stored = await context.readRankedQuestions();
  const results: RankedGold[] = [...stored].flatMap(([id, ranks]) =>
    goldCounts.has(id) ? [{ gold: goldCounts.get(id)!, ranks, depth: config.k }] : [],
  );
  const remaining = questions.filter(({ id }) => !stored.has(id));
  const retrieverKey = retriever.describe().key;
  const documents = new DocumentStore();
  const size = Math.max(1, Math.min(LARGEST_BATCH, Math.floor(REFERENCES / config.k)));
  const reportProgress = () =>
    context.reportProgress({
      phase: "evaluating",
      done: results.length,
      total: questions.length,
      detail: markMessage`${config.k} documents for each question`,
    });
  let repeats = 0;
  for (const batch of chunk(remaining, size)) {
    await reportProgress();
    const endBatch = documents.openBatch();
    const started = performance.now();
    const rankings = await retriever.search(
      batch.map(({ question }) => question),
      config.k,
      signal,
    );
    const seconds = (performance.now() - started) / 1000;
    const records = batch.map((question, i) => {
      const ranking = rankings[i];
      if (!ranking)
        throw new AppError(
          "retriever-unavailable",
          `The retriever gave ${rankings.length} rankings for ${batch.length} questions.`,
        );
      const distinct = [
        ...new Map([...ranking].reverse().map((document) => [document.id, document])).values(),
      ].reverse();
      repeats += ranking.length - distinct.length;
      results.push(
        rankGold(
          distinct.map(({ id }) => id),
          question.goldIds,
          config.k,
        ),
      );
      return buildRecord(question, distinct.slice(0, config.k), {
        seconds: seconds / batch.length,
        key: computeCacheKey({
          record: "episode",
          method: "retrieval",
          retriever: retrieverKey,
          question: [question.id, question.question],
          k: config.k,
        }),
        documents,
      });
    });
    await context.report({
      kind: "episodes",
      corpus: config.corpus,
      questions: config.questions,
      documents: documents.takeUnsent(records),
      records,
    });
    endBatch();
    const values = Object.fromEntries(
      listMetricsWithin(config.k).map((metric) => [
        `retrieval/${metric.key}`,
        computeMeanMetric(results, metric) ?? 0,
      ]),
    ) as MetricValues;
    await context.report({
      kind: "metrics",
      points: buildMetricPoints(
        { ...values, "retrieval/queries_per_second": batch.length / seconds },
        results.length,
      ),
    });
  }
  await reportProgress();
  if (repeats > 0)
    context.log(
      "warn",
      `The retriever repeated ${repeats} documents within a ranking; each counts where it came first.`,
    );
}

interface RecordOptions {
  key: string;
  seconds: number;
  documents: DocumentStore;
}

/** A ranking as an episode: one retrieve step, nothing handed to a generator, nothing answered. */
function buildRecord(
  question: Question,
  ranking: readonly RankedDocument[],
  { key, seconds, documents }: RecordOptions,
): EpisodeRecord {
  return {
    phase: "predict",
    step: null,
    episode: {
      key,
      method: "retrieval",
      protocol: "paper",
      questionId: question.id,
      sampleIndex: 0,
      steps: [
        {
          kind: "retrieve",
          turn: 0,
          seconds,
          query: question.question,
          documents: ranking.map((document) => documents.add(document)),
          ...getFetchDate(ranking),
        },
      ],
      context: [],
    },
    answer: null,
    score: null,
    baseline: null,
    reward: null,
    advantage: null,
    attribution: null,
    formatErrors: [],
  };
}
