import { buildAreaPaths } from "@/app/_charts/prepare/spark-paths";
import { useText } from "@/app/_i18n/text-provider";
import { formatMegabytes, formatShare, NONE } from "@/app/_lib/format/format";
import type { WorkerRow } from "@/app/_lib/live/trpc";

interface UsageSeries {
  label: string;
  latest: string;
  /** 0..1 over the last hour, oldest first; null where no heartbeat came. */
  shares: (number | null)[];
}

/** Use of the worker's machine over the last hour, as shares of what it has. */
export function UsageCharts({ worker }: { worker: WorkerRow }) {
  const t = useText();
  const { usage, hardware } = worker;
  const last = usage.at(-1);
  const series: UsageSeries[] = [
    { label: t("CPU"), latest: formatShare(last?.cpu), shares: usage.map((u) => u.cpu) },
    {
      label: t("Memory"),
      latest: last
        ? t("{amount} of {total}", {
            amount: formatMegabytes(last.memoryMb),
            total: formatMegabytes(hardware.memoryMb),
          })
        : NONE,
      shares: usage.map((u) => u.memoryMb / hardware.memoryMb),
    },
    ...hardware.gpus.flatMap((gpu, i): UsageSeries[] => [
      {
        label: t("GPU {i}", { i }),
        latest: formatShare(last?.gpus[i]?.utilisation),
        shares: usage.map((u) => u.gpus[i]?.utilisation ?? null),
      },
      {
        label: t("GPU {i} memory", { i }),
        latest: last?.gpus[i]
          ? t("{amount} of {total}", {
              amount: formatMegabytes(last.gpus[i].memoryMb),
              total: formatMegabytes(gpu.memoryMb),
            })
          : NONE,
        shares: usage.map((u) => (u.gpus[i] ? u.gpus[i].memoryMb / gpu.memoryMb : null)),
      },
    ]),
  ];
  return (
    <div
      className="grid grid-cols-1 content-start gap-3 sm:grid-cols-2"
      aria-label={t("Use over the last hour")}
      role="group"
    >
      {series.map((c) => (
        <div key={c.label} className="min-w-0">
          <p className="flex items-baseline justify-between gap-2 text-xs">
            <span className="truncate text-muted-foreground">{c.label}</span>
            <span className="font-mono whitespace-nowrap">{c.latest}</span>
          </p>
          <svg
            viewBox="0 0 200 48"
            preserveAspectRatio="none"
            className="mt-1 h-12 w-full rounded-sm bg-muted/60"
            role="img"
            aria-label={t("{label}, the last hour, now {latest}", {
              label: c.label,
              latest: c.latest,
            })}
          >
            {buildAreaPaths(c.shares, 200, 48).map((d, i) => (
              <path
                key={i}
                d={d}
                fill="var(--series-1)"
                fillOpacity="0.3"
                stroke="var(--series-1)"
                strokeWidth="1"
                vectorEffect="non-scaling-stroke"
              />
            ))}
          </svg>
        </div>
      ))}
    </div>
  );
}
