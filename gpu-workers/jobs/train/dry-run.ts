import { AppError } from "@/contracts/errors";
import type { FormatError } from "@/contracts/records/episode";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import { getTrainedMethod } from "@/contracts/run-config/trained-method-names";
import type { DryRunResult, TaskRequest } from "@/contracts/worker-protocol/tasks";
import type { TaskContext } from "@/gpu-workers/jobs/context/task-context";
import { REFERENCE } from "@/gpu-workers/rl/policy-update/update-dependencies";
import { computeTrialGradient } from "@/gpu-workers/rl/policy-update/update-policy";
import { countColdStartBatches, listValidatedBatches } from "@/gpu-workers/rl/cold-start";
import { createAlgorithm } from "@/gpu-workers/rl/algorithms/create-algorithm";
import { listRewards, rollOut, type Group } from "@/gpu-workers/rl/rollout";
import type { Stopwatch, StepPhase } from "@/gpu-workers/runtime/stopwatch";
import { markMessage } from "@/core/texts/mark-message";
import { openTraining } from "./open-training";
import type { Training, TrainingContext } from "./training";

/** Questions of a dry run. */
const QUESTIONS = 8;

/**
 * Tries a training configuration on eight questions with an adapter that is thrown away: are texts cut, is the form
 * kept, do groups vary, how much memory and time would the run take?
 */
export async function runDryRun(
  task: Extract<TaskRequest, { kind: "dry-run" }>,
  context: TaskContext,
): Promise<DryRunResult> {
  const { config } = task;
  if (config.kind !== "train")
    throw new AppError(
      "unsupported",
      `A dry run tries training runs; this is a ${config.kind} run.`,
    );
  const startedAt = performance.now();
  const training = await openTraining(createDryRunContext(task.taskId, context), {
    ...config,
    evaluation: { ...config.evaluation, questions: 0 },
  });
  try {
    const { stopwatch } = training;
    const questions = training.pool.peek(Math.min(QUESTIONS, training.pool.size));
    context.reportProgress(markMessage`rolling out eight questions`, 0.3);
    const { groups } = await rollOut(training, await training.getSearcher(), questions, 1);
    context.reportProgress(markMessage`taking a gradient`, 0.7);
    await training.policy.model.snapshot(REFERENCE, { signal: training.signal });
    await computeTrialGradient(
      training.buildUpdateDependencies(() => Promise.resolve()),
      groups,
    );
    context.reportProgress(markMessage`trying the cold start`, 0.9);
    const coldStartSeconds = await measureColdStart(training);
    return summariseDryRun(config, groups, stopwatch, {
      coldStartSeconds,
      seconds: (performance.now() - startedAt) / 1000,
      peakMemoryMb: await training.readEnginePeakMb(),
      ragStored: training.ragStored ?? undefined,
    });
  } finally {
    training.close();
  }
}

/** Seconds of one batch of demonstrations, 0 where there is no cold start. */
async function measureColdStart(training: Training): Promise<number> {
  const { config, pool } = training;
  const { demonstrations, batchSize, learningRate } = config.coldStart;
  if (demonstrations === 0) return 0;
  const start = performance.now();
  await training.runColdStartStep(pool.peek(Math.min(batchSize, pool.size)), learningRate);
  return (performance.now() - start) / 1000;
}

interface Measured {
  coldStartSeconds: number;
  seconds: number;
  peakMemoryMb: number;
  ragStored: DryRunResult["ragStored"];
}

/** What was seen, and what it means for the whole run. Pure. */
function summariseDryRun(
  config: TrainConfig,
  groups: readonly Group[],
  clock: Pick<Stopwatch<StepPhase>, "getSeconds">,
  measured: Measured,
): DryRunResult {
  const samples = groups.flatMap((group) => group.samples);
  const rejected = samples.map(({ episode }) =>
    episode.steps.flatMap((step) => (step.kind === "reject" ? [step.error] : [])),
  );
  const counts = new Map<FormatError, number>();
  for (const error of rejected.flat()) counts.set(error, (counts.get(error) ?? 0) + 1);
  const { isInformative: informative } = createAlgorithm(config.rl);
  const groupsWithoutVariance = groups.filter((group) => !informative(listRewards(group))).length;
  const baselines = groups.flatMap(({ baseline }) => baseline?.score.value ?? []);
  const ragAccuracy = baselines.length === 0 ? null : mean(baselines);

  const seconds = (phases: readonly StepPhase[]): number =>
    phases.reduce((sum, phase) => sum + clock.getSeconds(phase), 0);
  const rollout = seconds(["gen", "retrieve", "generator"]);
  const gradient = seconds(["ref", "values", "update_critic", "update_actor"]);
  const perQuestion = (rollout + config.rl.epochs * gradient) / groups.length;
  const perCandidate = clock.getSeconds("pool") / groups.length;
  const candidates =
    config.rl.filterAnswered && ragAccuracy !== null ? 1 / Math.max(0.05, 1 - ragAccuracy) : 1;
  const rolledOut =
    config.rl.questionsPerStep * (1 + config.rl.resample * (groupsWithoutVariance / groups.length));
  const secondsPerStep = rolledOut * (perQuestion + perCandidate * candidates);
  const perEpisode = rollout / samples.length;
  const evaluations =
    config.evaluation.every === 0 ? 1 : 1 + Math.ceil(config.rl.steps / config.evaluation.every);
  const projectedSeconds =
    countColdStartBatches(config.coldStart) * measured.coldStartSeconds +
    listValidatedBatches(config.coldStart).size *
      config.coldStart.validationQuestions *
      perEpisode +
    config.rl.steps * secondsPerStep +
    evaluations *
      config.evaluation.questions *
      (perEpisode + perCandidate / Math.max(1, evaluations));

  const result = {
    questions: groups.length,
    episodes: samples.length,
    seconds: measured.seconds,
    truncated: rejected.filter((errors) => errors.includes("truncated")).length,
    formatErrors: [...counts].map(([error, count]) => ({ error, count })),
    groups: groups.length,
    groupsWithoutVariance,
    rewardMean: mean(samples.map(({ reward }) => reward.value)),
    ragAccuracy,
    longestEpisodeTokens: Math.max(
      ...samples.map(({ episode }) =>
        episode.steps.reduce(
          (sum, step) => sum + (step.kind === "generate" ? (step.ids?.length ?? 0) : 0),
          0,
        ),
      ),
    ),
    peakMemoryMb: measured.peakMemoryMb,
    ...(measured.ragStored && { ragStored: measured.ragStored }),
    secondsPerStep,
    projectedSeconds,
  };
  return { ...result, warnings: listWarnings(config, result) };
}

