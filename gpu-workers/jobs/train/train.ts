import { rm } from "node:fs/promises";
import { join } from "node:path";
import { isGrouped } from "@/contracts/run-config/algorithm-names";
import { getTrainedMethod } from "@/contracts/run-config/trained-method-names";
import { AppError } from "@/contracts/errors";
import type { EpisodeRecord } from "@/contracts/records/episode";
import type { Executor } from "@/gpu-workers/jobs/context/run-context";
import {
  computeColdStartRate,
  countColdStartBatches,
  listValidatedBatches,
} from "@/gpu-workers/rl/cold-start";
import { computeHeldOutMetrics, computeTrainingMetrics } from "@/gpu-workers/rl/episode-metrics";
import { updatePolicy, type PolicyUpdate } from "@/gpu-workers/rl/policy-update/update-policy";
import { rollOutStep, type Rollouts } from "@/gpu-workers/rl/rollout";
import { computeTimingMetrics } from "@/gpu-workers/rl/timing-metrics";
import { runAllOrNone } from "@/lib/all-or-none";
import { doubleWait, retry } from "@/lib/retry";
import { markMessage } from "@/core/texts/mark-message";
import { openTraining } from "./open-training";
import type { Training } from "./training";

/**
 * Training of a searcher, as in s3 (paper, section 4 and appendix A.2): cold start on demonstrations, then per step roll
 * out, reward, update; held-out evaluation and checkpoints between. The baselines that answer by themselves are trained
 * alike: only their episodes (`EpisodeSource`) and the terms of their reward differ. A resumed run goes on after its last
 * checkpoint and ends with the weights of an undisturbed one.
 */
export const train: Executor = async (context) => {
  if (context.config.kind !== "train")
    throw new AppError("internal", `A ${context.config.kind} run is not a training run.`);
  const training = await openTraining(context, context.config);
  try {
    await context.markRunning();
    const { rl, evaluation, checkpointing } = training.config;
    const { alarms, hardware } = training;
    hardware.start();
    const isRegular = (every: number, step: number): boolean => every > 0 && step % every === 0;

    let total = training.totalSteps;
    let isSaved = true;
    let step = await training.restore();
    if (step === null) {
      await runColdStart(training);
      await training.snapshotReference();
      if (total === 0 || evaluation.every > 0) await evaluateHeldOut(training, 0);
      isSaved = await saveCheckpoint(training, 0);
      await training.reportResources(0);
      step = 0;
    }
    let ahead: Rollouts | null = null;
    while (step < total || ahead !== null) {
      // A run is paused where nothing is under way, so that the resumed one does the same.
      if (context.requests.pause && ahead === null) {
        if (!isSaved) await saveLastCheckpoint(training, step);
        return context.pause();
      }
      step += 1;
      // Before an evaluation, a checkpoint or a stop nothing is under way, either.
      const overlap =
        rl.overlap &&
        !alarms.shouldStop &&
        step < total &&
        !isRegular(evaluation.every, step) &&
        !isRegular(checkpointing.every, step);
      ahead = await runTrainingStep(training, step, ahead, overlap);
      // Steps that a person adds or takes away count from here, so that the last one is known to be it.
      total = training.totalSteps;
      const isLast = step >= total && ahead === null;
      if (isLast || isRegular(evaluation.every, step)) await evaluateHeldOut(training, step);
      // After the last step there is nothing left to stop.
      const stop = alarms.shouldStop && ahead === null && !isLast;
      isSaved = false;
      if (stop || isLast) isSaved = await saveLastCheckpoint(training, step);
      else if (isRegular(checkpointing.every, step)) isSaved = await saveCheckpoint(training, step);
      await training.reportResources(step);
      if (stop) throw alarms.buildStopError(step);
      if (isLast) total = training.totalSteps;
    }
  } finally {
    training.close();
  }
};

/**
 * Supervised steps on demonstrations. Their questions are taken from the pool, so reinforcement learning sees others first.
 * Where validation questions are set apart, the weights that score best on them go on.
 */
