import { X } from "lucide-react";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import type { SweepDetail } from "@/app/_lib/live/trpc";
import { Select } from "@/app/_ui/field";
import { findMetric } from "@/core/metrics/metrics";

const MAX_METRICS = 6;

/** What a metric means; nothing for one that is not ours. */
function describeMetric(t: Text, name: string): string | undefined {
  const metric = findMetric(name);
  return metric ? t(metric.description) : undefined;
}

type MetricChoiceProps = { sweep: SweepDetail; onChange: (metrics: string[]) => void };

/** The metric that is drawn, and further metrics as columns of the table. */
export function MetricChoice({ sweep, onChange }: MetricChoiceProps) {
  const t = useText();
  const { metrics, available } = sweep;
  const [first, ...others] = metrics;
  const options = [...new Set([...metrics, ...available])].sort();
  return (
    <div className="mt-4 flex flex-wrap items-center gap-2">
      <label className="flex min-w-0 items-center gap-2 text-xs text-muted-foreground max-md:w-full">
        {t("Metric")}
        <Select
          aria-label={t("Metric")}
          className="w-auto max-w-full min-w-0 font-mono text-xs"
          value={first ?? ""}
          onChange={(e) =>
            onChange([e.target.value, ...others.filter((metric) => metric !== e.target.value)])
          }
        >
          {options.map((metric) => (
            <option key={metric} value={metric} title={describeMetric(t, metric)}>
              {metric}
            </option>
          ))}
        </Select>
      </label>
      {others.map((metric) => (
        <span
          key={metric}
          className="inline-flex items-center gap-1 rounded bg-muted py-0.5 pr-1 pl-2 font-mono text-2xs"
          title={describeMetric(t, metric)}
        >
          {metric}
          <button
            type="button"
            className="rounded hover:text-bad"
            aria-label={t("Remove the column {metric}", { metric })}
            onClick={() => onChange(metrics.filter((m) => m !== metric))}
          >
            <X className="size-3" aria-hidden />
          </button>
        </span>
      ))}
      {metrics.length < MAX_METRICS && options.length > metrics.length ? (
        <Select
          aria-label={t("Add a column")}
          className="w-auto max-w-full text-xs"
          value=""
          onChange={(e) => onChange([...metrics, e.target.value])}
          options={[
            { value: "", text: t("Add a column") },
            ...options.filter((metric) => !metrics.includes(metric)),
          ]}
        />
      ) : null}
    </div>
  );
}
