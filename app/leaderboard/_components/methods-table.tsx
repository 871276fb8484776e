import Link from "next/link";
import { cn } from "@/app/_lib/cn";
import { formatInteger, NONE, formatCount } from "@/app/_lib/format";
import type { Leaderboard, LeaderboardCell } from "@/app/_lib/trpc";
import { Badge, ImportedBadge } from "@/app/_ui/badge";
import { Tooltip } from "@/app/_ui/tooltip";
import { selectPublishedRows, type PaperChoice } from "./published";
import {
  formatColumnTitle,
  computeMeanCost,
  COSTS,
  formatInterval,
  isSignificant,
  formatPoints,
  shareText,
  type CostKey,
  type LeaderboardRow,
} from "./text";

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
  const { columns, rows, averaged } = board;
  const costs = SHOWN_COSTS.filter((key) => rows.some((row) => computeMeanCost(row, key) !== null));
  const head = "h-9 px-3 text-right font-medium whitespace-nowrap";
  return (
    <div
      className="relative overflow-x-auto rounded-lg border bg-card"
      tabIndex={0}
      role="region"
      aria-label="Methods by question sets"
    >
      <table className="w-full text-left">
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
                {averaged.length > 0 && averaged.length < columns.length
                  ? `of ${averaged.length}`
                  : ""}
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
        <tbody>
          {rows.map((row) => (
            <tr key={row.id} className="group border-b last:border-0" data-method={row.method}>
              <th scope="row" className="sticky left-0 z-10 bg-card px-3 py-2 font-normal">
                <label className="flex items-start gap-2">
                  <input
                    type="checkbox"
                    className="mt-0.5 size-3.5 shrink-0 accent-primary"
                    checked={picked.includes(row.id)}
                    onChange={(e) =>
                      onPick(
                        e.target.checked
                          ? [...picked, row.id]
                          : picked.filter((id) => id !== row.id),
                      )
                    }
                    aria-label={`Compare ${row.label}`}
                  />
                  <span className="min-w-0">
                    <span className="font-medium">{row.label}</span>{" "}
                    {row.id === board.reference ? <Badge tone="primary">reference</Badge> : null}{" "}
                    {row.imported ? <ImportedBadge from={row.detail} /> : null}
                    <span className="block max-w-56 text-2xs break-words text-muted-foreground">
                      {row.detail}
                    </span>
                  </span>
                </label>
              </th>
              {row.cells.map((cell, i) => (
                <td key={columns[i]?.id} className="px-3 py-2 text-right align-top">
                  {cell ? (
                    <MethodCell cell={cell} />
                  ) : (
                    <span className="text-muted-foreground">{NONE}</span>
                  )}
                </td>
              ))}
              {columns.length > 1 ? (
                <td className="px-3 py-2 text-right align-top font-mono">
                  {row.average === null ? NONE : shareText(row.average)}
                </td>
              ) : null}
              {costs.map((key) => (
                <td
                  key={key}
                  className="px-3 py-2 text-right align-top font-mono text-muted-foreground"
                >
                  <Cost row={row} of={key} />
                </td>
              ))}
              <td className="px-3 py-2 text-right align-top font-mono text-muted-foreground">
                {row.trainingSamples === null ? NONE : formatInteger(row.trainingSamples)}
              </td>
            </tr>
          ))}
          {columns.some(({ ceiling }) => ceiling !== null) ? (
            <tr className="border-b last:border-0" data-ceilings>
              <th scope="row" className="sticky left-0 z-10 bg-card px-3 py-2 font-normal">
                <span className="font-medium">Ceiling</span>{" "}
                <Badge tone="outline">not a method</Badge>
                <span className="block max-w-56 text-2xs break-words text-muted-foreground">
                  the generator with the gold documents alone, over the questions that name some
                </span>
              </th>
              {columns.map(({ id, ceiling }) => (
                <td key={id} className="px-3 py-2 text-right align-top">
                  {ceiling ? (
                    <Link
                      href={`/runs/${ceiling.runId}?tab=episodes`}
                      className="block rounded font-mono text-muted-foreground hover:underline"
                    >
                      {shareText(ceiling.mean)}
                      <span className="block text-2xs whitespace-nowrap">
                        {formatInterval(ceiling.low, ceiling.high)}
                      </span>
                      <span className="block text-2xs whitespace-nowrap">
                        of {formatInteger(ceiling.scored)}
                        {ceiling.scored < ceiling.expected
                          ? ` / ${formatInteger(ceiling.expected)}`
                          : ""}
                      </span>
                    </Link>
                  ) : (
                    <span className="text-muted-foreground">{NONE}</span>
                  )}
                </td>
              ))}
              <td colSpan={(columns.length > 1 ? 1 : 0) + costs.length + 1} />
            </tr>
          ) : null}
          {published
            ? selectPublishedRows(published, columns).map((row) => (
                <tr key={row.name} className="border-b bg-muted/50 last:border-0" data-published>
                  <th scope="row" className="sticky left-0 z-10 bg-muted px-3 py-2 font-normal">
                    <span className="font-medium">{row.method}</span>{" "}
                    <Badge tone="outline">published</Badge>
                    <span className="block max-w-56 text-2xs break-words text-muted-foreground">
                      {row.detail}
                    </span>
                  </th>
                  {row.cells.map((value, i) => (
                    <td
                      key={columns[i]?.id}
                      className="px-3 py-2 text-right font-mono text-muted-foreground italic"
                    >
                      {value === null ? NONE : `${value.toFixed(1)}%`}
                    </td>
                  ))}
                  {columns.length > 1 ? (
                    <td className="px-3 text-right text-muted-foreground">{NONE}</td>
                  ) : null}
                  {costs.map((key) => (
                    <td key={key} />
                  ))}
                  <td className="px-3 py-2 text-right font-mono text-muted-foreground italic">
                    {formatInteger(row.trainingSamples)}
                  </td>
                </tr>
              ))
            : null}
          {published && selectPublishedRows(published, columns).length === 0 ? (
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
    </div>
  );
}

function Cost({ row, of }: { row: LeaderboardRow; of: CostKey }) {
  const value = computeMeanCost(row, of);
  return value === null ? NONE : COSTS[of].text(value);
}

function MethodCell({ cell }: { cell: LeaderboardCell }) {
  const { comparison } = cell;
  return (
    <Link
      href={`/runs/${cell.runId}?tab=episodes`}
      className="block rounded hover:underline"
      data-cell={cell.runId}
    >
      <span className="flex items-baseline justify-end gap-1.5">
        {cell.rank === null ? null : (
          <span
            className={cn(
              "text-2xs text-muted-foreground",
              cell.rank === 1 && "font-semibold text-primary",
            )}
          >
            #{cell.rank}
          </span>
        )}
        <span
          className={cn("font-mono font-medium", cell.rank === null && "text-muted-foreground")}
        >
          {shareText(cell.mean)}
        </span>
      </span>
      <span className="block font-mono text-2xs whitespace-nowrap text-muted-foreground">
        {formatInterval(cell.low, cell.high)}
      </span>
      {cell.reason ? (
        <Badge tone="warn" className="whitespace-normal">
          {cell.reason}
        </Badge>
      ) : null}
      {comparison ? (
        <Tooltip
          content={`Against the reference on ${formatCount(comparison.pairs, "question")}: ${formatPoints(comparison.difference)} points, 95% ${formatPoints(comparison.low)} to ${formatPoints(comparison.high)}`}
        >
          <span
            className={cn(
              "block font-mono text-2xs whitespace-nowrap",
              isSignificant(comparison)
                ? comparison.difference > 0
                  ? "text-good"
                  : "text-bad"
                : "text-muted-foreground",
            )}
            data-significant={isSignificant(comparison)}
          >
            {formatPoints(comparison.difference)} {isSignificant(comparison) ? "*" : "n.s."}
          </span>
        </Tooltip>
      ) : null}
      {cell.runs > 1 ? (
        <span className="block text-2xs text-muted-foreground">newest of {cell.runs} runs</span>
      ) : null}
    </Link>
  );
}
