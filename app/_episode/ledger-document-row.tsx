"use client";
import { useMemo, useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { NONE } from "@/app/_lib/format/format";
import { Badge } from "@/app/_ui/badge";
import { splitHighlights, type Terms } from "./highlight";
import type { LedgerDocument } from "./ledger";
import { Marked } from "./marked";

/** Longer texts are cut until they are opened. */
const SHORT = 180;

interface LedgerDocumentRowProps {
  document: LedgerDocument;
  implicit: boolean;
  /** Words to mark. */
  terms: Terms;
}

/** A document of a turn's window, with its marks: gold, selected, new or seen before. */
export function LedgerDocumentRow({ document, implicit, terms }: LedgerDocumentRowProps) {
  const t = useText();
  const [open, setOpen] = useState(false);
  const text = document.text?.text ?? null;
  const long = (text?.length ?? 0) > SHORT;
  const title = useMemo(
    () => splitHighlights(document.text?.title ?? document.id, terms),
    [document, terms],
  );
  const parts = useMemo(() => splitHighlights(text ?? "", terms), [text, terms]);
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
      <span className="font-mono text-xs text-muted-foreground" title={t("Retriever score")}>
        {document.score === null ? NONE : document.score.toFixed(3)}
      </span>
      <div className="min-w-0">
        <div className="flex flex-wrap items-center gap-x-2 gap-y-0.5">
          <span
            className={cn("font-medium break-words", !document.fresh && "text-muted-foreground")}
          >
            <Marked parts={title} />
          </span>
          {document.gold ? <Badge tone="good">{t("gold")}</Badge> : null}
          {document.selected ? (
            <Badge tone="primary">{implicit ? t("selected (implicit)") : t("selected")}</Badge>
          ) : null}
          {document.fresh ? (
            <Badge tone="outline">{t("new")}</Badge>
          ) : (
            <Badge>{t("seen before")}</Badge>
          )}
        </div>
        {text === null ? (
          <p className="text-xs text-muted-foreground">{t("The text is not stored.")}</p>
        ) : (
          <p
            className={cn(
              "mt-0.5 text-xs break-words whitespace-pre-wrap text-muted-foreground",
              long && !open && "line-clamp-2",
            )}
          >
            <Marked parts={parts} />
          </p>
        )}
        {long ? (
          <button
            type="button"
            aria-expanded={open}
            className="mt-0.5 text-2xs font-medium text-primary hover:underline"
            onClick={() => setOpen(!open)}
          >
            {open
              ? t("Less")
              : t("All {count, plural, one {# character} other {# characters}}", {
                  count: text?.length ?? 0,
                })}
          </button>
        ) : null}
      </div>
    </li>
  );
}
