import { join } from "node:path";
import { isGrouped } from "@/contracts/run-config/algorithm";
import { AppError } from "@/contracts/errors";
import type { Executor } from "@/gpu-workers/jobs/run-context";
import { computeHeldOutMetrics, computeTrainingMetrics } from "@/gpu-workers/rl/episode-metrics";
import { updatePolicy } from "@/gpu-workers/rl/policy-update/update-policy";
import { rollOutStep, type Rollouts } from "@/gpu-workers/rl/rollout";
import { computeTimingMetrics } from "@/gpu-workers/rl/timing-metrics";
import { openTraining, type Training } from "./training";

/**
 * Training of a searcher, as in s3 (paper, section 4 and appendix A.2): cold start on gold paths, then per step roll
 * out, reward against naive RAG, update; held-out evaluation and checkpoints between. A resumed run goes on after its
 * last checkpoint and ends with the weights of an undisturbed one.
 */
export const train: Executor = async (context) => {
  if (context.config.kind !== "train")
    throw new AppError("internal", `A ${context.config.kind} run is not a training run.`);
  const training = await openTraining(context, context.config);
  try {
    await context.markRunning();
    const { rl, evaluation, checkpointing } = training.config;
    const { alarms } = training;
    const due = (every: number, step: number): boolean =>
      step === rl.steps || (every > 0 && step % every === 0);

    let step = await training.restore();
    if (step === null) {
      await coldStart(training);
      await training.keepReference();
      if (due(evaluation.every, 0)) await evaluateHeldOut(training, 0);
      await saveCheckpoint(training, 0);
      step = 0;
    }
    let ahead: Rollouts | null = null;
    while (step < rl.steps) {
      step += 1;
      // Before an evaluation, a checkpoint or a stop nothing is under way, so that a resumed run does the same.
      const overlap =
        rl.overlap &&
        !alarms.shouldStop &&
        !due(evaluation.every, step) &&
        !due(checkpointing.every, step);
      ahead = await trainStep(training, step, ahead, overlap);
      if (due(evaluation.every, step)) await evaluateHeldOut(training, step);
      // After the last step there is nothing left to stop.
      const stop = alarms.shouldStop && ahead === null && step < rl.steps;
      if (stop || due(checkpointing.every, step)) await saveCheckpoint(training, step);
      if (stop) throw alarms.buildStopError(step);
    }
  } finally {
    training.close();
  }
};

/** Supervised steps on gold paths. Their questions are taken from the pool, so reinforcement learning sees others first. */
async function coldStart(training: Training): Promise<void> {
  const { context, config, pool } = training;
  const { demonstrations, batchSize } = config.coldStart;
  for (let done = 0, batch = 0; done < demonstrations; batch++) {
    await context.reportProgress({
      phase: "cold-start",
      done,
      total: demonstrations,
      detail: "learning from gold paths",
    });
    const questions = pool.take(Math.min(batchSize, demonstrations - done));
    const loss = await training.learnGoldPaths(questions);
    await training.report({ "cold-start/loss": loss }, batch);
    done += questions.length;
    context.log(
      "info",
      `cold start: ${done} of ${demonstrations} gold paths, loss ${loss.toFixed(3)}`,
    );
  }
}

/**
 * One step: draw questions, roll out groups, reward, update.
 * @param ahead the step's rollouts where the step before has made them, with the weights that it began with
 * @returns the next step's rollouts, where they overlap this step's update
 */
async function trainStep(
  training: Training,
  step: number,
  ahead: Rollouts | null,
  overlap: boolean,
): Promise<Rollouts | null> {
  const { context, config, stopwatch, pool } = training;
  stopwatch.restart();
  await context.reportProgress({
    phase: "training",
    done: step - 1,
    total: config.rl.steps,
    detail: `step ${step}`,
  });

  const searcher = await training.searcher();
  const { kept, dropped, resampled } = ahead ?? (await rollOutStep(training, searcher, pool, step));
  const next = overlap ? rollOutStep(training, searcher, pool, step + 1) : Promise.resolve(null);
  next.catch(() => undefined); // Awaited before the weights change; a failure of the update comes first.
  // Where no group can teach, the step changes nothing.
  const update =
    kept.length === 0
      ? null
      : await updatePolicy(
          training.updateParts(async () => void (await next)),
          kept,
          step,
        );

  const records = training.trainRecords(
    [...kept, ...dropped],
    [...(update?.advantages ?? []), ...dropped.map(({ samples }) => samples.map(() => 0))],
    step,
  );
  await training.reportEpisodes(records, config.data.trainQuestions);
  const metrics = computeTrainingMetrics(records, training.trainQuestions);
  const upcoming = await next;
  const retries = training.retryStats.takeFailedShare();
  await training.report(
    {
      ...metrics,
      ...(retries === undefined ? {} : { "generator/retries": retries }),
      ...update?.metrics,
      "actor/off_policy_steps": ahead === null ? 0 : 1,
      ...(isGrouped(config.rl.algorithm) && {
        "groups/without_variance": dropped.length / (kept.length + dropped.length),
      }),
      "groups/resampled": resampled,
      "memory/engine_peak_mb": await training.enginePeakMb(),
      ...computeTimingMetrics(stopwatch, records),
    },
    step,
  );
  if (update) training.updated(update, records.length, step);
  context.log(
    "info",
    `step ${step}: reward ${metrics["reward/mean"]?.toFixed(3)}, ${kept.length} of ${kept.length + dropped.length} groups teach, ${stopwatch.getTotalSeconds().toFixed(1)} s`,
  );
  await context.reportProgress({
    phase: "training",
    done: step,
    total: config.rl.steps,
    detail: `step ${step} is done`,
  });
  return upcoming;
}

/** Greedy episodes on held-out questions, beside naive RAG on the same. */
async function evaluateHeldOut(training: Training, step: number): Promise<void> {
  const { context, config, heldOut } = training;
  if (heldOut.length === 0) return;
  const start = performance.now();
  await context.reportProgress({
    phase: "evaluating",
    done: 0,
    total: heldOut.length,
    detail: `held-out questions after step ${step}`,
  });
  const records = await training.evaluate(step, async (batch, done) => {
    await training.reportEpisodes(batch, config.data.heldOutQuestions);
    await context.reportProgress({
      phase: "evaluating",
      done,
      total: heldOut.length,
      detail: `held-out questions after step ${step}`,
    });
  });
  const metrics = computeHeldOutMetrics(
    records,
    new Map(heldOut.map((q) => [q.id, q])),
    config.data.heldOutQuestions,
  );
  await training.report(
    { ...metrics, "timing_s/testing": (performance.now() - start) / 1000 },
    step,
  );
  context.log(
    "info",
    `held-out after step ${step}: accuracy ${metrics["held-out/accuracy"]?.toFixed(3)}, naive RAG ${metrics["held-out/rag_accuracy"]?.toFixed(3)}`,
  );
}

/** Saves everything that a resumed run needs; it counts once the server has committed it. */
async function saveCheckpoint(training: Training, step: number): Promise<void> {
  const { context, config } = training;
  const start = performance.now();
  await context.reportProgress({
    phase: "checkpointing",
    done: 0,
    total: 1,
    detail: `after step ${step}`,
  });
  const directory = join(context.workDir, `checkpoint-${step}`);
  const { hash } = await training.save(directory, step);
  await context.flush();
  await context.commitCheckpoint(directory, step, {
    model: config.searcher.model,
    adapter: config.searcher.adapter,
    weightsHash: hash,
  });
  await training.report({ "timing_s/save_checkpoint": (performance.now() - start) / 1000 }, step);
}
