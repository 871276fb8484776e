import { CircleStop, GitBranch, OctagonAlert, Search } from "lucide-react";
import { Link } from "@/app/_ui/link";
import { useMemo, type ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatDateTime, formatSeconds, formatWords } from "@/app/_lib/format/format";
import { Badge } from "@/app/_ui/badge";
import { Card } from "@/app/_ui/card";
import { HEAD_HELP } from "@/app/_ui/head-label";
import { Help } from "@/app/_ui/help";
import { ScoreMark } from "@/app/_ui/score-mark";
import { collectTerms } from "./highlight";
import { LedgerDocumentRow } from "./ledger-document-row";
import { STOP_REASON, type LedgerTurn, type TurnGain } from "./ledger";

interface TurnCardProps {
  turn: LedgerTurn;
  gold: number;
  gain: TurnGain | null;
  /** Address of the playground with the turn's query; null: no link. */
  playground: string | null;
  /** Answers of the question, marked in the documents. */
  answers?: readonly string[];
  /** Address of the view that goes on from this turn with a change; null: no link. */
  whatIf?: string | null;
}

const NO_ANSWERS: readonly string[] = [];

/** One turn of the ledger: its query, what it brought, its documents, and why the search ended. */
export function TurnCard({
  turn,
  gold,
  gain,
  playground,
  answers = NO_ANSWERS,
  whatIf = null,
}: TurnCardProps) {
  const terms = useMemo(() => collectTerms(turn.query ?? "", answers), [turn.query, answers]);
  return (
    <li>
      <Card data-turn={turn.index} className="overflow-hidden">
        <TurnHeader turn={turn} gold={gold} playground={playground} whatIf={whatIf} />
        <ol>
          {turn.documents.map((d) => (
            <LedgerDocumentRow
              key={`${d.rank} ${d.id}`}
              document={d}
              implicit={turn.implicit}
              terms={terms}
            />
          ))}
        </ol>
        <TurnFooter turn={turn} gain={gain} />
      </Card>
    </li>
  );
}

interface TurnHeaderProps {
  turn: LedgerTurn;
  gold: number;
  playground: string | null;
  whatIf: string | null;
}

const headerLink =
  "inline-flex items-center gap-1 text-xs font-medium text-primary hover:underline";

const writeCount = (count: ReactNode) => <span className="font-mono text-foreground">{count}</span>;

function TurnHeader({ turn, gold, playground, whatIf }: TurnHeaderProps) {
  const t = useText();
  const selected = turn.documents.filter((d) => d.selected).length;
  // Terms are explained once, not in each turn.
  const isFirst = turn.index === 0;
  return (
    <header className="border-b px-4 py-2.5">
      <div className="flex flex-wrap items-baseline gap-x-3 gap-y-1">
        <h2 className="font-semibold">{t("Turn {index}", { index: turn.index })}</h2>
        <span className="text-xs text-muted-foreground">
          {turn.query === null
            ? t("without a search")
            : turn.index === 0
              ? t("retrieval with the question itself")
              : t("the searcher asked")}
        </span>
        <span className="ml-auto" />
        {whatIf ? (
          <Link
            href={whatIf}
            className={headerLink}
            title={t("Change the query or the selection of this turn, and let it go on from here")}
          >
            <GitBranch className="size-3.5" aria-hidden /> {t("What if")}
          </Link>
        ) : null}
        {playground && turn.query ? (
          <Link
            href={playground}
            className={headerLink}
            title={t("Search this query again, with this run's corpus and retriever")}
          >
            <Search className="size-3.5" aria-hidden /> {t("Open in the playground")}
          </Link>
        ) : null}
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
              {t.rich("gold retrieved <count>{retrieved} / {gold}</count>", {
                count: writeCount,
                retrieved: turn.goldRetrieved,
                gold,
              })}{" "}
              <span
                className={cn(
                  "ml-1 font-mono",
                  turn.newGold > 0 ? "text-good" : "text-muted-foreground",
                )}
              >
                {turn.newGold > 0
                  ? t("+{count} this turn", { count: turn.newGold })
                  : t("nothing new")}
              </span>
              {isFirst ? <Help term="gold-document" className={HEAD_HELP} /> : null}
            </span>
          ) : null}
          {gold > 0 ? (
            <span>
              {t.rich("gold kept <count>{kept} / {gold}</count>", {
                count: writeCount,
                kept: turn.goldSelected,
                gold,
              })}
            </span>
          ) : null}
          <span>
            {t.rich("selected <count>{selected} of {documents}</count>", {
              count: writeCount,
              selected,
              documents: turn.documents.length,
            })}
            {isFirst ? <Help term="window" className={HEAD_HELP} /> : null}
          </span>
          {turn.fetchedAt === undefined ? null : (
            <span>
              {t("fetched from the web on {date}", {
                date: formatDateTime(t, new Date(turn.fetchedAt)),
              })}
            </span>
          )}
          {turn.implicit ? (
            <span className="inline-flex items-center">
              <Badge tone="warn">{t("implicit select-all")}</Badge>
              <Help term="implicit-selection" className={HEAD_HELP} />
            </span>
          ) : null}
        </p>
      )}
    </header>
  );
}

/** What went wrong in the turn, why the search ended, and what an end here would have given. */
function TurnFooter({ turn, gain }: { turn: LedgerTurn; gain: TurnGain | null }) {
  const t = useText();
  // A turn without a search has no end of a search to explain.
  const stop = turn.query === null ? null : turn.stop;
  if (turn.rejected.length === 0 && !stop && !gain) return null;
  return (
    <footer className="space-y-1.5 border-t bg-muted/40 px-4 py-2 text-xs">
      {turn.rejected.map((r, i) => (
        <p key={i} className="flex gap-2">
          <OctagonAlert className="mt-0.5 size-3.5 shrink-0 text-warn" aria-hidden />
          <span className="min-w-0">
            <span className="font-medium">{formatWords(t, r.error)}</span>
            {r.error === "invalid-action" ? (
              <span className="ml-1.5">{t("The searcher was asked once more.")}</span>
            ) : null}
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
          {t(STOP_REASON[stop.reason])}
        </p>
      ) : null}
      {gain ? (
        <p className="flex items-center gap-2" data-turn-gain={gain.score}>
          <ScoreMark score={gain.score} />{" "}
          {t.rich("Answer if the search had ended here: <answer>“{text}”</answer>", {
            answer: (text) => <span className="font-medium">{text}</span>,
            text: gain.answer,
          })}
        </p>
      ) : null}
    </footer>
  );
}
