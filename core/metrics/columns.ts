import type { MetricColumns, MetricSeries } from "@/contracts/api/metrics";

/** One entry of a series; `at` in milliseconds since the epoch. */
export interface MetricEntry {
  step: number;
  at: number;
  value: number;
  min: number;
  max: number;
  /** How many reported points it combines. */
  count: number;
}

/** Columns of entries; those that say nothing are left out, as contracts/api/metrics.ts has it. */
export function toColumns(entries: readonly MetricEntry[]): MetricColumns {
  const columns: MetricColumns = {
    steps: entries.map(({ step }) => step),
    ats: entries.map(({ at }) => at),
    values: entries.map(({ value }) => value),
  };
  if (entries.every(({ count }) => count === 1)) return columns;
  return {
    ...columns,
    mins: entries.map(({ min }) => min),
    maxs: entries.map(({ max }) => max),
    counts: entries.map(({ count }) => count),
  };
}

/** The entries that columns hold, in their order. */
export const toEntries = ({
  steps,
  ats,
  values,
  mins,
  maxs,
  counts,
}: MetricColumns): MetricEntry[] =>
  values.map((value, i) => ({
    step: steps[i]!,
    at: ats[i]!,
    value,
    min: mins?.[i] ?? value,
    max: maxs?.[i] ?? value,
    count: counts?.[i] ?? 1,
  }));

/** The series that a client holds after an answer: it replaces what was there, or comes behind it. */
export function mergeSeries(before: MetricSeries | undefined, answer: MetricSeries): MetricSeries {
  if (answer.whole || !before) return answer;
  const names = Object.keys(answer.series);
  if (names.length === 0 && answer.cursor === before.cursor) return before;
  const series = { ...before.series };
  for (const name of names) {
    const added = answer.series[name]!;
    const there = series[name];
    series[name] = there ? appendColumns(there, added) : added;
  }
  return { cursor: answer.cursor, whole: true, series };
}

function appendColumns(a: MetricColumns, b: MetricColumns): MetricColumns {
  const columns = {
    steps: [...a.steps, ...b.steps],
    ats: [...a.ats, ...b.ats],
    values: [...a.values, ...b.values],
  };
  if (!a.counts && !b.counts) return columns;
  const ones = (part: MetricColumns): number[] => part.values.map(() => 1);
  return {
    ...columns,
    mins: [...(a.mins ?? a.values), ...(b.mins ?? b.values)],
    maxs: [...(a.maxs ?? a.values), ...(b.maxs ?? b.values)],
    counts: [...(a.counts ?? ones(a)), ...(b.counts ?? ones(b))],
  };
}
