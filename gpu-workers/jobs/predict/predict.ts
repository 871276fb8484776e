import { getMethodComponents } from "@/core/run/methods";
import { needsJudge } from "@/contracts/run-config/scoring";
import type { Answer, Episode, EpisodeRecord } from "@/contracts/records/episode";
import { AppError } from "@/contracts/errors";
import type { PredictConfig } from "@/contracts/run-config/predict-config";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { ReansweredRecord, ReportItem } from "@/contracts/worker-protocol/reports";
import type { EngineClient } from "@/gpu-workers/llm/engine/client";
import { CachedMethod, canReuseByKey } from "@/gpu-workers/methods/cached-method";
import { openMethod, openOwnModel, type OwnModel } from "@/gpu-workers/methods/open-method";
import { createRagMethod } from "@/gpu-workers/methods/rag";
import { StoredEpisodes } from "@/gpu-workers/methods/stored-episodes";
import type { Executor, RunContext, ServiceHandle } from "@/gpu-workers/jobs/run-context";
import { AnswerScorer } from "@/gpu-workers/llm/scoring/answer-scorer";
import { openJudge, probeJudge } from "@/gpu-workers/llm/scoring/judge";
import { JudgeUsage } from "@/gpu-workers/llm/scoring/judge-usage";
import { EpisodeGrader, type Outcome } from "@/gpu-workers/searcher/episode-grader";
import { RagBaseline } from "@/gpu-workers/searcher/rag-baseline";
import { buildEpisodeRecord } from "@/gpu-workers/searcher/episode-record";
import { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import { buildMetricPoints } from "@/gpu-workers/rl/metric-values";
import { openGenerator, probeGenerator } from "@/gpu-workers/llm/generator/open-generator";
import { probeMethodModel } from "@/gpu-workers/llm/endpoint/connection";
import { answerBatch, FailureStreak, runConcurrently } from "./predict-batch";
import { waitForAll, Preflight } from "@/gpu-workers/jobs/preflight";
import { Stopwatch } from "@/gpu-workers/runtime/stopwatch";
import { chunk } from "@/lib/chunk";

/** Questions answered together, and reported as soon as all of them are. */
const BATCH = 24;

/** Batches beyond those that keep an endpoint busy: some are always being looked up, scored or reported. */
const SPARE_BATCHES = 4;

/**
 * A predict run: one method over a question set. The question is the unit: results are stored as they come, an attempt
 * that goes on answers only the questions that are not stored yet, and one that cannot be answered is listed with its
 * reason, tried once more at the end, and missing, never wrong.
 */
export const predict: Executor = async (context) => {
  if (context.config.kind !== "predict")
    throw new AppError("internal", `A ${context.config.kind} run is not a predict run.`);
  const config = context.config;
  const { signal } = context;
  const handles: ServiceHandle<unknown>[] = [];
  try {
    const documents = new DocumentStore();
    const judgeUsage = new JudgeUsage();
    const { answer, questions, lanes, taken } = await open(
      context,
      config,
      documents,
      handles,
      judgeUsage,
    );
    const [stored, tally] = await Promise.all([
      context.readAnsweredQuestions(),
      context.readStoredAccuracy(),
    ]);
    const remaining = questions.filter(({ id }) => !stored.has(id));
    await context.markRunning();

    let done = stored.size;
    const row = new FailureStreak(config.failures.stopAfter);
    const failed = new Map<string, Question>();

    const take = async (batch: readonly Question[], signal: AbortSignal): Promise<void> => {
      await context.reportProgress({
        phase: "predicting",
        done,
        total: questions.length,
        detail: failed.size > 0 ? `${config.method}, ${failed.size} failed` : config.method,
      });
      const endBatch = documents.openBatch();
      const { records, failures } = await answerBatch(batch, answer, signal).catch(
        (error: unknown) => {
          endBatch();
          throw error;
        },
      );
      const { corpus, questions: set, reuse } = config;
      const item: ReportItem =
        reuse.episodesOf === null
          ? {
              kind: "episodes",
              corpus,
              questions: set,
              documents: documents.takeUnsent(records),
              records,
            }
          : { kind: "reanswered", questions: set, records: records.map(reanswered) };
      endBatch();
      if (records.length > 0) await context.report(item);
      for (const { episode } of records) failed.delete(episode.questionId);
      if (failures.length > 0) {
        await context.report({ kind: "failures", questions: config.questions, failures });
        const failing = new Set(failures.map(({ questionId }) => questionId));
        for (const question of batch)
          if (failing.has(question.id)) failed.set(question.id, question);
        context.log(
          "warn",
          `${failures.length} of ${batch.length} questions could not be answered, e.g. ${failures[0]!.questionId}: ${failures[0]!.reason}`,
        );
      }
      done += records.length;
      for (const { score } of records) {
        if (!score) continue;
        tally.scored += 1;
        tally.sum += score.value;
      }
      const values = {
        ...(tally.scored > 0 && { "predict/accuracy": tally.sum / tally.scored }),
        "progress/answered": done,
        ...judgeUsage.toMetrics(),
      };
      if (done > 0)
        await context.report({ kind: "metrics", points: buildMetricPoints(values, done) });
      row.count(batch, failures);
    };

    await runConcurrently(chunk(remaining, BATCH), lanes, take, signal);
    await runConcurrently(chunk([...failed.values()], 1), lanes, take, signal);
    await context.reportProgress({
      phase: "predicting",
      done,
      total: questions.length,
      detail: config.method,
    });
    if (taken && taken() > 0)
      context.log(
        "info",
        `${taken()} episodes were taken over from runs that made them under the same cache keys (reuse.equalEpisodes).`,
      );
    if (failed.size > 0) {
      const missing = `${failed.size} of ${questions.length} questions have no answer; they are listed with their reasons, and accuracy counts the others only.`;
      if (!config.failures.allowMissing)
        throw new AppError(
          "generator-unavailable",
          `${missing} Resume the run to try those alone.`,
        );
      context.log("warn", missing);
    }
  } finally {
    for (const handle of handles) handle.release();
  }
};

interface Prediction {
  /** Episodes with their answers and scores, in the order of the questions; throws where any of them fails. */
  answer(batch: readonly Question[], signal: AbortSignal): Promise<EpisodeRecord[]>;
  questions: Question[];
  /** Batches that are worked on at a time. */
  lanes: number;
  /** Episodes that were taken over from equal runs so far. */
  taken?: () => number;
}

async function open(
  context: RunContext,
  config: PredictConfig,
  documents: DocumentStore,
  handles: ServiceHandle<unknown>[],
  judgeUsage: JudgeUsage,
): Promise<Prediction> {
  const { signal, services } = context;
  const keep = <T>(handle: ServiceHandle<T>): T => {
    handles.push(handle);
    return handle.value;
  };
  const { episodesOf, keepAnswers } = config.reuse;
  const searches = episodesOf === null;
  const roles = getMethodComponents(config);
  const retrieves = searches && roles.retrieves;
  const generates = !keepAnswers && (!searches || roles.generates);
  const asksModel = searches && roles.asksModel;
  const ownInEngine = searches && roles.asksModel && config.searcher.endpoint === null;
  const judges = needsJudge(config.scorer);
  const needsEngine =
    ownInEngine ||
    (generates && config.generator.endpoint === null) ||
    (judges && config.judge.endpoint === null);
  const preflight = new Preflight(context, [
    ...(retrieves ? (["retriever"] as const) : []),
    ...(needsEngine ? (["engine"] as const) : []),
    ...(asksModel && !ownInEngine ? (["searcher"] as const) : []),
    ...(generates ? (["generator"] as const) : []),
    ...(judges ? (["judge"] as const) : []),
    "questions",
  ]);

  const retriever = !retrieves
    ? Promise.resolve(null)
    : preflight.check(
        "retriever",
        async (say) => {
          const opened = keep(
            await services.acquireRetriever(config.corpus, config.retriever, signal, say),
          );
          await opened.search(["ready?"], 1, signal);
          return opened;
        },
        (opened) => opened.describe().title,
      );
  const engine: Promise<{ client: EngineClient; own: OwnModel | null } | null> = !needsEngine
    ? Promise.resolve(null)
    : preflight.check(
        "engine",
        async (say) => {
          const client = keep(await services.acquireEngine(signal, say));
          say("loading the model");
          return { client, own: ownInEngine ? await openOwnModel(config, context, client) : null };
        },
        ({ own }) => (own === null ? "ready" : `${config.searcher.model} is loaded`),
      );
  const searcher: Promise<OwnModel | null> =
    !asksModel || ownInEngine
      ? Promise.resolve(null)
      : preflight
          .check(
            "searcher",
            async () => {
              const detail = await probeMethodModel(config.searcher, signal, context);
              return { detail, own: await openOwnModel(config, context, null) };
            },
            ({ detail }) => detail,
          )
          .then(({ own }) => own);
  const generator = !generates
    ? Promise.resolve(null)
    : preflight.check(
        "generator",
        async () => {
          const client = config.generator.endpoint === null ? (await engine)!.client : null;
          const detail = await probeGenerator(client, config.generator, signal, context);
          return {
            detail,
            generator: await openGenerator(client, config.generator, context, signal, {
              keep: "unrecorded",
            }),
          };
        },
        ({ detail }) => detail,
      );
  const judge = !judges
    ? Promise.resolve(null)
    : preflight.check(
        "judge",
        async () =>
          probeJudge(
            config.judge,
            config.judge.endpoint === null ? (await engine)!.client : null,
            context,
            signal,
          ),
        (detail) => detail,
      );
  const questions = preflight.check(
    "questions",
    async () => {
      const all = await context.readQuestions(config.questions);
      const asked = config.limit === null ? all : all.slice(0, config.limit);
      return config.method === "gold" ? withGold(asked, config.questions) : asked;
    },
    (loaded) => `${loaded.length} to answer`,
  );
  const [openedRetriever, openedEngine, openedSearcher, openedGenerator, asked] = await waitForAll([
    retriever,
    engine,
    searcher,
    generator,
    questions,
    judge,
  ] as const);
  const scorer = new AnswerScorer(
    config.scorer,
    () =>
      openJudge(config.judge, openedEngine?.client ?? null, context, signal, {
        onUsage: judgeUsage.add,
      }),
    (label, answers) => context.findVerdicts(config.questions, label, answers),
  );
  const assessor = new EpisodeGrader(openedGenerator?.generator ?? null, documents, scorer);

  const connections = [
    ...(searches && roles.asksModel ? [config.searcher.connection] : []),
    ...(generates ? [config.generator.connection] : []),
    ...(judges ? [config.judge.connection] : []),
  ];
  // The engine works on one batch after another; endpoints are kept busy.
  const lanes =
    needsEngine || connections.length === 0
      ? 1
      : SPARE_BATCHES +
        Math.ceil(Math.max(...connections.map(({ concurrency }) => concurrency)) / BATCH);

  if (!searches) {
    const source = new StoredEpisodes(context, episodesOf!, documents, asked);
    return {
      questions: asked,
      lanes,
      answer: async (batch, signal) => {
        const reused = await source.getEpisodes(batch);
        const episodes = reused.map(({ episode }) => episode);
        const outcomes = keepAnswers
          ? await assessor.scoreAnswers(
              episodes,
              reused.map(({ answer, episode }) => required(answer, episode.questionId)),
              batch,
              signal,
            )
          : await assessor.grade(episodes, batch, signal);
        return recordsOf(batch, episodes, outcomes, null);
      },
    };
  }
  const { ragDocuments } = config.generator;
  const isNaiveRag =
    config.method === "rag" && config.matchRun === null && config.documents === ragDocuments;
  /** Naive RAG on the same questions, for the gain beyond it; null where the method is naive RAG itself, the ceiling, or answers by itself. */
  const baseline =
    isNaiveRag || config.method === "gold" || openedRetriever === null || !generates
      ? null
      : new RagBaseline(
          createRagMethod(openedRetriever, documents, () => ragDocuments),
          assessor,
        );
  const own = openedEngine?.own ?? openedSearcher;
  const opened = await openMethod(config, {
    context,
    retriever: openedRetriever,
    own,
    questions: asked,
    documents,
  });
  const method =
    "computeEpisodeKey" in opened && canReuseByKey(config, openedRetriever)
      ? new CachedMethod(opened, context, documents)
      : opened;
  return {
    questions: asked,
    lanes,
    ...(method instanceof CachedMethod && { taken: () => method.reusedCount }),
    answer: async (batch, signal) => {
      const episodes = await method.run(batch, signal);
      const outcomes = await assessor.grade(episodes, batch, signal);
      return recordsOf(
        batch,
        episodes,
        outcomes,
        (await baseline?.getOutcomes(batch, new Stopwatch(), signal)) ?? null,
      );
    },
  };
}

/** What is new where the episode is another run's. */
const reanswered = ({
  episode,
  answer,
  score,
  otherScores,
  attribution,
}: EpisodeRecord): ReansweredRecord => ({
  questionId: episode.questionId,
  answer,
  score,
  otherScores,
  attribution,
});

/** The ceiling is over the questions that have evidence. */
function withGold(questions: readonly Question[], set: string): Question[] {
  const some = questions.filter(({ goldIds }) => goldIds.length > 0);
  if (some.length === 0)
    throw new AppError(
      "invalid-input",
      `None of these ${questions.length} questions of "${set}" names gold documents, so there is no ceiling to measure.`,
    );
  return some;
}

const recordsOf = (
  questions: readonly Question[],
  episodes: readonly Episode[],
  outcomes: readonly Outcome[],
  baselines: readonly Outcome[] | null,
): EpisodeRecord[] =>
  questions.map((question, i) =>
    buildEpisodeRecord({
      phase: "predict",
      step: null,
      question,
      episode: episodes[i]!,
      outcome: outcomes[i]!,
      baseline: baselines?.[i] ?? null,
      reward: null,
      advantage: null,
    }),
  );

function required(answer: Answer | null, questionId: string): Answer {
  if (!answer)
    throw new AppError(
      "not-found",
      `There is no stored answer to question ${questionId} that could be scored.`,
    );
  return answer;
}
