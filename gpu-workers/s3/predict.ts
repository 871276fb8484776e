import { AppError } from "@/contracts/errors";
import type { PredictConfig } from "@/contracts/run-config";
import type { Question } from "@/contracts/worker-protocol";
import type { EngineClient } from "../engine/client";
import type { Method } from "../methods/method";
import { ragMethod } from "../methods/rag";
import { s3Method } from "../methods/s3";
import type { Retriever } from "../retrieval/retriever";
import type { Executor, RunContext, ServiceHandle } from "../run-context";
import { Assessor, Baseline, recordOf } from "./assess";
import { DocumentBook } from "./documents";
import { metricPoints } from "./episode-metrics";
import { openGenerator, openPolicy, probeGenerator, searcherOf, type Policy } from "./models";
import { allOrFirstFailure, Preflight } from "./preflight";
import { Stopwatch } from "./stopwatch";

/** Questions answered together; their results are stored before the next batch begins. */
const BATCH = 24;

/**
 * A predict run: one method over a question set. Results are stored as they come; an attempt that goes on answers only
 * the questions that are not stored yet.
 */
export const predict: Executor = async (context) => {
  if (context.config.kind !== "predict") throw new AppError("internal", `A ${context.config.kind} run is not a predict run.`);
  const config = context.config;
  const { signal } = context;
  const handles: ServiceHandle<unknown>[] = [];
  try {
    const documents = new DocumentBook();
    const { method, assessor, baseline, questions } = await open(context, config, documents, handles);
    await context.running();

    const stored = await context.answeredQuestions();
    const remaining = questions.filter(({ id }) => !stored.has(id));
    if (stored.size > 0) context.log("info", `${stored.size} questions are stored already; predict/accuracy counts those that this attempt answers.`);
    let done = 0;
    let right = 0;
    for (let start = 0; start < remaining.length; start += BATCH) {
      await context.progress({ phase: "predicting", done: stored.size + done, total: questions.length, detail: config.method });
      const batch = remaining.slice(start, start + BATCH);
      const episodes = await method.run(batch, signal);
      const outcomes = await assessor.assess(episodes, batch, signal);
      const baselines = await baseline?.of(batch, new Stopwatch(), signal);
      const records = batch.map((question, i) =>
        recordOf({ phase: "predict", step: null, question, episode: episodes[i]!, outcome: outcomes[i]!, baseline: baselines?.[i] ?? null, reward: null, advantage: null }),
      );
      await context.report({ kind: "episodes", corpus: config.corpus, questions: config.questions, documents: documents.unsent(records), records });
      documents.forgetTexts();
      done += batch.length;
      right += outcomes.reduce((sum, { score }) => sum + score.value, 0);
      await context.report({ kind: "metrics", points: metricPoints({ "predict/accuracy": right / done, "progress/answered": stored.size + done }, stored.size + done) });
    }
    await context.progress({ phase: "predicting", done: questions.length, total: questions.length, detail: config.method });
  } finally {
    for (const handle of handles) handle.release();
  }
};

interface Prediction {
  method: Method;
  assessor: Assessor;
  /** Naive RAG on the same questions, for the gain beyond it; null where the method is naive RAG itself. */
  baseline: Baseline | null;
  questions: Question[];
}

async function open(context: RunContext, config: PredictConfig, documents: DocumentBook, handles: ServiceHandle<unknown>[]): Promise<Prediction> {
  const { signal, services } = context;
  const keep = <T>(handle: ServiceHandle<T>): T => {
    handles.push(handle);
    return handle.value;
  };
  const needsEngine = config.method === "s3" || config.generator.endpoint === null;
  const preflight = new Preflight(context, ["retriever", ...(needsEngine ? (["engine"] as const) : []), "generator", "questions"]);

  const retriever = preflight.check(
    "retriever",
    async (say) => {
      const opened = keep(await services.retriever(config.corpus, config.retriever, signal, say));
      await opened.search(["ready?"], 1, signal);
      return opened;
    },
    (opened) => opened.describe().title,
  );
  const engine: Promise<{ client: EngineClient; policy: Policy | null } | null> = !needsEngine
    ? Promise.resolve(null)
    : preflight.check(
        "engine",
        async (say) => {
          const client = keep(await services.engine(signal, say));
          say("loading the model");
          return { client, policy: config.method === "s3" ? await openSearcherPolicy(context, config, client) : null };
        },
        ({ policy }) => (policy === null ? "ready" : `${policy.name} is loaded`),
      );
  const generator = preflight.check(
    "generator",
    async () => {
      const client = config.generator.endpoint === null ? (await engine)!.client : null;
      const detail = await probeGenerator(client, config.generator, signal);
      return { detail, generator: await openGenerator(client, config.generator, context, signal) };
    },
    ({ detail }) => detail,
  );
  const questions = preflight.check(
    "questions",
    async () => {
      const all = await context.questions(config.questions);
      return config.limit === null ? all : all.slice(0, config.limit);
    },
    (loaded) => `${loaded.length} to answer`,
  );
  const [openedRetriever, openedEngine, openedGenerator, asked] = await allOrFirstFailure([retriever, engine, generator, questions] as const);
  const assessor = new Assessor(openedGenerator.generator, documents, config.scorer);
  const { ragDocuments } = config.generator;
  const isNaiveRag = config.method === "rag" && config.matchRun === null && config.documents === ragDocuments;
  return {
    method: await methodOf(context, config, openedRetriever, openedEngine?.policy ?? null, asked, documents),
    assessor,
    baseline: isNaiveRag ? null : new Baseline(ragMethod(openedRetriever, documents, () => ragDocuments), assessor),
    questions: asked,
  };
}

/** The untrained searcher, or a checkpoint's with the adapter it was trained with. */
async function openSearcherPolicy(context: RunContext, config: PredictConfig, client: EngineClient): Promise<Policy> {
  const { signal } = context;
  if (config.searcher.checkpoint === null) return openPolicy(client, config.searcher, config.seed, signal);
  const checkpoint = await context.fetchCheckpoint(config.searcher.checkpoint);
  if (checkpoint.config.kind !== "train") throw new AppError("invalid-input", "searcher.checkpoint: is not the checkpoint of a training run.");
  const policy = await openPolicy(client, checkpoint.config.searcher, checkpoint.config.seed, signal);
  await policy.model.loadState(checkpoint.directory, { signal });
  return policy;
}

async function methodOf(context: RunContext, config: PredictConfig, retriever: Retriever, policy: Policy | null, questions: readonly Question[], documents: DocumentBook): Promise<Method> {
  if (config.method === "s3") {
    if (policy === null) throw new AppError("internal", "Method s3 needs a searcher.");
    return s3Method(await searcherOf(policy, context.signal), { retriever, documents, settings: config.search }, config.seed);
  }
  if (config.matchRun === null) return ragMethod(retriever, documents, () => config.documents);
  const counts = await context.answeredQuestions(config.matchRun);
  const unknown = questions.filter(({ id }) => !counts.has(id));
  if (unknown.length > 0) {
    throw new AppError("invalid-input", `matchRun: that run has not answered ${unknown.length} of these ${questions.length} questions (e.g. ${unknown[0]!.id}), so their documents cannot be matched. Let it finish, or set the same limit.`);
  }
  return ragMethod(retriever, documents, (id) => counts.get(id)!);
}
