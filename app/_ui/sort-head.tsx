import { ArrowDown, ArrowUp } from "lucide-react";
import type { ReactNode } from "react";
import { cn } from "./cn";
import { useHeadLabel } from "./head-label";

interface Props {
  /** How the table is sorted by this column now. */
  direction: "ascending" | "descending" | undefined;
  onSort: () => void;
  title?: string | undefined;
  className?: string;
  /** Help to what the column shows. */
  help?: ReactNode;
  children: ReactNode;
}

/** The head of a column that a click sorts by. */
export function SortHead({ direction, onSort, title, className, help, children }: Props) {
  const Arrow = direction === "descending" ? ArrowDown : ArrowUp;
  const { labelledBy, labelId } = useHeadLabel(help);
  return (
    <th
      scope="col"
      aria-sort={direction}
      aria-labelledby={labelledBy}
      className={cn("h-9 px-3 font-medium whitespace-nowrap", className)}
    >
      <button
        type="button"
        id={labelId}
        title={title}
        // A name of one Chinese character would be too small a target.
        className="inline-flex min-h-6 min-w-6 items-center gap-1 hover:text-foreground"
        onClick={onSort}
      >
        {children}
        {direction ? <Arrow className="size-3" aria-hidden /> : null}
      </button>
      {help}
    </th>
  );
}
