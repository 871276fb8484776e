import { buildAreaPaths } from "@/app/_charts/prepare";
import { formatMegabytes, formatShare } from "@/app/_lib/format";
import type { WorkerRow } from "@/app/_lib/trpc";

interface UsageSeries {
  label: string;
  latest: string;
  /** 0..1 over the last hour, oldest first; null where no heartbeat came. */
  shares: (number | null)[];
}

/** Use of the worker's machine over the last hour, as shares of what it has. */
export function UsageCharts({ worker }: { worker: WorkerRow }) {
  const { usage, hardware } = worker;
  const last = usage.at(-1);
  const series: UsageSeries[] = [
    { label: "CPU", latest: formatShare(last?.cpu), shares: usage.map((u) => u.cpu) },
    {
      label: "Memory",
      latest: last
        ? `${formatMegabytes(last.memoryMb)} of ${formatMegabytes(hardware.memoryMb)}`
        : "–",
      shares: usage.map((u) => u.memoryMb / hardware.memoryMb),
    },
    ...hardware.gpus.flatMap((gpu, i): UsageSeries[] => [
      {
        label: `GPU ${i}`,
        latest: formatShare(last?.gpus[i]?.utilisation),
        shares: usage.map((u) => u.gpus[i]?.utilisation ?? null),
      },
      {
        label: `GPU ${i} memory`,
        latest: last?.gpus[i]
          ? `${formatMegabytes(last.gpus[i].memoryMb)} of ${formatMegabytes(gpu.memoryMb)}`
          : "–",
        shares: usage.map((u) => (u.gpus[i] ? u.gpus[i].memoryMb / gpu.memoryMb : null)),
      },
    ]),
  ];
  return (
    <div
      className="grid grid-cols-2 content-start gap-3"
      aria-label="Use over the last hour"
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
            aria-label={`${c.label}, the last hour, now ${c.latest}`}
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
