import { cn } from "@/app/_lib/cn";
import { formatCount, formatInteger, formatShare, NONE } from "@/app/_lib/format";
import type { Leaderboard } from "@/app/_lib/trpc";
import { Badge, ImportedBadge } from "@/app/_ui/badge";
import { ScrollRegion } from "@/app/_ui/scroll-region";
import {
  computeMeanCost,
  COSTS,
  formatColumnTitle,
  type CostKey,
  type LeaderboardRow,
} from "./leaderboard-text";
import { MethodCell } from "./method-cell";
import { CeilingRow, NOTHING, PublishedRow, type RowProps } from "./reference-rows";
import { selectPublishedRows, type PaperChoice } from "./published";

const SHOWN_COSTS = [
  "searches",
  "documents",
  "tokens",
  "seconds",
  "costUsd",
] as const satisfies readonly CostKey[];

interface Props {
  board: Leaderboard;
  /** The paper's rows, where they are shown. */
  published: PaperChoice | null;
  picked: readonly string[];
  onPick: (ids: readonly string[]) => void;
}

/** Methods by question sets. Every cell leads to its episodes; what has no rank says why. */
export function MethodsTable({ board, published, picked, onPick }: Props) {
  const { columns, rows } = board;
  const costs = SHOWN_COSTS.filter((key) => rows.some((row) => computeMeanCost(row, key) !== null));
  const paperRows = published ? selectPublishedRows(published, columns) : [];
  return (
    <ScrollRegion label="Methods by question sets" className="rounded-lg border bg-card">
      <table className="w-full text-left">
        <Head board={board} costs={costs} />
        <tbody>
          {rows.map((row) => (
            <MethodRow
              key={row.id}
              row={row}
              columns={columns}
              costs={costs}
              isReference={row.id === board.reference}
              picked={picked.includes(row.id)}
              onPick={(add) =>
                onPick(add ? [...picked, row.id] : picked.filter((id) => id !== row.id))
              }
            />
          ))}
          {columns.some(({ ceiling }) => ceiling !== null) ? (
            <CeilingRow columns={columns} costs={costs} />
          ) : null}
          {paperRows.map((row) => (
            <PublishedRow key={row.name} row={row} columns={columns} costs={costs} />
          ))}
          {published && paperRows.length === 0 ? (
            <tr>
              <td
                colSpan={columns.length + costs.length + 3}
                className="px-3 py-2 text-xs text-muted-foreground"
              >
                The paper has no figures for these question sets; its tables stand below.
              </td>
            </tr>
          ) : null}
        </tbody>
      </table>
    </ScrollRegion>
  );
}

type HeadProps = { board: Leaderboard; costs: readonly CostKey[] };

function Head({ board: { columns, averaged }, costs }: HeadProps) {
  const head = "h-9 px-3 text-right font-medium whitespace-nowrap";
  return (
    <thead className="border-b text-xs text-muted-foreground">
      <tr>
        <th
          scope="col"
          className="sticky left-0 z-10 h-9 min-w-44 bg-card px-3 font-medium max-md:min-w-36"
        >
          Method
        </th>
        {columns.map((column) => (
          <th key={column.id} scope="col" className={head}>
            {formatColumnTitle(column, columns)}{" "}
            <span className="font-normal">({formatInteger(column.questions)})</span>
          </th>
        ))}
        {columns.length > 1 ? (
          <th
            scope="col"
            className={head}
            title={
              averaged.length > 0
                ? `Mean over the ${formatCount(averaged.length, "set")} that every method has completely`
                : "No set is complete for every method"
            }
          >
            Average{" "}
            {averaged.length > 0 && averaged.length < columns.length ? `of ${averaged.length}` : ""}
          </th>
        ) : null}
        {costs.map((key) => (
          <th key={key} scope="col" className={head}>
            {COSTS[key].label}
          </th>
        ))}
        <th scope="col" className={head}>
          Training samples
        </th>
      </tr>
    </thead>
  );
}

function MethodRow({
  row,
  columns,
  costs,
  isReference,
  picked,
  onPick,
}: RowProps & {
  row: LeaderboardRow;
  isReference: boolean;
  picked: boolean;
  onPick: (add: boolean) => void;
}) {
  const number = "px-3 py-2 text-right align-top font-mono";
  return (
    <tr className="group border-b last:border-0" data-method={row.method}>
      <th scope="row" className="sticky left-0 z-10 bg-card px-3 py-2 font-normal">
        <label className="flex items-start gap-2">
          <input
            type="checkbox"
            className="mt-0.5 size-3.5 shrink-0 accent-primary"
            checked={picked}
            onChange={(e) => onPick(e.target.checked)}
            aria-label={`Compare ${row.label}`}
          />
          <span className="min-w-0">
            <span className="font-medium">{row.label}</span>{" "}
            {isReference ? <Badge tone="primary">reference</Badge> : null}{" "}
            {row.imported ? <ImportedBadge from={row.detail} /> : null}
            <span className="block max-w-56 text-2xs break-words text-muted-foreground">
              {row.detail}
            </span>
          </span>
        </label>
      </th>
      {row.cells.map((cell, i) => (
        <td key={columns[i]?.id} className="px-3 py-2 text-right align-top">
          {cell ? <MethodCell cell={cell} /> : NOTHING}
        </td>
      ))}
      {columns.length > 1 ? (
        <td className={number}>{row.average === null ? NONE : formatShare(row.average)}</td>
      ) : null}
      {costs.map((key) => {
        const cost = computeMeanCost(row, key);
        return (
          <td key={key} className={cn(number, "text-muted-foreground")}>
            {cost === null ? NONE : COSTS[key].text(cost)}
          </td>
        );
      })}
      <td className={cn(number, "text-muted-foreground")}>
        {row.trainingSamples === null ? NONE : formatInteger(row.trainingSamples)}
      </td>
    </tr>
  );
}
