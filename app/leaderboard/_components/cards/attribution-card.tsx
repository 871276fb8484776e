import { Link } from "@/app/_ui/link";
import { useText } from "@/app/_i18n/text-provider";
import { ATTRIBUTION_PARTS, sumAttribution } from "@/app/_statistics/attribution";
import { Ceiling } from "@/app/_statistics/ceiling";
import { formatInteger, formatShare } from "@/app/_lib/format/format";
import type { Leaderboard, LeaderboardCell } from "@/app/_lib/live/trpc";
import { Card, CardHeader } from "@/app/_ui/card";
import { ColumnSelect, useColumn } from "@/app/leaderboard/_components/table/column-select";

/** For each method the stage at which its wrong answers were lost; a count leads to its episodes. */
export function AttributionCard({ board }: { board: Leaderboard }) {
  const t = useText();
  const [column, setColumn] = useColumn(board, "lost");
  const rows = board.rows.flatMap((row) =>
    row.cells[column] ? [{ row, cell: row.cells[column] }] : [],
  );
  const shown = board.columns[column];
  // The ceiling is the frozen generator's, so it is measured with the settings of a run that used the generator.
  const like = rows.find(({ row }) => row.generates)?.cell.runId;
  const parts = ATTRIBUTION_PARTS.filter(({ key }) =>
    rows.some(({ cell }) => cell.attribution[key] > 0),
  );
  return (
    <Card className="pb-4">
      <CardHeader
        title={t("Where answers were lost")}
        description={t(
          "The first stage at which the evidence was missing, how often the generator is right where it got every gold document, and its ceiling.",
        )}
      />
      {board.columns.length > 1 ? (
        <div className="mt-2 px-4">
          <ColumnSelect board={board} column={column} setColumn={setColumn} />
        </div>
      ) : null}
      <ul className="mt-3 flex flex-wrap gap-x-3 gap-y-1 px-4 text-2xs text-muted-foreground">
        {parts.map((part) => (
          <li key={part.key} className="inline-flex items-center gap-1.5" title={t(part.meaning)}>
            <span className="size-2.5 rounded-xs" style={{ background: part.colour }} aria-hidden />{" "}
            {t(part.label)}
          </li>
        ))}
      </ul>
      {shown && like !== undefined ? (
        <div className="mt-3 px-4">
          <Ceiling
            ceiling={shown.ceiling}
            launch={{
              like,
              questions: shown.questionSet,
              limit: shown.limit,
              sampleSeed: shown.sampleSeed,
              skipYesNo: shown.skipYesNo,
            }}
          />
        </div>
      ) : null}
      <ul className="mt-3 space-y-3 px-4">
        {rows.map(({ row, cell }) => {
          const total = sumAttribution(cell.attribution);
          const { withGold, withGoldCorrect } = cell.attribution;
          return (
            <li key={row.id} data-attribution={cell.runId}>
              <div className="flex flex-wrap items-baseline justify-between gap-x-3">
                <span className="font-medium">{row.label}</span>
                <span className="text-2xs text-muted-foreground">
                  {withGold > 0
                    ? t("with all gold: {share} of {answers}", {
                        share: formatShare(withGoldCorrect / withGold),
                        answers: formatInteger(withGold),
                      })
                    : t("no answer had all gold documents")}
                </span>
              </div>
              <AttributionBar parts={parts} counts={cell.attribution} />
              <ul className="mt-0.5 flex flex-wrap gap-x-1">
                {parts
                  .filter(({ key }) => cell.attribution[key] > 0)
                  .map((part) => (
                    <li key={part.key}>
                      <PartLink
                        method={row.label}
                        runId={cell.runId}
                        part={part}
                        count={cell.attribution[part.key]}
                        total={total}
                      />
                    </li>
                  ))}
              </ul>
            </li>
          );
        })}
      </ul>
    </Card>
  );
}

type Part = (typeof ATTRIBUTION_PARTS)[number];

/** Shares of the answers; a thin part is no target to click at, so the counts below it are the links. */
function AttributionBar({
  parts,
  counts,
}: {
  parts: readonly Part[];
  counts: LeaderboardCell["attribution"];
}) {
  return (
    <div className="mt-1 flex h-4 gap-px overflow-hidden rounded-sm" aria-hidden>
      {parts.map(({ key, colour }) =>
        counts[key] === 0 ? null : (
          <span
            key={key}
            className="min-w-px"
            style={{ flexGrow: counts[key], background: colour }}
          />
        ),
      )}
    </div>
  );
}

interface PartLinkProps {
  method: string;
  runId: string;
  part: Part;
  count: number;
  total: number;
}

/** How many answers were lost at a stage, as a link to their episodes of at least 24 by 24 pixels (WCAG 2.5.8). */
function PartLink({ method, runId, part, count, total }: PartLinkProps) {
  const t = useText();
  return (
    <Link
      href={`/runs/${runId}?tab=episodes&filter=${part.filter}`}
      className="inline-flex h-6 min-w-6 items-center gap-1 rounded-sm px-1 text-2xs hover:underline"
      aria-label={t("{method}: {part}, {count} of {total}", {
        method,
        part: t(part.label),
        count: formatInteger(count),
        total: formatInteger(total),
      })}
      title={`${t(part.label)}: ${formatInteger(count)} (${formatShare(count / total)})`}
    >
      <span className="size-2.5 rounded-xs" style={{ background: part.colour }} aria-hidden />
      {formatInteger(count)}
    </Link>
  );
}
