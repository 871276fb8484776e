"use client";
import { useEffect, useState } from "react";
import type { RunDetail } from "@/app/_lib/live/trpc";
import { useSeries, type Series } from "@/app/_lib/live/use-series";
import type { RunKind } from "@/contracts/records/run-state";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { Progress } from "@/contracts/worker-protocol/reports";
import type { MetricName } from "@/core/metrics/metric-table";
import {
  countDue,
  estimateTimeLeft,
  estimateTimeLeftOfProgress,
  type ProgressPoint,
  type TimeLeft,
} from "@/core/run/time-left";
import { TERMINAL_STATES } from "@/core/run/transitions";

export const TIMING_METRICS = [
  "timing_s/step",
  "timing_s/testing",
  "timing_s/save_checkpoint",
] as const satisfies readonly MetricName[];

/** Metrics that are reported with every batch of questions, at the number of questions that are done. */
const BATCH_METRICS: Partial<Record<RunKind, MetricName>> = {
  predict: "progress/answered",
  evaluate: "retrieval/queries_per_second",
};
const NO_METRICS: readonly MetricName[] = [];

function listPaceMetrics(kind: RunKind): readonly MetricName[] {
  if (kind === "train") return TIMING_METRICS;
  const metric = BATCH_METRICS[kind];
  return metric === undefined ? NO_METRICS : [metric];
}

/** Steps that a training run has done, null until that is known and for other runs, and the time that a run still takes. */
export function useTimeLeft(run: RunDetail): { done: number | null; left: TimeLeft | null } {
  const { config } = run;
  const { data } = useSeries(run.id, listPaceMetrics(config.kind));
  const seen = useSeenProgress(run.progress);
  if (config.kind === "train")
    return data === undefined
      ? { done: null, left: null }
      : estimateTraining(run.state, config, data);
  const { progress } = run;
  if (run.state !== "running" || progress === null) return { done: null, left: null };
  const metric = BATCH_METRICS[config.kind];
  const points = metric === undefined ? seen : listBatches(run, data?.[metric] ?? []);
  const left = estimateTimeLeftOfProgress(points, progress.total);
  // What comes after an import has no pace yet.
  const isPartial = progress.phase === "importing" && config.kind === "index" && config.buildIndex;
  return { done: null, left: left && { ...left, isPartial: left.isPartial || isPartial } };
}

function estimateTraining(
  state: RunDetail["state"],
  config: TrainConfig,
  series: Series,
): ReturnType<typeof useTimeLeft> {
  const readSeconds = (name: MetricName): number[] =>
    (series[name] ?? []).map(({ value }) => value);
  const total = config.rl.steps;
  const done = series["timing_s/step"]?.at(-1)?.step ?? 0;
  if (TERMINAL_STATES.has(state) || state === "queued") return { done, left: null };
  const left = estimateTimeLeft([
    { left: Math.max(0, total - done), seconds: readSeconds("timing_s/step") },
    {
      left: config.evaluation.questions > 0 ? countDue(config.evaluation.every, done, total) : 0,
      seconds: readSeconds("timing_s/testing"),
    },
    {
      left: countDue(config.checkpointing.every, done, total),
      seconds: readSeconds("timing_s/save_checkpoint"),
    },
  ]);
  // The pace of evaluations alone says nothing of a run that has not made its first step.
  return { done, left: done > 0 ? left : null };
}

/** Questions that were done at each report of this attempt; the time between two attempts is no pace. */
function listBatches(
  { attempts }: RunDetail,
  points: readonly { step: number; at: number }[],
): ProgressPoint[] {
  const begin = attempts.at(-1)?.startedAt.getTime() ?? 0;
  return points.filter(({ at }) => at >= begin).map(({ step, at }) => ({ at, done: step }));
}

/** How many reports are kept. */
const SEEN = 50;
interface Seen {
  /** What is counted: a number of another phase or of another whole is not compared with it. */
  key: string;
  points: readonly ProgressPoint[];
}
const NOTHING_SEEN: Seen = { key: "", points: [] };

/** Adds a report to those seen before; another phase begins anew. */
export function addReport(seen: Seen, progress: Progress, at: number): Seen {
  const key = `${progress.phase} ${progress.total}`;
  const points = seen.key === key ? seen.points : [];
  const last = points.at(-1);
  if (last && last.done > progress.done) return { key, points: [{ at, done: progress.done }] };
  if (last?.done === progress.done) return seen;
  return { key, points: [...points, { at, done: progress.done }].slice(-SEEN) };
}

/** The progress that this page has seen being made: of an import or an index no other history is kept. */
function useSeenProgress(progress: Progress | null): readonly ProgressPoint[] {
  const [seen, setSeen] = useState(NOTHING_SEEN);
  useEffect(() => {
    if (progress) setSeen((before) => addReport(before, progress, Date.now()));
  }, [progress]);
  return seen.points;
}
