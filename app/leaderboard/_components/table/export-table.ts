import { formatReason } from "@/app/_statistics/comparability-reasons";
import { formatShortId } from "@/app/_lib/format/format";
import type { Leaderboard } from "@/app/_lib/live/trpc";
import type { ExportTable } from "@/core/comparability/results-table";
import { computeMacroMean } from "@/core/statistics/mean-by-type";
import { getLargerP } from "@/app/_statistics/paired-tests";
import { selectPublishedRows, type PaperChoice } from "./published";
import { ENGLISH, formatColumnTitle, formatTokenLimit } from "./leaderboard-text";

const toPercent = (share: number | null | undefined): number | null =>
  share === null || share === undefined ? null : share * 100;

/** The leaderboard as a table for export, in English. */
export function buildExportTable(board: Leaderboard, published: PaperChoice | null): ExportTable {
  const scope = board.scopes.find((s) => s.key === board.scope);
  const twice = new Set(
    board.rows.map((row) => row.label).filter((label, i, all) => all.indexOf(label) !== i),
  );
  const percent = ({ mean, low, high }: { mean: number; low: number; high: number }) => ({
    value: mean * 100,
    low: low * 100,
    high: high * 100,
  });
  const limit = scope ? formatTokenLimit(ENGLISH, scope.key, board.scopes) : null;
  const hasCeiling = board.columns.some(({ ceiling }) => ceiling !== null);
  return {
    caption: scope
      ? `Corpus ${scope.corpus}, generator ${scope.generator} (${scope.promptStyle}${limit === null ? "" : `, ${limit}`}), scorer ${scope.scorer}`
      : "",
    columns: board.columns.map((column) => formatColumnTitle(ENGLISH, column, board.columns)),
    rows: [
      ...board.rows.map((row) => ({
        label: `${twice.has(row.label) ? `${row.label} (${row.detail || formatShortId(row.cells.find((cell) => cell)?.runId ?? "")})` : row.label}${row.imported ? ", imported" : ""}`,
        published: false,
        trainingSamples: row.trainingSamples,
        cells: row.cells.map((cell) => {
          if (!cell) return null;
          const { scored, searches, documents, tokens, seconds, costUsd, comparison, reason } =
            cell;
          return {
            ...percent(cell),
            p: comparison ? getLargerP(comparison) : null,
            rank: cell.rankInterval,
            smallestDifference: toPercent(comparison?.smallestDifference),
            seeds: cell.seeds && {
              count: cell.seeds.runs.length,
              mean: cell.seeds.mean * 100,
              deviation: cell.seeds.deviation * 100,
            },
            macro: toPercent(computeMacroMean(cell.types)),
            types: cell.types.map((part) => ({ ...part, mean: part.mean * 100 })),
            unread: cell.replies === 0 ? null : (100 * cell.unread) / cell.replies,
            note: reason && formatReason(ENGLISH, reason),
            questions: scored,
            costs: { searches, documents, tokens, seconds, costUsd },
          };
        }),
      })),
      ...(hasCeiling
        ? [
            {
              label: "Ceiling: gold documents alone",
              published: false,
              cells: board.columns.map(
                ({ ceiling }) =>
                  ceiling && {
                    ...percent(ceiling),
                    questions: ceiling.scored,
                    note:
                      ceiling.scored < ceiling.expected
                        ? `${ceiling.scored} of ${ceiling.expected}`
                        : null,
                  },
              ),
            },
          ]
        : []),
      ...(published
        ? selectPublishedRows(ENGLISH, published, board.columns).map((row) => ({
            label: `${row.method} (${row.detail})`,
            published: true,
            trainingSamples: row.trainingSamples,
            cells: row.cells.map((value) => (value === null ? null : { value })),
          }))
        : []),
    ],
  };
}
