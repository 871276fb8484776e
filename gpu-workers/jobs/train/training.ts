import { rm } from "node:fs/promises";
import { join } from "node:path";
import { needsJudge } from "@/contracts/run-config/scoring";
import { AppError } from "@/contracts/errors";
import type { EpisodeRecord } from "@/contracts/records/episode";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { EngineClient, EngineModel } from "@/gpu-workers/llm/engine/client";
import type { Generator } from "@/gpu-workers/llm/generator/generator";
import { RetryStats } from "@/gpu-workers/llm/endpoint/retry-stats";
import { createRagMethod } from "@/gpu-workers/methods/rag";
import { createS3Method } from "@/gpu-workers/methods/s3";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import type { RunContext, ServiceHandle } from "@/gpu-workers/jobs/run-context";
import { AlarmMonitor } from "@/gpu-workers/rl/alarms/alarm-monitor";
import { createAlgorithm } from "@/gpu-workers/rl/algorithms/create-algorithm";
import type { Algorithm } from "@/gpu-workers/rl/algorithms/algorithm";
import { adaptKlCoefficient } from "@/gpu-workers/rl/algorithms/kl";
import { AnswerScorer } from "@/gpu-workers/llm/scoring/answer-scorer";
import { openJudge, probeJudge } from "@/gpu-workers/llm/scoring/judge";
import { VllmSampler } from "@/gpu-workers/llm/vllm-server/sampler";
import { EpisodeGrader } from "@/gpu-workers/searcher/episode-grader";
import { RagBaseline } from "@/gpu-workers/searcher/rag-baseline";
import { buildEpisodeRecord } from "@/gpu-workers/searcher/episode-record";
import { runColdStartStep } from "@/gpu-workers/rl/cold-start";
import { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import type { SearchEnvironment, Searcher } from "@/gpu-workers/searcher/episode-inputs";
import { buildMetricPoints, type MetricValues } from "@/gpu-workers/rl/metric-values";
import { evaluateHeldOut, pickHeldOutQuestions } from "@/gpu-workers/rl/held-out-evaluation";
import { hasGoldPath } from "@/gpu-workers/searcher/gold-path";
import { buildMemoryWarning } from "./memory-warning";
import { openGenerator, probeGenerator } from "@/gpu-workers/llm/generator/open-generator";
import { openCritic, openPolicy, getSearcher, type Policy } from "@/gpu-workers/rl/policy";
import { withRetrieverRetry } from "@/gpu-workers/retrieval/backends/retriever-retry";
import { waitForAll, Preflight } from "@/gpu-workers/jobs/preflight";
import {
  REFERENCE,
  type UpdateDependencies,
} from "@/gpu-workers/rl/policy-update/update-dependencies";
import {
  countSkippedInARow,
  type PolicyUpdate,
} from "@/gpu-workers/rl/policy-update/update-policy";
import { QuestionPool } from "@/gpu-workers/rl/question-pool";
import type { Group } from "@/gpu-workers/rl/rollout";
import { Stopwatch, type StepPhase } from "@/gpu-workers/runtime/stopwatch";
import {
  loadModels,
  readTrainerState,
  saveModels,
  loadWeightsOnly,
  writeTrainerState,
  type TrainerState,
} from "@/gpu-workers/rl/trainer-state";
import { chunk } from "@/lib/chunk";

/** Episode records in one report, so that a message stays small. */
const REPORT_BATCH = 32;

/** What the loop needs of a run context; a dry run brings a smaller one. */
export type TrainingContext = Partial<Pick<RunContext, "readEndpointKey">> &
  Pick<
    RunContext,
    | "runId"
    | "attempt"
    | "resume"
    | "workDir"
    | "signal"
    | "services"
    | "report"
    | "flush"
    | "reportProgress"
    | "reportPreflight"
    | "log"
    | "readQuestions"
    | "findAnswers"
    | "saveAnswers"
    | "commitCheckpoint"
  > & {
    fetchCheckpoint(artifactId: string): Promise<{ directory: string; step: number | null }>;
  };

/**
 * Everything of one training run that is open: services, models, questions. The loop itself is train.ts; here are the
 * effects it is made of.
 */
export class Training {
  readonly signal: AbortSignal;
  readonly algorithm: Algorithm;
  readonly pool: QuestionPool;
  readonly search: SearchEnvironment;
  readonly grader: EpisodeGrader;
  readonly baseline: RagBaseline;
  readonly alarms: AlarmMonitor;
  readonly trainQuestions: ReadonlyMap<string, Question>;
  readonly stopwatch = new Stopwatch<StepPhase>();
  private readonly retriever: Retriever;
  private klCoefficient: number;
  /** Steps in a row up to now that were skipped. */
  private skipped = 0;
  /** The models hold the KL's reference already: that of the run whose state this one goes on from. */
  private referenced = false;

  constructor(
    readonly context: TrainingContext,
    readonly config: TrainConfig,
    readonly policy: Policy,
    private readonly critic: EngineModel | null,
    private readonly engine: EngineClient,
    retriever: Retriever,
    private readonly generator: Generator,
    /** At the endpoints of generator and judge; a step reports those since the step before. */
    readonly retryStats: RetryStats,
    train: readonly Question[],
    readonly heldOut: readonly Question[],
    private readonly handles: readonly ServiceHandle<unknown>[],
  ) {
    this.signal = context.signal;
    this.algorithm = createAlgorithm(config.rl);
    this.klCoefficient = config.rl.klCoefficient;
    this.pool = new QuestionPool(train, config.seed);
    this.trainQuestions = new Map(train.map((question) => [question.id, question]));
    const documents = new DocumentStore();
    this.retriever = withRetrieverRetry(
      retriever,
      (message) => context.log("warn", message),
      this.signal,
    );
    this.search = { retriever: this.retriever, documents, settings: config.search };
    this.grader = new EpisodeGrader(
      generator,
      documents,
      new AnswerScorer(config.reward.scorer, () =>
        openJudge(config.judge, engine, context, this.signal, { onAttempt: retryStats.record }),
      ),
    );
    this.alarms = new AlarmMonitor(context, config, heldOut.length);
    this.baseline = new RagBaseline(
      createRagMethod(this.retriever, documents, () => config.generator.ragDocuments),
      this.grader,
    );
  }

  /** The searcher with its present weights. */
  searcher(): Promise<Searcher> {
    return getSearcher(this.policy, this.signal);
  }

  /** What an update needs; `settled` resolves when nobody samples any more. */
  updateParts(settled: UpdateDependencies["untilSamplingEnds"]): UpdateDependencies {
    const { policy, critic, algorithm, config, klCoefficient, stopwatch, signal } = this;
    return {
      policy: policy.model,
      critic,
      algorithm,
      config,
      klCoefficient,
      stopwatch,
      signal,
      untilSamplingEnds: settled,
    };
  }

  /** Adapts the KL's weight to what was measured; says what was skipped or begun again. Throws where too many steps in a row taught nothing. */
  updated(
    update: Pick<PolicyUpdate, "kl" | "skipped" | "learned" | "outOfMemory">,
    episodes: number,
    step: number,
  ): void {
    const { kl, skipped, outOfMemory } = update;
    if (kl !== null)
      this.klCoefficient = adaptKlCoefficient(this.klCoefficient, kl, episodes, this.config.rl);
    if (skipped.length > 0)
      this.context.log(
        "warn",
        `step ${step}: ${skipped.length} optimiser steps skipped, the weights are as they were. ${skipped[0]}`,
      );
    if (outOfMemory !== null)
      this.context.log(
        "warn",
        `step ${step}: memory did not suffice ${outOfMemory.retries} times; the engine went on with micro-batches of ${outOfMemory.tokenBudget} tokens. Nothing is lost but time; searcher.activationCheckpointing or a shorter context avoids it.`,
      );
    this.skipped = countSkippedInARow(this.skipped, update);
  }

  /** One optimiser step on the gold paths of these questions; the loss before it. */
  learnGoldPaths(questions: readonly Question[]): Promise<number> {
    return runColdStartStep(this.policy, this.retriever, questions, this.config, this.signal);
  }

  /** Greedy episodes (upstream: at its own temperature) on the held-out questions. */
  async evaluate(
    step: number,
    onBatch: (records: EpisodeRecord[], done: number) => Promise<void>,
  ): Promise<EpisodeRecord[]> {
    const method = createS3Method(await this.searcher(), this.search, this.config.seed);
    return evaluateHeldOut(
      { method, grader: this.grader, baseline: this.baseline, signal: this.signal },
      this.heldOut,
      step,
      onBatch,
    );
  }

  trainRecords(
    groups: readonly Group[],
    advantages: readonly (readonly number[])[],
    step: number,
  ): EpisodeRecord[] {
    return groups.flatMap(({ question, baseline, samples }, g) =>
      samples.map((sample, s) =>
        buildEpisodeRecord({
          phase: "train",
          step,
          question,
          baseline,
          ...sample,
          advantage: advantages[g]![s]!,
        }),
      ),
    );
  }

  async report(values: MetricValues, step: number): Promise<void> {
    await this.context.report({ kind: "metrics", points: buildMetricPoints(values, step) });
    await this.alarms.observe(values, step);
  }

  async reportEpisodes(records: readonly EpisodeRecord[], questions: string): Promise<void> {
    for (const batch of chunk(records, REPORT_BATCH)) {
      await this.context.report({
        kind: "episodes",
        corpus: this.config.data.corpus,
        questions,
        documents: this.search.documents.takeUnsent(batch),
        records: batch,
      });
    }
  }

  /** Of its GPU, or on a CPU resident. */
  async enginePeakMb(): Promise<number> {
    const { peakDeviceBytes, peakResidentBytes } = await this.engine.getMemory({
      signal: this.signal,
    });
    return (peakDeviceBytes || peakResidentBytes) / 2 ** 20;
  }

  /** Writes a checkpoint folder: the engine's state, then the trainer's. */
  async save(directory: string, step: number): Promise<{ hash: string }> {
    await rm(directory, { recursive: true, force: true });
    const hashes = await saveModels(directory, this.policy.model, this.critic, this.signal);
    await writeTrainerState(directory, {
      version: 2,
      step,
      cursor: this.pool.cursor,
      ...hashes,
      klCoefficient: this.klCoefficient,
      skipped: this.skipped,
      answers: this.generator.listAnswers(),
      alarms: this.alarms.state,
    });
    return { hash: hashes.weightsHash };
  }

  /** Takes up the state of the checkpoint to resume from. @returns steps done, or null for a fresh run. */
  async restore(): Promise<number | null> {
    const { resume } = this.context;
    if (resume === null) return null;
    const state = await readTrainerState(resume.directory);
    await loadModels(resume.directory, state, this.policy.model, this.critic, this.signal);
    this.take(state);
    this.skipped = state.skipped;
    this.alarms.restore(state.alarms);
    this.context.log("info", `Going on after step ${state.step}.`);
    return state.step;
  }

  /** What the KL refers to: the policy as it is now, before reinforcement learning; a branch with its whole state keeps that of the run it leaves. */
  async keepReference(): Promise<void> {
    if (!this.referenced) await this.policy.model.snapshot(REFERENCE, { signal: this.signal });
  }

  /** Goes on from where this state's run was in the questions, with its KL and the answers that it knew. */
  take(state: TrainerState): void {
    this.referenced = true;
    this.pool.cursor = state.cursor;
    this.klCoefficient = state.klCoefficient ?? this.klCoefficient;
    this.generator.addAnswers(state.answers);
  }

  close(): void {
    const release = (): void => this.handles.forEach((handle) => handle.release());
    if (this.policy.vllm) void this.policy.vllm.close().finally(release);
    else release();
  }
}

/** Brings up services, models and questions side by side, each reported; throws the first failure. */
export async function openTraining(
  context: TrainingContext,
  config: TrainConfig,
): Promise<Training> {
  const { signal, services } = context;
  const handles: ServiceHandle<unknown>[] = [];
  const keep = <T>(handle: ServiceHandle<T>): T => {
    handles.push(handle);
    return handle.value;
  };
  const tries = new RetryStats();
  const judges = needsJudge(config.reward.scorer);
  const preflight = new Preflight(context, [
    "retriever",
    "engine",
    ...(config.searcher.sampler === "vllm" ? (["sampler"] as const) : []),
    "generator",
    ...(judges ? (["judge"] as const) : []),
    "questions",
    ...(config.searcher.checkpoint === null ? [] : (["checkpoint"] as const)),
  ]);
  try {
    const retriever = preflight.check(
      "retriever",
      async (say) => {
        const opened = keep(
          await services.acquireRetriever(config.data.corpus, config.retriever, signal, say),
        );
        await opened.search(["ready?"], 1, signal);
        return opened;
      },
      (opened) => opened.describe().title,
    );
    const engine = preflight.check(
      "engine",
      async (say) => {
        const client = keep(await services.acquireEngine(signal, say));
        const warning = buildMemoryWarning(config, await client.getCapabilities({ signal }));
        if (warning !== null) context.log("warn", warning);
        say(`loading ${config.searcher.model}`);
        const policy = await openPolicy(client, config.searcher, config.seed, signal);
        return {
          client,
          policy,
          critic: createAlgorithm(config.rl).usesCritic
            ? await openCritic(client, policy, config, signal)
            : null,
        };
      },
      ({ policy, critic }) =>
        `${config.searcher.model}: ${trained(policy.model)} parameters are trained${critic ? `; critic: ${trained(critic)}` : ""}`,
    );
    // A failure of the engine is the engine's; what needs it then only says so.
    const ready = engine.catch(() => {
      throw new AppError(
        "engine-unavailable",
        "The engine is not available, so what needs it is not either.",
      );
    });
    ready.catch(() => undefined); // Not every run waits for it.
    const sampler =
      config.searcher.sampler === "engine"
        ? Promise.resolve()
        : preflight.check(
            "sampler",
            async (say) => {
              const { policy } = await ready;
              const { model, adapter, samplerMemory } = config.searcher;
              const client = keep(
                await services.acquireSampler(
                  { model, rank: adapter.rank, memoryShare: samplerMemory },
                  signal,
                  say,
                ),
              );
              policy.vllm = new VllmSampler(
                client,
                policy.model,
                policy.tokenizer,
                join(context.workDir, "adapters"),
              );
            },
            () => "vLLM is healthy",
          );
    const generator = preflight.check(
      "generator",
      async () => {
        const client = config.generator.endpoint === null ? (await ready).client : null;
        const detail = await probeGenerator(client, config.generator, signal, context);
        return {
          detail,
          generator: await openGenerator(client, config.generator, context, signal, {
            endpoint: { onAttempt: tries.record },
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
              config.judge.endpoint === null ? (await ready).client : null,
              context,
              signal,
            ),
          (detail) => detail,
        );
    const questions = preflight.check(
      "questions",
      async () => loadQuestions(context, config),
      ({ train, heldOut }) => `${train.length} to train on, ${heldOut.length} held out`,
    );
    const checkpoint =
      config.searcher.checkpoint === null
        ? Promise.resolve(null)
        : preflight.check(
            "checkpoint",
            async () => {
              const { policy, critic } = await ready;
              const { directory, step } = await context.fetchCheckpoint(
                config.searcher.checkpoint!,
              );
              if (config.searcher.checkpointState === "weights") {
                await loadWeightsOnly(directory, policy.model, signal);
                return { step, state: null };
              }
              const state = await readTrainerState(directory);
              await loadModels(directory, state, policy.model, critic, signal);
              return { step, state };
            },
            ({ step }) => (step === null ? "loaded" : `weights after step ${step}`),
          );
    const [openedRetriever, openedEngine, openedGenerator, sets, branch] = await waitForAll([
      retriever,
      engine,
      generator,
      questions,
      checkpoint,
      sampler,
      judge,
    ] as const);
    const training = new Training(
      context,
      config,
      openedEngine.policy,
      openedEngine.critic,
      openedEngine.client,
      openedRetriever,
      openedGenerator.generator,
      tries,
      sets.train,
      sets.heldOut,
      handles,
    );
    // A run that resumes has a state of its own.
    if (branch?.state && context.resume === null) training.take(branch.state);
    return training;
  } catch (error) {
    for (const handle of handles) handle.release();
    throw error;
  }
}

const trained = ({ info }: EngineModel): string =>
  `${info.trainable.toLocaleString("en")} of ${info.parameters.toLocaleString("en")}`;

async function loadQuestions(
  context: TrainingContext,
  config: TrainConfig,
): Promise<{ train: Question[]; heldOut: Question[] }> {
  const [train, heldOut] = await Promise.all([
    context.readQuestions(config.data.trainQuestions),
    config.evaluation.questions === 0 ? [] : context.readQuestions(config.data.heldOutQuestions),
  ]);
  if (train.length === 0)
    throw new AppError("invalid-input", `Question set ${config.data.trainQuestions} is empty.`);
  if (config.coldStart.demonstrations > 0 && !train.every(hasGoldPath)) {
    throw new AppError(
      "invalid-input",
      `The cold start needs gold documents for every question of ${config.data.trainQuestions}. Set coldStart.demonstrations to 0, or choose a set that has them.`,
    );
  }
  if (config.reward.weights.goldRecall !== 0 && !train.every(({ goldIds }) => goldIds.length > 0)) {
    throw new AppError(
      "invalid-input",
      `The reward's gold recall needs gold documents for every question of ${config.data.trainQuestions}. Set reward.weights.goldRecall to 0, or choose a set that has them.`,
    );
  }
  return { train, heldOut: pickHeldOutQuestions(heldOut, config.evaluation.questions) };
}
