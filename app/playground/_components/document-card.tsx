"use client";
import { memo, useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatNumber } from "@/app/_lib/format/format";
import { Badge } from "@/app/_ui/badge";
import type { QueryResult } from "@/contracts/worker-protocol/search-results";
import type { TextPart } from "@/app/_episode/highlight";
import { Marked } from "@/app/_episode/marked";
import { SHOWN_TEXTS } from "@/core/glossary/shown-texts";
import { getColumnLetter, type OtherRank } from "./overlap";

interface DocumentCardProps {
  document: QueryResult["documents"][number];
  rank: number;
  elsewhere: readonly OtherRank[];
  /** Another column has an answer: "only here" is then shown. */
  compared: boolean;
  gold: boolean;
  highlight: (text: string) => TextPart[];
  /** The same document is under the pointer, here or in another column. */
  linked: boolean;
  onHover: (id: string | null) => void;
}

/** Longer texts are cut until they are opened. */
const SHORT = 260;

/** A found document with the query's words marked. */
export const DocumentCard = memo(function DocumentCard({
  document,
  rank,
  elsewhere,
  compared,
  gold,
  highlight,
  linked,
  onHover,
}: DocumentCardProps) {
  const t = useText();
  const [open, setOpen] = useState(false);
  const long = document.text.length > SHORT;
  return (
    <li
      className={cn(
        "relative border-b px-3 py-2 transition-colors last:border-0",
        gold && "before:absolute before:inset-y-0 before:left-0 before:w-0.5 before:bg-good",
        linked && "bg-primary-soft",
      )}
      data-document={document.id}
      data-linked={linked || undefined}
      onPointerEnter={() => onHover(document.id)}
      onPointerLeave={() => onHover(null)}
    >
      <div className="flex items-baseline gap-2">
        <span className="w-5 shrink-0 text-right font-mono text-xs text-muted-foreground">
          {rank}
        </span>
        <span className="min-w-0 flex-1 font-medium break-words">
          <Marked parts={highlight(document.title || document.id)} />
        </span>
        <span
          className="shrink-0 font-mono text-xs text-muted-foreground"
          title={t(SHOWN_TEXTS["retriever-score"])}
        >
          {formatNumber(document.score)}
        </span>
      </div>
      <div className="pl-7">
        <p
          className={cn(
            "mt-0.5 text-xs break-words whitespace-pre-wrap text-muted-foreground",
            long && !open && "line-clamp-4",
          )}
        >
          <Marked parts={highlight(document.text)} />
        </p>
        <p className="mt-1 flex flex-wrap items-center gap-1">
          {gold ? <Badge tone="good">{t("gold")}</Badge> : null}
          {elsewhere.map(({ column, rank: other }) => (
            <Badge
              key={column}
              tone={other === rank ? "neutral" : "outline"}
              title={t("Rank {rank} in column {column}", {
                rank: other,
                column: getColumnLetter(column),
              })}
            >
              <span className="font-semibold" style={{ color: `var(--series-${column + 1})` }}>
                {getColumnLetter(column)}
              </span>
              #{other}
              {other === rank ? null : (
                <span aria-label={other > rank ? t("lower there") : t("higher there")}>
                  {other > rank ? "↓" : "↑"}
                </span>
              )}
            </Badge>
          ))}
          {compared && elsewhere.length === 0 ? <Badge tone="warn">{t("only here")}</Badge> : null}
          {long ? (
            <button
              type="button"
              aria-expanded={open}
              className="ml-auto text-2xs font-medium text-primary hover:underline"
              onClick={() => setOpen(!open)}
            >
              {open ? t("Less") : t("All of it")}
            </button>
          ) : null}
        </p>
      </div>
    </li>
  );
});
