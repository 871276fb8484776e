"use client";
import { useQuery } from "@tanstack/react-query";
import { getNonce } from "get-nonce";
import { Download, Printer } from "lucide-react";
import { createElement, useMemo, type ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { saveFile } from "@/app/_lib/save-file";
import { useTRPC } from "@/app/_lib/trpc";
import { BackLink } from "@/app/_ui/back-link";
import { Button } from "@/app/_ui/button";
import { QueryErrorState, Skeleton } from "@/app/_ui/states";
import { formatReportDocument, REPORT_STYLES } from "@/core/report/report-document";
import type { ReportNode } from "@/core/report/report-node";
import { buildRunReport } from "@/core/report/run-report";

/** A run's report, to print or to save as one file. It is a snapshot: it does not change while it is read. */
export function ReportView({ runId }: { runId: string }) {
  const t = useText();
  const trpc = useTRPC();
  const query = useQuery(
    trpc.runs.report.queryOptions({ id: runId }, { staleTime: Number.POSITIVE_INFINITY }),
  );
  const { data } = query;
  const report = useMemo(() => data && buildRunReport(data), [data]);
  return (
    <>
      <div className="flex flex-wrap items-center justify-between gap-2 print:hidden">
        <BackLink href={`/runs/${runId}`}>{t("Run")}</BackLink>
        <div className="flex gap-2">
          <Button disabled={!data} onClick={() => window.print()}>
            <Printer /> {t("Print")}
          </Button>
          <Button
            disabled={!data}
            onClick={() =>
              data && saveFile(`run-${runId}.html`, "text/html", formatReportDocument(data))
            }
          >
            <Download /> {t("Save as one file")}
          </Button>
        </div>
      </div>
      {report ? (
        <>
          <style nonce={getNonce()}>{REPORT_STYLES}</style>
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
