"use client";
import { createColumnHelper, tableFeatures, useTable } from "@tanstack/react-table";
import Link from "next/link";
import { useMemo } from "react";
import { cn } from "@/app/_lib/cn";
import { formatNumber, formatSigned, NONE, words } from "@/app/_lib/format";
import type { EpisodeRow } from "@/app/_lib/trpc";
import { Badge } from "@/app/_ui/badge";
import { ScoreMark } from "@/app/_ui/score-mark";

interface Row extends EpisodeRow {
  href: string;
}

const features = tableFeatures({});
const helper = createColumnHelper<typeof features, Row>();
const columns = helper.columns([
  helper.display({
    id: "question",
    header: "Question",
    cell: ({ row: { original: e } }) => (
      <>
        <Link href={e.href} className="line-clamp-2 font-medium after:absolute after:inset-0" title={e.question}>
          {e.question}
        </Link>
        <span className="line-clamp-1 text-2xs text-muted-foreground" title={e.answer ?? ""}>
          {e.answer === null ? "no answer" : `“${e.answer}”`}
        </span>
      </>
    ),
  }),
  helper.display({
    id: "step",
    header: "Step",
    cell: ({ row: { original: e } }) => (
      <span className="whitespace-nowrap">
        <span className="font-mono">{e.step ?? NONE}</span> <span className="text-2xs text-muted-foreground">{e.phase === "train" ? `sample ${e.sampleIndex + 1}` : words(e.phase)}</span>
      </span>
    ),
  }),
  helper.display({ id: "score", header: "Right", cell: ({ row: { original: e } }) => <ScoreMark score={e.score} /> }),
  helper.display({ id: "baseline", header: "RAG", cell: ({ row: { original: e } }) => <ScoreMark score={e.baselineScore} /> }),
  helper.display({ id: "reward", header: "Reward", cell: ({ row: { original: e } }) => formatNumber(e.reward) }),
  helper.display({ id: "advantage", header: "Advantage", cell: ({ row: { original: e } }) => (e.advantage === null ? NONE : formatSigned(e.advantage)) }),
  helper.display({ id: "searches", header: "Searches", cell: ({ row: { original: e } }) => e.searches }),
  helper.display({ id: "documents", header: "Docs", cell: ({ row: { original: e } }) => e.documents }),
  helper.display({
    id: "attribution",
    header: "Outcome",
    cell: ({ row: { original: e } }) => (
      <span className="flex flex-wrap gap-1">
        {e.attribution ? <Badge tone={e.attribution === "correct" ? "good" : "neutral"}>{words(e.attribution)}</Badge> : null}
        {[...new Set(e.formatErrors)].map((f) => (
          <Badge key={f} tone="warn">
            {words(f)}
          </Badge>
        ))}
      </span>
    ),
  }),
]);

const CLASS: Record<string, string> = { question: "w-auto", step: "w-28", score: "w-14", baseline: "w-14", reward: "w-18 font-mono", advantage: "w-22 font-mono", searches: "w-20 font-mono", documents: "w-14 font-mono", attribution: "w-44" };

export function EpisodesTable({ runId, rows }: { runId: string; rows: EpisodeRow[] }) {
  const data = useMemo<Row[]>(() => rows.map((r) => ({ ...r, href: `/runs/${runId}/episodes/${r.id}` })), [rows, runId]);
  const table = useTable({ features, columns, data, getRowId: (r) => r.id });
  return (
    <>
      <div className="relative hidden overflow-x-auto rounded-lg border bg-card md:block">
        <table className="w-full min-w-[960px] table-fixed text-left">
          <thead className="border-b text-xs text-muted-foreground">
            {table.getHeaderGroups().map((group) => (
              <tr key={group.id}>
                {group.headers.map((header) => (
                  <th key={header.id} scope="col" className={cn("h-9 px-3 font-medium", CLASS[header.column.id], "font-sans")}>
                    <table.FlexRender header={header} />
                  </th>
                ))}
              </tr>
            ))}
          </thead>
          <tbody>
            {table.getRowModel().rows.map((row) => (
              <tr key={row.id} className="relative border-b last:border-0 hover:bg-muted/50" data-episode={row.original.id}>
                {row.getAllCells().map((cell) => (
                  <td key={cell.id} className={cn("h-12 px-3 py-1.5", CLASS[cell.column.id])}>
                    <table.FlexRender cell={cell} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <ul className="space-y-2 md:hidden">
        {data.map((e) => (
          <li key={e.id} className="relative rounded-lg border bg-card p-3" data-episode={e.id}>
            <Link href={e.href} className="font-medium after:absolute after:inset-0">
              {e.question}
            </Link>
            <p className="text-xs text-muted-foreground">{e.answer === null ? "no answer" : `“${e.answer}”`}</p>
            <p className="mt-2 flex flex-wrap items-center gap-x-3 gap-y-1 text-xs">
              <span className="flex items-center gap-1">
                s3 <ScoreMark score={e.score} />
              </span>
              <span className="flex items-center gap-1">
                RAG <ScoreMark score={e.baselineScore} />
              </span>
              <span>reward {formatNumber(e.reward)}</span>
              <span className="text-muted-foreground">{e.step === null ? words(e.phase) : `step ${e.step}, ${words(e.phase)}`}</span>
            </p>
          </li>
        ))}
      </ul>
    </>
  );
}
