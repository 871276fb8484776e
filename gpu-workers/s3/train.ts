import { join } from "node:path";
import { AppError } from "@/contracts/errors";
import type { Executor } from "../run-context";
import { heldOutMetrics, trainingMetrics } from "./episode-metrics";
import { accumulateGradient, REFERENCE } from "./policy-update";
import { rewardsOf, rollOutStep } from "./rollout";
import { Stopwatch, type StepPhase } from "./stopwatch";
import { openTraining, type Training } from "./training";

/**
 * Training of a searcher, as in s3 (paper, section 4 and appendix A.2): cold start on gold paths, then per step roll
 * out, reward against naive RAG, update; held-out evaluation and checkpoints between. A resumed run goes on after its
 * last checkpoint and ends with the weights of an undisturbed one.
 */
export const train: Executor = async (context) => {
  if (context.config.kind !== "train") throw new AppError("internal", `A ${context.config.kind} run is not a training run.`);
  const training = await openTraining(context, context.config);
  try {
    await context.running();
    const { rl, evaluation, checkpointing } = training.config;
    const due = (every: number, step: number): boolean => step === rl.steps || (every > 0 && step % every === 0);

    let step = await training.restore();
    if (step === null) {
      await coldStart(training);
      await training.policy.model.snapshot(REFERENCE, { signal: context.signal });
      if (due(evaluation.every, 0)) await evaluateHeldOut(training, 0);
      await saveCheckpoint(training, 0);
      step = 0;
    }
    while (step < rl.steps) {
      step += 1;
      await trainStep(training, step);
      if (due(evaluation.every, step)) await evaluateHeldOut(training, step);
      if (due(checkpointing.every, step)) await saveCheckpoint(training, step);
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
    await context.progress({ phase: "cold-start", done, total: demonstrations, detail: "learning from gold paths" });
    const questions = pool.take(Math.min(batchSize, demonstrations - done));
    const loss = await training.learnGoldPaths(questions);
    await training.report({ "cold-start/loss": loss }, batch);
    done += questions.length;
    context.log("info", `cold start: ${done} of ${demonstrations} gold paths, loss ${loss.toFixed(3)}`);
  }
}

/** One step: draw questions, roll out groups, reward, update. */
async function trainStep(training: Training, step: number): Promise<void> {
  const { context, config, algorithm, policy, pool, signal } = training;
  const clock = new Stopwatch<StepPhase>();
  await context.progress({ phase: "training", done: step - 1, total: config.rl.steps, detail: `step ${step}` });

  const searcher = await training.searcher();
  const { kept, dropped, resampled } = await rollOutStep({ ...training, clock }, searcher, pool, step);

  const update = await clock.time("gradient", async () => {
    // Where no group can teach, the step changes nothing.
    if (kept.length === 0) return {};
    const metrics = await accumulateGradient(policy.model, algorithm, kept, config, signal);
    const { gradNorm } = await policy.model.optimStep({ learningRate: config.rl.learningRate, gradClip: config.rl.gradientClip }, { signal });
    return { ...metrics, "actor/grad_norm": gradNorm };
  });

  const advantages = [...algorithm.advantages(kept.map(rewardsOf)), ...dropped.map(({ samples }) => samples.map(() => 0))];
  const records = training.trainRecords([...kept, ...dropped], advantages, step);
  await training.reportEpisodes(records, config.data.trainQuestions);
  const metrics = trainingMetrics(records, training.trainQuestions);
  await training.report(
    {
      ...metrics,
      ...update,
      "groups/without_variance": dropped.length / (kept.length + dropped.length),
      "groups/resampled": resampled,
      "memory/engine_peak_mb": await training.enginePeakMb(),
      ...timings(clock),
    },
    step,
  );
  context.log("info", `step ${step}: reward ${metrics["reward/mean"]?.toFixed(3)}, ${kept.length} of ${kept.length + dropped.length} groups with variance, ${clock.total().toFixed(1)} s`);
  await context.progress({ phase: "training", done: step, total: config.rl.steps, detail: `step ${step} is done` });
}

/** Seconds per phase; `other` is what no phase claims, so that they sum to the step. */
function timings(clock: Stopwatch<StepPhase>) {
  const step = clock.total();
  const claimed = { "timing_s/pool": clock.of("pool"), "timing_s/gen": clock.of("rollout"), "timing_s/retrieve": clock.of("retrieve"), "timing_s/generator": clock.of("generator"), "timing_s/update_actor": clock.of("gradient") };
  const other = step - Object.values(claimed).reduce((sum, seconds) => sum + seconds, 0);
  return { ...claimed, "timing_s/other": Math.max(0, other), "timing_s/step": step };
}

/** Greedy episodes on held-out questions, beside naive RAG on the same. */
async function evaluateHeldOut(training: Training, step: number): Promise<void> {
  const { context, config, heldOut } = training;
  if (heldOut.length === 0) return;
  const start = performance.now();
  await context.progress({ phase: "evaluating", done: 0, total: heldOut.length, detail: `held-out questions after step ${step}` });
  const records = await training.evaluate(step, async (batch, done) => {
    await training.reportEpisodes(batch, config.data.heldOutQuestions);
    await context.progress({ phase: "evaluating", done, total: heldOut.length, detail: `held-out questions after step ${step}` });
  });
  const metrics = heldOutMetrics(records, new Map(heldOut.map((q) => [q.id, q])));
  await training.report({ ...metrics, "timing_s/testing": (performance.now() - start) / 1000 }, step);
  context.log("info", `held-out after step ${step}: accuracy ${metrics["held-out/accuracy"]?.toFixed(3)}, naive RAG ${metrics["held-out/rag_accuracy"]?.toFixed(3)}`);
}

/** Saves everything that a resumed run needs; it counts once the server has committed it. */
async function saveCheckpoint(training: Training, step: number): Promise<void> {
  const { context, config } = training;
  const start = performance.now();
  await context.progress({ phase: "checkpointing", done: 0, total: 1, detail: `after step ${step}` });
  const directory = join(context.workDir, `checkpoint-${step}`);
  const { hash } = await training.save(directory, step);
  await context.flush();
  await context.commitCheckpoint(directory, step, { model: config.searcher.model, adapter: config.searcher.adapter, weightsHash: hash });
  await training.report({ "timing_s/save_checkpoint": (performance.now() - start) / 1000 }, step);
}
