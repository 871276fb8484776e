import { rm } from "node:fs/promises";
import { join } from "node:path";
import { computeMean } from "@/core/statistics/summary";
import type { EpisodeRecord } from "@/contracts/records/episode";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { RunContext } from "@/gpu-workers/jobs/context/run-context";
import type { RetryStats } from "@/gpu-workers/llm/endpoint/retry-stats";
import type { EngineClient } from "@/gpu-workers/llm/engine/client";
import type { Generator } from "@/gpu-workers/llm/generator/generator";
import type { UsageSum } from "@/gpu-workers/llm/usage-sum";
import { AnswerScorer, describeUnread } from "@/gpu-workers/llm/scoring/answer-scorer";
import { openRunJudge } from "@/gpu-workers/llm/scoring/run-judge";
import { createRagMethod } from "@/gpu-workers/methods/rag";
import { openEpisodeSource } from "@/gpu-workers/methods/training/open-source";
import { withRetrieverRetry } from "@/gpu-workers/retrieval/backends/retriever-retry";
import { gatherSearches } from "@/gpu-workers/retrieval/service/coalescer";
import { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import { AlarmMonitor } from "@/gpu-workers/rl/alarm-monitor";
import type { Algorithm } from "@/gpu-workers/rl/algorithms/algorithm";
import { createAlgorithm } from "@/gpu-workers/rl/algorithms/create-algorithm";
import { runColdStartStep, splitValidationPart } from "@/gpu-workers/rl/cold-start";
import { evaluateHeldOut } from "@/gpu-workers/rl/held-out-evaluation";
import { buildHardwareMetrics } from "@/gpu-workers/jobs/context/report-hardware";
import { buildMetricPoints, type MetricValues } from "@/gpu-workers/rl/metric-values";
import type { EpisodeSource } from "@/gpu-workers/rl/episode-source";
import { getSearcher, type Policy } from "@/gpu-workers/rl/policy";
import {
  addTokenAdvantages,
  type EpisodeAdvantage,
} from "@/gpu-workers/rl/policy-update/episode-advantage";
import {
  REFERENCE,
  type UpdateDependencies,
} from "@/gpu-workers/rl/policy-update/update-dependencies";
import type { PolicyUpdate } from "@/gpu-workers/rl/policy-update/update-policy";
import { answerAndGrade } from "@/gpu-workers/rl/play-and-grade";
import { QuestionPool } from "@/gpu-workers/rl/question-pool";
import type { Rollouts } from "@/gpu-workers/rl/rollout";
import { HardwareMeter } from "@/gpu-workers/runtime/hardware-meter";
import { Stopwatch, type StepPhase } from "@/gpu-workers/runtime/stopwatch";
import type { Searcher } from "@/gpu-workers/searcher/episode-inputs";
import { EpisodeGrader } from "@/gpu-workers/searcher/episode-grader";
import { buildEpisodeRecord } from "@/gpu-workers/searcher/episode-record";
import type { KnownBaselines } from "@/gpu-workers/searcher/known-baselines";
import { getBaselineKey, RagBaseline } from "@/gpu-workers/searcher/rag-baseline";
import { chunk } from "@/lib/chunk";
import { TrainingState, type TrainedModels } from "./training-state";

/** Episode records in one report, so that a message stays small. */
const REPORT_BATCH = 32;
/** Of an episode that nothing was learned from. */
const NO_ADVANTAGE: EpisodeAdvantage = { mean: 0, turns: null };
/** Questions that are validated at once. */
const VALIDATION_BATCH = 24;

/** What training needs of a run context; a dry run brings a smaller one. */
export type TrainingContext = Partial<Pick<RunContext, "readEndpointKey">> &
  Pick<
    RunContext,
    | "runId"
    | "requests"
    | "pause"
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
    | "readStoredBaselines"
    | "findAnswers"
    | "saveAnswers"
    | "commitCheckpoint"
    | "skipCheckpoint"
  > & {
    fetchCheckpoint(artifactId: string): Promise<{ directory: string; step: number | null }>;
  };

/** What `openTraining` has opened. */
export interface TrainingComponents {
  policy: Policy;
  critic: TrainedModels["critic"];
  engine: EngineClient;
  /** Null where the method does not search. */
  retriever: Retriever | null;
  /** Null where the method answers by itself; naive RAG is not asked then. */
  generator: Generator | null;
  /** Attempts at the endpoints of generator and judge; a step reports those since the step before. */
  retryStats: RetryStats;
  /** Tokens and cost of the endpoints of generator and judge. */
  endpointUsage: UsageSum;
  trainQuestions: readonly Question[];
  heldOutQuestions: readonly Question[];
  /** What earlier runs hold of naive RAG's answers; null: no run is named. */
  baselines: KnownBaselines | null;
  /** Gives the services back. */
  release: () => void;
}

/** One training run with everything open: the effects that the loop in train.ts is made of. */
export class Training {
  readonly signal: AbortSignal;
  readonly policy: Policy;
  readonly algorithm: Algorithm;
  readonly pool: QuestionPool;
  readonly source: EpisodeSource;
  readonly grader: EpisodeGrader;
  readonly scorer: AnswerScorer;
  readonly baseline: RagBaseline | null;
  readonly alarms: AlarmMonitor;
  readonly state: TrainingState;
  readonly retryStats: RetryStats;
  readonly heldOutQuestions: readonly Question[];
  readonly trainQuestions: ReadonlyMap<string, Question>;
  /** Training questions that the cold start's weights are compared by; nothing is trained on them. */
  private readonly validationQuestions: readonly Question[];
  readonly stopwatch = new Stopwatch<StepPhase>();
  readonly hardware = new HardwareMeter();
  private readonly documents = new DocumentStore();

  constructor(
    readonly context: TrainingContext,
    readonly config: TrainConfig,
    private readonly components: TrainingComponents,
  ) {
    const { policy, critic, engine, generator, trainQuestions, heldOutQuestions, retryStats } =
      components;
    // Only what an endpoint was asked counts here.
    const onUsage =
      config.judge.endpoint === null ? undefined : { onUsage: components.endpointUsage.add };
    const { signal } = context;
    this.signal = signal;
    this.policy = policy;
    this.retryStats = retryStats;
    this.heldOutQuestions = heldOutQuestions;
    this.algorithm = createAlgorithm(config.rl);
    const parts = splitValidationPart(trainQuestions, config.coldStart.validationQuestions);
    this.validationQuestions = parts.validation;
    this.pool = new QuestionPool(parts.training, config.seed);
    this.trainQuestions = new Map(trainQuestions.map((question) => [question.id, question]));
    const { documents } = this;
    const warn = (message: string): void => context.log("warn", message);
    const retriever =
      components.retriever &&
      gatherSearches(withRetrieverRetry(components.retriever, warn, signal));
    this.source = openEpisodeSource(config, retriever, documents);
    this.scorer = new AnswerScorer(
      config.reward.scorer,
      () =>
        openRunJudge(config, engine, context, signal, {
          onAttempt: retryStats.record,
          ...onUsage,
        }),
      null,
      (replies) => warn(describeUnread(replies)),
    );
    this.grader = new EpisodeGrader(generator, documents, this.scorer);
    this.alarms = new AlarmMonitor(context, config, heldOutQuestions.length);
    this.baseline =
      retriever &&
      generator &&
      new RagBaseline(
        createRagMethod(retriever, documents, () => config.generator.ragDocuments),
        this.grader,
        components.baselines?.known,
      );
    const models = { policy: policy.model, critic };
    this.state = new TrainingState(config, models, this.pool, generator, this.alarms, signal);
  }

  /** Of the training questions those that naive RAG answered in an earlier run; null: no run is named. */
  get ragStored(): { held: number; questions: number } | null {
    const { baselines, trainQuestions } = this.components;
    if (baselines === null) return null;
    const held = trainQuestions.filter((question) =>
      baselines.known.has(getBaselineKey(question)),
    ).length;
    return { held, questions: trainQuestions.length };
  }

  /** Steps that the run makes in total, as it is wanted now. */
  get totalSteps(): number {
    return this.context.requests.steps ?? this.config.rl.steps;
  }

  /** The searcher with its present weights. */
  getSearcher(): Promise<Searcher> {
    return getSearcher(this.policy, this.signal);
  }

  /** @param untilSamplingEnds resolves when nobody samples from the policy any more */
  buildUpdateDependencies(
    untilSamplingEnds: UpdateDependencies["untilSamplingEnds"],
  ): UpdateDependencies {
    const { algorithm, config, stopwatch, signal } = this;
    return {
      policy: this.policy.model,
      critic: this.components.critic,
      algorithm,
      config,
      totalSteps: this.totalSteps,
      klCoefficient: this.state.klCoefficient,
      stopwatch,
      signal,
      untilSamplingEnds,
    };
  }

  /** Logs what an update skipped or repeated, then updates the state by it. @throws as `TrainingState.recordUpdate` */
  recordUpdate(update: PolicyUpdate, episodeCount: number, step: number): void {
    const { skipped, outOfMemory } = update;
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
    this.state.recordUpdate(update, episodeCount);
  }

  /** One optimiser step on demonstrations of these questions. @returns the loss before it */
  async runColdStartStep(questions: readonly Question[], learningRate: number): Promise<number> {
    const { policy, source, config, signal } = this;
    const demonstrations = await source.demonstrate(questions, policy, signal);
    return runColdStartStep(policy, demonstrations, config, learningRate, signal);
  }

  /** Mean score of greedy (`evaluation`) episodes on the validation questions with the present weights. */
  async validateColdStart(): Promise<number> {
    const searcher = await this.getSearcher();
    const method = this.source.createEvaluatedMethod(searcher);
    const dependencies = { grader: this.grader, stopwatch: new Stopwatch<StepPhase>() };
    const scores: number[] = [];
    for (const batch of chunk(this.validationQuestions, VALIDATION_BATCH)) {
      const graded = await answerAndGrade(dependencies, searcher, method, batch, this.signal);
      scores.push(...graded.map(({ outcome }) => outcome.score.value));
    }
    return computeMean(scores)!;
  }

  /** Keeps the policy's present state aside, in place of what was kept before. */
  async keepColdStartState(): Promise<void> {
    await rm(this.keptColdStart, { recursive: true, force: true });
    await this.policy.model.saveState(this.keptColdStart, { signal: this.signal });
  }

  /** Goes back to the state that was kept aside. */
  async restoreColdStartState(): Promise<void> {
    await this.policy.model.loadState(this.keptColdStart, { signal: this.signal });
    await rm(this.keptColdStart, { recursive: true, force: true });
  }

  private get keptColdStart(): string {
    return join(this.context.workDir, "cold-start-best");
  }

  /** Greedy episodes (`evaluation`; upstream: at its own temperature) on the held-out questions. */
  async evaluateHeldOut(
    step: number,
    onBatch: (records: EpisodeRecord[], done: number) => Promise<void>,
  ): Promise<EpisodeRecord[]> {
    const { grader, baseline, signal } = this;
    const searcher = await this.getSearcher();
    const method = this.source.createEvaluatedMethod(searcher);
    return evaluateHeldOut(
      { method, searcher, grader, baseline, signal },
      this.heldOutQuestions,
      step,
      onBatch,
    );
  }

  /**
   * Records of a step's episodes.
   *
   * @param advantages of each sample of the kept groups; null where nothing was updated
   */
  buildTrainRecords(
    { kept, dropped }: Rollouts,
    advantages: PolicyUpdate["advantages"] | null,
    step: number,
  ): EpisodeRecord[] {
    return [...kept, ...dropped].flatMap(({ question, baseline, samples }, g) =>
      samples.map((sample, s) => {
        const advantage = advantages?.[g]?.[s] ?? NO_ADVANTAGE;
        return buildEpisodeRecord({
          phase: "train",
          step,
          question,
          baseline,
          ...sample,
          episode: addTokenAdvantages(sample.episode, advantage),
          advantage: advantage.mean,
        });
      }),
    );
  }

  /** Reports the metrics of a step, to the alarms too. */
  async reportMetrics(values: MetricValues, step: number): Promise<void> {
    await this.context.report({ kind: "metrics", points: buildMetricPoints(values, step) });
    await this.alarms.observe(values, step);
  }

  /** Reports episodes with the documents that were not sent yet. @param questionSet name of the set they are from */
  async reportEpisodes(records: readonly EpisodeRecord[], questionSet: string): Promise<void> {
    for (const batch of chunk(records, REPORT_BATCH))
      await this.context.report({
        kind: "episodes",
        corpus: this.config.data.corpus,
        questions: questionSet,
        documents: this.documents.takeUnsent(batch),
        records: batch,
      });
  }

  /** Highest memory of the engine in MiB: on its GPU, or on a CPU resident. */
  async readEnginePeakMb(): Promise<number> {
    const { peakDeviceBytes, peakResidentBytes } = await this.components.engine.getMemory({
      signal: this.signal,
    });
    return (peakDeviceBytes || peakResidentBytes) / 2 ** 20;
  }

  /** Reports what the machine did and the endpoints took since the last call, once nothing of the step is left to do. */
  async reportResources(step: number): Promise<void> {
    const values = {
      ...buildHardwareMetrics(await this.hardware.take()),
      ...this.components.endpointUsage.takeMetrics(),
    };
    // No alarm is about them.
    await this.context.report({ kind: "metrics", points: buildMetricPoints(values, step) });
  }

  /** Continues from the checkpoint to resume from. @returns steps done, or null for a fresh run */
  async restore(): Promise<number | null> {
    const { resume } = this.context;
    if (resume === null) return null;
    const step = await this.state.restore(resume.directory);
    this.context.log("info", `Going on after step ${step}.`);
    return step;
  }

  /**
   * Keeps what the KL refers to: the policy as it is now, before reinforcement learning; a branch with its whole state
   * keeps that of the run it leaves.
   */
  async snapshotReference(): Promise<void> {
    if (!this.state.hasReference)
      await this.policy.model.snapshot(REFERENCE, { signal: this.signal });
  }

  /** Gives the services back, once vLLM's adapters are unloaded. */
  close(): void {
    this.hardware.stop();
    const { release } = this.components;
    if (this.policy.vllm) void this.policy.vllm.close().finally(release);
    else release();
  }
}
