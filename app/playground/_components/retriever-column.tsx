"use client";
import { Pencil, RotateCw, Square, X } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { formatInteger, formatSeconds, formatCount } from "@/app/_lib/format";
import type { PlaygroundState } from "@/app/_lib/playground-link";
import { formatRetriever } from "@/app/_lib/retriever";
import { useTask } from "@/app/_lib/use-task";
import { Badge } from "@/app/_ui/badge";
import { Button } from "@/app/_ui/button";
import { Card } from "@/app/_ui/card";
import { Progress } from "@/app/_ui/progress";
import { ErrorState, Skeleton } from "@/app/_ui/states";
import type { RetrieverConfig } from "@/contracts/run-config/retriever";
import { queryResultSchema, type QueryResult } from "@/contracts/worker-protocol/tasks";
import { DocumentCard } from "./document-card";
import type { TextPart } from "./highlight";
import { GLOSSARY } from "@/core/glossary/glossary";
import { COLUMN_LETTERS, type OtherRank } from "./overlap";
import { RetrieverDialog } from "./retriever-dialog";

interface RetrieverColumnProps {
  place: number;
  state: PlaygroundState;
  retriever: RetrieverConfig;
  /** Changes with each search, so that the same query is asked again. */
  asked: number;
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

/** One retriever's answer. It asks by itself whenever what it is asked changes; its failure is its own. */
export function RetrieverColumn({
  place,
  state,
  retriever,
  asked,
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
  const { task, start, cancel, running, error } = useTask();
  const [editing, setEditing] = useState(false);
  const { corpus, query, k, worker } = state;
  const request = useMemo(
    () => ({ kind: "query" as const, corpus, retriever, query, k, workerId: worker }),
    [corpus, retriever, query, k, worker],
  );
  const key = `${asked} ${JSON.stringify(request)}`;
  const lastKey = useRef<string | null>(null);
  useEffect(() => {
    if (lastKey.current === key) return;
    lastKey.current = key;
    start(request);
  }, [key, request, start]);

  const parsed = useMemo(
    () => (task?.state === "succeeded" ? queryResultSchema.safeParse(task.result) : null),
    [task],
  );
  const result = !running && parsed?.success ? parsed.data : null;
  useEffect(
    () => onFound(place, result ? result.documents.map((d) => d.id) : null),
    [onFound, place, result],
  );
  const failure = running
    ? null
    : (error ??
      task?.error ??
      (parsed && !parsed.success
        ? { message: "Worker and page are of different versions: restart both." }
        : null));
  const stopped = !running && task?.state === "cancelled";
  const found =
    gold.size > 0 && result ? result.documents.filter((d) => gold.has(d.id)).length : null;
  const title = formatRetriever(retriever);
  return (
    <Card
      className="min-w-0 snap-start overflow-hidden"
      aria-label={`${COLUMN_LETTERS[place]}: ${title}`}
      data-column={place}
      data-column-state={running ? "running" : failure ? "failed" : result ? "done" : "idle"}
    >
      <header className="border-b px-3 py-2">
        <div className="flex items-center gap-2">
          <span
            className="grid size-5 shrink-0 place-items-center rounded text-2xs font-semibold text-card"
            style={{ background: `var(--series-${place + 1})` }}
            aria-hidden
          >
            {COLUMN_LETTERS[place]}
          </span>
          <button
            type="button"
            className="min-w-0 flex-1 truncate text-left font-medium hover:underline"
            title={title}
            onClick={() => setEditing(true)}
          >
            {title}
          </button>
          {running ? (
            <Button variant="ghost" size="icon-sm" aria-label="Stop" onClick={cancel}>
              <Square />
            </Button>
          ) : (
            <Button
              variant="ghost"
              size="icon-sm"
              aria-label="Search again"
              onClick={() => start(request)}
            >
              <RotateCw />
            </Button>
          )}
          <Button
            variant="ghost"
            size="icon-sm"
            aria-label={`Change retriever ${COLUMN_LETTERS[place]}`}
            onClick={() => setEditing(true)}
          >
            <Pencil />
          </Button>
          {onRemove ? (
            <Button
              variant="ghost"
              size="icon-sm"
              aria-label={`Remove retriever ${COLUMN_LETTERS[place]}`}
              onClick={onRemove}
            >
              <X />
            </Button>
          ) : null}
        </div>
        <p className="mt-0.5 flex min-h-5 flex-wrap gap-x-2 text-2xs text-muted-foreground">
          {result ? (
            <Times
              result={result}
              total={
                task?.endedAt ? (task.endedAt.getTime() - task.createdAt.getTime()) / 1000 : null
              }
              worker={task?.worker.name ?? null}
            />
          ) : null}
          {found === null ? null : (
            <Badge
              tone={found === gold.size ? "good" : "warn"}
            >{`${found} of ${gold.size} gold`}</Badge>
          )}
        </p>
      </header>
      <div aria-live="polite">
        {running ? (
          <Waiting detail={task?.detail ?? ""} fraction={task?.fraction ?? 0} k={k} />
        ) : null}
        {failure && !stopped ? (
          <ErrorState
            className="m-3"
            title="This retriever failed"
            error={failure}
            onRetry={() => start(request)}
          />
        ) : null}
        {stopped ? (
          <p className="px-3 py-6 text-center text-xs text-muted-foreground">Stopped.</p>
        ) : null}
        {result?.documents.length === 0 ? (
          <p className="px-3 py-6 text-center text-xs text-muted-foreground">
            Nothing was found: no document shares a word with the query, or the corpus is empty.
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
          title={`Retriever ${COLUMN_LETTERS[place]}`}
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

function Times({
  result,
  total,
  worker,
}: {
  result: QueryResult;
  total: number | null;
  worker: string | null;
}) {
  const { seconds, openSeconds, retriever } = result;
  return (
    <>
      <span title={GLOSSARY["search-time"].text}>
        search <span className="font-mono text-foreground">{formatSeconds(seconds)}</span>
      </span>
      {openSeconds >= 0.5 ? (
        <span title={GLOSSARY["opening-time"].text}>
          opening <span className="font-mono text-foreground">{formatSeconds(openSeconds)}</span>
        </span>
      ) : null}
      {total === null ? null : (
        <span title={GLOSSARY["total-time"].text}>
          total <span className="font-mono text-foreground">{formatSeconds(total)}</span>
        </span>
      )}
      {retriever.documents === null ? null : (
        <span>{formatCount(retriever.documents, "document")}</span>
      )}
      {worker ? <span className="truncate">on {worker}</span> : null}
    </>
  );
}

/** What the worker is doing, over the places of the documents that will come. */
function Waiting({ detail, fraction, k }: { detail: string; fraction: number; k: number }) {
  return (
    <div className="p-3" aria-busy>
      <Progress value={fraction > 0 ? fraction : null} label="Opening the retriever" />
      <p className="mt-1 min-h-4 text-xs text-muted-foreground">{detail || "Asking a worker"}</p>
      <div className="mt-2 space-y-2">
        {Array.from({ length: Math.min(k, 5) }, (_, i) => (
          <Skeleton key={i} className="h-14" />
        ))}
      </div>
      <span className="sr-only">
        {fraction > 0 ? `${formatInteger(fraction * 100)} percent` : ""}
      </span>
    </div>
  );
}
