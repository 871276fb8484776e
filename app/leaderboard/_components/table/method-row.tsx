import { ChevronRight, Pin } from "lucide-react";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatInteger, formatShare, NONE } from "@/app/_lib/format/format";
import { Badge, ExampleBadge, ImportedBadge } from "@/app/_ui/badge";
import { Button } from "@/app/_ui/button";
import { computeMeanCost, COSTS, type LeaderboardRow } from "./leaderboard-text";
import { MethodCell } from "./method-cell";
import { NOTHING, type RowProps } from "./reference-rows";
import { SeedsRow } from "./seeds-row";

interface Props extends RowProps {
  row: LeaderboardRow;
  isReference: boolean;
  picked: boolean;
  onPick: (add: boolean) => void;
  pinned: boolean;
  onPin: () => void;
  open: boolean;
  onOpen: () => void;
}

/** A method's results; opened, those under each of its seeds. */
export function MethodRow(props: Props) {
  const { row, columns, costs, open } = props;
  const number = "px-3 py-2 text-right align-top font-mono";
  return (
    <>
      <tr className="group border-b last:border-0" data-method={row.method} data-row={row.key}>
        <MethodHead {...props} />
        {row.cells.map((cell, i) => (
          <td key={columns[i]?.id} className="px-3 py-2 text-right align-top">
            {cell ? <MethodCell cell={cell} isMarked={!isExample(row)} /> : NOTHING}
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
      {open && hasSeeds(row) ? (
        <SeedsRow row={row} span={(columns.length > 1 ? 1 : 0) + costs.length + 1} />
      ) : null}
    </>
  );
}

/** Whether all that is shown of a method is of the example. */
const isExample = (row: LeaderboardRow): boolean =>
  row.cells.every((cell) => cell === null || cell.example);

const hasSeeds = (row: LeaderboardRow): boolean => row.cells.some((cell) => cell?.seeds);

function MethodHead({ row, isReference, picked, onPick, pinned, onPin, open, onOpen }: Props) {
  const t = useText();
  return (
    <th scope="row" className="sticky left-0 z-10 bg-card px-3 py-2 font-normal">
      <div className="flex items-start gap-2 max-md:flex-wrap max-md:gap-y-0">
        <label className="flex min-w-0 flex-1 items-start gap-2 max-md:basis-full">
          <input
            type="checkbox"
            className="mt-0.5 size-3.5 shrink-0 accent-primary"
            checked={picked}
            onChange={(e) => onPick(e.target.checked)}
            aria-label={t("Compare {label}", { label: row.label })}
          />
          <span className="min-w-0">
            <span className="font-medium">{row.label}</span>{" "}
            {isReference ? <Badge tone="primary">{t("reference")}</Badge> : null}{" "}
            {row.imported ? <ImportedBadge from={row.detail} /> : null}{" "}
            {isExample(row) ? <ExampleBadge /> : null}
            <span className="block max-w-56 text-2xs break-words text-muted-foreground">
              {row.detail}
            </span>
          </span>
        </label>
        {hasSeeds(row) ? (
          <Button
            variant="ghost"
            size="icon-sm"
            aria-label={t("Seeds of {label}", { label: row.label })}
            aria-expanded={open}
            onClick={onOpen}
          >
            <ChevronRight className={cn(open && "rotate-90")} />
          </Button>
        ) : null}
        <Button
          variant="ghost"
          size="icon-sm"
          aria-label={t("Pin {label}", { label: row.label })}
          aria-pressed={pinned}
          title={pinned ? t("Pinned above all others") : t("Pin above all others")}
          onClick={onPin}
        >
          <Pin className={cn(pinned && "fill-current text-primary")} />
        </Button>
      </div>
    </th>
  );
}
