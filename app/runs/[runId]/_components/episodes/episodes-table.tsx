"use client";
import { Link } from "@/app/_ui/link";
import { useEffect, useMemo, useSyncExternalStore } from "react";
import { keepFilter, chooseNextOrder, type EpisodeFilter } from "@/app/_episode/episode-filter";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import {
  formatInteger,
  formatNumber,
  formatSigned,
  formatWords,
  NONE,
} from "@/app/_lib/format/format";
import type { EpisodeRow } from "@/app/_lib/live/trpc";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import { useVisibleRows } from "@/app/_lib/hooks/use-visible-rows";
import { Badge } from "@/app/_ui/badge";
import { HEAD_HELP } from "@/app/_ui/head-label";
import { Help } from "@/app/_ui/help";
import { RowTable, type RowColumn } from "@/app/_ui/row-table";
import { ScoreMark } from "@/app/_ui/score-mark";
import { EPISODE_SORTS } from "@/contracts/api/episode-list-values";
import type { GlossaryTerm } from "@/core/glossary/term-titles";

interface Row extends EpisodeRow {
  href: string;
}

interface EpisodeColumn extends RowColumn<Row> {
  /** Shown by `t`. */
  header: string;
  /** What it shows, in the glossary. */
  term?: GlossaryTerm;
}

/** An imported episode may not show what was searched. */
function SearchesCell({ searches }: { searches: number | null }) {
  const t = useText();
  return searches ?? <span className="text-muted-foreground">{t("unknown")}</span>;
}

const COLUMNS: EpisodeColumn[] = [
  {
    id: "question",
    header: markText("Question"),
    width: "w-auto",
    cell: (e) => <QuestionCell row={e} />,
  },
  {
    id: "step",
    header: markText("Step"),
    width: "w-28",
    cell: (e) => <StepCell row={e} />,
  },
  {
    id: "score",
    header: markText("Right"),
    width: "w-14",
    cell: (e) => <ScoreMark score={e.score} />,
  },
  {
    id: "baseline",
    header: markText("RAG"),
    term: "naive-rag",
    width: "w-18",
    cell: (e) => <ScoreMark score={e.baselineScore} />,
  },
  {
    id: "reward",
    header: markText("Reward"),
    term: "reward",
    width: "w-22",
    className: "font-mono",
    cell: (e) => formatNumber(e.reward),
  },
  {
    id: "advantage",
    header: markText("Advantage"),
    term: "advantage",
    width: "w-26",
    className: "font-mono",
    cell: (e) => (e.advantage === null ? NONE : formatSigned(e.advantage)),
  },
  {
    id: "searches",
    header: markText("Searches"),
    term: "search-effort",
    width: "w-24",
    className: "font-mono",
    cell: (e) => <SearchesCell searches={e.searches} />,
  },
  {
    id: "documents",
    header: markText("Docs"),
    width: "w-14",
    className: "font-mono",
    cell: (e) => e.documents,
  },
  {
    id: "tokens",
    header: markText("Tokens"),
    term: "action-tokens",
    width: "w-22",
    className: "font-mono",
    cell: (e) => (e.tokens === null ? NONE : formatInteger(e.tokens)),
  },
  {
    id: "type",
    header: markText("Type"),
    width: "w-24",
    className: "truncate",
    cell: (e) => e.type ?? NONE,
  },
  {
    id: "attribution",
    header: markText("Outcome"),
    term: "outcome",
    width: "w-44",
    cell: (e) => <OutcomeCell row={e} />,
  },
];

const LabelBadges = ({ labels }: { labels: readonly string[] }) =>
  labels.map((label) => (
    <Badge key={label} tone="outline" className="max-w-32 shrink-0" data-label={label}>
      <span className="truncate">{label}</span>
    </Badge>
  ));

function QuestionCell({ row: { href, question, answer, labels } }: { row: Row }) {
  const t = useText();
  return (
    <>
      <Link href={href} className="line-clamp-1 row-link" title={question}>
        {question}
      </Link>
      <span className="flex items-center gap-1 overflow-hidden">
        <LabelBadges labels={labels} />
        <span className="line-clamp-1 min-w-0 text-2xs text-muted-foreground" title={answer ?? ""}>
          {answer === null ? t("no answer") : `“${answer}”`}
        </span>
      </span>
    </>
  );
}

function StepCell({ row: { step, phase, sampleIndex } }: { row: Row }) {
  const t = useText();
  return (
    <span className="whitespace-nowrap">
      <span className="font-mono">{step ?? NONE}</span>{" "}
      <span className="text-2xs text-muted-foreground">
        {phase === "train"
          ? t("sample {number}", { number: sampleIndex + 1 })
          : formatWords(t, phase)}
      </span>
    </span>
  );
}

