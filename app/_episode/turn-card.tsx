import { CircleStop, OctagonAlert, Search } from "lucide-react";
import Link from "next/link";
import { cn } from "@/app/_lib/cn";
import { formatSeconds, formatWords } from "@/app/_lib/format";
import { Badge } from "@/app/_ui/badge";
import { Card } from "@/app/_ui/card";
import { ScoreMark } from "@/app/_ui/score-mark";
import { LedgerDocumentRow } from "./ledger-document-row";
import { STOP_REASON, type LedgerTurn, type TurnGain } from "./ledger";

interface TurnCardProps {
  turn: LedgerTurn;
  gold: number;
  gain: TurnGain | null;
  /** Address of the playground with the turn's query; null: no link. */
  playground: string | null;
}

/** One turn of the ledger: its query, what it brought, its documents, and why the search ended. */
export function TurnCard({ turn, gold, gain, playground }: TurnCardProps) {
  return (
    <li>
      <Card data-turn={turn.index} className="overflow-hidden">
        <TurnHeader turn={turn} gold={gold} playground={playground} />
        <ol>
          {turn.documents.map((d) => (
            <LedgerDocumentRow key={`${d.rank} ${d.id}`} document={d} implicit={turn.implicit} />
          ))}
        </ol>
        <TurnFooter turn={turn} gain={gain} />
      </Card>
    </li>
  );
}

type TurnHeaderProps = { turn: LedgerTurn; gold: number; playground: string | null };

function TurnHeader({ turn, gold, playground }: TurnHeaderProps) {
  const selected = turn.documents.filter((d) => d.selected).length;
  return (
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
  );
}

/** What went wrong in the turn, why the search ended, and what an end here would have given. */
function TurnFooter({ turn, gain }: { turn: LedgerTurn; gain: TurnGain | null }) {
  // A turn without a search has no end of a search to explain.
  const stop = turn.query === null ? null : turn.stop;
  if (turn.rejected.length === 0 && !stop && !gain) return null;
  return (
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
  );
}
