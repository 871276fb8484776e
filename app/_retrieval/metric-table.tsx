import { Link } from "@/app/_ui/link";
import type { ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { formatRetriever } from "@/app/_lib/config/retriever";
import type { RetrieverComparison } from "@/app/_lib/live/trpc";
import { HEAD_HELP, TermHead } from "@/app/_ui/head-label";
import { Help } from "@/app/_ui/help";
import { ScrollRegion } from "@/app/_ui/scroll-region";
import { DifferenceCell, IntervalCell } from "./interval";
import { explainMetric, findMetricTerm, formatMetricLabel, getRunColour } from "./metric-label";

interface RetrieverTableProps {
  label: string;
  metrics: RetrieverComparison["metrics"];
  rows: readonly { id: string; head: ReactNode; cells: readonly ReactNode[] }[];
  /** Whether the heads explain the metrics; of two tables with the same ones the first does. */
  hasHelp: boolean;
}

function RetrieverTable({ label, metrics, rows, hasHelp }: RetrieverTableProps) {
  const t = useText();
  return (
    <div className="relative overflow-x-auto rounded-lg border bg-card">
      <table
        className="w-full text-left"
        aria-label={label}
        style={{ minWidth: `${14 + metrics.length * 6}rem` }}
      >
        <thead className="border-b text-xs text-muted-foreground">
          <tr>
            <th scope="col" className="sticky left-0 z-10 h-9 bg-card px-3 font-medium">
              {t("Retriever")}
            </th>
            {metrics.map((m) => (
              <TermHead
                key={m.key}
                title={explainMetric(t, m)}
                className="px-3 text-right font-medium whitespace-nowrap"
                help={hasHelp ? <MetricKeyHelp metric={m.key} /> : null}
              >
                {formatMetricLabel(t, m.key)}
              </TermHead>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id} className="border-b last:border-0" data-retriever={row.id}>
              <th
                scope="row"
                className="sticky left-0 z-10 w-56 max-w-56 bg-card px-3 py-2 font-normal max-sm:w-36 max-sm:max-w-36"
              >
                {row.head}
              </th>
              {row.cells.map((cell, i) => (
                <td
                  key={metrics[i]?.key}
                  className="px-3 py-2 text-right align-top"
                  data-metric={metrics[i]?.key}
                >
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A metric's term of the glossary; nothing for a metric that is not known here. */
function MetricKeyHelp({ metric }: { metric: string }) {
  const t = useText();
  const term = findMetricTerm(metric);
  return term && <Help term={term} name={formatMetricLabel(t, metric)} className={HEAD_HELP} />;
}

type RunNameProps = { run: RetrieverComparison["runs"][number]; index: number; link?: boolean };

/** A run's retriever with its colour, and a link to the run. */
function RunName({ run, index, link = true }: RunNameProps) {
  const t = useText();
  const title = formatRetriever(t, run.retriever);
  return (
    <span className="flex items-start gap-2">
      <span
        aria-hidden
        className="mt-1 size-2.5 shrink-0 rounded-xs"
        style={{ background: getRunColour(index) }}
      />
      <span className="min-w-0">
        <span className="block truncate font-medium" title={title}>
          {title}
        </span>
        {link ? (
          <Link
            href={`/runs/${run.id}`}
            className="block truncate text-2xs text-muted-foreground hover:underline"
            title={run.name}
          >
            {run.name}
          </Link>
        ) : null}
      </span>
    </span>
  );
}

/** Every metric of every retriever with its 95% interval, in percent; the highest of a column stands out. */
export function MetricTable({ comparison }: { comparison: RetrieverComparison }) {
  const t = useText();
  const { metrics, overall, runs } = comparison;
  const best = metrics.map((_, m) => Math.max(...overall.map((row) => row[m]?.mean ?? -1)));
  return (
    <RetrieverTable
      label={t("Metrics")}
      hasHelp
      metrics={metrics}
      rows={runs.map((run, i) => ({
        id: run.id,
        head: <RunName run={run} index={i} link={runs.length > 1} />,
        cells: (overall[i] ?? []).map((interval, m) => (
          <IntervalCell
            key={m}
            interval={interval}
            best={runs.length > 1 && interval !== null && interval.mean === best[m]}
          />
        )),
      }))}
    />
  );
}

/** Each retriever minus the first, paired by question. */
export function DifferenceTable({ comparison }: { comparison: RetrieverComparison }) {
  const t = useText();
  const { metrics, differences, runs } = comparison;
  return (
    <RetrieverTable
      label={t("Differences")}
      hasHelp={false}
      metrics={metrics}
      rows={runs.slice(1).map((run, i) => ({
        id: run.id,
        head: <RunName run={run} index={i + 1} />,
        cells: (differences[i] ?? []).map((interval, m) => (
          <DifferenceCell key={m} interval={interval} />
        )),
      }))}
    />
  );
}

type SliceTableProps = { comparison: RetrieverComparison; by: "type" | "hops"; metric: number };

/** Parts of the questions in rows, retrievers in columns, one metric at a time. */
export function SliceTable({ comparison, by, metric }: SliceTableProps) {
  const t = useText();
  const slices = comparison.slices.filter((slice) => slice.by === by);
  const label = by === "type" ? t("By type") : t("By hops");
  return (
    <ScrollRegion label={label}>
      <table className="w-full text-left" aria-label={label}>
        <thead className="border-b text-xs text-muted-foreground">
          <tr>
            <th scope="col" className="h-8 pr-3 font-medium">
              {by === "type" ? t("Type") : t("Gold documents")}
            </th>
            <th scope="col" className="px-3 text-right font-medium">
              {t("Questions")}
            </th>
            {comparison.runs.map((run, i) => (
              <th key={run.id} scope="col" className="max-w-40 px-3 text-right font-medium">
                <span
                  className="inline-flex max-w-full items-center justify-end gap-1.5"
                  title={formatRetriever(t, run.retriever)}
                >
                  <span
                    aria-hidden
                    className="size-2 shrink-0 rounded-xs"
                    style={{ background: getRunColour(i) }}
                  />
                  <span className="truncate">{formatRetriever(t, run.retriever)}</span>
                </span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {slices.map((slice) => (
            <tr key={slice.value} className="border-b last:border-0" data-slice={slice.value}>
              <th scope="row" className="py-1.5 pr-3 font-medium">
                {slice.value}
              </th>
              <td className="px-3 text-right font-mono text-muted-foreground">{slice.questions}</td>
              {slice.overall.map((row, i) => (
                <td key={comparison.runs[i]?.id} className="px-3 py-1.5 text-right">
                  <IntervalCell interval={row[metric] ?? null} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollRegion>
  );
}
