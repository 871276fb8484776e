import type { TrainConfig } from "@/contracts/run-config/train-config";
import { bootstrapClusters } from "@/core/statistics/bootstrap";
import { machine, printTable } from "../lib";
import { toObservations, type Examiner, Study } from "./study";

/** Demonstrations of the rows that differ in nothing else. */
const DEMONSTRATIONS = [192, 384, 48, 96] as const;
/** A cold start as simple as there is. */
const PLAIN = { schedule: "constant", validationQuestions: 0 } as const;

/**
 * How far supervision alone comes: cold starts of several lengths without any reinforcement learning, all held-out
 * questions. Row by row over the seeds, so that what is there after an interruption is whole rows.
 */
export async function measureSupervised(
  examiner: Examiner,
  config: TrainConfig,
  seeds: readonly number[],
) {
  const rows = [];
  const plain = DEMONSTRATIONS.map((demonstrations) => ({
    ...config.coldStart,
    ...PLAIN,
    demonstrations,
  }));
  // The preset's own way first.
  for (const coldStart of [config.coldStart, ...plain]) {
    const study = new Study(
      `supervised-${coldStart.demonstrations}-${coldStart.schedule}`,
      { ...config, coldStart, rl: { ...config.rl, steps: 0 } },
      examiner,
    );
    const results = [];
    for (const seed of seeds) results.push(await study.runColdStart(seed));
    rows.push({
      coldStart,
      accuracy: bootstrapClusters(results.flatMap(toObservations)),
      seeds: results.map((result, i) => ({
        seed: seeds[i]!,
        accuracy: bootstrapClusters(toObservations(result)).mean,
      })),
    });
  }
  printTable([
    ["demonstrations", "rate", "accuracy", "95% interval", "by seed"],
    ...rows.map(({ coldStart, accuracy, seeds: each }) => [
      coldStart.demonstrations,
      coldStart.schedule,
      accuracy.mean.toFixed(3),
      `${accuracy.low.toFixed(3)} to ${accuracy.high.toFixed(3)}`,
      each.map((seed) => seed.accuracy.toFixed(3)).join(", "),
    ]),
  ]);
  return { at: new Date().toISOString(), machine: machine(), rows };
}
