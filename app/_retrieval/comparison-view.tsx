"use client";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatRetriever } from "@/app/_lib/config/retriever";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import type { RetrieverComparison } from "@/app/_lib/live/trpc";
import { Card } from "@/app/_ui/card";
import { Select } from "@/app/_ui/field";
import { WarningList } from "@/app/_ui/warning-list";
import { formatMetricLabel } from "./metric-label";
import { DifferenceTable, MetricTable, SliceTable } from "./metric-table";
import { QuestionTable } from "./question-table";
import { RecallPlots } from "./recall-plot";

/** Every measurement of one retriever, or of several side by side. */
export function ComparisonView({ comparison }: { comparison: RetrieverComparison }) {
  const t = useText();
  const { runs, metrics, slices } = comparison;
  const [params, setParams] = useQueryParams();
  const wanted = params.get("parts") ?? "full-support@10";
  const parts = (["type", "hops"] as const).filter((by) => slices.some((slice) => slice.by === by));
  const metric = Math.max(
    0,
    metrics.findIndex((m) => m.key === wanted),
  );
  return (
    <div className="space-y-5">
      <Notes comparison={comparison} />
      <section aria-label={t("Metrics")}>
        <Heading
          title={t("Metrics")}
          note={t("in percent, with 95% bootstrap intervals clustered by the questions' group")}
        />
        <MetricTable comparison={comparison} />
      </section>
      {runs.length > 1 ? (
        <section aria-label={t("Differences")}>
          <Heading
            title={t("Difference to {retriever}", {
              retriever: formatRetriever(t, runs[0]!.retriever),
            })}
            note={t("in points, paired by question; coloured where the 95% interval leaves out 0")}
          />
          <DifferenceTable comparison={comparison} />
        </section>
      ) : null}
      <RecallPlots comparison={comparison} />
      {slices.length > 0 ? (
        <Card className="px-4 py-3">
          <div className="flex flex-wrap items-center justify-between gap-2">
            <h2 className="font-medium">{t("By type and by hops")}</h2>
            <Select
              aria-label={t("Metric of the parts")}
              className="w-auto"
              value={metrics[metric]?.key}
              onChange={(e) => setParams({ parts: e.target.value })}
              options={metrics.map((m) => ({ value: m.key, text: formatMetricLabel(t, m.key) }))}
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
                ? t("All questions name the same number of gold documents.")
                : t("The questions are all of one type, or name none.")}
            </p>
          ) : null}
        </Card>
      ) : null}
      <div>
        <Heading
          title={t("Question by question")}
          note={t("ranks of the gold documents; a dash where one was not found")}
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
  const t = useText();
  const { counts, runs, depth } = comparison;
  const unknown = runs.find((run) => (run.unknownGold?.documents ?? 0) > 0)?.unknownGold;
  const most = Math.max(...runs.map((run) => run.ranked));
  const notes = [
    counts.withoutGold > 0
      ? t(
          "{count, plural, one {# question of {total} names} other {# questions of {total} name}} no gold documents: counted here, not scored.",
          { count: counts.withoutGold, total: counts.questions },
        )
      : null,
    unknown
      ? t(
          "{documents, plural, one {# gold document} other {# gold documents}} of {questions, plural, one {# question} other {# questions}} {documents, plural, one {is} other {are}} not in the corpus and count as not found: no retriever can reach 100% here.",
          unknown,
        )
      : null,
    runs.length > 1 && counts.scored < most
      ? t(
          "Only the {scored, plural, one {# question} other {# questions}} that every run has ranked are compared; one run has ranked {most}.",
          { scored: counts.scored, most },
        )
      : null,
    runs.some((run) => run.depth !== depth)
      ? t("The runs reach different depths: all figures are within the first {depth} documents.", {
          depth,
        })
      : null,
  ].filter((note) => note !== null);
  return <WarningList warnings={notes} aria-label={t("What the figures leave out")} />;
}
