"use client";
import { ColourDot } from "@/app/_ui/colour-dot";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatMetricValue } from "@/app/_lib/format/format-metric";
import { Link } from "@/app/_ui/link";
import { Fragment } from "react";
import { NONE } from "@/app/_lib/format/format";
import { useSeriesOfRuns, type Series } from "@/app/_lib/live/use-series";
import { Input } from "@/app/_ui/field";
import { HEAD_HELP } from "@/app/_ui/head-label";
import { MetricHelp } from "@/app/_ui/metric-help";
import { ScrollRegion } from "@/app/_ui/scroll-region";
import type { ComparedRun } from "@/contracts/api/run-comparison";
import { getMetricRange, isLowerBetter } from "@/core/metrics/metrics";
import { computeMeanInterval, limitInterval } from "@/core/statistics/student";
import type { RunGroup } from "./overlay";

type Values = readonly [last: number | null, best: number | null, atStep: number | null];

/** Last and best value of a metric of a run, and the one at a step. */
function readValues(
  run: ComparedRun,
  metric: string,
  step: number | null,
  series: Series | undefined,
): Values {
  const summary = run.metrics[metric];
  const best = isLowerBetter(metric) ? summary?.least : summary?.greatest;
  const point = series?.[metric]?.find((entry) => entry.step === step);
  return [summary?.last ?? null, best ?? null, point?.value ?? null];
}

/** "0.42 (0.31 to 0.53), n 3": mean of what runs of a group have, with its interval where there are several. */
function formatMean(t: Text, metric: string, values: readonly (number | null)[]): string {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return NONE;
  const { mean, low, high, n } = limitInterval(computeMeanInterval(known), getMetricRange(metric));
  const shown = formatMetricValue(metric, mean);
  if (low === null || high === null) return t("{mean}, n {n}", { mean: shown, n });
  return t("{mean} ({low} to {high}), n {n}", {
    mean: shown,
    low: formatMetricValue(metric, low),
    high: formatMetricValue(metric, high),
    n,
  });
}

interface ValuesTableProps {
  runs: readonly ComparedRun[];
  groups: readonly RunGroup[];
  metrics: readonly string[];
  step: number | null;
  onStep: (step: number | null) => void;
}

function ValuesHead({
  metrics,
  columns,
}: {
  metrics: readonly string[];
  columns: readonly string[];
}) {
  const t = useText();
  return (
    <thead className="border-b text-xs text-muted-foreground">
      <tr>
        <th scope="col" rowSpan={2} className="px-3 py-2 font-medium">
          {t("Run")}
        </th>
        {metrics.map((metric) => (
          <th
            key={metric}
            scope="colgroup"
            aria-label={metric}
            colSpan={columns.length}
            className="border-l px-3 pt-2 font-mono font-medium"
          >
            <span className="inline-flex items-center">
              {metric}
              <MetricHelp metric={metric} className={HEAD_HELP} />
            </span>
          </th>
        ))}
      </tr>
      <tr>
        {metrics.map((metric) => (
          <Fragment key={metric}>
            {columns.map((column, i) => (
              <th
                key={column}
                scope="col"
                className={`px-3 pb-2 font-medium ${i === 0 ? "border-l" : ""}`}
              >
                {column}
              </th>
            ))}
          </Fragment>
        ))}
      </tr>
    </thead>
  );
}

/** Last and best value of each metric, and the one at a step; of groups their means with the 95% interval. */
export function ValuesTable({ runs, groups, metrics, step, onStep }: ValuesTableProps) {
  const t = useText();
  const ids = step === null ? [] : runs.map(({ id }) => id);
  const { data } = useSeriesOfRuns(ids, {
    names: metrics,
    maxPoints: 2,
    steps: Object.fromEntries(ids.map((id) => [id, { from: step!, to: step! }])),
  });
  const columns = [t("last"), t("best"), ...(step === null ? [] : [t("step {step}", { step })])];
  const read = (member: number, metric: string): Values =>
    readValues(runs[member]!, metric, step, data?.[runs[member]!.id]);
  return (
    <>
      <label className="flex items-center gap-2">
        {t("Value at step")}
        <Input
          type="number"
          min={0}
          className="w-28"
          value={step ?? ""}
          onChange={(event) =>
            onStep(
              event.target.value === ""
                ? null
                : Math.max(0, Math.round(Number(event.target.value))),
            )
          }
        />
      </label>
      <ScrollRegion label={t("Values of the metrics")} className="mt-3 rounded-lg border bg-card">
        <table className="w-full text-left" data-values>
          <ValuesHead metrics={metrics} columns={columns} />
          <tbody>
            {groups.map((group) => (
              <Fragment key={group.key}>
                {group.members.length > 1 ? (
                  <tr className="border-b bg-muted/40 font-medium" data-group={group.label}>
                    <th scope="row" className="px-3 py-2 font-medium">
                      <ColourDot colour={group.colour} className="size-2.5 align-baseline" />{" "}
                      {group.label} ({group.members.length})
                    </th>
                    {metrics.flatMap((metric) =>
                      columns.map((column, i) => (
                        <td
                          key={`${metric} ${column}`}
                          className={`px-3 whitespace-nowrap ${i === 0 ? "border-l" : ""}`}
                        >
                          {formatMean(
                            t,
                            metric,
                            group.members.map((member) => read(member, metric)[i]!),
                          )}
                        </td>
                      )),
                    )}
                  </tr>
                ) : null}
                {group.members.map((member) => (
                  <tr key={runs[member]!.id} className="border-b last:border-0">
                    <th scope="row" className="px-3 py-2 font-normal">
                      {group.members.length > 1 ? null : (
                        <ColourDot colour={group.colour} className="size-2.5 align-baseline" />
                      )}{" "}
                      <Link href={`/runs/${runs[member]!.id}`} className="hover:underline">
                        {runs[member]!.name}
                      </Link>
                    </th>
                    {metrics.flatMap((metric) =>
                      columns.map((column, i) => (
                        <td
                          key={`${metric} ${column}`}
                          className={`px-3 font-mono ${i === 0 ? "border-l" : ""}`}
                        >
                          {formatMetricValue(metric, read(member, metric)[i] ?? null)}
                        </td>
                      )),
                    )}
                  </tr>
                ))}
              </Fragment>
            ))}
          </tbody>
        </table>
      </ScrollRegion>
    </>
  );
}
