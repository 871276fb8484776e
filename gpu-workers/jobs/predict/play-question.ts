import { AppError } from "@/contracts/errors";
import {
  listEpisodeDocuments,
  type DocumentRef,
  type DocumentText,
  type Episode,
  type EpisodeRecord,
  type EpisodeStep,
} from "@/contracts/records/episode";
import type { PlayResult } from "@/contracts/worker-protocol/tasks";
import { requirementsFor } from "@/core/run/requirements";
import type { ServiceHandle } from "@/gpu-workers/jobs/context/run-context";
import type { TaskContext, TaskOf } from "@/gpu-workers/jobs/context/task-context";
import type { EngineClient } from "@/gpu-workers/llm/engine/client";
import { openGenerator } from "@/gpu-workers/llm/generator/open-generator";
import { AnswerScorer } from "@/gpu-workers/llm/scoring/answer-scorer";
import { openRunJudge } from "@/gpu-workers/llm/scoring/run-judge";
import { openMethod, openOwnModel } from "@/gpu-workers/methods/open-method";
import { createRagMethod } from "@/gpu-workers/methods/rag";
import { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import { collectRewardFacts, computeReward } from "@/gpu-workers/rl/reward";
import { EpisodeGrader } from "@/gpu-workers/searcher/episode-grader";
import { buildEpisodeRecord } from "@/gpu-workers/searcher/episode-record";
import type { Method } from "@/gpu-workers/searcher/method";
import { markMessage } from "@/core/texts/mark-message";

/** What is open while a question is played. */
interface OpenComponents {
  method: Method;
  /** Naive RAG with the same generator; null where it is not to be had or is the method itself. */
  rag: Method | null;
  grader: EpisodeGrader;
  documents: DocumentStore;
}

/**
 * Plays one question, step by step to the listener, and has it answered; scores it, and computes the reward, where the
 * question has answers.
 *
 * @throws AppError where a service or a model fails: there is no answer instead of one
 */
export async function playQuestion(
  task: TaskOf<"play">,
  context: TaskContext,
): Promise<PlayResult> {
  const handles: ServiceHandle<unknown>[] = [];
  try {
    const components = await setUp(task, context, handles);
    const startedAt = performance.now();
    const report = (steps: readonly EpisodeStep[]): void => {
      const partial = { steps: [...steps], documents: listTexts(components.documents, { steps }) };
      context.reportProgress(describeSteps(steps), 0.5, partial);
    };
    const [episode] = await components.method.run([task.question], context.signal, report);
    report(episode!.steps);
    context.reportProgress(markMessage`answering`, 0.9);
    const record = await answerEpisode(task, episode!, components, context.signal);
    return {
      record,
      documents: listTexts(components.documents, episode!, record.baseline?.context),
      seconds: (performance.now() - startedAt) / 1000,
    };
  } finally {
    for (const handle of handles) handle.release();
  }
}

/** Opens the retriever, models and scorer that the configuration needs. */
async function setUp(
  { config, question, forced, documents: texts }: TaskOf<"play">,
  context: TaskContext,
  handles: ServiceHandle<unknown>[],
): Promise<OpenComponents> {
  const { services, signal } = context;
  const requirements = requirementsFor(config);
  const onDetail = (detail: string): void => context.reportProgress(detail, 0.1);
  const keep = <T>(handle: ServiceHandle<T>): T => {
    handles.push(handle);
    return handle.value;
  };
  const retriever: Retriever | null = requirements.retriever
    ? keep(await services.acquireRetriever(config.corpus, config.retriever, signal, onDetail))
    : null;
  const engine: EngineClient | null = requirements.engine
    ? keep(await services.acquireEngine(signal, onDetail))
    : null;
  onDetail(markMessage`loading models`);
  const [own, generator] = await Promise.all([
    openOwnModel(config, context, engine),
    requirements.generator === null
      ? null
      : openGenerator(engine, config.generator, context, signal),
  ]);
  const documents = new DocumentStore();
  for (const text of texts) documents.add({ ...text, score: 0 });
  const method = await openMethod(config, {
    context: { readAnsweredQuestions: refuseOtherRun },
    retriever,
    own,
    questions: [question],
    documents,
    forced,
  });
  const scorer = new AnswerScorer(config.scorer, () =>
    openRunJudge(config, engine, context, signal),
  );
  const { ragDocuments } = config.generator;
  const isBaseline = config.method === "rag" && config.documents === ragDocuments;
  return {
    method,
    rag:
      retriever === null || generator === null || isBaseline
        ? null
        : createRagMethod(retriever, documents, () => ragDocuments),
    grader: new EpisodeGrader(generator, documents, scorer),
    documents,
  };
}

/** The record of a played episode: without a score where the question has no answers. */
async function answerEpisode(
  { question, rewardWeights, config }: TaskOf<"play">,
  episode: Episode,
  { grader, rag }: OpenComponents,
  signal: AbortSignal,
): Promise<EpisodeRecord> {
  const questions = [question];
  if (question.answers.length === 0) {
    const [answer] = await grader.answer([episode], questions, signal);
    return buildUnscoredRecord(episode, answer!);
  }
  const [outcome] = await grader.grade([episode], questions, signal);
  const baseline = rag
    ? (await grader.grade(await rag.run(questions, signal), questions, signal))[0]!
    : null;
  const facts =
    baseline &&
    collectRewardFacts(episode, question, {
      answer: outcome!.answer.text,
      accuracy: outcome!.score.value,
      ragAccuracy: baseline.score.value,
      search: config.search,
    });
  return buildEpisodeRecord({
    phase: "predict",
    step: null,
    question,
    episode,
    outcome: outcome!,
    baseline,
    reward: facts && rewardWeights && computeReward(rewardWeights, facts),
    advantage: null,
  });
}

const buildUnscoredRecord = (
  episode: Episode,
  answer: NonNullable<EpisodeRecord["answer"]>,
): EpisodeRecord => ({
  phase: "predict",
  step: null,
  episode,
  answer,
  score: null,
  baseline: null,
  reward: null,
  advantage: null,
  attribution: null,
  formatErrors: episode.steps.flatMap((step) => (step.kind === "reject" ? [step.error] : [])),
});

/** Texts of all documents that an episode, or what there is of it, names; each once. */
function listTexts(
  documents: DocumentStore,
  { steps, context = [] }: { steps: readonly EpisodeStep[]; context?: readonly DocumentRef[] },
  more: readonly DocumentRef[] = [],
): DocumentText[] {
  const refs = [...listEpisodeDocuments({ steps: [...steps], context: [...context] }), ...more];
  return [...new Map(refs.map((ref) => [ref.hash, documents.getText(ref)])).values()];
}

function describeSteps(steps: readonly EpisodeStep[]): string {
  const last = steps[steps.length - 1];
  if (!last) return "searching";
  return last.kind === "retrieve" ? `turn ${last.turn}: reading` : `turn ${last.turn}: done`;
}

const refuseOtherRun = (): Promise<never> =>
  Promise.reject(new AppError("unsupported", "matchRun: needs a run with this question."));
