"use client";
import dynamic from "next/dynamic";
import { useEffect, useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { formatRetriever } from "@/app/_lib/config/retriever";
import { Badge } from "@/app/_ui/badge";
import { Card } from "@/app/_ui/card";
import { ErrorState } from "@/app/_ui/states";
import type { RetrieverConfig } from "@/contracts/run-config/retriever";
import { ColumnTitle, SearchTimes, SearchWaiting } from "./column-parts";
import { DocumentCard } from "./document-card";
import type { TextPart } from "@/app/_episode/highlight";
import { getColumnLetter, type OtherRank } from "./overlap";
import type { SearchState } from "./playground-address";
import { useRetrieverSearch } from "./use-retriever-search";

/** Loaded once it is opened: it knows every setting of a retriever. */
const RetrieverDialog = dynamic(() => import("./retriever-dialog").then((m) => m.RetrieverDialog), {
  ssr: false,
});

interface RetrieverColumnProps {
  place: number;
  search: SearchState;
  retriever: RetrieverConfig;
  /** Changes with each search, so that the same query is searched again. */
  searchCount: number;
  gold: ReadonlySet<string>;
  /** Another column has an answer to be compared with. */
  compared: boolean;
  elsewhere: readonly (readonly OtherRank[])[];
  highlight: (text: string) => TextPart[];
  hovered: string | null;
  onHover: (id: string | null) => void;
  onFound: (place: number, ids: string[] | null) => void;
  onEdit: (config: RetrieverConfig) => void;
  onRemove: (() => void) | null;
}

/**
 * One retriever's answer. It searches again whenever query or settings change; its failure leaves the other columns
 * alone.
 */
export function RetrieverColumn({
  place,
  search: asked,
  retriever,
  searchCount,
  gold,
  compared,
  elsewhere,
  highlight,
  hovered,
  onHover,
  onFound,
  onEdit,
  onRemove,
}: RetrieverColumnProps) {
  const t = useText();
  const [editing, setEditing] = useState(false);
  const { running, result, failure, stopped, task, search, cancel } = useRetrieverSearch(
    asked,
    retriever,
    searchCount,
  );
  useEffect(
    () => onFound(place, result ? result.documents.map((d) => d.id) : null),
    [onFound, place, result],
  );
  const found =
    gold.size > 0 && result ? result.documents.filter((d) => gold.has(d.id)).length : null;
  const title = formatRetriever(t, retriever);
  return (
    <Card
      className="min-w-0 snap-start overflow-hidden"
      aria-label={`${getColumnLetter(place)}: ${title}`}
      data-column={place}
      data-column-state={running ? "running" : failure ? "failed" : result ? "done" : "idle"}
    >
      <header className="border-b px-3 py-2">
        <ColumnTitle
          place={place}
          title={title}
          running={running}
          onSearch={search}
          onCancel={cancel}
          onEdit={() => setEditing(true)}
          onRemove={onRemove}
        />
        <p className="mt-0.5 flex min-h-5 flex-wrap gap-x-2 text-2xs text-muted-foreground">
          {result ? (
            <SearchTimes
              result={result}
              total={
                task?.endedAt ? (task.endedAt.getTime() - task.createdAt.getTime()) / 1000 : null
              }
              worker={task?.worker.name ?? null}
            />
          ) : null}
          {found === null ? null : (
            <Badge tone={found === gold.size ? "good" : "warn"}>
              {t("{found} of {total} gold", { found, total: gold.size })}
            </Badge>
          )}
        </p>
      </header>
      <div aria-live="polite">
        {running ? (
          <SearchWaiting detail={task?.detail ?? ""} fraction={task?.fraction ?? 0} k={asked.k} />
        ) : null}
        {failure && !stopped ? (
          <ErrorState
            className="m-3"
            title={t("This retriever failed")}
            error={failure}
            onRetry={search}
          />
        ) : null}
        {stopped ? (
          <p className="px-3 py-6 text-center text-xs text-muted-foreground">{t("Stopped.")}</p>
        ) : null}
        {result?.documents.length === 0 ? (
          <p className="px-3 py-6 text-center text-xs text-muted-foreground">
            {t(
              "Nothing was found: no document shares a word with the query, or the corpus is empty.",
            )}
          </p>
        ) : null}
      </div>
      {result && result.documents.length > 0 ? (
        <ol>
          {result.documents.map((document, i) => (
            <DocumentCard
              key={`${document.id} ${i}`}
              document={document}
              rank={i + 1}
              elsewhere={elsewhere[i] ?? []}
              compared={compared}
              gold={gold.has(document.id)}
              highlight={highlight}
              linked={hovered === document.id}
              onHover={onHover}
            />
          ))}
        </ol>
      ) : null}
      {editing ? (
        <RetrieverDialog
          title={t("Retriever {letter}", { letter: getColumnLetter(place) })}
          start={retriever}
          onClose={() => setEditing(false)}
          onApply={(config) => {
            setEditing(false);
            onEdit(config);
          }}
        />
      ) : null}
    </Card>
  );
}
