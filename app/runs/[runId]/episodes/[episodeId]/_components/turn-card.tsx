import { CircleStop, OctagonAlert, Search } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import { cn } from "@/app/_lib/cn";
import { formatSeconds, NONE, formatCount, formatWords } from "@/app/_lib/format";
import { Badge } from "@/app/_ui/badge";
import { Card } from "@/app/_ui/card";
import { ScoreMark } from "@/app/_ui/score-mark";
import { STOP_REASON, type LedgerDocument, type LedgerTurn } from "./ledger";
import type { TurnGain } from "./turn-gains";

export function TurnCard({
  turn,
  gold,
  gain,
  playground,
}: {
  turn: LedgerTurn;
  gold: number;
  gain: TurnGain | null;
  /** The turn's query in the playground. */ playground: string | null;
}) {
  const selected = turn.documents.filter((d) => d.selected).length;
  // Where nothing was searched, no search ended.
  const stop = turn.query === null ? null : turn.stop;
  return (
    <li>
      <Card data-turn={turn.index} className="overflow-hidden">
        <header className="border-b px-4 py-2.5">
          <div className="flex flex-wrap items-baseline gap-x-3 gap-y-1">
            <h2 className="font-semibold">Turn {turn.index}</h2>
            <span className="text-xs text-muted-foreground">
              {turn.query === null
                ? "without a search"
                : turn.index === 0
                  ? "retrieval with the question itself"
                  : "the searcher asked"}
            </span>
            {playground && turn.query ? (
              <Link
                href={playground}
                className="ml-auto inline-flex items-center gap-1 text-xs font-medium text-primary hover:underline"
                title="Search this query again, with this run's corpus and retriever"
              >
                <Search className="size-3.5" aria-hidden /> Open in the playground
              </Link>
            ) : (
              <span className="ml-auto" />
            )}
            <span className="font-mono text-2xs text-muted-foreground">
              {formatSeconds(turn.seconds)}
            </span>
          </div>
          {turn.index > 0 ? (
            <p className="mt-1 font-mono text-[0.8125rem] break-words">{turn.query}</p>
          ) : null}
          {turn.query === null ? null : (
            <p className="mt-1.5 flex flex-wrap gap-x-4 gap-y-1 text-xs text-muted-foreground">
              {gold > 0 ? (
                <span>
                  gold retrieved{" "}
                  <span className="font-mono text-foreground">
                    {turn.goldRetrieved} / {gold}
                  </span>{" "}
                  <span
                    className={cn(
                      "ml-1 font-mono",
                      turn.newGold > 0 ? "text-good" : "text-muted-foreground",
                    )}
                  >
                    {turn.newGold > 0 ? `+${turn.newGold} this turn` : "nothing new"}
                  </span>
                </span>
              ) : null}
              {gold > 0 ? (
                <span>
                  gold kept{" "}
                  <span className="font-mono text-foreground">
                    {turn.goldSelected} / {gold}
                  </span>
                </span>
              ) : null}
              <span>
                selected{" "}
                <span className="font-mono text-foreground">
                  {selected} of {turn.documents.length}
                </span>
              </span>
              {turn.implicit ? <Badge tone="warn">implicit select-all</Badge> : null}
            </p>
          )}
        </header>
        <ol>
          {turn.documents.map((d) => (
            <DocumentRow key={`${d.rank} ${d.id}`} document={d} implicit={turn.implicit} />
          ))}
        </ol>
        {turn.rejected.length > 0 || stop || gain ? (
          <footer className="space-y-1.5 border-t bg-muted/40 px-4 py-2 text-xs">
            {turn.rejected.map((r, i) => (
              <p key={i} className="flex gap-2">
                <OctagonAlert className="mt-0.5 size-3.5 shrink-0 text-warn" aria-hidden />
                <span className="min-w-0">
                  <span className="font-medium">{formatWords(r.error)}</span>
                  {r.text ? (
                    <span className="ml-1.5 font-mono text-2xs break-words text-muted-foreground">
                      {r.text}
                    </span>
                  ) : null}
                </span>
              </p>
            ))}
            {stop ? (
              <p className="flex items-center gap-2">
                <CircleStop className="size-3.5 text-muted-foreground" aria-hidden />{" "}
                {STOP_REASON[stop.reason]}
              </p>
            ) : null}
            {gain ? (
              <p className="flex items-center gap-2" data-turn-gain={gain.score}>
                <ScoreMark score={gain.score} /> Answer if the search had ended here:{" "}
                <span className="font-medium">“{gain.answer}”</span>
              </p>
            ) : null}
          </footer>
        ) : null}
      </Card>
    </li>
  );
}

const SHORT = 180;

function DocumentRow({ document, implicit }: { document: LedgerDocument; implicit: boolean }) {
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
