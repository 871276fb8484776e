import type { RunConfig } from "@/contracts/run-config/run-config";

/** From which step on an alarm holds, and the step that it was cleared after; null: it stands. */
export interface AlarmSpan {
  since: number;
  cleared: { step: number } | null;
}

/** The state after a step is spoilt where the step belongs to an alarm. */
const covers = ({ since, cleared }: AlarmSpan, step: number): boolean =>
  step >= since && (cleared === null || step < cleared.step);

/**
 * The last checkpoint that no alarm spoilt: before the first of the alarms that stand, and within none that was cleared.
 * @returns null where no alarm stands, or no such checkpoint is kept
 */
export function findHealthyCheckpoint<C extends { step: number }>(
  checkpoints: readonly C[],
  alarms: readonly AlarmSpan[],
): C | null {
  if (alarms.every(({ cleared }) => cleared !== null)) return null;
  return checkpoints
    .filter(({ step }) => !alarms.some((alarm) => covers(alarm, step)))
    .reduce<C | null>((last, next) => (last === null || next.step > last.step ? next : last), null);
}

/** Of a branch from a checkpoint the steps that its run had left there, in the critic's warm-up as well. */
export function takeRemainingSteps(config: RunConfig, step: number): RunConfig {
  if (config.kind !== "train") return config;
  const { rl } = config;
  const warmupSteps = Math.max(0, rl.critic.warmupSteps - step);
  return {
    ...config,
    rl: { ...rl, steps: Math.max(1, rl.steps - step), critic: { ...rl.critic, warmupSteps } },
  };
}
