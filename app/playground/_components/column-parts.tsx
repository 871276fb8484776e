import { Pencil, RotateCw, Square, X } from "lucide-react";
import { cn } from "@/app/_lib/cn";
import { formatCount, formatInteger, formatSeconds } from "@/app/_lib/format";
import { Button } from "@/app/_ui/button";
import { Progress } from "@/app/_ui/progress";
import { SkeletonList } from "@/app/_ui/states";
import type { QueryResult } from "@/contracts/worker-protocol/tasks";
import { GLOSSARY } from "@/core/glossary/glossary";
import { COLUMN_LETTERS } from "./overlap";

/** Classes, because the server writes columns that the address names, and its pages may hold no style attributes. */
const COLUMN_FILLS = ["bg-(--series-1)", "bg-(--series-2)", "bg-(--series-3)", "bg-(--series-4)"];

/** The column's letter, its retriever, and what can be done with it. */
export function ColumnTitle({
  place,
  title,
  running,
  onSearch,
  onCancel,
  onEdit,
  onRemove,
}: {
  place: number;
  title: string;
  running: boolean;
  onSearch: () => void;
  onCancel: () => void;
  onEdit: () => void;
  /** Null: it is the only column. */
  onRemove: (() => void) | null;
}) {
  return (
    <div className="flex items-center gap-2">
      <span
        className={cn(
          "grid size-5 shrink-0 place-items-center rounded text-2xs font-semibold text-card",
          COLUMN_FILLS[place],
        )}
        aria-hidden
      >
        {COLUMN_LETTERS[place]}
      </span>
      <button
        type="button"
        className="min-w-0 flex-1 truncate text-left font-medium hover:underline"
        title={title}
        onClick={onEdit}
      >
        {title}
      </button>
      {running ? (
        <Button variant="ghost" size="icon-sm" aria-label="Stop" onClick={onCancel}>
          <Square />
        </Button>
      ) : (
        <Button variant="ghost" size="icon-sm" aria-label="Search again" onClick={onSearch}>
          <RotateCw />
        </Button>
      )}
      <Button
        variant="ghost"
        size="icon-sm"
        aria-label={`Change retriever ${COLUMN_LETTERS[place]}`}
        onClick={onEdit}
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
  );
}

type SearchTimesProps = { result: QueryResult; total: number | null; worker: string | null };

/** Where the time of a search went. */
export function SearchTimes({ result, total, worker }: SearchTimesProps) {
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

type SearchWaitingProps = { detail: string; fraction: number; k: number };

/** What the worker is doing, while the documents are not there yet. */
export function SearchWaiting({ detail, fraction, k }: SearchWaitingProps) {
  return (
    <div className="p-3" aria-busy>
      <Progress value={fraction > 0 ? fraction : null} label="Opening the retriever" />
      <p className="mt-1 min-h-4 text-xs text-muted-foreground">{detail || "Asking a worker"}</p>
      <SkeletonList count={Math.min(k, 5)} className="h-14" list="mt-2 space-y-2" />
      <span className="sr-only">
        {fraction > 0 ? `${formatInteger(fraction * 100)} percent` : ""}
      </span>
    </div>
  );
}
