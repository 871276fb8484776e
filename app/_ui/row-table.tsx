import { ArrowDown, ArrowUp } from "lucide-react";
import type { HTMLAttributes, ReactNode, Ref } from "react";
import { cn } from "./cn";
import { useHeadLabel } from "./head-label";

export interface RowColumn<R> {
  id: string;
  header: ReactNode;
  /** Help to what the column shows. */
  help?: ReactNode;
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
  /** Of a long list only these rows are drawn, each `rowPixels` high; `box` is the element that holds them. */
  visible?: { first: number; last: number; rowPixels: number; box: Ref<HTMLTableSectionElement> };
}

/** A table whose rows are links: the link in one cell covers its whole row. */
export function RowTable<R>({
  columns,
  rows,
  getKey,
  rowProps,
  getSort,
  minWidth,
  rowHeight,
  className,
  visible,
}: Props<R>) {
  return (
    <div className={cn("relative overflow-x-auto rounded-lg border bg-card", className)}>
      <table className={cn("w-full table-fixed text-left", minWidth)}>
        <thead className="border-b text-xs text-muted-foreground">
          <tr>
            {columns.map(({ id, ...column }) => (
              <Head
                key={id}
                header={column.header}
                help={column.help}
                width={column.width}
                sort={getSort?.(id) ?? null}
              />
            ))}
          </tr>
        </thead>
        <tbody ref={visible?.box}>
          {visible ? <Gap pixels={visible.first * visible.rowPixels} /> : null}
          {rows.slice(visible?.first, visible?.last).map((row) => (
            <tr
              key={getKey(row)}
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
          {visible ? <Gap pixels={(rows.length - visible.last) * visible.rowPixels} /> : null}
        </tbody>
      </table>
    </div>
  );
}

/** Room of the rows that are not drawn. */
const Gap = ({ pixels }: { pixels: number }) =>
  pixels > 0 ? <tr aria-hidden style={{ height: pixels }} /> : null;

type HeadProps = Pick<RowColumn<unknown>, "header" | "help" | "width"> & {
  sort: ColumnSort | null;
};

function Head({ header, help, width, sort }: HeadProps) {
  const Arrow = sort?.direction === "ascending" ? ArrowUp : ArrowDown;
  const { labelledBy, labelId } = useHeadLabel(help);
  const label = sort ? (
    <button
      type="button"
      id={labelId}
      className="inline-flex min-w-0 items-center gap-1 hover:text-foreground"
      onClick={sort.onSort}
    >
      {header}
      {sort.direction ? <Arrow className="size-3 shrink-0" aria-hidden /> : null}
    </button>
  ) : (
    header
  );
  return (
    <th
      scope="col"
      aria-sort={sort?.direction ?? undefined}
      aria-labelledby={labelledBy}
      className={cn("h-9 px-3 font-medium", width)}
    >
      {help ? (
        <span className="flex items-center">
          {sort ? label : <span id={labelId}>{label}</span>}
          {help}
        </span>
      ) : (
        label
      )}
    </th>
  );
}
