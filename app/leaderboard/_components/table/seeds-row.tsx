import { Link } from "@/app/_ui/link";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatShare, NONE } from "@/app/_lib/format/format";
import type { SeedResults } from "@/contracts/api/leaderboard";
import { formatInterval } from "@/app/_statistics/paired-tests";
import type { LeaderboardRow } from "./leaderboard-text";

type SeedRun = SeedResults["runs"][number];

const formatSeed = (t: Text, { trainingSeed, seed }: SeedRun): string =>
  trainingSeed === null
    ? t("seed {seed}", { seed })
    : t("trained under {trainingSeed}, seed {seed}", { trainingSeed, seed });

/** A row's results under each of its seeds, with mean, spread and the interval over seeds. */
export function SeedsRow({ row, span }: { row: LeaderboardRow; span: number }) {
  const t = useText();
  const formatRun = (run: SeedRun): string => formatSeed(t, run);
  const names = [...new Set(row.cells.flatMap((cell) => cell?.seeds?.runs.map(formatRun) ?? []))];
  return (
    <>
      {names.map((name) => (
        <tr key={name} className="border-b bg-muted/40 text-xs" data-seed={name}>
          <th scope="row" className="sticky left-0 z-10 bg-muted px-3 py-1 pl-9 font-normal">
            {name}
          </th>
          {row.cells.map((cell, i) => {
            const run = cell?.seeds?.runs.find((one) => formatRun(one) === name);
            return (
              <td key={i} className="px-3 py-1 text-right font-mono">
                {run ? (
                  <Link href={`/runs/${run.runId}?tab=episodes`} className="hover:underline">
                    {formatShare(run.mean)}{" "}
                    <span className="text-2xs text-muted-foreground">
                      {formatInterval(run.low, run.high)}
                    </span>
                  </Link>
                ) : (
                  NONE
                )}
              </td>
            );
          })}
          <td colSpan={span} />
        </tr>
      ))}
      <tr className="border-b bg-muted/40 text-xs" data-seeds-mean>
        <th scope="row" className="sticky left-0 z-10 bg-muted px-3 py-1 pl-9 font-medium">
          {t("Mean over seeds")}
        </th>
        {row.cells.map((cell, i) => (
          <td key={i} className="px-3 py-1 text-right font-mono">
            {cell?.seeds ? (
              <>
                {formatShare(cell.seeds.mean)}{" "}
                <span className="text-2xs text-muted-foreground">
                  {formatInterval(Math.max(0, cell.seeds.low), Math.min(1, cell.seeds.high))}
                </span>
              </>
            ) : (
              NONE
            )}
          </td>
        ))}
        <td colSpan={span} />
      </tr>
    </>
  );
}
