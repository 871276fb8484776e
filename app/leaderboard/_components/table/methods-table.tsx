import { useText } from "@/app/_i18n/text-provider";
import { formatInteger } from "@/app/_lib/format/format";
import type { Leaderboard } from "@/app/_lib/live/trpc";
import { HEAD_HELP } from "@/app/_ui/head-label";
import { Help } from "@/app/_ui/help";
import { ScrollRegion } from "@/app/_ui/scroll-region";
import { SortHead } from "@/app/_ui/sort-head";
import type { GlossaryTerm } from "@/core/glossary/term-titles";
import {
  computeMeanCost,
  COSTS,
  ENGLISH,
  formatColumnTitle,
  type CostKey,
} from "./leaderboard-text";
import { MethodRow } from "./method-row";
import { CeilingRow, PublishedRow } from "./reference-rows";
import type { TableView } from "./use-table-view";
import { selectPublishedRows, type PaperChoice } from "./published";

const SHOWN_COSTS = [
  "searches",
  "documents",
  "tokens",
  "seconds",
  "costUsd",
] as const satisfies readonly CostKey[];

/** What each of them counts, in the glossary. */
const COST_TERMS: Readonly<Record<CostKey, GlossaryTerm>> = {
  searches: "search-effort",
  documents: "search-effort",
  tokens: "method-tokens",
  seconds: "method-seconds",
  costUsd: "method-cost",
};

interface Props {
  board: Leaderboard;
  view: TableView;
  /** The paper's rows, where they are shown. */
  published: PaperChoice | null;
  picked: readonly string[];
  onPick: (ids: readonly string[]) => void;
}

/** Methods by question sets. Every cell leads to its episodes; what has no rank says why. */
export function MethodsTable({ board, view, published, picked, onPick }: Props) {
  const t = useText();
  const { columns, rows } = board;
  const costs = SHOWN_COSTS.filter((key) => rows.some((row) => computeMeanCost(row, key) !== null));
  const paperRows = published ? selectPublishedRows(t, published, columns) : [];
  // Method, training samples and, of several sets, their average.
  const width = columns.length + costs.length + (columns.length > 1 ? 3 : 2);
  return (
    <ScrollRegion label={t("Methods by question sets")} className="rounded-lg border bg-card">
      <table className="w-full text-left">
        <Head board={board} costs={costs} view={view} />
        <tbody>
          {view.rows.map((row) => (
            <MethodRow
              key={row.id}
              row={row}
              columns={columns}
              costs={costs}
              isReference={row.id === board.reference}
              pinned={view.pinned.includes(row.key)}
              onPin={() => view.onPin(row.key)}
              open={view.open.includes(row.key)}
              onOpen={() => view.onOpen(row.key)}
              picked={picked.includes(row.id)}
              onPick={(add) =>
                onPick(add ? [...picked, row.id] : picked.filter((id) => id !== row.id))
              }
            />
          ))}
          {view.rows.length === 0 ? (
            <tr>
              <td colSpan={width} className="px-3 py-2 text-xs">
                {t("No method holds this text.")}
              </td>
            </tr>
          ) : null}
          {columns.some(({ ceiling }) => ceiling !== null) ? (
            <CeilingRow columns={columns} costs={costs} />
          ) : null}
          {paperRows.map((row) => (
            <PublishedRow key={row.name} row={row} columns={columns} costs={costs} />
          ))}
          {published && paperRows.length === 0 ? (
            <tr>
              <td colSpan={width} className="px-3 py-2 text-xs text-muted-foreground">
                {t("The paper has no figures for these question sets; its tables stand below.")}
              </td>
            </tr>
          ) : null}
        </tbody>
      </table>
    </ScrollRegion>
  );
}

type HeadProps = { board: Leaderboard; costs: readonly CostKey[]; view: TableView };

function Head({ board: { columns, averaged }, costs, view: { sort, onSort } }: HeadProps) {
  const t = useText();
  const bind = (column: string) => ({
    direction:
      sort?.column === column
        ? sort.descending
          ? ("descending" as const)
          : ("ascending" as const)
        : undefined,
    onSort: () => onSort(column),
  });
  const heads = { method: bind("method"), average: bind("average"), samples: bind("samples") };
  return (
    <thead className="border-b text-xs text-muted-foreground">
      <tr>
        <SortHead {...heads.method} className="sticky left-0 z-10 min-w-52 bg-card max-md:min-w-36">
          {t("Method")}
        </SortHead>
        {columns.map((column) => {
          const name = formatColumnTitle(ENGLISH, column, columns);
          return (
            <SortHead key={column.id} {...bind(name)} className="text-right whitespace-normal">
              {formatColumnTitle(t, column, columns)}{" "}
              <span className="font-normal">({formatInteger(column.questions)})</span>
            </SortHead>
          );
        })}
        {columns.length > 1 ? (
          <SortHead
            {...heads.average}
            className="text-right"
            title={
              averaged.length > 0
                ? t(
                    "Mean over the {averaged, plural, one {# set} other {# sets}} that every method has completely",
                    { averaged: averaged.length },
                  )
                : t("No set is complete for every method")
            }
          >
            {averaged.length > 0 && averaged.length < columns.length
              ? t("Average of {averaged}", { averaged: averaged.length })
              : t("Average")}
          </SortHead>
        ) : null}
        {costs.map((key) => (
          <SortHead
            key={key}
            {...bind(key)}
            className="text-right"
            help={<Help term={COST_TERMS[key]} name={t(COSTS[key].label)} className={HEAD_HELP} />}
          >
            {t(COSTS[key].label)}
          </SortHead>
        ))}
        <SortHead
          {...heads.samples}
          className="text-right whitespace-normal"
          help={<Help term="training-samples" className={HEAD_HELP} />}
        >
          {t("Training samples")}
        </SortHead>
      </tr>
    </thead>
  );
}