async function runColdStart(training: Training): Promise<void> {
  const { context, config, pool } = training;
  const { demonstrations, batchSize } = config.coldStart;
  const demonstrationName = getTrainedMethod(config) === "s3" ? "gold paths" : "demonstrations";
  const batches = countColdStartBatches(config.coldStart);
  const validated = listValidatedBatches(config.coldStart);
  let best: { batch: number; accuracy: number } | null = null;
  for (let done = 0, batch = 0; done < demonstrations; batch++) {
    await context.reportProgress({
      phase: "cold-start",
      done,
      total: demonstrations,
      detail: markMessage`learning from ${demonstrationName}`,
    });
    const questions = pool.take(Math.min(batchSize, demonstrations - done));
    const rate = computeColdStartRate(config.coldStart, batch, batches);
    const loss = await training.runColdStartStep(questions, rate);
    await training.reportMetrics({ "cold-start/loss": loss }, batch);
    done += questions.length;
    context.log(
      "info",
      `cold start: ${done} of ${demonstrations} ${demonstrationName}, loss ${loss.toFixed(3)}`,
    );
    if (!validated.has(batch)) continue;
    const accuracy = await training.validateColdStart();
    await training.reportMetrics({ "cold-start/validation_accuracy": accuracy }, batch);
    // Of equal ones the later, which has seen more.
    if (best === null || accuracy >= best.accuracy) {
      best = { batch, accuracy };
      await training.keepColdStartState();
    }
  }
  if (best === null) return;
  await training.restoreColdStartState();
  context.log(
    "info",
    `cold start: the weights after batch ${best.batch + 1} of ${batches} go on, validation accuracy ${best.accuracy.toFixed(3)}`,
  );
}

/**
 * One step: draw questions, roll out groups, reward, update the policy.
 *
 * @param ahead the step's rollouts where the step before has made them, with the weights that it began with
 * @returns the next step's rollouts, where they overlap this step's update
 */
async function runTrainingStep(
  training: Training,
  step: number,
  ahead: Rollouts | null,
  overlap: boolean,
): Promise<Rollouts | null> {
  const { pool } = training;
  training.stopwatch.restart();
  await reportStepProgress(training, step - 1, `step ${step}`);

  const searcher = await training.getSearcher();
  const rollouts = ahead ?? (await rollOutStep(training, searcher, pool, step));
  // Where one of the two fails, the other ends before the services are given back.
  const [upcoming, learned] = await runAllOrNone(training.signal, (signal) => {
    const next = overlap
      ? rollOutStep({ ...training, signal }, searcher, pool, step + 1)
      : Promise.resolve(null);
    return [next, learnFrom(training, rollouts, step, next)] as const;
  });
  await reportStep(training, step, { rollouts, ...learned, offPolicy: ahead !== null });
  return upcoming;
}

/**
 * Updates the policy by a step's rollouts and reports their episodes. Where no group is informative, nothing is changed.
 *
 * @param next rollouts that are made meanwhile: the weights change once they have ended
 */
async function learnFrom(
  training: Training,
  rollouts: Rollouts,
  step: number,
  next: Promise<unknown>,
): Promise<Pick<StepResult, "update" | "records">> {
  const untilSamplingEnds = async (): Promise<void> => void (await next);
  const update =
    rollouts.kept.length === 0
      ? null
      : await updatePolicy(
          training.buildUpdateDependencies(untilSamplingEnds),
          rollouts.kept,
          step,
        );
  const records = training.buildTrainRecords(rollouts, update?.advantages ?? null, step);
  await training.reportEpisodes(records, training.config.data.trainQuestions);
  return { update, records };
}

interface StepResult {
  rollouts: Rollouts;
  update: PolicyUpdate | null;
  records: EpisodeRecord[];
  /** The rollouts are from the policy before the last update. */
  offPolicy: boolean;
}

/** Reports the metrics of a step and takes its update into the state. */
async function reportStep(
  training: Training,
  step: number,
  { rollouts, update, records, offPolicy }: StepResult,
): Promise<void> {
  const { context, config, stopwatch } = training;
  const groupCount = rollouts.kept.length + rollouts.dropped.length;
  const metrics = computeTrainingMetrics(records, training.trainQuestions);
  const retries = training.retryStats.takeFailedShare();
  const unread = training.scorer.takeUnreadShare();
  await training.reportMetrics(
    {
      ...metrics,
      ...(retries === undefined ? {} : { "generator/retries": retries }),
      ...(unread === undefined ? {} : { "reward/unread_replies": unread }),
      ...update?.metrics,
      "actor/off_policy_steps": offPolicy ? 1 : 0,
      ...(isGrouped(config.rl.algorithm) && {
        "groups/without_variance": rollouts.dropped.length / groupCount,
      }),
      "groups/resampled": rollouts.resampled,
      ...(config.rl.credit === "turn" && { "generator/turn_answers": rollouts.turnAnswers }),
      "memory/engine_peak_mb": await training.readEnginePeakMb(),
      ...computeTimingMetrics(stopwatch, records),
    },
    step,
  );
  if (update) training.recordUpdate(update, records.length, step);
  context.log(
    "info",
    `step ${step}: reward ${metrics["reward/mean"]?.toFixed(3)}, ${rollouts.kept.length} of ${groupCount} groups teach, ${stopwatch.getTotalSeconds().toFixed(1)} s`,
  );
  await reportStepProgress(training, step, markMessage`step ${step} is done`);
}

