"use client";
import Link from "next/link";
import { useMemo } from "react";
import { formatNumber, formatSigned, NONE, formatWords } from "@/app/_lib/format";
import type { EpisodeRow } from "@/app/_lib/trpc";
import { Badge } from "@/app/_ui/badge";
import { RowTable, type RowColumn } from "@/app/_ui/row-table";
import { ScoreMark } from "@/app/_ui/score-mark";

interface Row extends EpisodeRow {
  href: string;
}

const columns: RowColumn<Row>[] = [
  {
    id: "question",
    header: "Question",
    width: "w-auto",
    cell: (e) => (
      <>
        <Link
          href={e.href}
          className="line-clamp-2 font-medium after:absolute after:inset-0"
          title={e.question}
        >
          {e.question}
        </Link>
        <span className="line-clamp-1 text-2xs text-muted-foreground" title={e.answer ?? ""}>
          {e.answer === null ? "no answer" : `“${e.answer}”`}
        </span>
      </>
    ),
  },
  {
    id: "step",
    header: "Step",
    width: "w-28",
    cell: (e) => (
      <span className="whitespace-nowrap">
        <span className="font-mono">{e.step ?? NONE}</span>{" "}
        <span className="text-2xs text-muted-foreground">
          {e.phase === "train" ? `sample ${e.sampleIndex + 1}` : formatWords(e.phase)}
        </span>
      </span>
    ),
  },
  { id: "score", header: "Right", width: "w-14", cell: (e) => <ScoreMark score={e.score} /> },
  {
    id: "baseline",
    header: "RAG",
    width: "w-14",
    cell: (e) => <ScoreMark score={e.baselineScore} />,
  },
  {
    id: "reward",
    header: "Reward",
    width: "w-18",
    className: "font-mono",
    cell: (e) => formatNumber(e.reward),
  },
  {
    id: "advantage",
    header: "Advantage",
    width: "w-22",
    className: "font-mono",
    cell: (e) => (e.advantage === null ? NONE : formatSigned(e.advantage)),
  },
  {
    id: "searches",
    header: "Searches",
    width: "w-20",
    className: "font-mono",
    cell: (e) => e.searches,
  },
  {
    id: "documents",
    header: "Docs",
    width: "w-14",
    className: "font-mono",
    cell: (e) => e.documents,
  },
  {
    id: "attribution",
    header: "Outcome",
    width: "w-44",
    cell: (e) => (
      <span className="flex flex-wrap gap-1">
        {e.attribution ? (
          <Badge tone={e.attribution === "correct" ? "good" : "neutral"}>
            {formatWords(e.attribution)}
          </Badge>
        ) : null}
        {[...new Set(e.formatErrors)].map((f) => (
          <Badge key={f} tone="warn">
            {formatWords(f)}
          </Badge>
        ))}
      </span>
    ),
  },
];

/** A page of episodes: a table on wide screens, cards on narrow ones. */
export function EpisodesTable({ runId, rows }: { runId: string; rows: EpisodeRow[] }) {
  const data = useMemo<Row[]>(
    () => rows.map((r) => ({ ...r, href: `/runs/${runId}/episodes/${r.id}` })),
    [rows, runId],
  );
  return (
    <>
      <RowTable
        className="hidden md:block"
        columns={columns}
        rows={data}
        getKey={(e) => e.id}
        rowProps={(e) => ({ "data-episode": e.id })}
        minWidth="min-w-[960px]"
        rowHeight="h-12 py-1.5"
      />
      <ul className="space-y-2 md:hidden">
        {data.map((e) => (
          <li key={e.id} className="relative rounded-lg border bg-card p-3" data-episode={e.id}>
            <Link href={e.href} className="font-medium after:absolute after:inset-0">
              {e.question}
            </Link>
            <p className="text-xs text-muted-foreground">
              {e.answer === null ? "no answer" : `“${e.answer}”`}
            </p>
            <p className="mt-2 flex flex-wrap items-center gap-x-3 gap-y-1 text-xs">
              <span className="flex items-center gap-1">
                right <ScoreMark score={e.score} />
              </span>
              <span className="flex items-center gap-1">
                RAG <ScoreMark score={e.baselineScore} />
              </span>
              <span>reward {formatNumber(e.reward)}</span>
              <span className="text-muted-foreground">
                {e.step === null ? formatWords(e.phase) : `step ${e.step}, ${formatWords(e.phase)}`}
              </span>
            </p>
          </li>
        ))}
      </ul>
    </>
  );
}
