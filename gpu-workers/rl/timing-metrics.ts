import type { EpisodeRecord } from "@/contracts/records/episode";
import { countTokens } from "@/core/metrics/episode-statistics";
import type { MetricValues } from "./metric-values";
import { STEP_PHASES, type Stopwatch, type StepPhase } from "@/gpu-workers/runtime/stopwatch";

/**
 * Seconds of each phase of a step and milliseconds per token. `other` is the time of no phase, so that all sum to the
 * step.
 */
export function computeTimingMetrics(
  stopwatch: Pick<Stopwatch<StepPhase>, "getSeconds" | "getTotalSeconds">,
  records: readonly EpisodeRecord[],
): MetricValues {
  const step = stopwatch.getTotalSeconds();
  const seconds = Object.fromEntries(
    STEP_PHASES.map((phase) => [phase, stopwatch.getSeconds(phase)]),
  ) as Record<StepPhase, number>;
  const claimed = Object.values(seconds).reduce((sum, s) => sum + s, 0);
  const lengths = records.map(({ episode }) => countTokens(episode));
  const actions = lengths.reduce((sum, l) => sum + l.actions, 0);
  const all = lengths.reduce((sum, l) => sum + l.all, 0);
  const perToken = (["ref", "values", "update_critic", "update_actor"] as const).filter(
    (phase) => seconds[phase] > 0 && all > 0,
  );
  return {
    ...Object.fromEntries(STEP_PHASES.map((phase) => [`timing_s/${phase}`, seconds[phase]])),
    "timing_s/other": Math.max(0, step - claimed),
    "timing_s/step": step,
    ...(actions > 0 ? { "timing_per_token_ms/gen": (1000 * seconds.gen) / actions } : {}),
    ...Object.fromEntries(
      perToken.map((phase) => [`timing_per_token_ms/${phase}`, (1000 * seconds[phase]) / all]),
    ),
  };
}
