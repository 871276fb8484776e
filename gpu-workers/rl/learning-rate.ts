import type { RlConfig } from "@/contracts/run-config/rl";
import type { TrainConfig } from "@/contracts/run-config/train-config";

/**
 * Learning rates by training step. They depend on nothing else, so a resumed run goes on with the same, and a branch that
 * gives the steps done before it (`rl.scheduleOffset`) with those of the run that it branches from.
 */

/** How a learning rate changes: a linear warm-up, then what `kind` says. */
export interface Schedule {
  kind: RlConfig["schedule"] & string;
  warmupSteps: number;
  /** Steps of it that lie before the run's first. */
  offset: number;
}

/** The schedule of the policy's learning rate. */
export const getPolicySchedule = (rl: RlConfig): Schedule => ({
  kind: rl.schedule ?? "constant",
  warmupSteps: rl.lrWarmupSteps,
  offset: rl.scheduleOffset ?? 0,
});

/** The schedule of the critic's learning rate: the policy's where its own settings are not given. */
export function getCriticSchedule(rl: RlConfig): Schedule {
  const { schedule = "as-searcher", lrWarmupSteps } = rl.critic;
  const policy = getPolicySchedule(rl);
  return {
    kind: schedule === "as-searcher" ? policy.kind : schedule,
    warmupSteps: lrWarmupSteps ?? policy.warmupSteps,
    offset: policy.offset,
  };
}

/**
 * What the learning rate is multiplied by in a step. The decay is transformers' (`get_scheduler`, after as many steps as
 * lie before this one) and reaches 0 after the last step. The warm-up of `paper` ends with the full rate; that of
 * `upstream` counts steps from 0, as the released code does, so that the first step has rate 0, with a constant rate even
 * without warm-up (verl's `get_constant_schedule_with_warmup`).
 *
 * @param runStep training step of the run, from 1
 * @param runSteps steps of the run
 */
export function computeRateFactor(
  { kind, warmupSteps, offset }: Schedule,
  runStep: number,
  runSteps: number,
  protocol: TrainConfig["search"]["protocol"],
): number {
  const step = offset + runStep;
  const total = offset + runSteps;
  const before = step - 1;
  if (protocol === "upstream") {
    if (kind === "constant") return Math.min(1, before / Math.max(1, warmupSteps));
    if (before < warmupSteps) return before / warmupSteps;
  } else if (step <= warmupSteps) return step / warmupSteps;
  const progress = Math.min(1, (before - warmupSteps) / Math.max(1, total - warmupSteps));
  switch (kind) {
    case "constant":
      return 1;
    case "linear":
      return 1 - progress;
    case "cosine":
      return (1 + Math.cos(Math.PI * progress)) / 2;
  }
}

/**
 * AdamW's settings that differ from the engine's. Under `upstream` norms and biases decay with all other weights, as
 * the released code gives its optimiser every parameter.
 */
export function selectOptimizer({
  rl: { adamBeta1, adamBeta2, weightDecay },
  search,
}: Pick<TrainConfig, "rl" | "search">): {
  betas?: [number, number];
  weightDecay?: number;
  decays?: "all";
} {
  return {
    ...((adamBeta1 !== undefined || adamBeta2 !== undefined) && {
      betas: [adamBeta1 ?? 0.9, adamBeta2 ?? 0.95] as [number, number],
    }),
    ...(weightDecay !== undefined && { weightDecay }),
    ...(weightDecay !== undefined && search.protocol === "upstream" && { decays: "all" }),
  };
}
