"use client";
import { useState } from "react";
import { cn } from "@/app/_lib/cn";
import { formatCount } from "@/app/_lib/format";
import { formatRetriever } from "@/app/_lib/retriever";
import type { RetrieverComparison } from "@/app/_lib/trpc";
import { Card } from "@/app/_ui/card";
import { Select } from "@/app/_ui/field";
import { WarningList } from "@/app/_ui/warning-list";
import { formatMetricLabel } from "./metric-label";
import { DifferenceTable, MetricTable, SliceTable } from "./metric-table";
import { QuestionTable } from "./question-table";
import { RecallPlots } from "./recall-plot";

/** Every measurement of one retriever, or of several side by side. */
export function ComparisonView({ comparison }: { comparison: RetrieverComparison }) {
  const { runs, metrics, slices } = comparison;
  const [chosen, setChosen] = useState<string | null>(null);
  const wanted = chosen ?? "full-support@10";
  const parts = (["type", "hops"] as const).filter((by) => slices.some((slice) => slice.by === by));
  const metric = Math.max(
    0,
    metrics.findIndex((m) => m.key === wanted),
  );
  return (
    <div className="space-y-5">
      <Notes comparison={comparison} />
      <section aria-label="Metrics">
        <Heading
          title="Metrics"
          note="in percent, with 95% bootstrap intervals clustered by the questions' group"
        />
        <MetricTable comparison={comparison} />
      </section>
      {runs.length > 1 ? (
        <section aria-label="Differences">
          <Heading
            title={`Difference to ${formatRetriever(runs[0]!.retriever)}`}
            note="in points, paired by question; coloured where the 95% interval leaves out 0"
          />
          <DifferenceTable comparison={comparison} />
        </section>
      ) : null}
      <RecallPlots comparison={comparison} />
      {slices.length > 0 ? (
        <Card className="px-4 py-3">
          <div className="flex flex-wrap items-center justify-between gap-2">
            <h2 className="font-medium">By type and by hops</h2>
            <Select
              aria-label="Metric of the parts"
              className="w-auto"
              value={metrics[metric]?.key}
              onChange={(e) => setChosen(e.target.value)}
              options={metrics.map((m) => ({ value: m.key, text: formatMetricLabel(m.key) }))}
            />
          </div>
          <div className={cn("mt-2 grid gap-x-8 gap-y-4", parts.length > 1 && "lg:grid-cols-2")}>
            {parts.map((by) => (
              <SliceTable key={by} comparison={comparison} by={by} metric={metric} />
            ))}
          </div>
          {parts.length === 1 ? (
            <p className="mt-2 text-xs text-muted-foreground">
              {parts[0] === "type"
                ? "All questions name the same number of gold documents."
                : "The questions are all of one type, or name none."}
            </p>
          ) : null}
        </Card>
      ) : null}
      <div>
        <Heading
          title="Question by question"
          note="ranks of the gold documents; a dash where one was not found"
        />
        <QuestionTable comparison={comparison} />
      </div>
    </div>
  );
}

function Heading({ title, note }: { title: string; note: string }) {
  return (
    <p className="mb-2 flex flex-wrap items-baseline gap-x-2">
      <span className="font-medium">{title}</span>
      <span className="text-xs text-muted-foreground">{note}</span>
    </p>
  );
}

/** What the figures leave out. */
function Notes({ comparison }: { comparison: RetrieverComparison }) {
  const { counts, runs, depth } = comparison;
  const unknown = runs.find((run) => (run.unknownGold?.documents ?? 0) > 0)?.unknownGold;
  const most = Math.max(...runs.map((run) => run.ranked));
  const notes = [
    counts.withoutGold > 0
      ? `${formatCount(counts.withoutGold, "question")} of ${counts.questions} ${counts.withoutGold === 1 ? "names" : "name"} no gold documents: counted here, not scored.`
      : null,
    unknown
      ? `${formatCount(unknown.documents, "gold document")} of ${formatCount(unknown.questions, "question")} ${unknown.documents === 1 ? "is" : "are"} not in the corpus and count as not found: no retriever can reach 100% here.`
      : null,
    runs.length > 1 && counts.scored < most
      ? `Only the ${formatCount(counts.scored, "question")} that every run has ranked are compared; one run has ranked ${most}.`
      : null,
    runs.some((run) => run.depth !== depth)
      ? `The runs reach different depths: all figures are within the first ${depth} documents.`
      : null,
  ].filter((note) => note !== null);
  return <WarningList warnings={notes} aria-label="What the figures leave out" />;
}
