import type { Answer, Episode, EpisodeRecord } from "@/contracts/records/episode";
import { AppError } from "@/contracts/errors";
import { getAblation } from "@/contracts/run-config/scoring";
import { ablateContext } from "@/gpu-workers/methods/ablated-context";
import {
  chooseQuestions,
  describeChoice,
  describeSkipped,
} from "@/core/questions/choose-questions";
import type { PredictConfig } from "@/contracts/run-config/predict-config";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { RunRequirements } from "@/core/run/requirements";
import { waitForAll, type Preflight } from "@/gpu-workers/jobs/context/preflight";
import type { RunContext } from "@/gpu-workers/jobs/context/run-context";
import { AnswerScorer, describeUnread } from "@/gpu-workers/llm/scoring/answer-scorer";
import { openRunJudge } from "@/gpu-workers/llm/scoring/run-judge";
import type { UsageSum } from "@/gpu-workers/llm/usage-sum";
import { CachedMethod, canReuseByKey } from "@/gpu-workers/methods/cached-method";
import { openMethod, openOwnModel, probeOwnModel } from "@/gpu-workers/methods/open-method";
import { createRagMethod } from "@/gpu-workers/methods/rag";
import { StoredEpisodes } from "@/gpu-workers/methods/stored-episodes";
import type { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import { Stopwatch } from "@/gpu-workers/runtime/stopwatch";
import { EpisodeGrader, type Outcome } from "@/gpu-workers/searcher/episode-grader";
import { buildEpisodeRecord } from "@/gpu-workers/searcher/episode-record";
import { RagBaseline } from "@/gpu-workers/searcher/rag-baseline";
import { markMessage } from "@/core/texts/mark-message";

/** Questions answered together, and reported as soon as all of them are. */
export const BATCH = 24;

/** Batches beyond those that keep an endpoint busy: some are always being looked up, scored or reported. */
const SPARE_BATCHES = 4;

/** A prediction with everything open. */
export interface Prediction {
  /** Episodes with their answers and scores, in the order of the questions; throws where any of them fails. */
  answer: (batch: readonly Question[], signal: AbortSignal) => Promise<EpisodeRecord[]>;
  questions: Question[];
  /** Batches that are worked on at a time. */
  concurrency: number;
  /** Counts the episodes that were reused from equal runs so far. */
  countReused: () => number;
}

/** What the caller shares with the prediction. */
interface PredictionParts {
  preflight: Preflight;
  documents: DocumentStore;
  judgeUsage: UsageSum;
}

/** Opens services, models and questions of a predict run, each reported. @throws the first failure */
export async function openPrediction(
  context: RunContext,
  config: PredictConfig,
  { preflight, documents, judgeUsage }: PredictionParts,
): Promise<Prediction> {
  const { signal } = context;
  const { requirements } = preflight;
  const [retriever, engine, endpointModel, generator, questions] = await waitForAll([
    requirements.retriever ? preflight.openRetriever(config.corpus, config.retriever) : null,
    requirements.engine
      ? preflight.openEngine(
          async (client, onDetail) => {
            onDetail(markMessage`loading the model`);
            return requirements.searcher === "engine"
              ? openOwnModel(config, context, client)
              : null;
          },
          (own) =>
            own === null
              ? markMessage`ready`
              : `${markMessage`${config.searcher.model} is loaded`}${own.note ?? ""}`,
        )
      : null,
    requirements.searcher === "endpoint"
      ? preflight.check(
          "searcher",
          async () => {
            const detail = await probeOwnModel(config, signal, context);
            return { detail, own: await openOwnModel(config, context, null) };
          },
          ({ detail }) => detail,
        )
      : null,
    requirements.generator === null
      ? null
      : preflight.openGenerator(config.generator, { keep: "unrecorded" }),
    preflight.check(
      "questions",
      () => loadQuestions(context, config),
      (loaded) =>
        [markMessage`${loaded.length} to answer`, describeChoice(config)]
          .filter(Boolean)
          .join(", "),
    ),
    requirements.judge === null ? null : preflight.checkJudge(config),
  ] as const);
  const scorer = new AnswerScorer(
    config.scorer,
    () =>
      openRunJudge(config, engine?.client ?? null, context, signal, {
        onUsage: judgeUsage.add,
      }),
    (label, answers) => context.findVerdicts(config.questions, label, answers),
    (replies) => context.log("warn", describeUnread(replies)),
  );
  const grader = new EpisodeGrader(generator, documents, scorer);
  const concurrency = chooseConcurrency(config, requirements);

  if (config.reuse.episodesOf !== null) {
    const stored = new StoredEpisodes(context, config.reuse.episodesOf, documents, questions);
    const answer = createReanswering(stored, grader, config.reuse);
    return { questions, concurrency, countReused: () => 0, answer };
  }
  const { ragDocuments } = config.generator;
  const isNaiveRag =
    config.method === "rag" && config.matchRun === null && config.documents === ragDocuments;
  /** Naive RAG on the same questions, for the gain beyond it; null where the method is naive RAG itself, the ceiling, or answers by itself. */
  const baseline =
    isNaiveRag || config.method === "gold" || retriever === null || generator === null
      ? null
      : new RagBaseline(
          createRagMethod(retriever, documents, () => ragDocuments),
          grader,
        );
  const own = engine?.models ?? endpointModel?.own ?? null;
  const opened = await openMethod(config, { context, retriever, own, questions, documents });
  const method =
    "computeEpisodeKey" in opened && canReuseByKey(config, retriever)
      ? new CachedMethod(opened, context, documents)
      : opened;
  return {
    questions,
    concurrency,
    countReused: () => (method instanceof CachedMethod ? method.reusedCount : 0),
    answer: async (batch, signal) => {
      const episodes = await method.run(batch, signal);
      const outcomes = await grader.grade(episodes, batch, signal);
      const baselines = (await baseline?.getOutcomes(batch, new Stopwatch(), signal)) ?? null;
      return buildRecords(batch, episodes, outcomes, baselines);
    },
  };
}

/** The engine works on one batch after another; endpoints are kept busy. */
function chooseConcurrency(
  { searcher, generator, judge }: PredictConfig,
  requirements: RunRequirements,
): number {
  const connections = [
    ...(requirements.searcher === null ? [] : [searcher.connection]),
    ...(requirements.generator === null ? [] : [generator.connection]),
    ...(requirements.judge === null ? [] : [judge.connection]),
  ];
  if (requirements.engine || connections.length === 0) return 1;
  const requests = Math.max(...connections.map(({ concurrency }) => concurrency));
  return SPARE_BATCHES + Math.ceil(requests / BATCH);
}

/** Answers stored episodes anew, or with `keepAnswers` only scores their answers. */
const createReanswering =
  (
    stored: StoredEpisodes,
    grader: EpisodeGrader,
    reuse: PredictConfig["reuse"],
  ): Prediction["answer"] =>
  async (batch, signal) => {
    const reused = await stored.getEpisodes(batch);
    const ablation = getAblation(reuse);
    const episodes = reused.map(({ episode }) =>
      ablation === null ? episode : ablateContext(episode, ablation),
    );
    const outcomes = reuse.keepAnswers
      ? await grader.scoreAnswers(
          episodes,
          reused.map(({ answer, episode }) => requireAnswer(answer, episode.questionId)),
          batch,
          signal,
        )
      : await grader.grade(episodes, batch, signal);
    return buildRecords(batch, episodes, outcomes, null);
  };

async function loadQuestions(context: RunContext, config: PredictConfig): Promise<Question[]> {
  const all = await context.readQuestions(config.questions);
  const chosen = chooseQuestions(all, config);
  if (config.skipYesNo) context.log("info", describeSkipped(all));
  if (chosen.length === 0)
    throw new AppError(
      "invalid-input",
      `None of the ${all.length} questions of "${config.questions}" is asked: every one has an answer yes or no, which skipYesNo leaves out.`,
    );
  return config.method === "gold" ? selectWithGold(chosen, config.questions) : chosen;
}

/** The ceiling is over the questions that have evidence. */
function selectWithGold(questions: readonly Question[], set: string): Question[] {
  const some = questions.filter(({ goldIds }) => goldIds.length > 0);
  if (some.length === 0)
    throw new AppError(
      "invalid-input",
      `None of these ${questions.length} questions of "${set}" names gold documents, so there is no ceiling to measure.`,
    );
  return some;
}

const buildRecords = (
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

function requireAnswer(answer: Answer | null, questionId: string): Answer {
  if (!answer)
    throw new AppError(
      "not-found",
      `There is no stored answer to question ${questionId} that could be scored.`,
    );
  return answer;
}
