import { buildQuestionText } from "@/core/scoring/rule-scoring";
import { AppError } from "@/contracts/errors";
import type { DocumentText } from "@/contracts/records/episode";
import type { RunConfig } from "@/contracts/run-config/run-config";
import type { turnGainsResultSchema, TaskRequest } from "@/contracts/worker-protocol/tasks";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { z } from "zod";
import { requirementsForTurnGains } from "@/core/run/requirements";
import { getRunCorpus, getRunScorer } from "@/core/run/run-summary";
import type { TaskContext } from "@/gpu-workers/jobs/context/task-context";
import type { ServiceHandle } from "@/gpu-workers/jobs/context/run-context";
import { AnswerScorer } from "@/gpu-workers/llm/scoring/answer-scorer";
import { openRunJudge } from "@/gpu-workers/llm/scoring/run-judge";
import { openGenerator } from "@/gpu-workers/llm/generator/open-generator";
import { markMessage } from "@/core/texts/mark-message";

type TurnGains = z.infer<typeof turnGainsResultSchema>;

/**
 * What each turn gained: the run's generator answers from the union of selections up to each turn, and, as the ceiling,
 * from the gold documents alone.
 */
export async function computeTurnGains(
  task: Extract<TaskRequest, { kind: "turn-gains" }>,
  context: TaskContext,
): Promise<TurnGains> {
  const { config, question, contexts } = task;
  if (config.kind !== "train" && config.kind !== "predict")
    throw new AppError("unsupported", `A ${config.kind} run has no answers.`);
  const { signal, services } = context;
  const handles: ServiceHandle<unknown>[] = [];
  try {
    let engine = null;
    const requirements = requirementsForTurnGains(config, question);
    if (requirements.engine) {
      const handle = await services.acquireEngine(signal, (detail) =>
        context.reportProgress(detail, 0.1),
      );
      handles.push(handle);
      engine = handle.value;
    }
    const generator = await openGenerator(engine, config.generator, context, signal);
    const gold = requirements.retriever
      ? await readGoldDocuments(config, question, context, handles)
      : null;
    context.reportProgress(markMessage`answering`, 0.5);
    const requests = [...contexts.map(({ documents }) => documents), ...(gold ? [gold] : [])].map(
      (documents) => ({ ...buildQuestionText(question), documents }),
    );
    const answers = await generator.answer(requests, signal);
    const scores = await new AnswerScorer(getRunScorer(config), () =>
      openRunJudge(config, engine, context, signal),
    ).score(
      answers.map((answer) => ({ question, answer })),
      signal,
    );
    const scored = answers.map(({ text }, i) => ({ answer: text, score: scores[i]!.main.value }));
    return {
      goldContext: gold ? scored[contexts.length]! : null,
      turns: contexts.map(({ turn }, i) => ({ turn, ...scored[i]! })),
    };
  } finally {
    for (const handle of handles) handle.release();
  }
}

/** The gold documents in their order, looked up by the run's retriever. */
async function readGoldDocuments(
  config: Extract<RunConfig, { kind: "train" | "predict" }>,
  question: Question,
  context: TaskContext,
  handles: ServiceHandle<unknown>[],
): Promise<DocumentText[]> {
  const handle = await context.services.acquireRetriever(
    getRunCorpus(config),
    config.retriever,
    context.signal,
    (detail) => context.reportProgress(detail, 0.2),
  );
  handles.push(handle);
  return handle.value.getDocuments(question.goldIds);
}
