import { ArrowDown, ArrowUp } from "lucide-react";
import type { HTMLAttributes, ReactNode } from "react";
import { cn } from "@/app/_lib/cn";

export interface RowColumn<R> {
  id: string;
  header: ReactNode;
  /** Class that sets the column's width. */
  width: string;
  className?: string;
  cell: (row: R) => ReactNode;
}

/** How a click on a column's head sorts the rows. */
export interface ColumnSort {
  direction: "ascending" | "descending" | null;
  onSort: () => void;
}

interface Props<R> {
  columns: readonly RowColumn<R>[];
  rows: readonly R[];
  getKey: (row: R) => string;
  /** Attributes of a row, e.g. data-run. */
  rowProps?: (row: R) => HTMLAttributes<HTMLTableRowElement> & Record<`data-${string}`, string>;
  getSort?: (id: string) => ColumnSort | null;
  /** On a narrower screen the table scrolls sideways. */
  minWidth: string;
  rowHeight: string;
  className?: string;
}

/** A table whose rows are links: the link in one cell covers its whole row. */
export function RowTable<R>({
  columns,
  rows,
  getKey: keyOf,
  rowProps,
  getSort: sortOf,
  minWidth,
  rowHeight,
  className,
}: Props<R>) {
  return (
    <div className={cn("relative overflow-x-auto rounded-lg border bg-card", className)}>
      <table className={cn("w-full table-fixed text-left", minWidth)}>
        <thead className="border-b text-xs text-muted-foreground">
          <tr>
            {columns.map(({ id, header, width }) => (
              <Head key={id} header={header} width={width} sort={sortOf?.(id) ?? null} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr
              key={keyOf(row)}
              className="relative border-b last:border-0 hover:bg-muted/50"
              {...rowProps?.(row)}
            >
              {columns.map((column) => (
                <td key={column.id} className={cn("px-3", rowHeight, column.className)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

type HeadProps = { header: ReactNode; width: string; sort: ColumnSort | null };

function Head({ header, width, sort }: HeadProps) {
  const Arrow = sort?.direction === "ascending" ? ArrowUp : ArrowDown;
  return (
    <th
      scope="col"
      aria-sort={sort?.direction ?? undefined}
      className={cn("h-9 px-3 font-medium", width)}
    >
      {sort ? (
        <button
          type="button"
          className="inline-flex items-center gap-1 hover:text-foreground"
          onClick={sort.onSort}
        >
          {header}
          {sort.direction ? <Arrow className="size-3" aria-hidden /> : null}
        </button>
      ) : (
        header
      )}
    </th>
  );
}
