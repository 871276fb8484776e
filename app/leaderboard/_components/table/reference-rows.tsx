import { Link } from "@/app/_ui/link";
import type { ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatInteger, formatShare, NONE } from "@/app/_lib/format/format";
import { formatInterval } from "@/app/_statistics/paired-tests";
import { Badge } from "@/app/_ui/badge";
import type { Column, CostKey } from "./leaderboard-text";
import type { ShownPublished } from "./published";

/** Rows of the methods table that are no methods of this server: the ceiling, and the paper's. */

export type RowProps = { columns: readonly Column[]; costs: readonly CostKey[] };

/** A cell without a result. */
export const NOTHING = <span className="text-muted-foreground">{NONE}</span>;

type RowHeadProps = { className: string; detail: string; children: ReactNode };

/** The first cell of a row, which stays in view while the table scrolls. */
function RowHead({ className, detail, children }: RowHeadProps) {
  return (
    <th scope="row" className={cn("sticky left-0 z-10 px-3 py-2 font-normal", className)}>
      {children}
      <span className="block max-w-56 text-2xs break-words text-muted-foreground">{detail}</span>
    </th>
  );
}

/** What the generator answers from the gold documents alone. */
export function CeilingRow({ columns, costs }: RowProps) {
  const t = useText();
  return (
    <tr className="border-b last:border-0" data-ceilings>
      <RowHead
        className="bg-card"
        detail={t("the generator with the gold documents alone, over the questions that name some")}
      >
        <span className="font-medium">{t("Ceiling")}</span>{" "}
        <Badge tone="outline">{t("not a method")}</Badge>
      </RowHead>
      {columns.map(({ id, ceiling }) => (
        <td key={id} className="px-3 py-2 text-right align-top">
          {ceiling ? (
            <Link
              href={`/runs/${ceiling.runId}?tab=episodes`}
              className="block rounded font-mono text-muted-foreground hover:underline"
            >
              {formatShare(ceiling.mean)}
              <span className="block text-2xs whitespace-nowrap">
                {formatInterval(ceiling.low, ceiling.high)}
              </span>
              <span className="block text-2xs whitespace-nowrap">
                {ceiling.scored < ceiling.expected
                  ? t("of {scored} / {expected}", {
                      scored: formatInteger(ceiling.scored),
                      expected: formatInteger(ceiling.expected),
                    })
                  : t("of {scored}", { scored: formatInteger(ceiling.scored) })}
              </span>
            </Link>
          ) : (
            NOTHING
          )}
        </td>
      ))}
      <td colSpan={(columns.length > 1 ? 1 : 0) + costs.length + 1} />
    </tr>
  );
}

/** A row of the paper: never ranked with results of this server. */
export function PublishedRow({ row, columns, costs }: RowProps & { row: ShownPublished }) {
  const t = useText();
  const figure = "px-3 py-2 text-right font-mono text-muted-foreground italic";
  return (
    <tr className="border-b bg-muted/50 last:border-0" data-published>
      <RowHead className="bg-muted" detail={row.detail}>
        <span className="font-medium">{row.method}</span>{" "}
        <Badge tone="outline">{t("published")}</Badge>
      </RowHead>
      {row.cells.map((value, i) => (
        <td key={columns[i]?.id} className={figure}>
          {value === null ? NONE : `${value.toFixed(1)}%`}
        </td>
      ))}
      {columns.length > 1 ? (
        <td className="px-3 text-right text-muted-foreground">{NONE}</td>
      ) : null}
      {costs.map((key) => (
        <td key={key} />
      ))}
      <td className={figure}>{formatInteger(row.trainingSamples)}</td>
    </tr>
  );
}
