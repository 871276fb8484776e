import type { TrainConfig } from "@/contracts/run-config/train-config";
import { bootstrapClusters, type Interval } from "@/core/statistics/bootstrap";
import { describeMachine, printTable, type Machine } from "@/bench/report/report";
import { toObservations, type HeldOutEvaluator, Study } from "./study";

/** Demonstrations of the rows that differ in nothing else. */
const DEMONSTRATIONS = [192, 96, 48, 384] as const;
/** A cold start as simple as there is. */
const PLAIN = { schedule: "constant", validationQuestions: 0 } as const;

/** A cold start's accuracy on all held-out questions, over the seeds. */
export interface SupervisedRow {
  coldStart: TrainConfig["coldStart"];
  accuracy: Interval;
  seeds: { seed: number; accuracy: number }[];
  at: string;
  machine: Machine;
}

const nameRow = ({ demonstrations, schedule }: TrainConfig["coldStart"]): string =>
  `${demonstrations}-${schedule}`;

/**
 * How far supervision alone comes: cold starts of several lengths without any reinforcement learning, all held-out
 * questions. `names` chooses rows (`192-linear` is the preset's own; none: all); the others stay as they are stored.
 * @throws where a name is no row's
 */
export async function measureSupervised(
  evaluator: HeldOutEvaluator,
  config: TrainConfig,
  seeds: readonly number[],
  names: readonly string[],
  stored: readonly SupervisedRow[],
): Promise<{ rows: SupervisedRow[] }> {
  const plain = DEMONSTRATIONS.map((demonstrations) => ({
    ...config.coldStart,
    ...PLAIN,
    demonstrations,
  }));
  const coldStarts = [config.coldStart, ...plain];
  const unknown = names.find((name) => !coldStarts.some((one) => nameRow(one) === name));
  if (unknown !== undefined)
    throw new Error(
      `There is no supervised row "${unknown}": choose from ${coldStarts.map(nameRow).join(", ")}.`,
    );
  const rows: SupervisedRow[] = [];
  for (const coldStart of coldStarts) {
    const name = nameRow(coldStart);
    const measured = names.length === 0 || names.includes(name);
    const row = measured
      ? await measureRow(evaluator, { ...config, coldStart }, seeds)
      : stored.find((one) => nameRow(one.coldStart) === name);
    if (row) rows.push(row);
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
  return { rows };
}

async function measureRow(
  evaluator: HeldOutEvaluator,
  config: TrainConfig,
  seeds: readonly number[],
): Promise<SupervisedRow> {
  const study = new Study(
    `supervised-${nameRow(config.coldStart)}`,
    { ...config, rl: { ...config.rl, steps: 0 } },
    evaluator,
  );
  const results = [];
  for (const seed of seeds) results.push(await study.runColdStart(seed));
  return {
    coldStart: config.coldStart,
    accuracy: bootstrapClusters(results.flatMap(toObservations)),
    seeds: results.map((result, i) => ({
      seed: seeds[i]!,
      accuracy: bootstrapClusters(toObservations(result)).mean,
    })),
    at: new Date().toISOString(),
    machine: describeMachine(),
  };
}
