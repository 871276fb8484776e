import { Pencil, RotateCw, Square, X } from "lucide-react";
import type { ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatInteger, formatSeconds } from "@/app/_lib/format/format";
import { Button } from "@/app/_ui/button";
import { Progress } from "@/app/_ui/progress";
import { SkeletonList } from "@/app/_ui/states";
import type { QueryResult } from "@/contracts/worker-protocol/search-results";
import { SHOWN_TEXTS } from "@/core/glossary/shown-texts";
import { getColumnLetter } from "./overlap";

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
  const t = useText();
  const letter = getColumnLetter(place);
  return (
    <div className="flex items-center gap-2">
      <span
        className={cn(
          "grid size-5 shrink-0 place-items-center rounded text-2xs font-semibold text-card",
          COLUMN_FILLS[place],
        )}
        aria-hidden
      >
        {letter}
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
        <Button variant="ghost" size="icon-sm" aria-label={t("Stop")} onClick={onCancel}>
          <Square />
        </Button>
      ) : (
        <Button variant="ghost" size="icon-sm" aria-label={t("Search again")} onClick={onSearch}>
          <RotateCw />
        </Button>
      )}
      <Button
        variant="ghost"
        size="icon-sm"
        aria-label={t("Change retriever {letter}", { letter })}
        onClick={onEdit}
      >
        <Pencil />
      </Button>
      {onRemove ? (
        <Button
          variant="ghost"
          size="icon-sm"
          aria-label={t("Remove retriever {letter}", { letter })}
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
  const t = useText();
  const { seconds, openSeconds, retriever } = result;
  const time = (text: ReactNode) => <span className="font-mono text-foreground">{text}</span>;
  return (
    <>
      <span title={t(SHOWN_TEXTS["search-time"])}>
        {t.rich("search <time>{seconds}</time>", { seconds: formatSeconds(seconds), time })}
      </span>
      {openSeconds >= 0.5 ? (
        <span title={t(SHOWN_TEXTS["opening-time"])}>
          {t.rich("opening <time>{seconds}</time>", { seconds: formatSeconds(openSeconds), time })}
        </span>
      ) : null}
      {total === null ? null : (
        <span title={t(SHOWN_TEXTS["total-time"])}>
          {t.rich("total <time>{seconds}</time>", { seconds: formatSeconds(total), time })}
        </span>
      )}
      {retriever.documents === null ? null : (
        <span>
          {t("{count, plural, one {# document} other {# documents}}", {
            count: retriever.documents,
          })}
        </span>
      )}
      {worker ? <span className="truncate">{t("on {worker}", { worker })}</span> : null}
    </>
  );
}

type SearchWaitingProps = { detail: string; fraction: number; k: number };

/** What the worker is doing, while the documents are not there yet. */
export function SearchWaiting({ detail, fraction, k }: SearchWaitingProps) {
  const t = useText();
  return (
    <div className="p-3" aria-busy>
      <Progress value={fraction > 0 ? fraction : null} label={t("Opening the retriever")} />
      <p className="mt-1 min-h-4 text-xs text-muted-foreground">
        {t.message(detail) || t("Asking a worker")}
      </p>
      <SkeletonList count={Math.min(k, 5)} className="h-14" list="mt-2 space-y-2" />
      <span className="sr-only">
        {fraction > 0 ? t("{share} percent", { share: formatInteger(fraction * 100) }) : ""}
      </span>
    </div>
  );
}
