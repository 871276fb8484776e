"use client";
import { useState } from "react";
import { cn } from "@/app/_lib/cn";
import { formatCount, NONE } from "@/app/_lib/format";
import { Badge } from "@/app/_ui/badge";
import type { LedgerDocument } from "./ledger";

/** Longer texts are cut until they are opened. */
const SHORT = 180;

type LedgerDocumentRowProps = { document: LedgerDocument; implicit: boolean };

/** A document of a turn's window, with its marks: gold, selected, new or seen before. */
export function LedgerDocumentRow({ document, implicit }: LedgerDocumentRowProps) {
  const [open, setOpen] = useState(false);
  const text = document.text?.text ?? null;
  const long = (text?.length ?? 0) > SHORT;
  return (
    <li
      className={cn(
        "relative grid grid-cols-[1.25rem_3rem_minmax(0,1fr)] gap-x-2 border-b px-4 py-2 last:border-0",
        document.selected &&
          "bg-primary-soft/50 before:absolute before:inset-y-0 before:left-0 before:w-0.5 before:bg-primary",
      )}
      data-document={document.id}
    >
      <span className="font-mono text-xs text-muted-foreground">{document.rank}</span>
      <span className="font-mono text-xs text-muted-foreground" title="Retriever score">
        {document.score === null ? NONE : document.score.toFixed(3)}
      </span>
      <div className="min-w-0">
        <div className="flex flex-wrap items-center gap-x-2 gap-y-0.5">
          <span
            className={cn("font-medium break-words", !document.fresh && "text-muted-foreground")}
          >
            {document.text?.title ?? document.id}
          </span>
          {document.gold ? <Badge tone="good">gold</Badge> : null}
          {document.selected ? (
            <Badge tone="primary">{implicit ? "selected (implicit)" : "selected"}</Badge>
          ) : null}
          {document.fresh ? <Badge tone="outline">new</Badge> : <Badge>seen before</Badge>}
        </div>
        {text === null ? (
          <p className="text-xs text-muted-foreground">The text is not stored.</p>
        ) : (
          <p
            className={cn(
              "mt-0.5 text-xs break-words whitespace-pre-wrap text-muted-foreground",
              long && !open && "line-clamp-2",
            )}
          >
            {text}
          </p>
        )}
        {long ? (
          <button
            type="button"
            aria-expanded={open}
            className="mt-0.5 text-2xs font-medium text-primary hover:underline"
            onClick={() => setOpen(!open)}
          >
            {open ? "Less" : `All ${formatCount(text?.length ?? 0, "character")}`}
          </button>
        ) : null}
      </div>
    </li>
  );
}