function OutcomeCell({ row: { attribution, formatErrors } }: { row: Row }) {
  const t = useText();
  return (
    <span className="flex max-h-10 flex-wrap gap-1 overflow-hidden">
      {attribution ? (
        <Badge tone={attribution === "correct" ? "good" : "neutral"}>
          {formatWords(t, attribution)}
        </Badge>
      ) : null}
      {[...new Set(formatErrors)].map((error) => (
        <Badge key={error} tone="warn">
          {formatWords(t, error)}
        </Badge>
      ))}
    </span>
  );
}

const WIDE = "(min-width: 48rem)";
const useIsWide = (): boolean =>
  useSyncExternalStore(
    (onChange) => {
      const query = window.matchMedia(WIDE);
      query.addEventListener("change", onChange);
      return () => query.removeEventListener("change", onChange);
    },
    () => window.matchMedia(WIDE).matches,
    () => true,
  );

interface EpisodesTableProps {
  runId: string;
  rows: readonly EpisodeRow[];
  filter: Pick<EpisodeFilter, "sort" | "sortDirection">;
  /** Called when the end of the rows comes near. */
  onNearEnd?: () => void;
}

/** Episodes of any number: a table on wide screens, cards on narrow ones; only those near the screen are drawn. */
export function EpisodesTable({ runId, rows, ...props }: EpisodesTableProps) {
  const [params] = useQueryParams();
  const kept = keepFilter(params);
  const data = useMemo<Row[]>(
    () => rows.map((r) => ({ ...r, href: `/runs/${runId}/episodes/${r.id}${kept}` })),
    [rows, runId, kept],
  );
  return useIsWide() ? <WideList rows={data} {...props} /> : <NarrowList rows={data} {...props} />;
}

type ListProps = Omit<EpisodesTableProps, "runId" | "rows"> & { rows: readonly Row[] };

/** Asks for more before the reader gets there. */
function useNearEnd(last: number, count: number, onNearEnd: (() => void) | undefined): void {
  useEffect(() => {
    if (last >= count) onNearEnd?.();
  }, [last, count, onNearEnd]);
}

const ROW_PIXELS = 49;

function WideList({ rows, filter, onNearEnd }: ListProps) {
  const t = useText();
  const [, setParams] = useQueryParams();
  const columns = useMemo(
    () =>
      COLUMNS.map(({ term, ...column }) => ({
        ...column,
        header: t(column.header),
        help: term && <Help term={term} className={HEAD_HELP} />,
      })),
    [t],
  );
  const visible = useVisibleRows<HTMLTableSectionElement>(rows.length, ROW_PIXELS);
  useNearEnd(visible.last, rows.length, onNearEnd);
  return (
    <RowTable
      columns={columns}
      rows={rows}
      getKey={(e) => e.id}
      rowProps={(e) => ({ "data-episode": e.id })}
      getSort={(id) => {
        const clicked = EPISODE_SORTS.find((one) => one === id);
        if (!clicked) return null;
        return {
          direction: filter.sort === clicked ? filter.sortDirection : null,
          onSort: () => setParams(chooseNextOrder(filter, clicked)),
        };
      }}
      minWidth="min-w-[1150px]"
      rowHeight="h-12 py-1"
      visible={{ ...visible, rowPixels: ROW_PIXELS }}
    />
  );
}

const CARD_PIXELS = 112;

function NarrowList({ rows, onNearEnd }: ListProps) {
  const t = useText();
  const visible = useVisibleRows<HTMLUListElement>(rows.length, CARD_PIXELS);
  useNearEnd(visible.last, rows.length, onNearEnd);
  return (
    <ul ref={visible.box} style={{ height: rows.length * CARD_PIXELS }}>
      <li aria-hidden style={{ height: visible.first * CARD_PIXELS }} />
      {rows.slice(visible.first, visible.last).map((e) => (
        <li key={e.id} className="h-28 pb-2" data-episode={e.id}>
          <div className="relative h-full overflow-hidden rounded-lg border bg-card p-3 has-[a:focus-visible]:ring-2 has-[a:focus-visible]:ring-primary">
            <Link href={e.href} className="line-clamp-1 row-link outline-none">
              {e.question}
            </Link>
            <p className="line-clamp-1 text-xs text-muted-foreground">
              {e.answer === null ? t("no answer") : `“${e.answer}”`}
            </p>
            <p className="mt-1.5 flex flex-wrap items-center gap-x-3 gap-y-1 text-xs">
              <span className="flex items-center gap-1">
                {t("right")} <ScoreMark score={e.score} />
              </span>
              <span className="flex items-center gap-1">
                {t("RAG")} <ScoreMark score={e.baselineScore} />
              </span>
              <span>{t("reward {reward}", { reward: formatNumber(e.reward) })}</span>
              <span className="text-muted-foreground">
                {e.step === null
                  ? formatWords(t, e.phase)
                  : t("step {step}, {phase}", { step: e.step, phase: formatWords(t, e.phase) })}
              </span>
              <LabelBadges labels={e.labels} />
            </p>
          </div>
        </li>
      ))}
    </ul>
  );
}