function listWarnings(config: TrainConfig, result: Omit<DryRunResult, "warnings">): string[] {
  const warnings: string[] = [];
  if (result.truncated > 0)
    warnings.push(
      `${result.truncated} of ${result.episodes} episodes were cut by a token limit: raise search.${config.search.decoding === "free" ? "turnTokens" : "queryTokens"}.`,
    );
  const errors = result.formatErrors.reduce((sum, { count }) => sum + count, 0);
  if (errors > result.episodes)
    warnings.push(
      `${errors} format errors in ${result.episodes} episodes: this searcher does not keep to the protocol; ${adviseOnForm(config)}`,
    );
  // Supervised training compares no samples.
  const comparesSamples = config.rl.steps > 0;
  if (comparesSamples && result.groupsWithoutVariance === result.groups) {
    warnings.push(
      config.coldStart.demonstrations > 0
        ? "No group of samples varies in its reward yet: before the cold start this is common, without it nothing would be learned."
        : "No group of samples varies in its reward: nothing can be learned. Add a cold start, raise the temperature or the samples per question.",
    );
  }
  if (
    comparesSamples &&
    result.groupsWithoutVariance < result.groups &&
    result.groupsWithoutVariance > result.groups / 2
  ) {
    warnings.push(
      `${result.groupsWithoutVariance} of ${result.groups} groups do not vary in their reward and would teach nothing: a cold start, a higher temperature or more samples per question help.`,
    );
  }
  if (result.ragAccuracy === 1)
    warnings.push(
      "Naive RAG answers all eight questions: harder ones are needed to gain beyond it.",
    );
  if (result.projectedSeconds > 24 * 3600)
    warnings.push(
      `The run would take about ${Math.round(result.projectedSeconds / 3600)} hours on this worker.`,
    );
  return warnings;
}

/** What helps a searcher keep to the form. */
function adviseOnForm(config: TrainConfig): string {
  if (config.coldStart.demonstrations > 0) return "before the cold start this is common.";
  return getTrainedMethod(config) === "s3"
    ? "try guided decoding or a cold start."
    : "try a cold start.";
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** A task holds no run: what a run would report is not kept. */
function createDryRunContext(taskId: string, task: TaskContext): TrainingContext {
  const nothing = (): Promise<void> => Promise.resolve();
  return {
    runId: taskId,
    attempt: 1,
    resume: null,
    requests: { pause: false, steps: null },
    pause: () => undefined,
    workDir: task.workDir,
    signal: task.signal,
    services: task.services,
    report: nothing,
    flush: nothing,
    reportProgress: nothing,
    reportPreflight: (items) => {
      const waiting = items
        .filter(({ state }) => state === "running")
        .map(({ name, detail }) => (detail === "" ? name : `${name}: ${detail}`));
      if (waiting.length > 0) task.reportProgress(waiting.join(", "), 0.1);
      return Promise.resolve();
    },
    log: () => undefined,
    readQuestions: (set) => task.readQuestions(set),
    readStoredBaselines: (runs) => task.readStoredBaselines(runs),
    findAnswers: (keys) => task.findAnswers(keys),
    saveAnswers: (answers) => task.saveAnswers(answers),
    commitCheckpoint: () => Promise.resolve(true),
    skipCheckpoint: (_step, error) => {
      throw error;
    },
    fetchCheckpoint: async (artifactId) => ({
      ...(await task.fetchCheckpoint(artifactId)),
      step: null,
    }),
  };
}
