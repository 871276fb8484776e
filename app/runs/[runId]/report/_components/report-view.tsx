"use client";
import { useQuery } from "@tanstack/react-query";
import { getNonce } from "get-nonce";
import { Download, Printer } from "lucide-react";
import { createElement, useDeferredValue, useMemo, type ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { saveFile } from "@/app/_lib/save-file";
import { useTRPC } from "@/app/_lib/live/trpc";
import { BackLink } from "@/app/_ui/back-link";
import { Button } from "@/app/_ui/button";
import { defer } from "@/app/_ui/deferred";
import { QueryErrorState, Skeleton } from "@/app/_ui/states";
import type { ReportNode } from "@/core/report/report-node";

/** What makes a report of the data: fetched beside it. */
const reportParts = defer(() => import("./report-parts"));

/** A run's report, to print or to save as one file. It is a snapshot: it does not change while it is read. */
export function ReportView({ runId }: { runId: string }) {
  const t = useText();
  const trpc = useTRPC();
  const query = useQuery(
    trpc.runs.report.queryOptions({ id: runId }, { staleTime: Number.POSITIVE_INFINITY }),
  );
  const { data } = query;
  const parts = reportParts.useModule(useDeferredValue(true, false));
  const report = useMemo(() => data && parts?.buildRunReport(t, data), [data, parts, t]);
  return (
    <>
      <div className="flex flex-wrap items-center justify-between gap-2 print:hidden">
        <BackLink href={`/runs/${runId}`}>{t("Run")}</BackLink>
        <div className="flex gap-2">
          <Button disabled={!report} onClick={() => window.print()}>
            <Printer /> {t("Print")}
          </Button>
          <Button
            disabled={!data || !parts}
            onClick={() =>
              data &&
              parts &&
              saveFile(`run-${runId}.html`, "text/html", parts.formatReportDocument(t, data))
            }
          >
            <Download /> {t("Save as one file")}
          </Button>
        </div>
      </div>
      {report && parts ? (
        <>
          <style nonce={getNonce()}>{parts.REPORT_STYLES}</style>
          <div className="mt-4 rounded-lg border bg-white p-6 print:border-0 print:p-0">
            {toReact(report, 0)}
          </div>
        </>
      ) : query.isError ? (
        <QueryErrorState className="mt-4" title={t("The report could not be made")} query={query} />
      ) : (
        <Skeleton className="mt-4 h-[60dvh]" />
      )}
    </>
  );
}

/** Draws a node; React has other names for some attributes. */
function toReact(node: ReportNode, key: number): ReactNode {
  if (typeof node === "string") return node;
  const { class: className, "text-anchor": textAnchor, ...attributes } = node.attributes;
  return createElement(
    node.tag,
    { key, ...attributes, className, textAnchor },
    ...node.children.map(toReact),
  );
}