const reportStepProgress = (training: Training, done: number, detail: string): Promise<void> =>
  training.context.reportProgress({
    phase: "training",
    done,
    total: training.totalSteps,
    detail,
  });

/** Greedy episodes on held-out questions, beside naive RAG on the same. */
async function evaluateHeldOut(training: Training, step: number): Promise<void> {
  const { context, config, heldOutQuestions } = training;
  if (heldOutQuestions.length === 0) return;
  const start = performance.now();
  const reportDone = (done: number): Promise<void> =>
    context.reportProgress({
      phase: "evaluating",
      done,
      total: heldOutQuestions.length,
      detail: markMessage`held-out questions after step ${step}`,
    });
  await reportDone(0);
  // What was judged before is no part of this evaluation.
  training.scorer.takeUnreadShare();
  const records = await training.evaluateHeldOut(step, async (batch, done) => {
    await training.reportEpisodes(batch, config.data.heldOutQuestions);
    await reportDone(done);
  });
  const metrics = computeHeldOutMetrics(
    records,
    new Map(heldOutQuestions.map((q) => [q.id, q])),
    config.data.heldOutQuestions,
  );
  const unread = training.scorer.takeUnreadShare();
  await training.reportMetrics(
    {
      ...metrics,
      ...(unread === undefined ? {} : { "held-out/unread_replies": unread }),
      "timing_s/testing": (performance.now() - start) / 1000,
    },
    step,
  );
  const rag = metrics["held-out/rag_accuracy"];
  context.log(
    "info",
    `held-out after step ${step}: accuracy ${metrics["held-out/accuracy"]?.toFixed(3)}${rag === undefined ? "" : `, naive RAG ${rag.toFixed(3)}`}`,
  );
}

/** How long a run that ends or pauses tries to store its checkpoint: what it has learnt since the one before stands nowhere else. */
const WAIT_FOR_ROOM_MS = 30 * 60_000;

/** Saves the checkpoint with which a run ends or pauses, again and again where it cannot be stored. @returns whether it is stored */
async function saveLastCheckpoint(training: Training, step: number): Promise<boolean> {
  const { context } = training;
  const notStored = new Error("The checkpoint is not stored.");
  const save = async (attempt: number): Promise<void> => {
    if (await saveCheckpoint(training, step)) return;
    if (attempt === 1)
      context.log(
        "warn",
        `The run ends or pauses with this checkpoint: for ${WAIT_FOR_ROOM_MS / 60_000} minutes it tries to store it again.`,
      );
    throw notStored;
  };
  return retry(save, {
    backoff: doubleWait(5_000, { longestMs: 60_000 }),
    budgetMs: WAIT_FOR_ROOM_MS,
    signal: context.signal,
    shouldRetry: (error) => error === notStored,
  }).then(
    () => true,
    (error: unknown) => {
      // The attempt says why, and fails.
      if (error !== notStored) throw error;
      return false;
    },
  );
}

/** Saves everything that a resumed run needs; it counts once the server has committed it. @returns whether it is stored */
async function saveCheckpoint(training: Training, step: number): Promise<boolean> {
  const { context, config } = training;
  const start = performance.now();
  await context.reportProgress({
    phase: "checkpointing",
    done: 0,
    total: 1,
    detail: markMessage`after step ${step}`,
  });
  const directory = join(context.workDir, `checkpoint-${step}`);
  const hash = await training.state.save(directory, step).catch(async (error: unknown) => {
    context.signal.throwIfAborted();
    // What was written of it takes room that others need.
    for (const part of [directory, `${directory}.critic`])
      await rm(part, { recursive: true, force: true });
    if (!(error instanceof AppError) || error.code !== "storage-full") throw error;
    context.skipCheckpoint(step, error);
    return null;
  });
  if (hash === null) return false;
  await context.flush();
  const isStored = await context.commitCheckpoint(directory, step, {
    model: config.searcher.model,
    adapter: config.searcher.adapter,
    weightsHash: hash,
  });
  if (isStored)
    await training.reportMetrics(
      { "timing_s/save_checkpoint": (performance.now() - start) / 1000 },
      step,
    );
  return isStored;
}
